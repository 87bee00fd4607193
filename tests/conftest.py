"""What all tests share: a virtual clock, and one turn as a list of timed events."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from rapport.agent import Agent, Utterance
from rapport.agent.events import Event
from rapport.agent.testing import VirtualClock

settings.register_profile("rapport", max_examples=40, deadline=None)
settings.load_profile("rapport")

Timed = list[tuple[float, Event]]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def converse() -> Callable[..., list[Event]]:
    """`converse(agent, "hello")` gives the events of one turn."""
    return lambda *given, **options: [event for _, event in _timed(*given, **options)]


@pytest.fixture
def converse_timed() -> Callable[..., Timed]:
    """`converse_timed(agent, "hello")` gives each event of one turn with the time at which it came."""
    return _timed


def _timed(agent: Agent, utterance: Utterance | str = "I lost my job today.", *, draw: bool = True) -> Timed:
    async def collect() -> Timed:
        return [(agent.clock.now_s(), event) async for event in agent.converse(utterance, draw=draw)]

    return agent.clock.run(collect())
