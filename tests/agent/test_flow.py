"""Many turns, slow consumers, several agents: nothing grows, nothing drifts, nothing is left running."""

from __future__ import annotations

import asyncio
import gc
import itertools
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rapport.agent import Agent, AgentConfig
from rapport.agent.events import Done, Event, Failed, Frame, Spoken
from rapport.agent.registry import ComponentPool
from rapport.agent.safety.guard import Guard
from rapport.agent.testing import (
    FakeAnimator,
    FakeEmotion,
    FakeMemory,
    FakeRecognizer,
    FakeRenderer,
    FakeResponder,
    FakeTransition,
    FakeVoice,
    fake_agent,
)
from rapport.persona.affect import VAD
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.card import Persona, load_persona

# ----------------------------------------------------------------------------------------------------- slow consumers


def test_a_slow_consumer_holds_the_stages_back_instead_of_filling_memory(clock: Any) -> None:
    renderer = FakeRenderer()
    config = AgentConfig(queue_items=1)
    agent = fake_agent(clock=clock, config=config, rendering=renderer, response=FakeResponder(["A " * 200] * 5))

    async def dawdle() -> int:
        most_ahead, taken = 0, 0
        async for event in agent.converse("hello"):
            taken += isinstance(event, Frame)
            if taken and taken <= 40:
                await asyncio.sleep(60.0)
                most_ahead = max(most_ahead, renderer.calls - taken)
        return most_ahead

    assert clock.run(dawdle()) <= 16 + 16 + 4, "16 pictures and 16 events may wait, and a few in passing"


def test_budgets_do_not_run_while_the_consumer_is_slow(clock: Any) -> None:
    config = AgentConfig(queue_items=1)
    agent = fake_agent(clock=clock, config=config, response=FakeResponder(["One two.", "Three.", "Four."] * 5))

    async def dawdle() -> list[Event]:
        events: list[Event] = []
        async for event in agent.converse("hello"):
            events.append(event)
            await asyncio.sleep(30.0)
        return events

    events = clock.run(dawdle())
    assert not [event for event in events if isinstance(event, Failed)]
    assert isinstance(events[-1], Done)
    assert sum(isinstance(event, Spoken) for event in events) == 15


def test_cancelling_the_consumer_ends_the_turn_and_leaves_no_task(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, response=FakeResponder(["One.", "Two."], delay_s=1.0))

    async def consume() -> None:
        async for _ in agent.converse("hello"):
            pass

    async def cancel() -> int:
        consumer = asyncio.create_task(consume())
        await asyncio.sleep(1.5)
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert clock.run(cancel()) == 1
    assert store.records[-1].exchange.agent == "One."
    assert agent.say("again").text == "One. Two."


def test_an_error_in_the_consumer_is_its_own_and_the_agent_goes_on(clock: Any) -> None:
    agent = fake_agent(clock=clock)

    async def stumble() -> None:
        async for event in agent.converse("hello"):
            if isinstance(event, Spoken):
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        clock.run(stumble())
    assert agent.say("again").text


# --------------------------------------------------------------------------------------------- several at the same time


def shared_fakes(**components: Any) -> ComponentPool:
    pool = ComponentPool()
    fakes = {
        "recognition": FakeRecognizer(),
        "emotion": FakeEmotion(),
        "transition": FakeTransition(),
        "response": FakeResponder(),
        "voice": FakeVoice(),
        "animation": FakeAnimator(),
        "rendering": FakeRenderer(),
        "memory": FakeMemory(),
        **components,
    }
    for stage, fake in fakes.items():
        pool.add(stage, "fake", fake)
    return pool


FAKED: Any = {
    **dict.fromkeys(("recognition", "transition", "response", "voice", "animation", "rendering", "memory"), "fake"),
    "emotion": ("fake",),
}


