"""What a guard can find: how grave, of what kind, how sure, and which words carried it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class Level(IntEnum):
    """How much a turn asks of us."""

    NONE = 0
    CONCERN = 1
    """Distress or danger that is past, denied, distant or unclear: the reply goes on, guided and checked."""
    CRISIS = 2
    """Somebody's life or safety may be at stake now: help is named at once, and no model is asked."""

    @classmethod
    def named(cls, name: str) -> Level:
        """The level of this name in lower case; KeyError for others."""
        return cls[name.upper()]

    @property
    def word(self) -> str:
        return self.name.lower()


Kind = Literal["suicide", "self-harm", "abuse", "violence", "medical emergency", "minor"]
KINDS: tuple[Kind, ...] = ("suicide", "self-harm", "abuse", "violence", "medical emergency", "minor")


@dataclass(frozen=True)
class Finding:
    """What a guard found in one text."""

    level: Level = Level.NONE
    kind: Kind | None = None
    """None when nothing was found."""
    probability: float = 0.0
    """How sure the guard is of at least this level, in [0, 1]; for NONE, how probable any risk is."""
    words: tuple[str, ...] = ()
    """The stretches of the text that carried it, as a rule matched them; empty when the classifier alone found it."""
    rule: str = ""
    """The rule that decided, or "classifier"; empty for nothing found."""
    about_other: bool = False
    """Whether the danger seems to be somebody else's."""

    @property
    def note(self) -> str | None:
        """The finding as memory keeps it, e.g. "crisis: suicide"; None for nothing. It holds no word of the person."""
        return None if self.level is Level.NONE else f"{self.level.word}: {self.kind}"
