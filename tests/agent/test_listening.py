"""A conversation over a microphone: utterances in order, barge-in, silence, and an end in mid-speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np
import pytest

from rapport.agent import Agent
from rapport.agent.events import (
    Done,
    Event,
    Failed,
    Frame,
    Heard,
    Hearing,
    Held,
    Interrupted,
    Listening,
    Refused,
    Resumed,
    Spoken,
)
from rapport.agent.testing import (
    FakeEndpointer,
    FakeMemory,
    FakeRecognizer,
    FakeRenderer,
    FakeResponder,
    FakeVoice,
    ScriptedRecognizer,
    fake_agent,
)
from rapport.persona.analytic import AnalyticTransition
from rapport.speech.audio import Audio, Transcript

FRAME_S = 0.1
LINE = "One two three four five."


class Numbers(FakeRecognizer):
    """Hears the loudness of the first sample as a number, so that utterances can be told apart."""

    async def transcribe(self, audio: Audio) -> Transcript:
        await self._work()
        return Transcript(f"utterance {round(float(audio.samples[0]) * 10)}")


class Recording(FakeRecognizer):
    """Keeps what it was given."""

    def __init__(self, **fake: Any) -> None:
        super().__init__(**fake)
        self.heard: list[Audio] = []

    async def transcribe(self, audio: Audio) -> Transcript:
        self.heard.append(audio)
        return await super().transcribe(audio)


async def microphone(script: Iterable[tuple[float, float]]) -> AsyncIterator[Any]:
    """Frames in their own time. `script`: pairs of seconds and a level, 0 for silence."""
    for seconds, level in script:
        for _ in range(round(seconds / FRAME_S)):
            await asyncio.sleep(FRAME_S)
            yield np.full(1600, level, np.float32)


def hold(agent: Agent, *script: tuple[float, float], **options: Any) -> list[Event]:
    async def listen() -> list[Event]:
        events = agent.listen(microphone(script), endpointer=FakeEndpointer(), draw=False, **options)  # type: ignore[arg-type]
        return [event async for event in events]

    return agent.clock.run(listen())


def heard(events: Iterable[Event]) -> list[str]:
    return [event.transcript.text for event in events if isinstance(event, Heard)]


def test_utterances_are_answered_in_order(clock: Any) -> None:
    agent = fake_agent(clock=clock, recognition=Numbers(), response=FakeResponder(["Yes."]))
    events = hold(agent, (0.5, 0.1), (5.0, 0.0), (0.5, 0.2), (5.0, 0.0), (0.5, 0.3), (5.0, 0.0))
    assert heard(events) == ["utterance 1", "utterance 2", "utterance 3"]
    assert [event.reply.text for event in events if isinstance(event, Done)] == ["Yes."] * 3
    assert sum(isinstance(event, Listening) for event in events) == 3
    assert [exchange.person for exchange in agent.history] == heard(events)


def test_silence_is_no_turn(clock: Any) -> None:
    agent = fake_agent(clock=clock)
    assert hold(agent, (30.0, 0.0)) == []
    assert agent.turns == 0


def test_no_frames_at_all_end_at_once(clock: Any) -> None:
    assert hold(fake_agent(clock=clock)) == []


def test_frames_that_end_in_mid_speech_are_answered_all_the_same(clock: Any) -> None:
    agent = fake_agent(clock=clock, recognition=Numbers())
    events = hold(agent, (1.0, 0.0), (0.5, 0.4))
    assert heard(events) == ["utterance 4"]
    assert isinstance(events[-1], Done)


def test_the_last_answer_is_complete_before_the_stream_ends(clock: Any) -> None:
    agent = fake_agent(clock=clock, response=FakeResponder(["One.", "Two.", "Three."], delay_s=5.0))
    events = hold(agent, (0.5, 0.1), (0.3, 0.0))
    assert isinstance(events[-1], Done)
    assert events[-1].reply.text == "One. Two. Three."


def test_speech_during_an_answer_cuts_it_at_the_last_word_played(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(
        clock=clock, memory=store, recognition=Numbers(), response=FakeResponder([LINE] * 9, delay_s=0.5)
    )
    # the answer begins to play 0.5 s after the end of speech is found, and the person breaks in 0.7 s later
    events = hold(agent, (0.5, 0.1), (1.3, 0.0), (0.5, 0.2), (30.0, 0.0))
    kinds = [type(event) for event in events]
    first_done = kinds.index(Done)
    assert kinds[first_done - 1] is Interrupted
    assert Listening in kinds[kinds.index(Spoken) : first_done]
    assert store.records[0].exchange.agent == "One two"
    assert heard(events) == ["utterance 1", "utterance 2"]
    assert events[-1].reply.text == " ".join([LINE] * 9)  # type: ignore[union-attr]


def test_nothing_of_the_old_answer_comes_after_it_was_interrupted(clock: Any) -> None:
    agent = fake_agent(clock=clock, recognition=Numbers(), response=FakeResponder([LINE] * 9, delay_s=0.5))
    events = hold(agent, (0.5, 0.1), (2.3, 0.0), (0.5, 0.2), (30.0, 0.0))
    kinds = [type(event) for event in events]
    second = [i for i, kind in enumerate(kinds) if kind is Listening][1]
    assert kinds[second + 1] is Held
    interrupted = kinds.index(Interrupted)
    assert interrupted > second
    assert kinds[interrupted + 1 : interrupted + 3] == [Done, Heard]


def test_the_player_knows_best_what_was_heard(clock: Any) -> None:
    agent = fake_agent(clock=clock, recognition=Numbers(), response=FakeResponder([LINE] * 9, delay_s=0.5))
    events = hold(agent, (0.5, 0.1), (2.3, 0.0), (0.5, 0.2), (30.0, 0.0), played_s=lambda: 0.35)
    assert next(event for event in events if isinstance(event, Interrupted)) == Interrupted(0.35, "One")


def test_speech_while_a_complete_answer_still_plays_cuts_it_in_history_and_memory(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, recognition=Numbers(), response=FakeResponder([LINE]))
    events = hold(agent, (0.5, 0.1), (1.1, 0.0), (0.5, 0.2), (9.0, 0.0))
    cut = [event for event in events if isinstance(event, Interrupted)]
    assert [event.heard_text for event in cut] == ["One two three"]
    assert [record.exchange.agent for record in store.records] == ["One two three", LINE]


def test_speech_after_an_answer_has_been_played_cuts_nothing(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(clock=clock, memory=store, recognition=Numbers(), response=FakeResponder([LINE]))
    events = hold(agent, (0.5, 0.1), (9.0, 0.0), (0.5, 0.2), (9.0, 0.0))
    assert not [event for event in events if isinstance(event, Interrupted)]
    assert [record.exchange.agent for record in store.records] == [LINE, LINE]


def test_who_goes_on_before_their_words_are_answered_has_said_it_all_in_one_turn(clock: Any) -> None:
    """The endpointer takes a pause for the end; the person goes on before the first part has been recognised."""
    store, ears = FakeMemory(), Recording(delay_s=1.0)
    agent = fake_agent(clock=clock, memory=store, recognition=ears, response=FakeResponder(["Yes."]))
    events = hold(agent, (0.5, 0.1), (0.3, 0.0), (0.5, 0.2), (9.0, 0.0))
    assert len(heard(events)) == len(store.records) == 1
    assert np.unique(ears.heard[-1].samples).tolist() == pytest.approx([0.1, 0.2])
    assert ears.heard[-1].duration_s == pytest.approx(1.0)


def test_a_backchannel_holds_the_answer_and_lets_it_go_on(clock: Any) -> None:
    store = FakeMemory()
    agent = fake_agent(
        clock=clock,
        memory=store,
        recognition=ScriptedRecognizer("I lost my job.", "Mm-hm."),
        response=FakeResponder([LINE, LINE]),
    )
    events = hold(agent, (0.5, 0.1), (1.1, 0.0), (0.3, 0.2), (30.0, 0.0))
    kinds = [type(event) for event in events]
    assert kinds.count(Held) == kinds.count(Resumed) == 1
    assert kinds.index(Held) < kinds.index(Resumed)
    assert Interrupted not in kinds
    assert heard(events) == ["I lost my job."]
    assert [record.exchange.agent for record in store.records] == [f"{LINE} {LINE}"]


def test_a_noise_over_the_answer_lets_it_go_on_even_while_it_lasts(clock: Any) -> None:
    agent = fake_agent(
        clock=clock, recognition=ScriptedRecognizer("I lost my job.", ""), response=FakeResponder([LINE] * 4)
    )
    events = hold(agent, (0.5, 0.1), (1.1, 0.0), (9.0, 0.2), (9.0, 0.0))
    kinds = [type(event) for event in events]
    assert kinds.count(Held) == kinds.count(Resumed) == 1
    assert Interrupted not in kinds
    assert heard(events) == ["I lost my job."]


def test_a_noise_while_nobody_speaks_is_no_turn(clock: Any) -> None:
    agent = fake_agent(clock=clock, recognition=ScriptedRecognizer(""))
    assert hold(agent, (0.5, 0.1), (9.0, 0.0)) == [Listening(), Hearing("", "")]
    assert agent.turns == 0


def test_yes_is_a_turn_when_the_agent_is_silent(clock: Any) -> None:
    agent = fake_agent(clock=clock, recognition=ScriptedRecognizer("Yeah."))
    assert heard(hold(agent, (0.5, 0.1), (9.0, 0.0))) == ["Yeah."]


def test_words_interrupt_while_they_are_still_being_spoken(clock: Any) -> None:
    """Whoever talks over the answer for long need not finish for it to stop."""
    agent = fake_agent(
        clock=clock,
        recognition=ScriptedRecognizer("I lost my job.", "No, wait a moment."),
        response=FakeResponder([LINE] * 9),
    )
    timed: list[tuple[float, Event]] = []

    async def listen() -> None:
        frames = microphone([(0.5, 0.1), (1.1, 0.0), (5.0, 0.2), (9.0, 0.0)])
        async for event in agent.listen(frames, endpointer=FakeEndpointer(), draw=False):  # type: ignore[arg-type]
            timed.append((clock.now_s(), event))

    clock.run(listen())
    began = next(at for at, event in timed if isinstance(event, Held))
    stopped = next(at for at, event in timed if isinstance(event, Interrupted))
    assert stopped - began < 1.5


def test_words_are_told_while_they_are_spoken(clock: Any) -> None:
    ears = FakeEndpointer()

    async def listen(agent: Agent) -> list[Event]:
        frames = microphone([(2.0, 0.1), (1.0, 0.0)])
        return [event async for event in agent.listen(frames, endpointer=ears, draw=False)]  # type: ignore[arg-type]

    events = clock.run(listen(fake_agent(clock=clock, recognition=FakeRecognizer("I lost my job today"))))
    kinds = [type(event) for event in events]
    told = [event for event in events if isinstance(event, Hearing)]
    assert kinds.index(Hearing) < kinds.index(Heard)
    assert told[-1].stable == "I lost my job today"
    assert "I lost my job today" in ears.words


def test_an_answer_is_prepared_at_the_first_pause(clock: Any) -> None:
    """By the time that the end is certain, the answer is there."""
    timed: list[tuple[float, Event]] = []
    agent = fake_agent(clock=clock, recognition=Numbers(delay_s=0.2), response=FakeResponder(["Yes."], delay_s=0.5))

    async def listen() -> None:
        frames = microphone([(0.5, 0.1), (3.0, 0.0)])
        async for event in agent.listen(frames, endpointer=FakeEndpointer(patience_s=0.9), draw=False):  # type: ignore[arg-type]
            timed.append((clock.now_s(), event))

    clock.run(listen())
    ended_s = 0.5 + 0.9
    assert next(at for at, event in timed if isinstance(event, Spoken)) == pytest.approx(ended_s, abs=0.11)


def test_what_was_prepared_in_a_pause_leaves_no_trace_when_the_person_goes_on(clock: Any) -> None:
    store, responder = FakeMemory(), FakeResponder(["Yes."])
    agent = fake_agent(
        clock=clock,
        memory=store,
        recognition=ScriptedRecognizer("I lost my job."),
        response=responder,
        transition=AnalyticTransition(),
    )

    async def listen() -> list[Event]:
        frames = microphone([(0.5, 0.1), (0.4, 0.0), (0.5, 0.1), (0.4, 0.0), (0.5, 0.1), (3.0, 0.0)])
        endpointer = FakeEndpointer(patience_s=0.9)
        return [event async for event in agent.listen(frames, endpointer=endpointer, draw=False)]  # type: ignore[arg-type]

    events = clock.run(listen())
    assert responder.calls == 3  # an answer for each pause, and one that is given
    assert len(heard(events)) == len(store.records) == len(agent.history) == agent.turns == 1
    once = fake_agent(clock=clock, transition=AnalyticTransition()).say("I lost my job.")
    assert once.felt.emotion.valence < once.felt.mood.valence
    assert agent.state.emotion.as_tuple() == pytest.approx(once.felt.emotion.as_tuple())


def test_words_that_hang_in_the_air_are_not_answered_before_the_end(clock: Any) -> None:
    responder = FakeResponder(["Yes."])
    agent = fake_agent(clock=clock, recognition=ScriptedRecognizer("I lost my job and"), response=responder)

    async def listen() -> list[Event]:
        frames = microphone([(0.5, 0.1), (0.6, 0.0), (0.5, 0.1), (3.0, 0.0)])
        endpointer = FakeEndpointer(patience_s=0.9)
        return [event async for event in agent.listen(frames, endpointer=endpointer, draw=False)]  # type: ignore[arg-type]

    assert heard(clock.run(listen())) == ["I lost my job and"]
    assert responder.calls == 1


def test_when_no_recogniser_works_the_turn_says_so_and_answers(clock: Any) -> None:
    agent = fake_agent(clock=clock, recognition=Numbers(fails=OSError("gone")))
    events = hold(agent, (0.5, 0.1), (9.0, 0.0))
    assert any(isinstance(event, Failed) and event.stage == "recognition" for event in events)
    assert isinstance(events[-1], Done)


def test_an_utterance_that_cannot_be_a_turn_is_refused_and_the_conversation_goes_on(clock: Any) -> None:
    from rapport.agent import AgentConfig

    config = AgentConfig(max_audio_s=1.0)
    agent = fake_agent(clock=clock, config=config, recognition=Numbers())
    events = hold(agent, (2.0, 0.1), (3.0, 0.0), (0.5, 0.2), (9.0, 0.0))
    assert sum(isinstance(event, Refused) for event in events) == 1
    assert heard(events) == ["utterance 2"]


def test_the_persons_voice_is_heard_while_the_consumer_is_slow(clock: Any) -> None:
    """Barge-in must not queue behind the pictures that a slow page has not taken yet, nor be told twice."""
    agent = fake_agent(clock=clock, recognition=Numbers(), voice=FakeVoice(), response=FakeResponder([LINE] * 3))

    async def dawdle() -> list[Event]:
        events: list[Event] = []
        frames = microphone([(0.5, 0.1), (1.5, 0.0), (0.5, 0.2), (2.0, 0.0)])
        async for event in agent.listen(frames, endpointer=FakeEndpointer()):  # type: ignore[arg-type]
            events.append(event)
            await asyncio.sleep(0.0 if isinstance(event, Frame) else 1.0)
        return events

    events = clock.run(dawdle())
    assert heard(events) == ["utterance 1", "utterance 2"]
    kinds = [type(event) for event in events]
    assert kinds.count(Interrupted) == 1
    assert kinds[kinds.index(Interrupted) + 1] is Done


def test_leaving_the_conversation_leaves_no_task(clock: Any) -> None:
    agent = fake_agent(clock=clock, rendering=FakeRenderer(delay_s=0.01))

    async def leave() -> int:
        stream = agent.listen(microphone([(0.5, 0.1), (9.0, 0.0)]), endpointer=FakeEndpointer())  # type: ignore[arg-type]
        async for event in stream:
            if isinstance(event, Spoken):
                break
        await stream.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(1.0)
        return len(asyncio.all_tasks())

    assert clock.run(leave()) == 1


def test_cancelling_the_conversation_leaves_no_task(clock: Any) -> None:
    agent = fake_agent(clock=clock)

    async def listen() -> None:
        async for _ in agent.listen(microphone([(60.0, 0.0)]), endpointer=FakeEndpointer()):  # type: ignore[arg-type]
            pass

    async def cancel() -> int:
        task = asyncio.create_task(listen())
        await asyncio.sleep(5.0)
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(1.0)
        return len(asyncio.all_tasks())

    assert clock.run(cancel()) == 1


def test_a_microphone_that_breaks_ends_the_conversation_with_its_error(clock: Any) -> None:
    async def broken() -> AsyncIterator[Any]:
        yield np.zeros(1600, np.float32)
        raise OSError("the device was unplugged")

    agent = fake_agent(clock=clock)

    async def listen() -> list[Event]:
        return [event async for event in agent.listen(broken(), endpointer=FakeEndpointer())]  # type: ignore[arg-type]

    with pytest.raises(OSError, match="unplugged"):
        clock.run(listen())
