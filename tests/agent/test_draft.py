"""A draft is an answer that nobody has seen: it leaves no trace unless it is taken, and makes the next turn wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rapport.agent import Agent
from rapport.agent.events import Done, Event, Refused
from rapport.agent.testing import FakeMemory, FakeResponder, fake_agent
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.errors import StageError


def state_of(agent: Agent) -> tuple[Any, ...]:
    return agent.state, agent.person_feeling, tuple(agent.history), agent.turns, agent.last_reply, agent.silent_since_s


def test_a_draft_that_is_discarded_leaves_the_agent_as_it_was(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, transition=AnalyticTransition())
    agent.say("hello")
    before, kept = state_of(agent), list(store.records)

    async def think_better_of_it() -> int:
        draft = agent.draft("I lost my job today.", draw=False)
        await asyncio.sleep(60.0)
        await draft.discard()
        await draft.discard()
        return len(asyncio.all_tasks())

    assert clock.run(think_better_of_it()) == 1
    assert state_of(agent) == before
    assert store.records == kept


def test_a_draft_that_is_taken_is_the_turn_that_it_would_have_been(clock: Any) -> None:
    drafted, plain = (fake_agent(clock=clock, transition=AnalyticTransition(), seed=3) for _ in range(2))

    async def wait_and_take() -> list[Event]:
        draft = drafted.draft("I lost my job today.", draw=False)
        await asyncio.sleep(5.0)
        assert not draft.taken
        return [event async for event in draft.events()]

    events = clock.run(wait_and_take())
    reply = plain.say("I lost my job today.")
    done = events[-1]
    assert isinstance(done, Done)
    assert done.reply.text == reply.text
    assert done.reply.felt.emotion.as_tuple() == pytest.approx(reply.felt.emotion.as_tuple())
    assert drafted.history == plain.history
    assert done.reply.trace.seed == reply.trace.seed


def test_a_draft_is_made_while_nobody_looks(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder(["Yes."], delay_s=2.0))

    async def take_late() -> float:
        draft = agent.draft("hello", draw=False)
        await asyncio.sleep(2.5)
        asked_s = clock.now_s()
        async for _ in draft.events():
            pass
        return clock.now_s() - asked_s

    assert clock.run(take_late()) == pytest.approx(0.0, abs=0.01)


def test_the_next_turn_waits_for_the_draft(clock: Any) -> None:
    agent = fake_agent(clock=clock)

    async def both() -> list[str]:
        draft = agent.draft("first", draw=False)
        second = asyncio.create_task(_texts(agent, "second"))
        await asyncio.sleep(60.0)
        assert not second.done()
        async for _ in draft.events():
            pass
        await second
        return [exchange.person for exchange in agent.history]

    async def _texts(agent: Agent, line: str) -> None:
        async for _ in agent.converse(line, draw=False):
            pass

    assert clock.run(both()) == ["first", "second"]


def test_a_draft_of_nothing_is_refused_when_it_is_taken(clock: Any) -> None:
    agent = fake_agent(clock=clock)

    async def take() -> list[Event]:
        return [event async for event in agent.draft("   ").events()]

    events = clock.run(take())
    assert [type(event) for event in events] == [Refused]
    assert agent.say("hello").text


def test_discarding_a_draft_that_waits_for_a_turn_frees_the_agent(clock: Any) -> None:
    agent = fake_agent(clock=clock)

    async def discard_the_second() -> None:
        first, second = agent.draft("first", draw=False), agent.draft("second", draw=False)
        await asyncio.sleep(1.0)
        await second.discard()
        async for _ in first.events():
            pass

    clock.run(discard_the_second())
    assert agent.say("third").text
    assert [exchange.person for exchange in agent.history] == ["first", "third"]


def test_an_agent_in_a_draft_on_another_loop_says_so(clock: Any) -> None:
    agent = fake_agent()

    async def draft_and_ask_elsewhere() -> None:
        draft = agent.draft("hello", draw=False)
        await asyncio.sleep(0)
        with pytest.raises(StageError, match="another event loop"):
            await asyncio.to_thread(agent.say, "hello")
        await draft.discard()

    agent.clock.run(draft_and_ask_elsewhere())
    assert agent.say("hello").text
