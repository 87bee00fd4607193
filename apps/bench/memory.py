"""`rapport bench memory`: how long recalling and remembering take, how much memory they need, and what is missed.

Memories are pairs of short sentences put together from parts; a pair's vector is that of its two sentences, weighted
and added, since embedding a million texts would take hours. Queries are sentences that no memory holds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from rapport.apps.bench.report import Report, spread
from rapport.memory.database import Database
from rapport.memory.embedding import Embedder, MiniLMEmbedder
from rapport.memory.records import Exchange, TurnRecord
from rapport.memory.store import SqlMemory
from rapport.memory.tables import Affect, Conversation, Person, Turn, Vector
from rapport.memory.vectors import codes, unpacked
from rapport.persona.affect import VAD

_WHO = [
    "my sister",
    "my brother",
    "my boss",
    "my neighbour",
    "a friend",
    "my mother",
    "my teacher",
    "the doctor",
    "my flatmate",
    "my dog",
]
_DID = [
    "called me about",
    "forgot",
    "laughed at",
    "helped me with",
    "was angry about",
    "asked about",
    "ruined",
    "worried about",
    "thanked me for",
    "kept talking about",
    "left early because of",
    "surprised me with",
]
_WHAT = [
    "the birthday party",
    "my exam results",
    "the old piano",
    "a broken window",
    "the hospital visit",
    "our holiday in Wales",
    "the rent",
    "a job interview",
    "the garden",
    "an accident on the bridge",
    "the wedding speech",
    "my cooking",
    "a letter from the court",
    "the choir",
    "the football match",
    "a stray cat",
    "my homework",
    "the divorce",
    "a lottery ticket",
    "the night shift",
    "my new bike",
    "the funeral",
]
_WHEN = ["today", "last night", "on Monday", "at the station", "in the kitchen", "after work", "this winter", "again"]
_HELD_OUT = 300
_BATCH = 5_000
_QUERIES = 100
_WRITES = 60
_TOP = 10
_TALKERS, _THEIR_TURNS = 50, 100
"""People beside the two big ones, as most people are."""


def run(*, n: int, as_json: bool) -> None:
    """Fill a database with one person of `n` memories, one of 10,000 and fifty of 100, and use it as the agent does.

    Times are in milliseconds, by a process that opens the database anew: `recall_ms` is all of a recall but for
    embedding what was said (`embed_ms`); `first_recall_ms` reads the codes into memory; `remember_ms` is until the turn
    is on disk, `digest_ms` what follows after it. `recall_at_10` counts how many of the exact ten nearest the vector
    search finds. `memory_mb` is what the process grew by from before the database was opened.
    """
    with TemporaryDirectory() as folder, Progress(console=Console(stderr=True), transient=True) as progress:
        figures = measure(Path(folder) / "memory.db", n, MiniLMEmbedder(), progress)
    Report("memory", figures).show(as_json)


def measure(path: Path, n: int, embedder: Embedder, progress: Progress) -> dict[str, Any]:
    """The figures of `run`, with any embedder."""
    sentences, queries = _sentences()
    began_s = time.perf_counter()
    vectors = embedder.embed(sentences)
    asked = embedder.embed(queries)
    embed_ms = _timed([lambda text=text: embedder.embed([text]) for text in queries[:30]])
    fill = _Filler(path, sentences, vectors)
    people = {"everything": n, "10k": min(n, 10_000)} | {f"talker {k}": min(n, _THEIR_TURNS) for k in range(_TALKERS)}
    task = progress.add_task("filling", total=sum(people.values()))
    for person, count in people.items():
        for _ in fill.person(person, count):
            progress.advance(task, min(_BATCH, count))
    fill.close()
    fill_s = time.perf_counter() - began_s

    resident_mb = _resident_mb()
    memory = SqlMemory(str(path), embedder=_Known(embedder, queries, asked))
    by_person = {f"{count:,}": _recall(memory, p, queries) for p, count in list(people.items())[:3]}
    grown_mb = None if resident_mb is None else round((_resident_mb() or 0) - resident_mb)
    found = _recall_at_ten(path, memory, "everything", asked)
    remember_ms, digest_ms = _writes(memory)
    return {
        "n": n,
        "people": len(people),
        "fill_s": round(fill_s, 1),
        "database_mb": round(sum(file.stat().st_size for file in path.parent.iterdir()) / 2**20),
        "embed_ms": embed_ms,
        **{f"{key} of {size}": value for size, told in by_person.items() for key, value in told.items()},
        "recall_at_10": found,
        "remember_ms": remember_ms,
        "digest_ms": digest_ms,
        "memory_mb": grown_mb,
        "sgemv_ms": _timed([_reference] * 30),
    }


class _Known:
    """An embedder that knows the queries already, so that recall is timed by itself."""

    def __init__(self, embedder: Embedder, texts: list[str], vectors: NDArray[np.float32]) -> None:
        self._embedder = embedder
        self._known = dict(zip(texts, vectors, strict=True))

    def embed(self, texts: Any) -> NDArray[np.float32]:
        if len(texts) == 1 and texts[0] in self._known:
            return self._known[texts[0]][None]
        return self._embedder.embed(texts)


class _Filler:
    """Writes many digested turns at once, as `rapport.memory.digest` would one by one."""

    def __init__(self, path: Path, sentences: list[str], vectors: NDArray[np.float32]) -> None:
        self._database = Database(str(path))
        self._sentences, self._vectors = sentences, vectors
        self._draw = np.random.default_rng(0)
        self._last = 0

    def close(self) -> None:
        with self._database.reading() as session:
            session.connection().exec_driver_sql("PRAGMA optimize")
        self._database.close()

    def person(self, name: str, count: int) -> Iterator[None]:
        key = int(self._draw.integers(1, 2**62))

        def begin(session: Session) -> int:
            session.execute(insert(Person).values(id=name, key=key, revision=count))
            talk = insert(Conversation).values(
                person_id=name, session=f"of {name}", persona="harbor", started_at="2026-01-01T00:00:00+00:00"
            )
            return session.execute(talk.returning(Conversation.id)).scalar_one()

        conversation = self._database.write(begin)
        for start in range(0, count, _BATCH):
            self._batch(key, conversation, start, min(_BATCH, count - start))
            yield

    def _batch(self, key: int, conversation: int, start: int, count: int) -> None:
        pairs = self._draw.integers(0, len(self._sentences), (count, 2))
        share = self._draw.uniform(0.3, 1.0, (count, 1)).astype(np.float32)
        vectors = self._vectors[pairs[:, 0]] + share * self._vectors[pairs[:, 1]]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        coded, halves = codes(vectors), vectors.astype("<f2")
        now = datetime(2026, 6, 1, tzinfo=UTC)
        ids = range(self._last + 1, self._last + 1 + count)
        self._last += count
        said = [f"{self._sentences[a]} {self._sentences[b]}" for a, b in pairs]
        felt = np.clip(self._draw.normal(0, 0.4, (count, 3)), -1, 1)
        turns = [
            {
                "id": id_, "conversation_id": conversation, "turn": start + i, "person_text": said[i],
                "said_at": (now - timedelta(minutes=int(start + i))).isoformat(), "agent_text": "I see.",
                "digested": 1, "importance": float(abs(felt[i, 0])),
            }
            for i, id_ in enumerate(ids)
        ]  # fmt: skip
        zeros = dict.fromkeys(
            ("agent_valence", "agent_arousal", "agent_dominance", "mood_valence", "mood_arousal", "mood_dominance"), 0.0
        )
        affects = [
            {
                "turn_id": id_, "person_emotion": "sadness", "agent_emotion": "neutral", "person_valence": float(v),
                "person_arousal": float(a), "person_dominance": float(d), **zeros,
            }
            for id_, (v, a, d) in zip(ids, felt, strict=True)
        ]  # fmt: skip
        stored = [
            {"turn_id": id_, "person_key": key, "revision": start + i + 1, "code": c.tobytes(), "vector": h.tobytes()}
            for i, (id_, c, h) in enumerate(zip(ids, coded, halves, strict=True))
        ]
        indexed = [{"id": id_, "person": f"p{key}", "said": words} for id_, words in zip(ids, said, strict=True)]

        def work(session: Session) -> None:
            session.execute(insert(Turn), turns)
            session.execute(insert(Affect), affects)
            session.execute(insert(Vector), stored)
            session.execute(text("INSERT INTO words (rowid, person, said) VALUES (:id, :person, :said)"), indexed)

        self._database.write(work)


def _sentences() -> tuple[list[str], list[str]]:
    """Parts of memories, and queries, none of which is a part."""
    every = [
        f"{who} {did} {what} {when}".capitalize() + "." for who, did, what, when in product(_WHO, _DID, _WHAT, _WHEN)
    ]
    order = np.random.default_rng(1).permutation(len(every))
    return [every[i] for i in order[: 2_000 - _HELD_OUT]], [every[i] for i in order[-_QUERIES:]]


def _recall(memory: SqlMemory, person: str, queries: list[str]) -> dict[str, Any]:
    async def ask(said: str) -> float:
        began_s = time.perf_counter()
        found = await memory.recall(said, person_id=person, limit=4, mood=VAD(-0.4, 0.1, -0.2))
        assert len(found) == 4
        return 1e3 * (time.perf_counter() - began_s)

    async def all_told() -> list[float]:
        return [await ask(said) for said in (queries[0], *queries)]

    first, *others = asyncio.run(all_told())
    return {"first_recall_ms": spread([first])["max"], "recall_ms": spread(others)}


def _recall_at_ten(path: Path, memory: SqlMemory, person: str, asked: NDArray[np.float32]) -> float:
    """Share of the exact ten nearest (by float16 vectors) that the search finds, mean over queries."""
    database, some = Database(str(path)), asked[:40]
    best: NDArray[np.float32] = np.full((len(some), _TOP), -2, np.float32)
    with database.reading() as session:
        key, revision = session.execute(select(Person.key, Person.revision).where(Person.id == person)).one()
        # Straight from the driver: an ORM result would hold a million rows at once.
        rows = session.connection().exec_driver_sql("SELECT vector FROM vectors WHERE person_key = ?", (key,))
        for part in rows.partitions(20_000):
            cosines = some @ unpacked([blob for (blob,) in part], some.shape[1]).T
            best = -np.sort(-np.concatenate([best, cosines], axis=1), axis=1)[:, :_TOP]
        hits = 0
        for query, exact in zip(some, best, strict=True):
            near = memory.recaller.near(session, key, revision, query, _TOP)
            hits += sum(cosine >= exact[-1] - 1e-6 for cosine in near.values())
    database.close()
    return round(min(1.0, hits / (_TOP * len(some))), 4)


def _writes(memory: SqlMemory) -> tuple[dict[str, float], dict[str, float]]:
    """Turns of somebody new: until each is durable, and until it has been digested as well."""
    remember_ms: list[float] = []
    digest_ms: list[float] = []

    async def converse() -> None:
        for k in range(_WRITES):
            exchange = Exchange(f"I am afraid of exam number {k}, and my dog Max knows.", "I see.", "fear", "new", k)
            record = TurnRecord(exchange, "harbor", datetime.now(UTC).isoformat(), "somebody new", VAD(-0.6, 0.7, -0.4))
            began_s = time.perf_counter()
            await memory.remember(record)
            stored_s = time.perf_counter()
            await memory.closeness("somebody new")
            remember_ms.append(1e3 * (stored_s - began_s))
            digest_ms.append(1e3 * (time.perf_counter() - stored_s))

    asyncio.run(converse())
    return spread(remember_ms), spread(digest_ms)


def _timed(calls: Sequence[Callable[[], object]]) -> dict[str, float]:
    """Milliseconds that each call takes."""
    took_ms: list[float] = []
    for call in calls:
        began_s = time.perf_counter()
        call()
        took_ms.append(1e3 * (time.perf_counter() - began_s))
    return spread(took_ms)


_MATRIX = np.ones((1_000, 384), np.float32)


def _reference() -> None:
    """Something that depends on the machine alone: a thousand dot products."""
    _ = _MATRIX @ _MATRIX[0]


def _resident_mb() -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
