"""What memory holds and gives back: exchanges as they were heard, records of turns, facts, and what comes to mind."""

from __future__ import annotations

from collections.abc import Mapping
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
    risk: str | None = None
    """What a safety guard found in the turn, in its own words (e.g. "crisis: suicide"); None for nothing."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the person said of themselves, and how they felt when they did.

    `kind` is one of name, pet, person, job, home, origin, plan, taste, fear. There is one current fact per kind and
    subject: a newer one supersedes it.
    """

    kind: str
    subject: str
    """What it is about, in lower case: "dog max", "sister", "maths exam"; "self" for the person."""
    value: str
    """What is known of it: "called Max", "died", "2026-06-12", "likes"."""
    confidence: float
    """How sure the rule that found it is, in (0, 1]."""
    quote: str
    """The person's own sentence."""
    feeling: str = "neutral"
    """The person's emotion in that turn."""
    vad: VAD = field(default_factory=VAD)
    said_at: str = ""
    session: str = ""
    turn: int = 0
    current: bool = True
    """Whether nothing newer has superseded it."""

    @property
    def statement(self) -> str:
        """The fact in plain words, e.g. "dog max: called Max"."""
        return f"{self.kind}: {self.value}" if self.subject == "self" else f"{self.subject}: {self.value}"


@dataclass(frozen=True, slots=True)
class Recollection(Exchange):
    """An exchange that came to mind, and why."""

    said_at: str = ""
    vad: VAD = field(default_factory=VAD)
    """How the person felt then."""
    score: float = 0.0
    """The sum of `parts`."""
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """What each part of recall contributed, weight included: meaning, words, recency, importance, mood."""
    facts: tuple[Fact, ...] = ()
    """What the person said in it that still holds."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One conversation in short: what moved the person most, and how their feeling went."""

    session: str
    persona: str
    started_at: str
    turns: int
    summary: str
    """The person's own weightiest sentences, quoted."""
    arc: tuple[tuple[str, float], ...]
    """Emotion label and valence at the beginning, the lowest and highest point, and the end."""


@dataclass(frozen=True, slots=True)
class Closeness:
    """How well one persona and one person know each other, each value in [0, 1]."""

    persona: str
    turns: int
    familiarity: float
    """From the number of turns."""
    warmth: float
    """From the tone: .5 is neutral."""
    disclosure: float
    """From how much feeling the person has shown."""

    @property
    def closeness(self) -> float:
        """Familiarity carries it; warmth and disclosure deepen it."""
        return self.familiarity * (0.4 + 0.3 * self.warmth + 0.3 * self.disclosure)


@dataclass(frozen=True)
class MemoryCapabilities:
    persistent: bool = False
    """Whether memories outlive the process."""
    semantic: bool = False
    """Whether recall goes by meaning rather than by words or not at all."""
    encrypted: bool = False
    """Whether words and vectors are encrypted at rest."""
