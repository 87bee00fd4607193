"""The virtual clock that ships for tests: waiting takes no time, and time goes on from run to run."""

from __future__ import annotations

import asyncio
import time

import pytest

from rapport.agent.testing import FakeResponder, VirtualClock, fake_agent


def test_an_hour_passes_at_once(clock: VirtualClock) -> None:
    began_s = time.monotonic()
    clock.run(asyncio.sleep(3600.0))
    assert clock.now_s() == pytest.approx(3600.0)
    assert time.monotonic() - began_s < 5.0


def test_timers_fire_in_order_of_virtual_time(clock: VirtualClock) -> None:
    fired: list[float] = []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append(clock.now_s())

    async def several() -> None:
        await asyncio.gather(*(wait(seconds) for seconds in (3.0, 1.0, 2.0)))

    clock.run(several())
    assert fired == pytest.approx([1.0, 2.0, 3.0])


def test_time_never_runs_backwards_from_run_to_run(clock: VirtualClock) -> None:
    clock.run(asyncio.sleep(5.0))
    clock.advance(10.0)
    clock.run(asyncio.sleep(1.0))
    assert clock.now_s() == pytest.approx(16.0)


def test_the_example_of_the_module_holds() -> None:
    clock = VirtualClock()
    agent = fake_agent(clock=clock, response=FakeResponder(["I see.", "Tell me more."], delay_s=0.3))
    assert agent.say("hello").text == "I see. Tell me more."
    assert clock.now_s() == pytest.approx(0.6)
