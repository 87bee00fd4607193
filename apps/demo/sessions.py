"""Everybody who has the page open: one conversation per tab, what they share, and what goes when a tab closes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.config import AgentConfig, StageConfig
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.line import Lines
from rapport.apps.demo.media import MediaShelf
from rapport.apps.demo.portrait import idle_film
from rapport.persona.errors import RapportError

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

MOST_CONVERSATIONS = 64
"""When more tabs are open, the one that was idle for longest starts anew."""

MakeAgent = Callable[[str], Agent]
"""Makes a fresh agent for a persona's name."""


def private(config: AgentConfig) -> AgentConfig:
    """The configuration with a memory that lives in this process only."""
    return config.model_copy(update={"memory": StageConfig(use="sql::memory:", fallback=("none",), budget_s=3)})


class Sessions:
    """Conversations by tab. Agents share their components; every state belongs to one conversation.

    Apart from `wake`, to be used from the page's event loop only.

    Args:
        make_agent: makes a fresh agent for a persona's name.
        persona: the persona that is woken first.
    """

    def __init__(self, make_agent: MakeAgent, persona: str) -> None:
        self.persona = persona
        self.shelf = MediaShelf()
        self.lines = Lines()
        self._make_agent = make_agent
        self._open: OrderedDict[str, Conversation] = OrderedDict()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="rapport-demo")
        self._waking: Future[list[ev.Failed]] | None = None
        self._films: dict[str, Future[bytes | None]] = {}

    @classmethod
    def from_config(cls, config: AgentConfig) -> Sessions:
        """Sessions of agents as a configuration describes them, with a memory that is gone with the tab."""
        config = private(config)
        return cls(lambda persona: Agent.from_persona(persona, config), config.persona)

    # ------------------------------------------------------------------------------------------------ what is shared

    def wake(self) -> Future[list[ev.Failed]]:
        """Start every component in the background, once; the result is what could not start."""
        if self._waking is None:
            self._waking = self._background.submit(lambda: asyncio.run(self._make_agent(self.persona).warm_up()))
            self._film(self.persona)
        return self._waking

    async def awake(self) -> list[ev.Failed]:
        """Wait until the components have started."""
        return await asyncio.shield(asyncio.wrap_future(self.wake()))

    async def idle_film(self, persona: str) -> bytes | None:
        """The persona's head at rest (mp4), drawn once per process; None when it cannot be drawn."""
        return await asyncio.shield(asyncio.wrap_future(self._film(persona)))

    def _film(self, persona: str) -> Future[bytes | None]:
        if persona not in self._films:
            self._films[persona] = self._background.submit(self._draw_film, persona)
        return self._films[persona]

    def _draw_film(self, persona: str) -> bytes | None:
        try:
            return asyncio.run(idle_film(self._make_agent(persona)))
        except RapportError:
            return None  # the page shows a drawn outline in its place; the first turn reports what is broken

    # -------------------------------------------------------------------------------------------------- what is not

    async def begin(self, tab: str, persona: str) -> Conversation:
        """A new conversation for a tab; the one that it had is forgotten.

        Raises:
            InputError: unknown persona.
        """
        agent = self._make_agent(persona)
        await self.end(tab)
        while len(self._open) >= MOST_CONVERSATIONS:
            await self.end(next(iter(self._open)))
        conversation = self._open[tab] = Conversation(agent, self.shelf, persona)
        return conversation

    async def of(self, tab: str) -> Conversation:
        """The conversation of a tab, begun when there is none."""
        conversation = self._open.get(tab)
        if conversation is None:
            return await self.begin(tab, self.persona)
        self._open.move_to_end(tab)
        return conversation

    async def end(self, tab: str) -> None:
        """Forget a tab's conversation."""
        conversation = self._open.pop(tab, None)
        if conversation is not None:
            await conversation.close()

    def routes(self) -> list[BaseRoute]:
        """What must be served beside the page: clips for the player, and lines for the microphone."""
        return [self.shelf.route(), self.lines.route()]

    @property
    def open_tabs(self) -> int:
        return len(self._open)

    def shut_down(self) -> None:
        """Let the background thread go."""
        self._background.shutdown(wait=False, cancel_futures=True)
