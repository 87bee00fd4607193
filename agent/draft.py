"""An answer in the making: begun early, so that it is ready when it is wanted, and thrown away when it is not.

While a person still speaks, what they have said may be answered as if it were all. Until somebody takes the draft's
events, nothing of it is seen, felt or remembered; taking them makes it a turn like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from rapport.agent import events as ev
from rapport.agent.stages import Utterance
from rapport.agent.turn import Turn
from rapport.agent.utterance import prepared
from rapport.persona.errors import InputError

if TYPE_CHECKING:
    from rapport.agent.agent import Agent


class Draft:
    """Made by `Agent.draft` in a running event loop; take its events once, or discard it."""

    def __init__(self, agent: Agent, utterance: Utterance | str, *, draw: bool, given_at_s: float | None) -> None:
        self._agent = agent
        self._draw = draw
        self._given_at_s = agent.clock.now_s() if given_at_s is None else given_at_s
        self.taken = False
        """Whether it has become a turn."""
        self._refused: ev.Refused | None = None
        try:
            fit = prepared(utterance, agent.config)
        except InputError as error:
            self._refused = ev.Refused(str(error))
        else:
            self._beginning = asyncio.create_task(self._begin(fit))
        self._over = self._refused is not None
        """Whether there is nothing left to discard."""

    async def events(self) -> AsyncGenerator[ev.Event, None]:
        """Make it a turn, and watch it. What cannot be answered yields one `Refused`."""
        if self._refused is not None:
            self.taken = True
            yield self._refused
            return
        agent = self._agent
        try:
            await asyncio.wait({self._beginning})
        except BaseException:
            await self.discard()
            raise
        if self._over:  # discarded meanwhile
            return
        turn = self._beginning.result()
        self.taken = self._over = True
        try:
            agent.take(turn)
            async with aclosing(turn.events()) as stream:
                async for event in stream:
                    yield event
        finally:
            agent.silent_since_s = agent.clock.now_s()
            agent.one_at_a_time().release()

    async def discard(self) -> None:
        """Stop, and leave no trace. The agent may answer something else afterwards."""
        if self._over:
            return
        self._over = True
        self._beginning.cancel()
        await asyncio.wait({self._beginning})
        if not self._beginning.cancelled() and self._beginning.exception() is None:
            await self._beginning.result().discard()
            self._agent.one_at_a_time().release()

    async def _begin(self, utterance: Utterance) -> Turn:
        """Wait until the turn before is over, and begin."""
        agent = self._agent
        await agent.one_at_a_time().acquire()
        return Turn(agent, utterance, agent.turns + 1, draw=self._draw, given_at_s=self._given_at_s)
