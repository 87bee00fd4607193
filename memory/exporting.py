"""Everything that is kept about a person, as plain data for JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from rapport.memory.records import Closeness, Episode, Fact
from rapport.memory.sealing import Seal
from rapport.memory.tables import Affect, Conversation, Turn


def conversations(session: Session, seal: Seal, person_id: str) -> list[dict[str, Any]]:
    """A person's conversations with all turns, oldest first."""
    rows = session.scalars(
        select(Conversation)
        .where(Conversation.person_id == person_id)
        .order_by(Conversation.id)
        .options(selectinload(Conversation.turns).joinedload(Turn.affect))
    )
    return [
        {
            "session": row.session,
            "persona": row.persona,
            "started_at": row.started_at,
            "turns": [_turn(turn, turn.affect, seal) for turn in row.turns],
        }
        for row in rows
    ]


def fact(told: Fact) -> dict[str, Any]:
    return {
        "kind": told.kind,
        "subject": told.subject,
        "value": told.value,
        "confidence": told.confidence,
        "quote": told.quote,
        "feeling": told.feeling,
        "vad": list(told.vad.as_tuple()),
        "said_at": told.said_at,
        "session": told.session,
        "turn": told.turn,
        "current": told.current,
    }


def episode(told: Episode) -> dict[str, Any]:
    return {
        "session": told.session,
        "persona": told.persona,
        "started_at": told.started_at,
        "turns": told.turns,
        "summary": told.summary,
        "arc": [list(point) for point in told.arc],
    }


def closeness(told: Closeness) -> dict[str, Any]:
    return {
        "persona": told.persona,
        "turns": told.turns,
        "familiarity": told.familiarity,
        "warmth": told.warmth,
        "disclosure": told.disclosure,
        "closeness": told.closeness,
    }


def _turn(turn: Turn, affect: Affect, seal: Seal) -> dict[str, Any]:
    return {
        "turn": turn.turn,
        "said_at": turn.said_at,
        "person": seal.opened_text(turn.person_text),
        "person_emotion": affect.person_emotion,
        "person_vad": [affect.person_valence, affect.person_arousal, affect.person_dominance],
        "agent": seal.opened_text(turn.agent_text),
        "agent_emotion": affect.agent_emotion,
        "agent_vad": [affect.agent_valence, affect.agent_arousal, affect.agent_dominance],
        "agent_mood": [affect.mood_valence, affect.mood_arousal, affect.mood_dominance],
        "risk": turn.risk,
    }
