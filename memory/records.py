"""What memory holds: exchanges as they were heard, and the record of a turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from rapport.persona.affect import VAD


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn of talk as both sides heard it: a reply that was interrupted ends at its last word played."""

    person: str
    agent: str
    person_emotion: str = "neutral"
    session: str = ""
    turn: int = 0


@dataclass(frozen=True)
class TurnRecord:
    """A turn to keep: who talked, what was heard on both sides, and how both felt (labels and VAD)."""

    exchange: Exchange
    persona: str
    said_at: str
    """Wall-clock time of the turn, ISO 8601 with offset."""
    person_id: str
    """Whose memory this is: recall reaches across the sessions of one person only."""
    person_vad: VAD = field(default_factory=VAD)
    agent_emotion: str = "neutral"
    agent_vad: VAD = field(default_factory=VAD)
    agent_mood: VAD = field(default_factory=VAD)


@dataclass(frozen=True)
class MemoryCapabilities:
    persistent: bool = False
    """Whether memories outlive the process."""
    semantic: bool = False
    """Whether recall goes by meaning rather than by words or not at all."""
