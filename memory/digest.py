"""What is made of a turn after it has been stored: vector, words, facts, importance, episode, rapport.

It happens in a transaction of its own, once, whichever process comes to it first; a process that dies before leaves
the turn for the next one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, delete, insert, select, text, update
from sqlalchemy.orm import Session

from rapport.memory import words
from rapport.memory.database import Database
from rapport.memory.embedding import Embedder
from rapport.memory.facts import FoundFact, extract, replaces
from rapport.memory.scoring import importance
from rapport.memory.tables import Affect, Conversation, EpisodeRow, FactRow, Person, RapportRow, Turn, Vector
from rapport.memory.vectors import codes, packed
from rapport.persona.affect import VAD

_SUMMARY_TURNS = 3
_SUMMARY_CHARACTERS = 160
_TONE_SHARE = 0.08
"""How far one turn moves warmth and disclosure."""


@dataclass(frozen=True)
class _Made:
    """What was computed outside the transaction."""

    vector: NDArray[np.float32] | None
    facts: Sequence[FoundFact]
    fact_vectors: NDArray[np.float32]


_WAITING = select(Turn.id).where(Turn.digested == 0).order_by(Turn.id).limit(bindparam("many"))
_WAITING_OF_ONE = _WAITING.join(Turn.conversation).where(Conversation.person_id == bindparam("person_id"))


def undigested(session: Session, person_id: str | None, limit: int) -> Sequence[int]:
    """Ids of turns that nothing has been made of yet, oldest first; of one person or of all."""
    if person_id is None:
        return session.scalars(_WAITING, {"many": limit}).all()
    return session.scalars(_WAITING_OF_ONE, {"many": limit, "person_id": person_id}).all()


def digest(database: Database, embedder: Embedder, turn_id: int, *, pgvector: bool) -> None:
    """Make what is derived of one turn, unless that has been done, or the turn has been erased meanwhile."""
    with database.reading() as session:
        row = _turn(session, turn_id)
        if row is None:
            return
        known = session.execute(_current_facts(row.person_id)).all()
    seal = database.seal
    said = seal.opened_text(row.person_text)
    made = _make(embedder, said, row.said_at, [(fact.kind, seal.opened_text(fact.subject)) for fact in known])

    def work(session: Session) -> None:
        if _turn(session, turn_id) != row:  # another process was first, or the words have changed: its turn will come
            return
        vad = VAD(row.person_valence, row.person_arousal, row.person_dominance)
        weight = importance(vad, len(made.facts), row.risk)
        session.execute(update(Turn).where(Turn.id == turn_id).values(digested=1, importance=weight))
        if made.vector is not None:
            _store_vector(session, database, row, made.vector, pgvector=pgvector)
            if not seal.encrypts:
                words.add(session, turn_id, row.key, said)
        _store_facts(session, database, row, made)
        _tell_episode(session, database, row.conversation_id)
        _come_closer(session, row.person_id, row.persona, vad)

    database.write(work)


def undo(session: Session, database: Database, turn_id: int, person_key: int, stored_text: str) -> None:
    """Take out what was derived of a turn whose words are about to change."""
    said = database.seal.opened_text(stored_text)
    if said.strip() and not database.seal.encrypts:
        words.remove(session, turn_id, person_key, said)
    session.execute(delete(FactRow).where(FactRow.turn_id == turn_id))
    session.execute(delete(Vector).where(Vector.turn_id == turn_id))


def _turn(session: Session, turn_id: int) -> Any:
    """The turn that waits, a Row of what is read below, or None."""
    return session.execute(
        select(
            Turn.id, Turn.person_text, Turn.said_at, Turn.risk, Turn.conversation_id,
            Conversation.person_id, Conversation.persona, Person.key,
            Affect.person_valence, Affect.person_arousal, Affect.person_dominance,
        )
        .join(Turn.conversation).join(Conversation.person).join(Turn.affect)
        .where(Turn.id == turn_id, Turn.digested == 0)
    ).one_or_none()  # fmt: skip


def _make(embedder: Embedder, said: str, said_at: str, known: Sequence[tuple[str, str]]) -> _Made:
    if not said.strip():
        return _Made(None, (), np.empty((0, 0), np.float32))
    facts = extract(said, said_at, known)
    vectors = embedder.embed([said, *(fact.quote for fact in facts)])
    return _Made(vectors[0], facts, vectors[1:])


def _store_vector(
    session: Session, database: Database, row: Any, vector: NDArray[np.float32], *, pgvector: bool
) -> None:
    person_id, key, turn_id = row.person_id, row.key, row.id
    session.execute(update(Person).where(Person.id == person_id).values(revision=Person.revision + 1))
    revision = session.execute(select(Person.revision).where(Person.id == person_id)).scalar_one()
    session.execute(delete(Vector).where(Vector.turn_id == turn_id))
    code, seal = codes(vector[None])[0].tobytes(), database.seal
    session.execute(
        insert(Vector).values(
            turn_id=turn_id, person_key=key, revision=revision, code=seal.data(code), vector=seal.data(packed(vector))
        )
    )
    if pgvector:
        session.execute(
            text("UPDATE vectors SET meaning = CAST(:meaning AS vector) WHERE turn_id = :id"),
            {"meaning": json.dumps([float(x) for x in vector]), "id": turn_id},
        )


def _current_facts(person_id: str):
    return select(FactRow.id, FactRow.kind, FactRow.subject).where(
        FactRow.person_id == person_id, FactRow.superseded_by.is_(None)
    )


def _store_facts(session: Session, database: Database, row: Any, made: _Made) -> None:
    seal = database.seal
    for fact, vector in zip(made.facts, made.fact_vectors, strict=True):
        known = session.execute(_current_facts(row.person_id)).all()
        stored = FactRow(
            person_id=row.person_id,
            turn_id=row.id,
            kind=fact.kind,
            subject=seal.text(fact.subject),
            value=seal.text(fact.value),
            quote=seal.text(fact.quote),
            confidence=fact.confidence,
            vector=seal.data(packed(vector)),
        )
        session.add(stored)
        session.flush()
        old = [id_ for id_, kind, subject in known if replaces(fact, kind, seal.opened_text(subject))]
        if old:
            session.execute(update(FactRow).where(FactRow.id.in_(old)).values(superseded_by=stored.id))


def _tell_episode(session: Session, database: Database, conversation_id: int) -> None:
    """The conversation's weightiest sentences, quoted, and how the person's feeling went."""
    felt = (
        select(Affect.person_emotion, Affect.person_valence, Turn.turn, Turn.person_text)
        .join(Turn.affect)
        .where(Turn.conversation_id == conversation_id)
    )
    orders = (Turn.turn, Affect.person_valence, Affect.person_valence.desc(), Turn.turn.desc())
    points = [session.execute(felt.order_by(order).limit(1)).one() for order in orders]
    weighty = felt.where(Turn.person_text != "").order_by(Turn.importance.desc(), Turn.turn).limit(_SUMMARY_TURNS)
    told = sorted(session.execute(weighty).all(), key=lambda row: row.turn)
    seal = database.seal
    summary = " / ".join(f'"{_shortened(seal.opened_text(row.person_text))}"' for row in told)
    count = session.execute(text("SELECT count(*) FROM turns WHERE conversation_id = :id"), {"id": conversation_id})
    episode = session.get(EpisodeRow, conversation_id)
    if episode is None:
        episode = EpisodeRow(conversation_id=conversation_id)
        session.add(episode)
    episode.turns, episode.summary = count.scalar_one(), seal.text(summary)
    episode.arc = json.dumps([[row.person_emotion, round(row.person_valence, 3)] for row in points])


def _shortened(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= _SUMMARY_CHARACTERS else line[:_SUMMARY_CHARACTERS].rsplit(" ", 1)[0] + " ..."


def _come_closer(session: Session, person_id: str, persona: str, vad: VAD) -> None:
    """Closeness grows with turns; its tone follows the person's (after Altman & Taylor 1973, social penetration)."""
    row = session.get(RapportRow, (person_id, persona))
    if row is None:
        row = RapportRow(person_id=person_id, persona=persona, turns=0, warmth=0.5, disclosure=0.0)
        session.add(row)
    row.turns += 1
    row.warmth += _TONE_SHARE * ((1 + vad.valence) / 2 - row.warmth)
    row.disclosure += _TONE_SHARE * (min(1.0, 2 * vad.intensity) - row.disclosure)
