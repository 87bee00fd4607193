"""One turn that goes well: the order of its events, how its stages overlap, and what it leaves behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rapport.agent import AgentConfig, StageConfig, Utterance
from rapport.agent.events import Clause, Done, Face, Felt, Frame, Heard, Perceived, Planned, Spoken
from rapport.agent.stages import PersonTurn
from rapport.agent.testing import (
    HANG,
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
from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.errors import InputError
from rapport.persona.transition import TransitionRequest
from rapport.speech.audio import Audio


def kinds(events: list[Any]) -> list[type]:
    """The types of events in order, repeated frames counted once."""
    found = [type(event) for event in events]
    return [kind for i, kind in enumerate(found) if i == 0 or kind is not Frame or found[i - 1] is not Frame]


def test_events_of_a_one_clause_turn_come_in_the_documented_order(clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, response=FakeResponder(["I see."])))
    assert kinds(events) == [Heard, Perceived, Felt, Planned, Clause, Spoken, Face, Frame, Done]


def test_each_clause_is_written_before_it_is_spoken_before_it_is_shown(clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, response=FakeResponder(["One.", "Two.", "Three."])))
    for index in range(3):
        places = [
            next(i for i, event in enumerate(events) if isinstance(event, kind) and event.index == index)
            for kind in (Clause, Spoken, Face, Frame)
        ]
        assert places == sorted(places)
    for kind in (Clause, Spoken, Face):
        assert [event.index for event in events if isinstance(event, kind)] == [0, 1, 2]


def test_nothing_competes_with_the_first_sound_and_later_clauses_overlap(clock: Any, converse_timed: Any) -> None:
    agent = fake_agent(
        clock=clock,
        response=FakeResponder(["First.", "Second.", "Third."], delay_s=1.0),
        voice=FakeVoice(delay_s=0.6),
    )
    at = {(type(event), getattr(event, "index", None)): at_s for at_s, event in converse_timed(agent, draw=False)}
    assert at[(Clause, 0)] == pytest.approx(1.0)
    assert at[(Spoken, 0)] == pytest.approx(1.6)
    assert at[(Clause, 1)] == pytest.approx(2.6), "the writer rests until the first sound is there"
    assert at[(Spoken, 1)] == pytest.approx(3.2)
    assert at[(Clause, 2)] == pytest.approx(3.6), "the third clause is written while the second is spoken"
    assert at[(Done, None)] == pytest.approx(4.2)


def test_a_voice_that_hangs_does_not_hold_the_writer_longer_than_its_budget(clock: Any, converse_timed: Any) -> None:
    config = AgentConfig(voice=StageConfig(use="kokoro", budget_s=5.0))
    agent = fake_agent(clock=clock, config=config, voice=FakeVoice(fails=HANG), response=FakeResponder(["A.", "B."]))
    at = {(type(event), getattr(event, "index", None)): at_s for at_s, event in converse_timed(agent, draw=False)}
    assert at[(Clause, 1)] == pytest.approx(5.0)


def test_voice_speaks_the_next_clause_while_the_last_one_is_drawn(clock: Any, converse_timed: Any) -> None:
    agent = fake_agent(
        clock=clock,
        response=FakeResponder(["First.", "Second."]),
        voice=FakeVoice(delay_s=0.1),
        rendering=FakeRenderer(delay_s=0.5),
    )
    timed = converse_timed(agent)
    second_spoken_s = next(at_s for at_s, event in timed if isinstance(event, Spoken) and event.index == 1)
    last_first_frame_s = max(at_s for at_s, event in timed if isinstance(event, Frame) and event.index == 0)
    assert second_spoken_s == pytest.approx(0.2)
    assert last_first_frame_s > 3.0


def test_modalities_and_recall_are_read_at_the_same_time(clock: Any, converse_timed: Any) -> None:
    agent = fake_agent(
        clock=clock,
        emotion=[FakeEmotion(delay_s=0.3), FakeEmotion(modality="voice", delay_s=0.3)],
        memory=FakeMemory(delay_s=0.3),
    )
    timed = converse_timed(agent, Utterance(audio=Audio.silence(1.0)))
    perceived_s, perceived = next(item for item in timed if isinstance(item[1], Perceived))
    assert set(perceived.modalities) == {"text", "voice"}
    assert perceived_s == pytest.approx(0.3)


def test_frames_and_clauses_join_on_one_reply_clock(clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, response=FakeResponder(["One two three.", "Four.", "Five six."])))
    spoken = [event for event in events if isinstance(event, Spoken)]
    ends_s = np.cumsum([event.clause.audio.duration_s for event in spoken])
    assert [event.start_s for event in spoken] == pytest.approx([0.0, *ends_s[:-1]])
    times_s = [event.time_s for event in events if isinstance(event, Frame)]
    assert times_s == pytest.approx([k / 25 for k in range(len(times_s))])
    done = events[-1]
    assert done.reply.audio.duration_s == pytest.approx(ends_s[-1])
    assert done.reply.track.duration_s == pytest.approx(ends_s[-1], abs=0.04)


def test_say_answers_with_text_sound_and_track_but_no_pictures(clock: Any) -> None:
    renderer = FakeRenderer()
    reply = fake_agent(clock=clock, rendering=renderer).say("I lost my job today.")
    assert reply.text == "I'm sorry to hear that. What happened?"
    assert reply.audio is not None and reply.audio.duration_s == pytest.approx(7 * 0.3)
    assert reply.track is not None and reply.plan is not None
    assert reply.plan.event == "I lost my job today."
    assert renderer.calls == 0


def test_typed_words_need_no_recogniser_and_spoken_ones_do(clock: Any, converse: Any) -> None:
    recognizer = FakeRecognizer("my dog died")
    agent = fake_agent(clock=clock, recognition=recognizer)
    assert converse(agent, "hello")[0].transcript.text == "hello"
    assert recognizer.calls == 0
    heard = converse(agent, Utterance(audio=Audio.silence(1.5)))[0].transcript
    assert heard.text == "my dog died"
    assert heard.words[-1].end_s == pytest.approx(1.5)


def test_a_recogniser_of_a_modality_that_is_absent_is_not_asked(clock: Any, converse: Any) -> None:
    face, voice = FakeEmotion(modality="face"), FakeEmotion(modality="voice")
    converse(fake_agent(clock=clock, emotion=[FakeEmotion(), voice, face]), "typed only")
    assert (voice.calls, face.calls) == (0, 0)


def test_responder_sees_history_that_is_bounded_and_oldest_first(clock: Any) -> None:
    responder = FakeResponder(["Yes."])
    agent = fake_agent(clock=clock, response=responder)
    for number in range(7):
        agent.say(f"line {number}")
    history = responder.requests[-1].history
    assert [exchange.person for exchange in history] == ["line 2", "line 3", "line 4", "line 5"]
    assert {exchange.agent for exchange in history} == {"Yes."}


def test_what_is_recalled_is_older_than_what_stands_in_history(clock: Any) -> None:
    responder = FakeResponder(["Yes."])
    agent = fake_agent(clock=clock, response=responder)
    for number in range(9):
        agent.say(f"line {number}")
    request = responder.requests[-1]
    assert request.recalled
    assert not {item.turn for item in request.recalled} & {item.turn for item in request.history}


def test_an_answer_needs_neither_voice_nor_face(clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, voice=None, animation=None, rendering=None))
    assert kinds(events) == [Heard, Perceived, Felt, Planned, Clause, Clause, Done]
    reply = events[-1].reply
    assert (reply.text, reply.audio, reply.track) == ("I'm sorry to hear that. What happened?", None, None)


def test_timings_count_from_the_end_of_the_persons_turn(clock: Any) -> None:
    agent = fake_agent(
        clock=clock,
        recognition=FakeRecognizer(delay_s=0.5),
        emotion=[FakeEmotion(delay_s=0.25)],
        transition=FakeTransition(delay_s=0.125),
        response=FakeResponder(["Yes."], delay_s=1.0),
        voice=FakeVoice(delay_s=0.5),
        animation=FakeAnimator(delay_s=0.5),
    )
    clock.advance(1000.0)
    timings = agent.say(Utterance(audio=Audio.silence(1.0))).trace.timings_s
    assert timings.recognition == pytest.approx(0.5)
    assert timings.perception == pytest.approx(0.75)
    assert timings.first_token == pytest.approx(1.875)
    assert timings.first_audio == pytest.approx(2.375)
    assert timings.first_frame is None, "say() draws nothing"
    assert timings.total == pytest.approx(2.875)


def test_time_between_turns_calms_the_agent(clock: Any) -> None:
    from rapport.persona.analytic import AnalyticTransition
    from rapport.persona.card import Persona

    persona = Persona(name="average")
    agent = fake_agent(
        persona, clock=clock, transition=AnalyticTransition(), emotion=[FakeEmotion(VAD(-0.8, 0.6, -0.4))]
    )
    agent.say("Terrible.")
    moved = agent.feeling().emotion
    clock.advance(3600.0)
    assert moved.valence < -0.2
    assert agent.feeling().emotion.distance(VAD()) < 0.2 * moved.distance(VAD())
    assert agent.state.emotion == moved, "looking at a feeling does not change it"


def test_same_seed_gives_the_same_trace_but_for_timings(clock: Any) -> None:
    from rapport.agent.testing import VirtualClock

    def traces(seed: int, delay_s: float) -> list[dict[str, Any]]:
        agent = fake_agent(clock=VirtualClock(), seed=seed, response=FakeResponder(["Yes.", "No."], delay_s=delay_s))
        return [agent.say(text).trace.model_dump(exclude={"timings_s"}) for text in ("one", "two")]

    assert traces(1, 0.1) == traces(1, 0.7)
    assert traces(1, 0.1) != traces(2, 0.1)


def test_every_turn_of_a_seed_draws_anew(clock: Any) -> None:
    responder = FakeResponder(["Yes."])
    agent = fake_agent(clock=clock, response=responder, seed=3)
    for _ in range(4):
        agent.say("again")
    assert len({request.seed for request in responder.requests}) == 4


def test_same_seed_again_over_a_store_that_still_holds_the_first_run_gives_the_same_trace(clock: Any) -> None:
    store = FakeMemory()
    responders = [FakeResponder(["Yes."]), FakeResponder(["Yes."])]
    for responder in responders:
        agent = fake_agent(clock=clock, seed=1, memory=store, response=responder)
        agent.say("I lost my job today.")
        agent.say("And my dog is ill.")
    first, second = ([tuple(request.recalled) for request in responder.requests] for responder in responders)
    assert first == second


def test_say_inside_a_running_loop_names_converse(clock: Any) -> None:
    agent = fake_agent(clock=clock)

    async def careless() -> None:
        agent.say("hello")

    with pytest.raises(InputError, match=r"converse"):
        clock.run(careless())


def test_a_sentence_of_the_readme_works_on_the_real_clock() -> None:
    assert fake_agent().say("hello").text == "I'm sorry to hear that. What happened?"


@pytest.mark.parametrize("turns", [1, 3])
def test_warming_up_starts_nothing_twice_and_reports_what_cannot_start(clock: Any, turns: int) -> None:
    agent = fake_agent(clock=clock)
    for _ in range(turns):
        assert clock.run(agent.warm_up()) == []


class Listening(FakeEmotion):
    """Keeps what it was given to read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[PersonTurn] = []

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        self.read.append(heard)
        return await super().estimate(heard)


@pytest.mark.parametrize(("context_turns", "exchanges"), [(0, [0, 0, 0, 0]), (2, [0, 1, 2, 2])])
def test_words_are_read_with_as_many_exchanges_as_wished(clock: Any, context_turns: int, exchanges: list[int]) -> None:
    reader = Listening()
    agent = fake_agent(clock=clock, config=AgentConfig(context_turns=context_turns), emotion=[reader])
    for k in range(4):
        agent.say(f"line {k}")
    assert [len(turn.history) for turn in reader.read] == exchanges
    assert not context_turns or reader.read[-1].history[-1].person == "line 2"


def test_the_transition_hears_the_words_and_what_was_said_before(clock: Any) -> None:
    asked: list[TransitionRequest] = []

    class Asked(FakeTransition):
        async def step(self, request: TransitionRequest) -> AffectState:
            asked.append(request)
            return await super().step(request)

    agent = fake_agent(clock=clock, transition=Asked(), response=FakeResponder(["I see."]))
    agent.say("Hello.")
    agent.say("You never listen.")
    assert asked[1].text == "You never listen."
    assert asked[1].context == ("Hello.", "I see.")
