"""`rapport memory`: lists, searches, exports and erases, and says in one line what it cannot."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rapport.apps.cli import app
from rapport.memory import store as stores
from rapport.memory.records import Exchange, TurnRecord
from rapport.memory.store import SqlMemory
from rapport.persona.affect import VAD
from rapport.persona.errors import InputError, StorageError


class OneVector:
    def embed(self, texts):
        return np.ones((len(texts), 4), np.float32) / 2


@pytest.fixture
def database(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(stores, "MiniLMEmbedder", OneVector)
    path = tmp_path / "memory.db"
    memory = SqlMemory(str(path))
    for turn, text in enumerate(["My dog Max [bold]likes[/bold] snow", "I'm afraid of the exam"]):
        exchange = Exchange(text, "I see.", "fear", "monday", turn)
        record = TurnRecord(exchange, "harbor", "2026-03-01T10:00:00+00:00", "ann", VAD(-0.5))
        asyncio.run(memory.remember(record))
    memory.close()
    return path


def run(*words: object, answer: str | None = None):
    return CliRunner().invoke(app, ["memory", *map(str, words)], input=answer)


def test_list_shows_people_and_what_is_known_of_one(database: Path) -> None:
    assert json.loads(run("list", "--database", database, "--json").stdout) == {"people": {"ann": 2}}
    assert "ann" in run("list", "--database", database).stdout
    told = run("list", "ann", "--database", database).stdout
    assert "dog max" in told and "called Max" in told and "[bold]likes[/bold]" in told and "harbor: 2 turns" in told
    known = json.loads(run("list", "ann", "--database", database, "--json").stdout)
    assert {fact["kind"] for fact in known["facts"]} == {"pet", "plan", "fear"}


def test_search_tells_what_comes_to_mind_and_why(database: Path) -> None:
    found = json.loads(run("search", "ann", "the dog", "--database", database, "--json").stdout)["found"]
    assert found[0]["turn"] == 0 and found[0]["parts"]["words"] > 0 and found[0]["vad"][0] == -0.5
    assert found[0]["facts"][0]["value"] == "called Max"
    shown = run("search", "ann", "the dog", "--limit", 1, "--database", database).stdout
    assert "My dog Max" in shown and "afraid" not in shown and "meaning" in shown


def test_export_writes_everything(database: Path, tmp_path: Path) -> None:
    printed = json.loads(run("export", "ann", "--database", database).stdout)
    assert [turn["turn"] for turn in printed["conversations"][0]["turns"]] == [0, 1] and printed["facts"]
    assert run("export", "ann", "--database", database, "--out", tmp_path / "ann.json").exit_code == 0
    assert json.loads((tmp_path / "ann.json").read_text()) == printed
    failed = run("export", "ann", "--database", database, "--out", tmp_path / "no" / "ann.json")
    assert isinstance(failed.exception, StorageError)


def test_erase_asks_and_leaves_nothing(database: Path) -> None:
    assert run("erase", "ann", "--database", database, answer="n\n").exit_code == 1
    assert json.loads(run("list", "--database", database, "--json").stdout)["people"] == {"ann": 2}
    assert "erased 2 turns" in run("erase", "ann", "--database", database, "--yes").stdout
    assert not [file for file in database.parent.glob("memory.db*") if b"snow" in file.read_bytes()]
    assert isinstance(run("erase", "ann", "--database", database, "--yes").exception, InputError)


@pytest.mark.parametrize(
    "words", [("list", "bob"), ("search", "bob", "x"), ("export", "bob"), ("erase", "bob", "--yes")]
)
def test_nobody_known_is_one_clear_line(database: Path, words: tuple[str, ...]) -> None:
    failed = run(*words, "--database", database)
    assert isinstance(failed.exception, InputError) and "nothing is kept of 'bob'" in str(failed.exception)


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    failed = run("list", "--database", tmp_path / "none.db")
    assert isinstance(failed.exception, InputError) and "no memory yet" in str(failed.exception)
    assert not list(tmp_path.iterdir())
