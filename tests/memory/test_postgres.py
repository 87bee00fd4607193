"""PostgreSQL behind the same interface: a real server, started for the tests from Debian's package.

RAPPORT_TEST_POSTGRES may name another folder with `initdb` and `pg_ctl`, e.g. of a server that has pgvector.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rapport.memory.store import SqlMemory
from rapport.persona.affect import VAD
from rapport.persona.errors import StorageError


def binaries() -> Path | None:
    named = os.environ.get("RAPPORT_TEST_POSTGRES")
    folders = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def as_nobody(*command: object) -> list[str]:
    """PostgreSQL refuses to run as root."""
    words = [str(word) for word in command]
    return ["runuser", "-u", "nobody", "--", *words] if os.geteuid() == 0 else words


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="the extra rapport-agent[postgres] is not installed")
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no runuser")
    with TemporaryDirectory(prefix="rapport-pg-") as place:
        data, log = Path(place) / "data", Path(place) / "log"
        if os.geteuid() == 0:
            shutil.chown(place, "nobody")
        options = f"-k {place} -c listen_addresses='' -c fsync=off"
        subprocess.run(
            as_nobody(folder / "initdb", "-D", data, "-A", "trust", "-U", "rapport", "-E", "UTF8", "--no-locale"),
            check=True, capture_output=True, cwd=place,
        )  # fmt: skip
        started = as_nobody(folder / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        subprocess.run(started, check=True, stdout=subprocess.DEVNULL, cwd=place)
        try:
            yield f"postgresql+psycopg://rapport@/postgres?host={place}"
        finally:
            subprocess.run(
                as_nobody(folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"),
                check=True, stdout=subprocess.DEVNULL, cwd=place,
            )  # fmt: skip


@pytest.fixture
def memory(server: str, bag) -> Iterator[SqlMemory]:
    store = SqlMemory(server, embedder=bag)
    yield store
    for person in asyncio.run(store.people()):
        asyncio.run(store.erase(person))
    store.close()


async def test_turns_are_kept_recalled_and_replaced(memory: SqlMemory, server: str, bag, said) -> None:
    await memory.remember(said("My dog Max loves snow", 0, vad=VAD(0.5), emotion="joy"))
    await memory.remember(said("we had soup", 1))
    await memory.remember(said("my dog", 0, who="bob"))
    other = SqlMemory(server, embedder=bag)
    best, second = await other.recall("what does the dog like", person_id="ann", limit=5, mood=VAD(0.5))
    assert (best.turn, second.turn) == (0, 1)
    assert best.parts["words"] > 0 and best.person_emotion == "joy" and best.vad == VAD(0.5)
    await memory.remember(said("a cat came by", 0))
    assert {m.person for m in await other.recall("dog", person_id="ann", limit=5)} == {"a cat came by", "we had soup"}
    other.close()


async def test_facts_episodes_rapport_and_export_are_as_on_sqlite(memory: SqlMemory, bag, said) -> None:
    lite = SqlMemory(":memory:", embedder=bag)
    for store in (memory, lite):
        for turn, text in enumerate(["My dog Max is here.", "I have an exam on Friday.", "Max died."]):
            await store.remember(said(text, turn, vad=VAD(-0.2 * turn), emotion="fear"))
    assert await memory.facts("ann", superseded=True) == await lite.facts("ann", superseded=True)
    assert await memory.export("ann") == await lite.export("ann")
    assert await memory.erase("ann") == 3
    assert await memory.people() == {} and await memory.recall("dog", person_id="ann", limit=5) == []


async def test_many_writers_at_once_lose_nothing(memory: SqlMemory, server: str, bag, said) -> None:
    stores = [SqlMemory(server, embedder=bag) for _ in range(3)]
    await asyncio.gather(
        *(
            store.remember(said(f"turn {k} of {n}", k, session=f"s{n}"))
            for k in range(8)
            for n, store in enumerate(stores)
        )
    )
    await memory.settle()
    told = await memory.export("ann")
    assert {talk["session"]: len(talk["turns"]) for talk in told["conversations"]} == {"s0": 8, "s1": 8, "s2": 8}
    assert len(await memory.recall("turn", person_id="ann", limit=50)) == 24
    for store in stores:
        store.close()


async def test_the_server_itself_searches_where_pgvector_is_installed(memory: SqlMemory, bag, said) -> None:
    if not memory._pgvector:
        pytest.skip("this PostgreSQL has no pgvector; the codes in memory search instead, as the other tests show")
    await memory.remember(said("my dog is here", 0))
    await memory.remember(said("we had soup", 1))
    found = await memory.recall("dog", person_id="ann", limit=2)
    assert [m.turn for m in found] == [0, 1] and not memory.recaller.index._people


async def test_a_server_that_is_gone_is_one_clear_line(bag, tmp_path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StorageError) as caught:
        SqlMemory(f"postgresql+psycopg://rapport@/postgres?host={tmp_path}", embedder=bag)
    assert "\n" not in str(caught.value)
