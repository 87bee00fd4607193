"""Recall: candidates by meaning, by words and by facts, ranked by the weighted parts of `scoring`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session

from rapport.memory import words
from rapport.memory.database import Database
from rapport.memory.index import CodeIndex
from rapport.memory.records import Fact, Recollection
from rapport.memory.scoring import Candidate, bm25, parts
from rapport.memory.tables import Affect, Conversation, FactRow, Person, Turn
from rapport.memory.vectors import unpacked
from rapport.persona.affect import VAD

_BY_MEANING, _BY_WORDS, _BY_FACTS = 24, 12, 4
"""Candidates from each source; more where more are asked for."""
_LEAST_FACT_COSINE = 0.3
_MOST_FACTS = 300
"""Newest facts of a person that are compared with what was said."""


_PERSON = select(Person.key, Person.revision).where(Person.id == bindparam("person_id"))
_FACT_VECTORS = (
    select(FactRow.turn_id, FactRow.vector)
    .where(FactRow.person_id == bindparam("person_id"), FactRow.superseded_by.is_(None))
    .order_by(FactRow.id.desc())
    .limit(_MOST_FACTS)
)
_TURNS = (
    "SELECT turns.id, turns.turn, turns.said_at, turns.person_text, turns.agent_text, turns.importance, "
    "conversations.session, affect.person_emotion, affect.person_valence, affect.person_arousal, "
    "affect.person_dominance FROM turns JOIN conversations ON conversations.id = turns.conversation_id "
    "JOIN affect ON affect.turn_id = turns.id WHERE turns.id IN ({})"
)
_FACTS = (
    select(
        FactRow.turn_id, FactRow.kind, FactRow.subject, FactRow.value, FactRow.confidence, FactRow.quote,
        FactRow.superseded_by, Turn.turn, Turn.said_at, Conversation.session, Affect.person_emotion,
        Affect.person_valence, Affect.person_arousal, Affect.person_dominance,
    )
    .join(Turn, Turn.id == FactRow.turn_id)
    .join(Turn.conversation)
    .join(Turn.affect)
    .order_by(FactRow.id)
)  # fmt: skip


@dataclass(frozen=True)
class Query:
    """What is asked of memory. `vector` is the meaning of `text`, None where it is not known."""

    text: str
    vector: NDArray[np.float32] | None
    person_id: str
    limit: int
    mood: VAD | None = None


class Recaller:
    """Ranks the memories of one person. `pgvector` says that the database itself finds near vectors."""

    def __init__(self, database: Database, *, pgvector: bool) -> None:
        self._database = database
        self._pgvector = pgvector
        self.index = CodeIndex(database.seal.opened_data if database.seal.encrypts else None)

    def recall(self, session: Session, query: Query) -> list[Recollection]:
        """The best memories, best first."""
        person = session.execute(_PERSON, {"person_id": query.person_id}).one_or_none()
        if person is None or query.vector is None:
            return []
        near = self.near(session, person.key, person.revision, query.vector, max(_BY_MEANING, query.limit))
        hits = self._by_words(session, query, person.key, person.revision)
        facts = self._by_facts(session, query)
        sought = {*near, *hits.turn_ids, *(fact_turn for fact_turn, _ in facts)}
        missing = [turn_id for turn_id in sought if turn_id not in near]
        cosines = {**near, **self._cosines(session, missing, query.vector)}
        found = self._scored(session, query, cosines, hits)[: query.limit]
        holding = current_facts(session, self._database, [turn_id for turn_id, _ in found])
        return [replace(memory, facts=tuple(holding.get(turn_id, ()))) for turn_id, memory in found]

    def near(
        self, session: Session, person_key: int, revision: int, vector: NDArray[np.float32], wanted: int
    ) -> dict[int, float]:
        """Exact cosines of the nearest turns, by id."""
        if self._pgvector:
            rows = session.execute(
                text(
                    "SELECT turn_id, 1 - (meaning <=> CAST(:meaning AS vector)) FROM vectors WHERE person_key = :key "
                    "AND vector_dims(meaning) = :size ORDER BY meaning <=> CAST(:meaning AS vector) LIMIT :many"
                ),
                {"meaning": str(vector.tolist()), "key": person_key, "size": vector.size, "many": wanted},
            )
            return {int(turn_id): float(cosine) for turn_id, cosine in rows}
        candidates = self.index.candidates(session, person_key, revision, vector, wanted)
        cosines = self._cosines(session, candidates, vector)
        best = sorted(cosines, key=lambda turn_id: (-cosines[turn_id], turn_id))[:wanted]
        return {turn_id: cosines[turn_id] for turn_id in best}

    def _by_words(self, session: Session, query: Query, person_key: int, total: int) -> words.WordHits:
        if self._database.seal.encrypts:  # every word of what came to mind by meaning counts alike
            return words.WordHits(dict.fromkeys(words.query_words(query.text), 1.0), [])
        return words.find(
            session, query.text, person_id=query.person_id, person_key=person_key, total=total, limit=_BY_WORDS
        )

    def _by_facts(self, session: Session, query: Query) -> list[tuple[int, float]]:
        """Turns in which something was said that still holds and is about the query."""
        rows = session.execute(_FACT_VECTORS, {"person_id": query.person_id}).all()
        cosines = self._dots([row.turn_id for row in rows], [row.vector for row in rows], query.vector)
        near = [(turn_id, cosine) for turn_id, cosine in cosines if cosine >= _LEAST_FACT_COSINE]
        return sorted(near, key=lambda pair: -pair[1])[:_BY_FACTS]

    def _cosines(self, session: Session, turn_ids: Sequence[int], query: NDArray[np.float32]) -> dict[int, float]:
        if not turn_ids:
            return {}
        sql = f"SELECT turn_id, vector FROM vectors WHERE turn_id IN ({_listed(turn_ids)})"
        rows = session.connection().exec_driver_sql(sql).all()
        return dict(self._dots([row[0] for row in rows], [row[1] for row in rows], query))

    def _dots(
        self, ids: Sequence[int], stored: Sequence[bytes], query: NDArray[np.float32] | None
    ) -> list[tuple[int, float]]:
        """Dot products of stored vectors with the query; those of another embedding model's length are left out."""
        if query is None:
            return []
        opened, size = self._database.seal.opened_data, 2 * query.size
        known = [(id_, blob) for id_, sealed in zip(ids, stored, strict=True) if len(blob := opened(sealed)) == size]
        if not known:
            return []
        dots = unpacked([blob for _, blob in known], query.size) @ query
        return [(id_, float(dot)) for (id_, _), dot in zip(known, dots, strict=True)]

    def _scored(
        self, session: Session, query: Query, cosines: dict[int, float], hits: words.WordHits
    ) -> list[tuple[int, Recollection]]:
        rows = session.connection().exec_driver_sql(_TURNS.format(_listed(cosines))).all()
        now, opened, query_words = datetime.now(UTC), self._database.seal.opened_text, list(hits.idf)
        scored: list[tuple[int, Recollection]] = []
        for row in rows:
            said, vad = opened(row.person_text), VAD(row.person_valence, row.person_arousal, row.person_dominance)
            lexical = bm25(query_words, said, hits.idf)
            why = parts(Candidate(cosines[row.id], lexical, row.said_at, vad, row.importance), query.mood, now)
            memory = Recollection(
                said, opened(row.agent_text), row.person_emotion, row.session, row.turn,
                said_at=row.said_at, vad=vad, score=sum(why.values()), parts=why,
            )  # fmt: skip
            scored.append((row.id, memory))
        return sorted(scored, key=lambda pair: (-pair[1].score, -pair[0]))


