"""`rapport bench storm`: processes that write memories are killed at random moments, and nothing may be lost.

A writer says of each turn that it is on disk before it goes on. After every kill the database is opened anew: what was
promised must be there word for word, nothing may be half-written, and what had not been digested is digested now.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from rapport.apps.bench.report import Report
from rapport.memory.records import Exchange, TurnRecord
from rapport.memory.store import SqlMemory
from rapport.persona.affect import VAD
from rapport.persona.errors import InputError, StorageError

_AT_ONCE = 3
"""Turns that a writer has in flight."""
_LONGEST_S = 0.35
"""A writer lives this long at most, counted from its first turn on disk."""


def run(*, kills: int, seed: int, as_json: bool) -> None:
    """Kill `kills` writers; all of `lost`, `damaged`, `half_written` and `undigested` should be 0."""
    if not hasattr(os, "fork"):
        raise InputError("the storm needs processes that fork, which Windows has not; run it on Linux or macOS")
    with TemporaryDirectory() as folder, Progress(console=Console(stderr=True), transient=True) as progress:
        figures = storm(Path(folder) / "memory.db", kills, random.Random(seed), progress)
    Report("storm", figures).show(as_json)


def storm(path: Path, kills: int, chance: random.Random, progress: Progress | None = None) -> dict[str, Any]:
    """The figures of `run`, on a database of one's own."""
    promised: dict[tuple[str, int], str] = {}
    figures = dict.fromkeys(("kills", "promised", "lost", "damaged", "half_written", "undigested"), 0)
    began_s = time.perf_counter()
    task = progress.add_task("killing writers", total=kills) if progress is not None else None
    for number in range(kills):
        promised |= _killed_writer(path, f"storm {number}", chance.uniform(0, _LONGEST_S))
        figures["kills"] += 1
        figures["damaged"] += _integrity(path) != "ok"
        if progress is not None and task is not None:
            progress.advance(task)
    found = asyncio.run(_all_turns(path))
    figures["promised"] = len(promised)
    figures["lost"] = sum(found.get(key) != said for key, said in promised.items())
    figures["half_written"] = _half_written(path)
    figures["undigested"] = _count(path, "SELECT count(*) FROM turns WHERE digested = 0")
    return {**figures, "took_s": round(time.perf_counter() - began_s, 1)}


class HashEmbedder:
    """Vectors without a meaning, made at once: the storm is about storing."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (n, 64)."""
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        vectors = np.array([np.random.default_rng(seed).standard_normal(64) for seed in seeds], np.float32)
        return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).reshape(-1, 64)


def _killed_writer(path: Path, session: str, lives_s: float) -> dict[tuple[str, int], str]:
    """Start a writer, kill it, and return what it had said was on disk."""
    context = multiprocessing.get_context("fork")
    promises, says = context.Pipe(duplex=False)
    writer = context.Process(target=_write, args=(path, session, says))
    writer.start()
    says.close()
    assert writer.pid is not None
    heard: dict[tuple[str, int], str] = {}
    dies_s = float("inf")
    try:
        while time.monotonic() < dies_s and promises.poll(min(30.0, max(0.0, dies_s - time.monotonic()))):
            turn, said = promises.recv()
            heard[session, turn] = said
            dies_s = min(dies_s, time.monotonic() + lives_s)
    except EOFError:
        raise StorageError("a writer ended by itself; its error stands above") from None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    while promises.poll():  # said before it died
        try:
            turn, said = promises.recv()
        except (EOFError, OSError):
            break
        heard[session, turn] = said
    return heard


def _write(path: Path, session: str, says: Connection) -> None:
    memory = SqlMemory(str(path), embedder=HashEmbedder())

    async def one(turn: int) -> None:
        said = f"{session}, turn {turn}: I am afraid of exam number {turn}. " + "word " * (turn * 37 % 200)
        record = TurnRecord(
            Exchange(said, "I see.", "fear", session, turn), "harbor", "2026-03-01T10:00:00+00:00", "ann", VAD(-0.6)
        )
        await memory.remember(record)
        says.send((turn, said))

    async def on() -> None:
        turn = 0
        while True:
            await asyncio.gather(*(one(turn + k) for k in range(_AT_ONCE)))
            turn += _AT_ONCE

    asyncio.run(on())


async def _all_turns(path: Path) -> dict[tuple[str, int], str]:
    """What is there, once everything that waited has been digested."""
    memory = SqlMemory(str(path), embedder=HashEmbedder())
    await memory.settle()
    told = await memory.export("ann")
    memory.close()
    return {(talk["session"], turn["turn"]): turn["person"] for talk in told["conversations"] for turn in talk["turns"]}


def _integrity(path: Path) -> str:
    return str(_value(path, "PRAGMA integrity_check"))


def _half_written(path: Path) -> int:
    """Turns without their feeling, digested ones without a vector or without their place in the index of words."""
    return (
        _count(path, "SELECT count(*) FROM turns WHERE id NOT IN (SELECT turn_id FROM affect)")
        + _count(path, "SELECT count(*) FROM turns WHERE digested AND id NOT IN (SELECT turn_id FROM vectors)")
        + abs(
            _count(path, "SELECT count(*) FROM turns WHERE digested")
            - _count(path, "SELECT count(*) FROM words WHERE words MATCH 'said : exam'")
        )
    )


def _count(path: Path, sql: str) -> int:
    return int(_value(path, sql))


def _value(path: Path, sql: str) -> Any:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()
