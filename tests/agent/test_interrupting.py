"""Barge-in at every moment of a turn: what counts as heard, what is kept, and what never reaches the ear."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from rapport.agent import Agent, Utterance
from rapport.agent.events import Clause, Done, Event, Failed, Felt, Frame, Heard, Interrupted, Planned, Spoken
from rapport.agent.stages import EmpathyPlan
from rapport.agent.testing import (
    HANG,
    FakeEmotion,
    FakeMemory,
    FakeRecognizer,
    FakeRenderer,
    FakeResponder,
    FakeVoice,
    fake_agent,
)
from rapport.speech.audio import Audio

LINE = "One two three four five."
"""Five words of 0.3 s each: one second and a half."""


def interrupting(
    agent: Agent,
    when: Callable[[Event], bool],
    heard_until_s: float | None,
    *,
    utterance: Utterance | str = "hello",
    draw: bool = False,
) -> tuple[list[Event], list[Event]]:
    """The events before and after the consumer calls `interrupt` on the first event for which `when` holds."""
    before: list[Event] = []
    after: list[Event] = []

    async def talk() -> None:
        taken = before
        async for event in agent.converse(utterance, draw=draw):
            taken.append(event)
            if taken is before and when(event):
                agent.interrupt(heard_until_s)
                taken = after

    agent.clock.run(talk())
    return before, after


def on(kind: type, index: int = 0) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, kind) and getattr(event, "index", 0) == index


def test_history_memory_and_trace_end_at_the_last_word_played(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, response=FakeResponder([LINE, LINE], delay_s=0.1))
    _, after = interrupting(agent, on(Spoken), 0.95)
    heard = "One two three"
    assert agent.history[-1].agent == heard
    assert store.records[-1].exchange.agent == heard
    done = after[-1]
    assert isinstance(done, Done)
    assert done.reply.text == done.reply.trace.reply.text == heard
    assert agent.last_reply is not None and agent.last_reply.text == heard


def test_a_cut_in_the_second_clause_keeps_the_first_whole(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE, "Six seven eight."]))
    interrupting(agent, on(Spoken, 1), 1.5 + 0.65)
    assert agent.history[-1].agent == f"{LINE} Six seven"


def test_a_word_that_was_cut_off_was_not_heard(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE]))
    interrupting(agent, on(Spoken), 0.59)
    assert agent.history[-1].agent == "One"


def test_interrupted_comes_right_before_done_and_says_what_was_heard(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE, LINE], delay_s=0.1))
    _, after = interrupting(agent, on(Spoken), 0.65)
    assert [type(event) for event in after] == [Interrupted, Done]
    assert after[0] == Interrupted(0.65, "One two")


def test_without_a_time_all_that_was_taken_counts_as_heard(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE, "Six.", "Seven."], delay_s=0.1))
    _, after = interrupting(agent, on(Spoken, 1), None)
    assert after[0] == Interrupted(pytest.approx(1.8), f"{LINE} Six.")  # type: ignore[arg-type]


def test_nothing_of_the_old_reply_comes_after_the_interruption(clock: Any) -> None:
    """However far ahead the stages were: the frames and clauses that wait in the queue are stale."""
    agent = fake_agent(clock=clock, response=FakeResponder([LINE] * 6))
    _, after = interrupting(agent, on(Frame), 0.35, draw=True)
    assert [type(event) for event in after] == [Interrupted, Done]


def test_stale_clauses_do_not_count_as_heard(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder(["One.", "Two.", "Three."]))
    interrupting(agent, on(Spoken, 0), None)
    assert agent.history[-1].agent == "One."


def test_the_stages_stop_working_for_a_reply_that_was_cut(clock: Any) -> None:
    class Watched(FakeResponder):
        closed_at_s: float | None = None

        async def respond(self, request: Any) -> AsyncIterator[EmpathyPlan | str]:
            try:
                async for item in super().respond(request):
                    yield item
            finally:
                self.closed_at_s = clock.now_s()

    responder, voice = Watched([LINE] * 50, delay_s=0.2), FakeVoice()
    agent = fake_agent(clock=clock, response=responder, voice=voice)

    async def talk() -> None:
        async for event in agent.converse("hello", draw=False):
            if isinstance(event, Spoken):
                agent.interrupt(0.0)
        calls = responder.calls, voice.calls
        assert responder.closed_at_s == pytest.approx(clock.now_s())
        await asyncio.sleep(10.0)
        assert (responder.calls, voice.calls) == calls

    clock.run(talk())


@pytest.mark.parametrize("kind", [Heard, Felt, Planned])
def test_barge_in_before_any_reply_leaves_the_persons_words(kind: type, clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, response=FakeResponder([LINE], delay_s=1.0))
    _, after = interrupting(agent, on(kind), None, utterance="I lost my job.")
    assert [type(event) for event in after] == [Interrupted, Done]
    exchange = store.records[-1].exchange
    assert (exchange.person, exchange.agent) == ("I lost my job.", "")
    assert agent.history[-1] == exchange


def test_barge_in_while_the_words_are_still_being_recognised_loses_none_of_them(clock: Any) -> None:
    """People pause in mid-sentence: what they said before the pause was said all the same."""
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, recognition=FakeRecognizer("I lost my job", delay_s=1.0))

    async def talk() -> list[Event]:
        asyncio.get_running_loop().call_later(0.5, agent.interrupt, 0.0)
        return [event async for event in agent.converse(Utterance(audio=Audio.silence(1.0)))]

    events = clock.run(talk())
    assert [type(event) for event in events] == [Heard, Interrupted, Done]
    assert store.records[-1].exchange.person == "I lost my job"


def test_a_clause_that_was_written_but_not_yet_played_was_not_heard(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE]), voice=FakeVoice(delay_s=1.0))
    _, after = interrupting(agent, on(Clause), 0.0)
    assert after[0] == Interrupted(0.0, "")
    assert agent.history[-1].agent == ""


def test_in_a_conversation_of_text_the_clauses_taken_were_read(clock: Any) -> None:
    agent = fake_agent(clock=clock, voice=None, response=FakeResponder(["One.", "Two.", "Three."], delay_s=0.1))
    _, after = interrupting(agent, on(Clause, 1), None)
    assert after[0] == Interrupted(0.0, "One. Two.")


def test_a_reply_that_is_complete_but_still_playing_is_cut_too(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, response=FakeResponder([LINE]))
    reply = agent.say("hello")
    assert reply.text == LINE
    agent.interrupt(0.95)
    assert agent.history[-1].agent == "One two three"
    assert agent.last_reply is not None
    assert agent.last_reply.text == agent.last_reply.trace.reply.text == "One two three"
    agent.say("go on")
    assert [record.exchange.agent for record in store.records] == ["One two three", LINE]


def test_a_cut_never_grows_again(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE]))
    interrupting(agent, on(Spoken), 0.35)
    agent.interrupt(1.0)
    assert agent.history[-1].agent == "One"
    agent.say("hello")
    agent.interrupt(0.65)
    agent.interrupt(1.3)
    assert agent.history[-1].agent == "One two"


def test_a_reply_played_to_its_end_is_not_cut_although_a_clause_had_no_sound(clock: Any) -> None:
    class Chokes(FakeVoice):
        async def speak(self, text: str, *rest: Any) -> Any:
            if text == "Two.":
                raise ValueError("cannot say that")
            return await super().speak(text, *rest)

    agent = fake_agent(clock=clock, voice=Chokes(), response=FakeResponder(["One.", "Two.", "Three."]))
    agent.say("hello")
    agent.interrupt(60.0)
    assert agent.history[-1].agent == "One. Two. Three."


def test_barge_in_while_the_turn_is_being_stored_cuts_this_reply_and_no_other(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, response=FakeResponder([LINE]))
    first = agent.say("first")
    store.delay_s = 1.0

    async def talk() -> Done:
        loop = asyncio.get_running_loop()
        loop.call_later(1.5, agent.interrupt, 0.35)  # one second of recall, then half of the second of storing
        events = [event async for event in agent.converse("second", draw=False)]
        assert isinstance(events[-1], Done)
        return events[-1]

    earlier = agent.last_reply
    done = clock.run(talk())
    assert earlier == first and first.text == LINE
    assert agent.history[-1].agent == "One"
    assert done.reply.text == done.reply.trace.reply.text == "One"
    assert agent.last_reply is not None and agent.last_reply.text == "One"
    clock.run(agent.save())
    assert store.records[-1].exchange.agent == "One"


def test_interrupting_an_agent_that_never_spoke_does_nothing(clock: Any) -> None:
    agent = fake_agent(clock=clock)
    agent.interrupt()
    agent.interrupt(3.0)
    assert agent.say("hello").text


def test_interrupting_twice_ends_the_turn_once(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE] * 4, delay_s=0.1))

    async def talk() -> list[Event]:
        events: list[Event] = []
        async for event in agent.converse("hello"):
            events.append(event)
            agent.interrupt(0.35)
            agent.interrupt(0.95)
        return events

    events = clock.run(talk())
    assert [type(event) for event in events[-2:]] == [Interrupted, Done]
    assert sum(isinstance(event, (Interrupted, Done)) for event in events) == 2


def test_interrupt_may_come_from_another_thread(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE, LINE], delay_s=0.5))

    async def talk() -> list[Event]:
        events: list[Event] = []
        async for event in agent.converse("hello", draw=False):
            events.append(event)
            if isinstance(event, Spoken):
                thread = threading.Thread(target=agent.interrupt, args=(0.65,))
                thread.start()
                thread.join()
        return events

    events = clock.run(talk())
    assert events[-2] == Interrupted(0.65, "One two")
    assert agent.history[-1].agent == "One two"


@pytest.mark.parametrize("kind", [Heard, Planned, Clause, Spoken])
def test_leaving_the_stream_early_keeps_what_was_taken(kind: type, clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, response=FakeResponder(["One.", "Two."], delay_s=0.1))

    async def leave() -> int:
        stream = agent.converse("hello", draw=False)
        async for event in stream:
            if isinstance(event, kind):
                break
        await stream.aclose()  # type: ignore[attr-defined]
        return len(asyncio.all_tasks())

    assert clock.run(leave()) == 1, "a stage works on for a turn that nobody reads"
    expected = "One." if kind in (Clause, Spoken) else ""
    assert (store.records[-1].exchange.person, store.records[-1].exchange.agent) == ("hello", expected)
    assert agent.say("and again").text == "One. Two."


def test_a_consumer_that_stops_at_done_has_the_whole_reply(clock: Any) -> None:
    agent = fake_agent(clock=clock)

    async def until_done() -> None:
        async for event in agent.converse("hello"):
            if isinstance(event, Done):
                break

    clock.run(until_done())
    assert agent.history[-1].agent == "I'm sorry to hear that. What happened?"


@pytest.mark.parametrize(
    "stuck",
    [
        {"emotion": [FakeEmotion(fails=HANG)]},
        {"response": FakeResponder(fails=HANG)},
        {"voice": FakeVoice(fails=HANG)},
        {"rendering": FakeRenderer(fails=HANG)},
        {"memory": FakeMemory(fails=HANG)},
    ],
    ids=lambda stuck: next(iter(stuck)),
)
def test_an_interruption_does_not_wait_for_a_stage_that_hangs(stuck: Any, clock: Any) -> None:
    agent = fake_agent(clock=clock, **stuck)

    async def talk() -> float:
        asyncio.get_running_loop().call_later(0.5, agent.interrupt, 0.0)
        kinds = [type(event) async for event in agent.converse("hello")]
        assert kinds[-1] is Done
        return clock.now_s()

    assert clock.run(talk()) <= 0.5 + 3.0 + 0.01, "half a second, and at most the budget for storing the turn"


def test_an_interruption_is_no_failure_of_the_stages_it_stops(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder([LINE], delay_s=1.0))
    before, after = interrupting(agent, on(Felt), None)
    assert not [event for event in [*before, *after] if isinstance(event, Failed)]
