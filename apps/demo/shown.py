"""What the page shows of a conversation, as plain data, and the box in which its changes wait to be shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from rapport.agent import events as ev
from rapport.agent.stages import EmpathyPlan
from rapport.agent.trace import TurnTrace
from rapport.apps.demo.traits import TraitEffect
from rapport.persona.affect import AffectState


class Part(Enum):
    """A part of the page that can change by itself."""

    WORDS = auto()
    AFFECT = auto()
    WHY = auto()
    PLAYER = auto()


class Phase(Enum):
    """What the agent is doing, as the page names it."""

    WAKING = "waking"
    READY = "ready"
    LISTENING = "listening"
    """The microphone is open, and nobody speaks."""
    HEARING = "hearing"
    THINKING = "thinking"
    SPEAKING = "speaking"


@dataclass
class ShownTurn:
    """One turn as the page shows it."""

    person: str | None = None
    """None until the words are recognised."""
    clauses: list[str] = field(default_factory=list[str])
    interrupted: bool = False
    """The person broke in; `clauses` holds what they had heard by then."""
    notices: list[str] = field(default_factory=list[str])
    """Failures that the turn got over, one line each."""
    perceived: ev.Perceived | None = None
    before: AffectState | None = None
    """How the agent felt when the turn came."""
    felt: AffectState | None = None
    traits: tuple[TraitEffect, ...] = ()
    """Which traits of the agent's moved its feeling, strongest first."""
    plan: EmpathyPlan | None = None
    trace: TurnTrace | None = None
    """All of it, once the turn is over."""


@dataclass(frozen=True)
class ShownFace:
    """The face between replies, as a file on the shelf."""

    token: str
    media_type: str


class Changes:
    """Parts that have changed and have not been shown yet: a slow page skips states, and holds nobody up."""

    def __init__(self) -> None:
        self._parts: set[Part] = set()
        self._news = asyncio.Event()
        self._over = False

    def add(self, parts: Iterable[Part]) -> None:
        self._parts.update(parts)
        if self._parts:
            self._news.set()

    def end(self) -> None:
        """Nothing more will change."""
        self._over = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[frozenset[Part]]:
        while True:
            await self._news.wait()
            self._news.clear()
            parts, self._parts = frozenset(self._parts), set()
            if parts:
                yield parts
            if self._over and not self._parts:
                return


def failure_line(failure: ev.Failed) -> str:
    """A failure in words that a visitor can use."""
    return (
        f"{failure.stage.capitalize()} ({failure.component}) failed: {failure.error}. Going on with {failure.fallback}."
    )
