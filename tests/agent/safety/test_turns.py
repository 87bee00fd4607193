"""In a turn: a crisis is answered at once and no responder is asked; it is kept in mind; a draft leaves no trace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rapport.agent import events as ev
from rapport.agent.config import AgentConfig
from rapport.agent.safety.guard import Guard
from rapport.agent.safety.levels import Finding, Level
from rapport.agent.safety.resources import FOLLOW_UPS
from rapport.agent.testing import FakeMemory, FakeResponder, VirtualClock, fake_agent

CRISIS = "I want to kill myself tonight"


def make(clauses: tuple[str, ...] = ("I see.",), **config: Any) -> tuple[Any, FakeResponder, FakeMemory, VirtualClock]:
    clock, responder, memory = VirtualClock(), FakeResponder(clauses), FakeMemory()
    agent = fake_agent(clock=clock, response=responder, memory=memory, config=AgentConfig(**config), rendering=None)
    return agent, responder, memory, clock


def events_of(agent: Any, clock: VirtualClock, text: str) -> list[ev.Event]:
    async def run() -> list[ev.Event]:
        return [event async for event in agent.converse(text)]

    return clock.run(run())


def test_no_responder_is_asked_in_a_crisis() -> None:
    agent, responder, memory, clock = make(locale="en-GB")
    events = events_of(agent, clock, CRISIS)
    assert responder.requests == []
    kinds = [type(event) for event in events]
    assert kinds[:2] == [ev.Heard, ev.Risk] and kinds[-1] is ev.Done
    done = events[-1]
    assert isinstance(done, ev.Done)
    assert "116 123" in done.reply.text and "999" in done.reply.text and "computer program" in done.reply.text
    assert done.reply.audio is not None
    assert memory.records[-1].risk == "crisis: suicide"
    assert done.reply.trace.risk is not None and done.reply.trace.risk.level == "crisis"


def test_everyday_talk_has_no_risk_event_and_no_note() -> None:
    agent, responder, memory, clock = make()
    events = events_of(agent, clock, "this homework is killing me")
    assert not any(isinstance(event, ev.Risk) for event in events)
    assert memory.records[-1].risk is None
    assert responder.requests[0].guidance == ""


def test_a_concern_is_answered_by_the_responder_with_guidance() -> None:
    agent, responder, memory, clock = make()
    events = events_of(agent, clock, "I feel completely hopeless")
    assert any(isinstance(event, ev.Risk) and event.found.level is Level.CONCERN for event in events)
    assert "safe" in responder.requests[0].guidance
    assert memory.records[-1].risk == "concern: suicide"


def test_the_agent_asks_afterwards_and_lets_go() -> None:
    agent, responder, _, _ = make()
    agent.say(CRISIS)
    replies = [agent.say("The weather is fine").text for _ in range(7)]
    assert replies[0].startswith(FOLLOW_UPS[0])
    assert sum(FOLLOW_UPS[0] in reply for reply in replies) == 1
    assert sum(FOLLOW_UPS[1] in reply for reply in replies) == 1
    assert responder.requests[0].guidance and not responder.requests[-1].guidance
    assert agent.following.turns == 0


def test_a_draft_thrown_away_leaves_nothing_to_follow() -> None:
    agent, responder, memory, clock = make()

    async def run() -> None:
        draft = agent.draft(CRISIS)
        await asyncio.sleep(1)
        await draft.discard()

    clock.run(run())
    assert agent.following.turns == 0 and memory.records == [] and responder.requests == []
    assert agent.say("The weather is fine").text == "I see."


def test_who_breaks_in_while_the_guard_still_reads_is_followed_all_the_same() -> None:
    class Slow(Guard):
        async def look(self, text: str) -> Finding:
            await asyncio.sleep(0.5)
            return self.read(text)

    clock = VirtualClock()
    agent = fake_agent(clock=clock, guard=Slow(), rendering=None)

    async def run() -> None:
        async for event in agent.converse(CRISIS):
            if isinstance(event, ev.Heard):
                agent.interrupt(0.0)

    clock.run(run())
    assert agent.following.kind == "suicide" and agent.following.turns > 0


@pytest.mark.parametrize(
    "bad", ["You only need me.", "Take 20 mg of it.", "I am a real person.", "You have depression."]
)
def test_a_harmful_clause_is_not_said(bad: str) -> None:
    agent, _, _, _ = make((bad, "How was that for you?"))
    assert agent.say("I lost my job today").text == "How was that for you?"


def test_a_reply_of_harm_alone_becomes_a_safe_sentence() -> None:
    agent, _, _, _ = make(("You only need me.",))
    assert "tell me a little more" in agent.say("I lost my job today").text
