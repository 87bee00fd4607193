"""Putting a turn into the database, in the caller's transaction. What is made of it later is in `digest`.

A person waits for this, so the statements are built once: building them anew took longer than running them.
"""

from __future__ import annotations

import secrets
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from rapport.memory.database import Database
from rapport.memory.digest import undo
from rapport.memory.records import TurnRecord
from rapport.memory.tables import Affect, Conversation, Person, Turn

_TURNS, _AFFECT, _PEOPLE, _TALKS = (cast(Table, made.__table__) for made in (Turn, Affect, Person, Conversation))
_TALK = (
    select(Conversation.id, Person.key)
    .join(Conversation.person)
    .where(Conversation.person_id == bindparam("person"), Conversation.session == bindparam("name"))
)
_KEY = select(Person.key).where(Person.id == bindparam("person"))
_KNOWN = select(Turn.id, Turn.person_text, Turn.digested).where(
    Turn.conversation_id == bindparam("talk"), Turn.turn == bindparam("number")
)
_ADD_PERSON = insert(_PEOPLE)
_ADD_TALK = insert(_TALKS).returning(_TALKS.c.id)
_ADD_TURN = insert(_TURNS).returning(_TURNS.c.id)
_ADD_AFFECT = insert(_AFFECT)
_AXES = ("valence", "arousal", "dominance")


def store_turn(session: Session, database: Database, record: TurnRecord, said: str, answered: str) -> None:
    """Keep a turn with these words of both sides; in place of an earlier one of the same number."""
    seal = database.seal
    talk, key = _conversation(session, record)
    known = session.execute(_KNOWN, {"talk": talk, "number": record.exchange.turn}).one_or_none()
    values = {"said_at": record.said_at, "agent_text": seal.text(answered), "risk": record.risk}
    if known is None:
        values |= {"conversation_id": talk, "turn": record.exchange.turn, "person_text": seal.text(said)}
        turn_id = session.execute(_ADD_TURN, values).scalar_one()
        session.execute(_ADD_AFFECT, {"turn_id": turn_id, **_affect(record)})
        return
    if seal.opened_text(known.person_text) != said:
        if known.digested:
            undo(session, database, known.id, key, known.person_text)
        values |= {"person_text": seal.text(said), "digested": 0}
    session.execute(update(_TURNS).where(_TURNS.c.id == known.id), values)
    session.execute(update(_AFFECT).where(_AFFECT.c.turn_id == known.id), _affect(record))


def storable(text: str) -> str:
    """The text without what databases refuse: NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _conversation(session: Session, record: TurnRecord) -> tuple[int, int]:
    """Id of the stored conversation that the turn belongs to, made when this is its first, and the person's key."""
    person, name = storable(record.person_id), storable(record.exchange.session)
    found = session.execute(_TALK, {"person": person, "name": name}).one_or_none()
    if found is not None:
        return found.id, found.key
    key = session.execute(_KEY, {"person": person}).scalar()
    if key is None:
        key = secrets.randbits(62)
        session.execute(_ADD_PERSON, {"id": person, "key": key, "revision": 0})
    made = {
        "person_id": person, "session": name, "persona": storable(record.persona), "started_at": record.said_at
    }  # fmt: skip
    return session.execute(_ADD_TALK, made).scalar_one(), key


def _affect(record: TurnRecord) -> dict[str, Any]:
    felt = {"person": record.person_vad, "agent": record.agent_vad, "mood": record.agent_mood}
    numbers = {f"{whose}_{axis}": getattr(vad, axis) for whose, vad in felt.items() for axis in _AXES}
    return {"person_emotion": record.exchange.person_emotion, "agent_emotion": record.agent_emotion, **numbers}