def test_two_agents_on_one_pool_talk_at_once_and_keep_apart(clock: Any) -> None:
    class Echo(FakeResponder):
        async def respond(self, request: Any) -> AsyncIterator[Any]:
            await asyncio.sleep(1.0)
            yield f"{request.persona.name} heard {request.text}"

    store = FakeMemory()
    pool = shared_fakes(response=Echo(), transition=AnalyticTransition(), memory=store)
    agents = [
        Agent(
            load_persona(name),
            AgentConfig(**FAKED),
            clock=clock,
            pool=pool,
            seed=seed,
            person_id=name,
            guard=Guard(),  # by rules: a classifier reads in a thread, which a virtual clock does not wait for
        )
        for seed, name in enumerate(("harbor", "spark"))
    ]

    async def talk(agent: Agent) -> list[str]:
        texts: list[str] = []
        for number in range(3):
            async for event in agent.converse(f"{number}", draw=False):
                if isinstance(event, Done):
                    texts.append(event.reply.text)
        return texts

    async def both() -> list[list[str]]:
        return await asyncio.gather(*(talk(agent) for agent in agents))

    said = clock.run(both())
    assert said == [[f"{name} heard {number}" for number in range(3)] for name in ("harbor", "spark")]
    assert clock.now_s() == pytest.approx(3.0), "one agent waited for the other"
    assert agents[0].state.emotion != agents[1].state.emotion
    for agent in agents:
        assert [exchange.session for exchange in agent.history] == [agent.session] * 3
        assert sum(record.person_id == agent.person_id for record in store.records) == 3


def test_a_second_turn_of_one_agent_waits_for_the_first(clock: Any) -> None:
    responder = FakeResponder(["Yes."], delay_s=1.0)
    agent = fake_agent(clock=clock, response=responder)

    async def turn(text: str) -> tuple[str, int, float]:
        async for event in agent.converse(text, draw=False):
            if isinstance(event, Done):
                return event.reply.trace.heard.text, event.reply.trace.turn, clock.now_s()
        raise AssertionError("no answer")

    async def both() -> list[tuple[str, int, float]]:
        return await asyncio.gather(turn("first"), turn("second"))

    first, second = clock.run(both())
    assert first == ("first", 1, pytest.approx(1.0))
    assert second == ("second", 2, pytest.approx(2.0))
    assert [exchange.person for exchange in responder.requests[1].history] == ["first"]


def test_a_turn_that_waited_counts_its_time_from_when_the_person_had_spoken(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder(["Yes."], delay_s=1.0))

    async def turn() -> Any:
        return [event async for event in agent.converse("hello", draw=False)][-1]

    async def both() -> Any:
        return await asyncio.gather(turn(), turn())

    totals_s = [done.reply.trace.timings_s.total for done in clock.run(both())]
    assert totals_s == [pytest.approx(1.0), pytest.approx(2.0)]


# ---------------------------------------------------------------------------------------------------- a thousand turns


def test_a_thousand_turns_neither_drift_nor_grow(clock: Any) -> None:
    feelings = itertools.cycle([VAD(-1, 1, -1), VAD(-0.9, 0.8, -0.7)])

    class Strong(FakeEmotion):
        async def estimate(self, heard: Any) -> Any:
            self.vad = next(feelings)
            return await super().estimate(heard)

    agent = fake_agent(
        Persona(name="average"),
        clock=clock,
        emotion=[Strong()],
        transition=AnalyticTransition(),
        response=FakeResponder(["Oh no."]),
        voice=[FakeVoice(fails=RuntimeError("never works")), FakeVoice(word_s=0.1)],
    )

    async def turns(number: int) -> list[VAD]:
        states: list[VAD] = []
        for _ in range(number):
            async for _event in agent.converse("Everything is terrible.", draw=False):
                pass
            states.append(agent.state.emotion)
            assert max(map(abs, agent.state.emotion.as_tuple())) < 1.0
        return states

    async def thousand() -> tuple[list[VAD], int, int, int]:
        early = await turns(800)
        tracemalloc.start()
        await turns(50)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        states = await turns(150)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        await asyncio.sleep(1.0)
        return [*early, *states], grown, len(asyncio.all_tasks()), agent.turns

    states, grown_bytes, tasks, number = clock.run(thousand())
    assert number == 1000
    assert tasks == 1
    assert len(agent.history) == 4
    assert states[-1].distance(states[-101]) < 0.01, "the feeling drifts"
    assert grown_bytes < 100_000


def test_a_thousand_turns_leave_nothing_for_the_cycle_collector_to_close(clock: Any) -> None:
    """Streams are closed when a turn ends, not when the collector finds them."""
    agent = fake_agent(clock=clock, response=FakeResponder(["Oh."]), animation=None)

    async def turns() -> int:
        for _ in range(50):
            async for _event in agent.converse("hello", draw=False):
                pass
        await asyncio.sleep(1.0)
        return len(asyncio.all_tasks())

    gc.disable()
    try:
        assert clock.run(turns()) == 1
    finally:
        gc.enable()