def _listed(turn_ids: Iterable[int]) -> str:
    """Ids as SQL. A thousand bound parameters would take longer than the search, and these are our own numbers."""
    return ",".join(str(int(turn_id)) for turn_id in turn_ids)


def current_facts(session: Session, database: Database, turn_ids: Sequence[int]) -> dict[int, list[Fact]]:
    """What still holds of what was said in some turns, by their ids."""
    held: dict[int, list[Fact]] = {}
    for turn_id, fact in _facts(session, database, FactRow.turn_id.in_(turn_ids), FactRow.superseded_by.is_(None)):
        held.setdefault(turn_id, []).append(fact)
    return held


def facts_of(session: Session, database: Database, person_id: str, *, superseded: bool) -> list[Fact]:
    """All that is known of a person, oldest first; with what has been superseded, if that is wanted."""
    wanted = [FactRow.person_id == person_id]
    if not superseded:
        wanted.append(FactRow.superseded_by.is_(None))
    return [fact for _, fact in _facts(session, database, *wanted)]


def _facts(session: Session, database: Database, *wanted: object) -> list[tuple[int, Fact]]:
    opened = database.seal.opened_text
    rows = session.execute(_FACTS.where(*wanted))  # pyright: ignore[reportArgumentType]
    return [
        (
            row.turn_id,
            Fact(
                row.kind, opened(row.subject), opened(row.value), row.confidence, opened(row.quote),
                row.person_emotion, VAD(row.person_valence, row.person_arousal, row.person_dominance),
                row.said_at, row.session, row.turn, row.superseded_by is None,
            ),
        )
        for row in rows
    ]  # fmt: skip


def turn_count(session: Session, person_id: str) -> int:
    count = select(func.count(Turn.id)).join(Turn.conversation).where(Conversation.person_id == person_id)
    return session.scalar(count) or 0
