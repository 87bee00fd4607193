"""What all tests share: a virtual clock, one turn as a list of timed events, and a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from rapport.agent import Agent, Utterance
from rapport.agent.events import Event
from rapport.agent.testing import VirtualClock
from rapport.apps.bench.page import chromium_path

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


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """`launch("--flag")` starts headless Chromium, which ends with the module at the latest."""
    chromium = chromium_path()
    if chromium is None:
        pytest.skip("no Chromium found; on Debian: apt install chromium")
    api: Any = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *flags])


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any], request: pytest.FixtureRequest) -> Iterator[Any]:
    """Chromium with the module's CHROMIUM_FLAGS, if it has any."""
    browser = launch(*getattr(request.module, "CHROMIUM_FLAGS", ()))
    yield browser
    browser.close()


def _timed(agent: Agent, utterance: Utterance | str = "I lost my job today.", *, draw: bool = True) -> Timed:
    async def collect() -> Timed:
        return [(agent.clock.now_s(), event) async for event in agent.converse(utterance, draw=draw)]

    return agent.clock.run(collect())
