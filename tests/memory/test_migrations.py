"""A database of any release opens and keeps what it held; migrations and tables agree; newer ones are left alone."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect

from rapport.memory.store import SqlMemory
from rapport.memory.tables import SCHEMA_VERSION, Base
from rapport.persona.errors import StorageError

FIRST_RELEASE = """
CREATE TABLE schema_info (id INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (id));
CREATE TABLE people (id VARCHAR NOT NULL, PRIMARY KEY (id));
CREATE TABLE conversations (id INTEGER NOT NULL, person_id VARCHAR NOT NULL, session VARCHAR NOT NULL,
    persona VARCHAR NOT NULL, started_at VARCHAR NOT NULL, PRIMARY KEY (id), UNIQUE (person_id, session),
    FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE);
CREATE TABLE turns (id INTEGER NOT NULL, conversation_id INTEGER NOT NULL, turn INTEGER NOT NULL,
    said_at VARCHAR NOT NULL, person_text VARCHAR NOT NULL, agent_text VARCHAR NOT NULL, embedding BLOB,
    PRIMARY KEY (id), UNIQUE (conversation_id, turn),
    FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE);
CREATE TABLE affect (turn_id INTEGER NOT NULL, person_emotion VARCHAR NOT NULL, person_valence FLOAT NOT NULL,
    person_arousal FLOAT NOT NULL, person_dominance FLOAT NOT NULL, agent_emotion VARCHAR NOT NULL,
    agent_valence FLOAT NOT NULL, agent_arousal FLOAT NOT NULL, agent_dominance FLOAT NOT NULL,
    mood_valence FLOAT NOT NULL, mood_arousal FLOAT NOT NULL, mood_dominance FLOAT NOT NULL, PRIMARY KEY (turn_id),
    FOREIGN KEY(turn_id) REFERENCES turns (id) ON DELETE CASCADE);
INSERT INTO schema_info VALUES (1, 1);
INSERT INTO people VALUES ('ann'), ('bob');
INSERT INTO conversations VALUES (1, 'ann', 'monday', 'harbor', '2026-01-01T00:00:00+00:00'),
    (2, 'bob', 'monday', 'spark', '2026-01-02T00:00:00+00:00');
"""


@pytest.fixture
def old(tmp_path: Path, bag) -> Path:
    path = tmp_path / "memory.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST_RELEASE)
        said = ["My dog Max likes snow.", "  ", "I live in York.", "a turn with a torn vector"]
        for id_, text in enumerate(said, 1):
            blob = bag.embed([text])[0].astype("<f4").tobytes() if text.strip() else None
            blob = np.full(7, np.nan, "<f4").tobytes() if "torn" in text else blob
            turn = (id_, 1, id_, "2026-01-01T00:00:00+00:00", text, "I see.", blob)
            connection.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?)", turn)
            connection.execute("INSERT INTO affect VALUES (?, 'joy', .5, 0, 0, 'joy', .1, 0, 0, 0, 0, 0)", (id_,))
    connection.close()
    return path


async def test_a_database_of_the_first_release_opens_and_gains_what_is_new(old: Path, bag) -> None:
    memory = SqlMemory(str(old), embedder=bag)
    assert await memory.people() == {"ann": 4, "bob": 0}
    found = await memory.recall("dog snow", person_id="ann", limit=5)
    assert found[0].person == "My dog Max likes snow." and len(found) == 3
    assert [fact.statement for fact in await memory.facts("ann")] == ["dog max: called Max", "home: York"]
    (episode,) = await memory.episodes("ann")
    assert episode.turns == 4
    turns = (await memory.export("ann"))["conversations"][0]["turns"]
    assert [turn["turn"] for turn in turns] == [1, 2, 3, 4] and turns[0]["person_emotion"] == "joy"
    memory.close()
    assert len(await SqlMemory(str(old), embedder=bag).recall("dog", person_id="ann", limit=5)) == 3


async def test_old_people_can_be_erased_without_a_trace(old: Path, bag) -> None:
    memory = SqlMemory(str(old), embedder=bag)
    assert await memory.erase("ann") == 4
    assert not [file for file in old.parent.iterdir() if b"snow" in file.read_bytes()]


def test_migrations_make_the_tables_that_are_declared(tmp_path: Path, bag, old: Path) -> None:
    new = tmp_path / "new.db"
    SqlMemory(str(new), embedder=bag).close()
    SqlMemory(str(old), embedder=bag).close()
    declared = create_engine("sqlite://")
    Base.metadata.create_all(declared)
    wanted = inspect(declared)
    for path in (new, old):
        there = inspect(create_engine(f"sqlite:///{path}"))
        for table in wanted.get_table_names():
            columns = {c["name"]: c["nullable"] for c in wanted.get_columns(table)}
            assert {c["name"]: c["nullable"] for c in there.get_columns(table)} == columns, table
            for inspector in (there, wanted):
                assert inspector.get_pk_constraint(table)["constrained_columns"], table
            keys = {(tuple(k["constrained_columns"]), k["referred_table"]) for k in wanted.get_foreign_keys(table)}
            assert {
                (tuple(k["constrained_columns"]), k["referred_table"]) for k in there.get_foreign_keys(table)
            } == keys


def test_a_migration_that_breaks_off_leaves_the_old_database_as_it_was(old: Path, bag, monkeypatch) -> None:
    from rapport.memory import migrating

    def breaks(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = old.read_bytes()
    with sqlite3.connect(old) as connection:
        rows = connection.execute("SELECT * FROM turns").fetchall()
    monkeypatch.setattr("secrets.randbits", breaks)
    with pytest.raises(StorageError, match="disk is full"):
        SqlMemory(str(old), embedder=bag)
    monkeypatch.undo()
    with sqlite3.connect(old) as connection:
        assert connection.execute("SELECT * FROM turns").fetchall() == rows
        assert connection.execute("SELECT version FROM schema_info").fetchall() == [(1,)]
    connection.close()
    assert len(before) == old.stat().st_size
    assert migrating.SCHEMA_VERSION == SCHEMA_VERSION
    SqlMemory(str(old), embedder=bag)


def test_a_newer_schema_is_refused_and_keeps_every_row(old: Path, bag) -> None:
    SqlMemory(str(old), embedder=bag).close()
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE schema_info SET version = 99")
    connection.close()
    with pytest.raises(StorageError) as caught:
        SqlMemory(str(old), embedder=bag)
    assert "newer Rapport" in str(caught.value) and "\n" not in str(caught.value)
    with sqlite3.connect(old) as connection:
        assert connection.execute("SELECT count(*) FROM turns").fetchone() == (4,)
    connection.close()
