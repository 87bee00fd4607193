"""The store: nothing lost, nothing mixed up, nothing left after erasing, and every trouble in one line."""

import asyncio
import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from rapport.memory import database
from rapport.memory.database import database_url
from rapport.memory.records import Exchange, TurnRecord
from rapport.memory.store import NoMemory, SqlMemory
from rapport.memory.tables import SCHEMA_VERSION
from rapport.persona.affect import VAD
from rapport.persona.errors import ComponentError, StorageError


class LetterEmbedder:
    """A fake: texts are alike when they use the same letters."""

    def embed(self, texts):
        counts = np.array([[text.lower().count(chr(97 + i)) + 1e-3 for i in range(26)] for text in texts], np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def record(person: str, turn: int = 0, *, who: str = "ann", session: str = "s1", agent: str = "I see.") -> TurnRecord:
    exchange = Exchange(person, agent, "sadness", session, turn)
    return TurnRecord(
        exchange, "harbor", "2026-03-01T10:00:00+01:00", who, VAD(-0.5, 0.2, 0.1), "joy", VAD(0.3), VAD(0, 0.1, 0.2)
    )


def store(path: Path | str = ":memory:") -> SqlMemory:
    return SqlMemory(str(path), embedder=LetterEmbedder())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


async def test_recall_gives_the_most_similar_exchanges_best_first() -> None:
    memory = store()
    for i, text in enumerate(["zzz yyy", "my dog max", "max the god"]):
        await memory.remember(record(text, i))
    found = await memory.recall("dog max", person_id="ann", limit=2)
    assert [e.turn for e in found] == [1, 2]
    assert found[0].person_emotion == "sadness"
    assert (found[0].agent, found[0].session) == ("I see.", "s1")


async def test_recall_reaches_across_sessions_of_one_person_only() -> None:
    memory = store()
    await memory.remember(record("my dog", session="monday"))
    await memory.remember(record("my dog", session="friday"))
    await memory.remember(record("my dog", who="bob"))
    found = await memory.recall("my dog", person_id="ann", limit=10)
    assert sorted(e.session for e in found) == ["friday", "monday"]
    assert await memory.recall("my dog", person_id="nobody", limit=10) == []


async def test_two_people_may_use_the_same_session_name() -> None:
    memory = store()
    await memory.remember(record("from ann", who="ann"))
    await memory.remember(record("from bob", who="bob"))
    assert [e.person for e in await memory.recall("from", person_id="ann", limit=5)] == ["from ann"]
    assert [e.person for e in await memory.recall("from", person_id="bob", limit=5)] == ["from bob"]


@pytest.mark.parametrize(("text", "limit"), [("", 5), ("  \n", 5), ("dog", 0), ("dog", -1)])
async def test_recall_of_nothing_is_nothing(text: str, limit: int) -> None:
    memory = store()
    await memory.remember(record("dog"))
    assert await memory.recall(text, person_id="ann", limit=limit) == []


async def test_a_turn_where_the_person_said_nothing_is_kept_but_never_recalled() -> None:
    memory = store()
    await memory.remember(record("  "))
    assert await memory.recall("anything", person_id="ann", limit=5) == []
    assert len((await memory.export("ann"))["conversations"][0]["turns"]) == 1


async def test_the_same_turn_again_replaces_it() -> None:
    memory = store()
    first = record("dog", 3, agent="I will tell you all about it.")
    await memory.remember(first)
    await memory.remember(replace(first, exchange=replace(first.exchange, agent="I will tell", person="cat")))
    (conversation,) = (await memory.export("ann"))["conversations"]
    (turn,) = conversation["turns"]
    assert (turn["person"], turn["agent"]) == ("cat", "I will tell")
    assert [e.person for e in await memory.recall("cat", person_id="ann", limit=5)] == ["cat"]


async def test_a_turn_survives_the_process(path: Path) -> None:
    memory = store(path)
    await memory.remember(record("my dog is called Max"))
    assert memory.capabilities.persistent
    again = store(path)
    assert [e.person for e in await again.recall("dog", person_id="ann", limit=1)] == ["my dog is called Max"]


def test_a_killed_process_loses_no_turn_that_was_remembered(path: Path) -> None:
    code = f"""
import asyncio, os
from tests_helper import record, store
asyncio.run(store({str(path)!r}).remember(record("kept")))
os.kill(os.getpid(), 9)
"""
    helper = path.parent / "tests_helper.py"
    helper.write_text(f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_store import *\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=path.parent, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert [e.person for e in asyncio.run(store(path).recall("kept", person_id="ann", limit=1))] == ["kept"]


async def test_export_is_complete_json() -> None:
    memory = store()
    await memory.remember(record("hello", 0))
    await memory.remember(record("again", 1))
    exported = await memory.export("ann")
    assert json.loads(json.dumps(exported)) == exported
    (conversation,) = exported["conversations"]
    assert conversation["session"] == "s1"
    assert conversation["persona"] == "harbor"
    assert conversation["started_at"] == "2026-03-01T10:00:00+01:00"
    assert conversation["turns"][0] == {
        "turn": 0,
        "said_at": "2026-03-01T10:00:00+01:00",
        "person": "hello",
        "person_emotion": "sadness",
        "person_vad": [-0.5, 0.2, 0.1],
        "agent": "I see.",
        "agent_emotion": "joy",
        "agent_vad": [0.3, 0.0, 0.0],
        "agent_mood": [0.0, 0.1, 0.2],
        "risk": None,
    }
    assert [turn["turn"] for turn in conversation["turns"]] == [0, 1]
    nothing = {"person_id": "nobody", "conversations": [], "episodes": [], "facts": [], "rapport": []}
    assert await memory.export("nobody") == nothing


async def test_erase_leaves_no_byte_of_the_words_and_keeps_other_people(path: Path) -> None:
    memory, reader = store(path), store(path)
    for i in range(60):
        await memory.remember(record(f"anns secret {i} " + "padding " * 50, i, session=f"s{i % 7}"))
        await memory.remember(record(f"bobs words {i}", i, who="bob"))
    assert await reader.recall("secret", person_id="ann", limit=1)
    assert any(b"anns secret" in file.read_bytes() for file in path.parent.iterdir())
    assert await memory.erase("ann") == 60
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert b"anns secret" not in content, file
    assert await reader.recall("secret", person_id="ann", limit=5) == []
    assert len((await reader.export("bob"))["conversations"][0]["turns"]) == 60
    assert await memory.erase("ann") == 0


async def test_replaced_words_leave_no_trace_after_erase(path: Path) -> None:
    memory = store(path)
    await memory.remember(record("first secret " * 20))
    await memory.remember(record("short"))
    await memory.erase("ann")
    assert not any(b"secret" in file.read_bytes() for file in path.parent.iterdir())


async def test_erase_says_so_when_another_reader_holds_the_old_rows(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    memory = store(path)
    await memory.remember(record("secret"))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT person_text FROM turns").fetchall() == [("secret",)]
    with pytest.raises(StorageError, match="in use by another program"):
        await memory.erase("ann")
    reader.close()
    assert await memory.erase("ann") == 0
    assert not any(b"secret" in file.read_bytes() for file in path.parent.iterdir())


async def test_any_text_is_kept() -> None:
    memory = store()
    for i, text in enumerate(
        ["naïve 你好 😀", "nul \0 inside", "half \ud83d pair", "'; DROP TABLE turns; --", "x" * 100_000]
    ):
        await memory.remember(record(text, i))
    turns = (await memory.export("ann"))["conversations"][0]["turns"]
    said = [turn["person"] for turn in turns]
    assert said == ["naïve 你好 😀", "nul  inside", "half ? pair", "'; DROP TABLE turns; --", "x" * 100_000]


async def test_many_tasks_at_once_lose_nothing(path: Path) -> None:
    memory = store(path)
    await asyncio.gather(*(memory.remember(record(f"turn {i}", i, session=f"s{i % 3}")) for i in range(30)))
    conversations = (await memory.export("ann"))["conversations"]
    assert sorted(t["turn"] for c in conversations for t in c["turns"]) == list(range(30))


async def test_a_memory_in_memory_serves_many_tasks_at_once() -> None:
    memory = store()
    assert not memory.capabilities.persistent
    await asyncio.gather(
        *(memory.remember(record(f"turn {i}", i)) for i in range(20)),
        *(memory.recall("turn", person_id="ann", limit=3) for _ in range(20)),
    )
    assert len((await memory.export("ann"))["conversations"][0]["turns"]) == 20


def test_one_store_serves_several_event_loops(path: Path) -> None:
    memory = store(path)
    asyncio.run(memory.remember(record("from the first loop")))
    assert asyncio.run(memory.recall("first", person_id="ann", limit=1))[0].person == "from the first loop"


def _write_turns(path: str, session: str, count: int) -> None:
    memory = store(path)
    for i in range(count):
        asyncio.run(memory.remember(record(f"{session} {i}", i, session=session)))


def test_two_processes_share_one_file_from_its_creation_on(path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    processes = [spawn.Process(target=_write_turns, args=(str(path), f"p{k}", 15)) for k in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    conversations = asyncio.run(store(path).export("ann"))["conversations"]
    assert {c["session"]: len(c["turns"]) for c in conversations} == {"p0": 15, "p1": 15, "p2": 15}


async def test_a_locked_database_is_one_clear_line_and_nothing_is_lost(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    memory = store(path)
    await memory.remember(record("before", 0))
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match=r"memory\.db is locked by another program"):
        await memory.remember(record("during", 1))
    blocker.execute("ROLLBACK")
    blocker.close()
    await memory.remember(record("during", 1))
    assert len((await memory.export("ann"))["conversations"][0]["turns"]) == 2


async def test_a_write_waits_for_another_program_to_finish(path: Path) -> None:
    memory = store(path)
    blocker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(memory.remember(record("patient")))
    await asyncio.to_thread(blocker.execute, "COMMIT")
    await writing
    blocker.close()
    assert await memory.recall("patient", person_id="ann", limit=1)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"this is a diary, not a database " * 40)
    with pytest.raises(StorageError, match="is not a memory database, or is damaged"):
        store(path)
    assert path.read_bytes() == b"this is a diary, not a database " * 40


def test_a_damaged_database_is_one_clear_line(path: Path) -> None:
    memory = store(path)
    for i in range(40):
        asyncio.run(memory.remember(record("words " * 50, i)))
    memory._database.scrub()
    memory.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    for beside in path.parent.glob("memory.db-*"):
        beside.unlink()
    with pytest.raises(StorageError) as caught:
        asyncio.run(store(path).export("ann"))
    assert "\n" not in str(caught.value)
    assert "damaged" in str(caught.value)


def test_a_newer_schema_is_refused_untouched(path: Path) -> None:
    store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_info SET version = ?", (SCHEMA_VERSION + 1,))
    connection.close()
    with pytest.raises(StorageError, match="newer Rapport"):
        store(path)


async def test_a_full_disk_is_one_clear_line_and_what_was_kept_stays(path: Path) -> None:
    memory = store(path)
    await memory.remember(record("kept", 0))
    event.listen(memory._database._engine, "checkout", lambda c, *_: c.execute("PRAGMA max_page_count = 10"))
    with pytest.raises(StorageError, match="disk is full"):
        await memory.remember(record("x" * 1_000_000, 1))
    assert [t["person"] for t in (await memory.export("ann"))["conversations"][0]["turns"]] == ["kept"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="may not be written"):
        store(tmp_path / "memory.db")


@pytest.mark.parametrize("place", ["folder", "file/under/it.db"])
def test_an_impossible_place_is_one_clear_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        store(tmp_path / place)
    assert "\n" not in str(caught.value)
    assert place in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    store(tmp_path / "new" / "memory.db")
    assert (tmp_path / "new" / "memory.db").stat().st_mode & 0o077 == 0


def test_the_default_place_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert database_url(None).database == str(tmp_path / "rapport" / "memory.db")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nosuch://place/x", "no database driver"),
        ("://", "is no database URL"),
        ("mysql+nosuchdriver://u@h/d", "driver"),
    ],
)
def test_an_unusable_url_says_what_to_write(url: str, says: str) -> None:
    with pytest.raises(ComponentError, match=says):
        store(url)


def test_a_missing_postgres_driver_names_the_extra_and_hides_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ComponentError) as caught:
        store("postgresql+psycopg://ann:opensesame@localhost/memories")
    assert "rapport-agent[postgres]" in str(caught.value)
    assert "opensesame" not in str(caught.value)


async def test_no_memory_keeps_nothing() -> None:
    memory = NoMemory()
    await memory.remember(record("hello"))
    assert list(await memory.recall("hello", person_id="ann", limit=5)) == []
    nothing = {"person_id": "ann", "conversations": [], "episodes": [], "facts": [], "rapport": []}
    assert await memory.export("ann") == nothing
    assert await memory.erase("ann") == 0
    assert not memory.capabilities.persistent


@pytest.mark.models
async def test_meaning_is_what_comes_to_mind() -> None:
    memory = SqlMemory(":memory:")
    for i, text in enumerate(["My dog Max died last week.", "I passed my driving test!", "We ate pasta yesterday."]):
        await memory.remember(record(text, i))
    assert (await memory.recall("I miss my pet so much", person_id="ann", limit=1))[0].turn == 0
    assert (await memory.recall("I got my license", person_id="ann", limit=1))[0].turn == 1
