"""`rapport bench memory` and `rapport bench storm`: they measure what they say, and the storm finds what is lost."""

import random
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress

from rapport.apps.bench import storm as storms
from rapport.apps.bench.memory import measure
from rapport.apps.bench.storm import HashEmbedder, storm


class Known:
    """As many dimensions as the real one has."""

    def embed(self, texts):
        return np.concatenate(
            [HashEmbedder().embed([f"{part} {text}" for text in texts]) for part in range(6)], axis=1
        ) / np.float32(6**0.5)


def test_the_bench_measures_every_size_and_what_the_search_finds(tmp_path: Path) -> None:
    with Progress(disable=True) as progress:
        figures = measure(tmp_path / "memory.db", 1_500, Known(), progress)
    assert 0.9 <= figures["recall_at_10"] <= 1  # vectors without any meaning are the hardest case there is
    assert figures["people"] == 52
    for key in ("recall_ms of 1,500", "recall_ms of 100", "remember_ms", "digest_ms", "embed_ms"):
        assert 0 < figures[key]["p50"] <= figures[key]["p95"]
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        assert connection.execute("SELECT count(*) FROM turns").fetchone()[0] == 2 * 1_500 + 50 * 100 + 60


@pytest.mark.skipif(not hasattr(storms.os, "fork"), reason="writers fork")
def test_killed_writers_lose_nothing_that_was_on_disk(tmp_path: Path) -> None:
    figures = storm(tmp_path / "memory.db", 15, random.Random(7))
    assert figures["kills"] == 15 and figures["promised"] >= 15
    assert [figures[key] for key in ("lost", "damaged", "half_written", "undigested")] == [0, 0, 0, 0]


def test_the_storm_counts_what_is_lost_and_half_written(tmp_path: Path, monkeypatch) -> None:
    killed = storms._killed_writer

    def loses(path: Path, session: str, lives_s: float) -> dict[tuple[str, int], str]:
        return killed(path, session, lives_s) | {(session, 10_000): "never written"}

    monkeypatch.setattr(storms, "_killed_writer", loses)
    assert storm(tmp_path / "memory.db", 1, random.Random(0))["lost"] == 1
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        connection.execute("DELETE FROM vectors WHERE turn_id = (SELECT min(turn_id) FROM vectors)")
    connection.close()
    assert storms._half_written(tmp_path / "memory.db") == 1
