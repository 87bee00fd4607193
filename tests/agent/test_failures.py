"""Components that hang, raise, return nothing or rubbish: the turn still ends with words, and says what failed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rapport.agent import Agent, AgentConfig, StageConfig, Utterance
from rapport.agent.events import Clause, Done, Face, Failed, Frame, Spoken
from rapport.agent.registry import ComponentPool
from rapport.agent.stages import EmpathyPlan
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
from rapport.agent.trace import TurnTrace
from rapport.agent.turn import PLAIN_SENTENCE
from rapport.avatar.face import FaceTrack
from rapport.persona.affect import AffectState
from rapport.persona.card import Persona
from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import Audio, Phoneme, SpokenClause, Transcript, Word

FAKES: dict[str, Any] = {
    "recognition": FakeRecognizer,
    "emotion": FakeEmotion,
    "transition": FakeTransition,
    "response": FakeResponder,
    "voice": FakeVoice,
    "animation": FakeAnimator,
    "rendering": FakeRenderer,
    "memory": FakeMemory,
}
CHAINED = [stage for stage in FAKES if stage != "emotion"]
NAN = float("nan")
CLAUSE = SpokenClause("Hm.", Audio.silence(0.3))


class Gives:
    """A component of any stage that gives the same things whatever it is asked."""

    def __init__(self, stage: str, *things: Any) -> None:
        self.capabilities = FAKES[stage]().capabilities
        self.things = things

    async def _once(self, *_: Any, **__: Any) -> Any:
        return self.things[0] if self.things else None

    async def _stream(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        for thing in self.things:
            yield thing

    transcribe = estimate = step = speak = animate = remember = recall = _once
    respond = render = _stream


def spoken_line() -> Utterance:
    """A turn that every stage has a part in."""
    return Utterance(audio=Audio.silence(1.0))


def failures_of(events: list[Any], stage: str) -> list[Failed]:
    return [event for event in events if isinstance(event, Failed) and event.stage == stage]


def assert_ended_well(events: list[Any]) -> None:
    done = events[-1]
    assert isinstance(done, Done)
    assert [type(event) for event in events].count(Done) == 1
    assert done.reply.text.strip()
    assert TurnTrace.model_validate_json(done.reply.trace.model_dump_json()) == done.reply.trace
    reported = [(f.stage, f.component, f.error, f.fallback) for f in events if isinstance(f, Failed)]
    assert [(f.stage, f.component, f.error, f.fallback) for f in done.reply.trace.failures] == reported


WITHOUT = {
    "recognition": "no words",
    "emotion": "the other modalities",
    "transition": "a calming feeling",
    "response": "a plain sentence",
    "voice": "text alone",
    "animation": "the voice alone",
    "rendering": "the track alone",
    "memory": "this process until the store works again",
}


@pytest.mark.parametrize("stage", FAKES)
@pytest.mark.parametrize(
    ("fails", "error"),
    [
        pytest.param(HANG, "no answer within", id="hangs"),
        pytest.param(RuntimeError("boom\nand a second line"), "RuntimeError: boom and a second line", id="raises"),
        pytest.param(StageError("the graph is broken"), "the graph is broken", id="raises-on-purpose"),
        pytest.param(asyncio.CancelledError(), "cancelled", id="cancels-itself"),
        pytest.param(TimeoutError(), "ran out of time", id="times-out-itself"),
    ],
)
def test_a_turn_survives_a_stage_that(stage: str, fails: Any, error: str, clock: Any, converse_timed: Any) -> None:
    agent = fake_agent(clock=clock, **{stage: FAKES[stage](fails=fails)})
    timed = converse_timed(agent, spoken_line())
    events = [event for _, event in timed]
    assert_ended_well(events)
    failed = failures_of(events, stage)
    assert failed[0].component == f"fake-{stage}-0"
    assert failed[-1].fallback == WITHOUT[stage]
    assert error in failed[0].error
    assert all((error in event.error or "rests" in event.error) and "\n" not in event.error for event in failed)
    assert timed[-1][0] <= sum(config.budget_s for config in _all_budgets(agent)) + 0.01


def _all_budgets(agent: Agent) -> list[StageConfig]:
    config = agent.config
    stages = [config.recognition, *config.emotion, config.transition, config.response, config.voice]
    return [*(s for s in (*stages, config.animation, config.rendering, config.memory, config.memory) if s is not None)]


RUBBISH: dict[str, list[Any]] = {
    "recognition": [None, 42, Transcript("a b", (Word("a", NAN, NAN),)), Transcript(None), Transcript("a", ("a",))],  # type: ignore[arg-type]
    "emotion": ["sad", 0.5, {"label": "joy"}],
    "transition": [
        None,
        7,
        AffectState(emotion=None),  # type: ignore[arg-type]
        AffectState(because={"valence": None}),  # type: ignore[dict-item]
    ],
    "response": [None, 3.14, "", " \n", "x" * 5000, EmpathyPlan(None, None, None, None, None)],  # type: ignore[arg-type]
    "voice": [
        None,
        b"RIFF",
        replace(CLAUSE, audio=Audio.silence(0.0)),
        replace(CLAUSE, audio=Audio.silence(600.0)),
        replace(CLAUSE, audio=None),
        replace(CLAUSE, words=(Word("Hm", NAN, NAN),)),
        replace(CLAUSE, phonemes=(Phoneme("m", 0.0, NAN),)),
        replace(CLAUSE, text=None),
    ],
    "animation": [None, [], np.zeros((5, 52)), FaceTrack.neutral(0, 25.0)],
    "rendering": [None, "picture", np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), np.zeros((0, 0, 3), np.uint8)],
    "memory": [5, "exchanges", [Exception()]],
}


@pytest.mark.parametrize(
    ("stage", "rubbish"),
    [
        pytest.param(stage, thing, id=f"{stage}-{i}")
        for stage, things in RUBBISH.items()
        for i, thing in enumerate(things)
    ],
)
def test_a_turn_survives_rubbish_and_does_not_pass_it_on(stage: str, rubbish: Any, clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, **{stage: Gives(stage, rubbish)}), spoken_line())
    assert_ended_well(events)
    assert failures_of(events, stage), "nobody was told"


@pytest.mark.parametrize("stage", ["response", "rendering"])
def test_a_stream_that_yields_nothing_is_a_failure(stage: str, clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, **{stage: Gives(stage)}))
    assert_ended_well(events)
    assert failures_of(events, stage)[0].error == "returned nothing"


def test_a_modality_that_has_nothing_to_read_is_no_failure(clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, emotion=[FakeEmotion(), Gives("emotion", None)]))
    assert_ended_well(events)
    assert not failures_of(events, "emotion")


@pytest.mark.parametrize("stage", CHAINED)
@pytest.mark.parametrize("fails", [HANG, RuntimeError("boom")], ids=["hangs", "raises"])
def test_the_next_component_of_the_chain_takes_over(stage: str, fails: Any, clock: Any, converse: Any) -> None:
    second = FAKES[stage]()
    events = converse(fake_agent(clock=clock, **{stage: [FAKES[stage](fails=fails), second]}), spoken_line())
    assert_ended_well(events)
    failed = failures_of(events, stage)
    assert {(event.component, event.fallback) for event in failed} == {(f"fake-{stage}-0", f"fake-{stage}-1")}
    assert second.calls > 0


def test_a_chain_of_three_is_walked_to_its_end(clock: Any, converse: Any) -> None:
    voices = [FakeVoice(fails=HANG), FakeVoice(fails=StageError("no such voice")), FakeVoice()]
    events = converse(fake_agent(clock=clock, voice=voices, response=FakeResponder(["Hm."])))
    assert [(f.component, f.fallback) for f in failures_of(events, "voice")] == [
        ("fake-voice-0", "fake-voice-1"),
        ("fake-voice-1", "fake-voice-2"),
    ]
    assert any(isinstance(event, Spoken) for event in events)


def test_everything_failing_at_once_still_yields_the_plain_sentence(clock: Any, converse: Any) -> None:
    broken = {stage: fake(fails=RuntimeError("boom")) for stage, fake in FAKES.items()}
    events = converse(fake_agent(clock=clock, **broken), "typed, so that there is something to read a feeling from")
    assert_ended_well(events)
    assert events[-1].reply.text == PLAIN_SENTENCE
    failed = {event.stage for event in events if isinstance(event, Failed)}
    assert failed == {"emotion", "transition", "response", "voice", "memory"}


def test_a_failed_voice_still_yields_text_and_a_failed_face_still_yields_voice(clock: Any, converse: Any) -> None:
    silent = converse(fake_agent(clock=clock, voice=FakeVoice(fails=RuntimeError("boom"))))
    assert any(isinstance(event, Clause) for event in silent)
    assert silent[-1].reply.audio is None
    faceless = converse(fake_agent(clock=clock, animation=FakeAnimator(fails=RuntimeError("boom"))))
    assert not any(isinstance(event, Face) for event in faceless)
    assert faceless[-1].reply.audio is not None


# ---------------------------------------------------------------------------------------- a method that is no stream


class NotAStream:
    """A component whose stream method fails before there is a stream."""

    capabilities = FakeResponder.capabilities

    def respond(self, _: Any) -> Any:
        raise ValueError("wrong from the start")


class NoMethod:
    capabilities = FakeRenderer.capabilities


@pytest.mark.parametrize(("stage", "component"), [("response", NotAStream()), ("response", NoMethod())])
def test_a_responder_that_fails_before_it_streams_is_replaced(
    stage: str, component: Any, clock: Any, converse: Any
) -> None:
    events = converse(fake_agent(clock=clock, **{stage: [component, FAKES[stage]()]}))
    assert_ended_well(events)
    assert failures_of(events, stage)[0].fallback == f"fake-{stage}-1"


@pytest.mark.parametrize("stage", FAKES)
def test_a_component_without_its_method_or_capabilities_is_a_failure(stage: str, clock: Any, converse: Any) -> None:
    events = converse(fake_agent(clock=clock, **{stage: object()}), spoken_line())
    assert_ended_well(events)
    assert failures_of(events, stage)


# -------------------------------------------------------------------------------------------------- failing half-way


class Stops:
    """Says one clause, then fails; hangs, when `fails` is None."""

    capabilities = FakeResponder.capabilities

    def __init__(self, fails: Exception | None) -> None:
        self.fails = fails

    async def respond(self, _: Any) -> AsyncIterator[EmpathyPlan | str]:
        yield EmpathyPlan("", "", "", "", "question")
        yield "I hear you."
        if self.fails is not None:
            raise self.fails
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("fails", [None, ValueError("lost the connection")], ids=["hangs", "raises"])
def test_what_a_responder_said_before_it_failed_stands(fails: Any, clock: Any, converse: Any) -> None:
    spare = FakeResponder(["From the start again."])
    events = converse(fake_agent(clock=clock, response=[Stops(fails), spare]))
    assert_ended_well(events)
    assert events[-1].reply.text == "I hear you."
    assert failures_of(events, "response")[0].fallback == "what came before it failed"
    assert spare.calls == 0


def test_a_plan_without_words_is_not_an_answer(clock: Any, converse: Any) -> None:
    only_plan = Gives("response", EmpathyPlan("e", "sad", "c", "g", "question"))
    events = converse(fake_agent(clock=clock, response=[only_plan, FakeResponder(["Words."])]))
    assert events[-1].reply.text == "Words."
    assert failures_of(events, "response")[0].error == "returned nothing"


def test_a_voice_that_fails_on_one_clause_speaks_the_others(clock: Any, converse: Any) -> None:
    class Chokes(FakeVoice):
        async def speak(self, text: str, *rest: Any) -> SpokenClause:
            if "2" in text:
                raise StageError("cannot say digits")
            return await super().speak(text, *rest)

    agent = fake_agent(clock=clock, response=FakeResponder(["One.", "Two, 2.", "Three."]), voice=Chokes())
    events = converse(agent)
    spoken = [event for event in events if isinstance(event, Spoken)]
    assert [event.index for event in spoken] == [0, 2]
    assert spoken[1].start_s == pytest.approx(spoken[0].clause.audio.duration_s)
    assert events[-1].reply.text == "One. Two, 2. Three."


def test_a_renderer_that_fails_after_some_frames_leaves_those_frames(clock: Any, converse: Any) -> None:
    class Breaks(FakeRenderer):
        async def render(self, track: Any, face: Any) -> AsyncIterator[Any]:
            for number in range(len(track)):
                if number == 3:
                    raise RuntimeError("device lost")
                yield np.zeros((8, 8, 3), np.uint8)

    events = converse(fake_agent(clock=clock, rendering=Breaks(), response=FakeResponder(["Hm."])))
    assert_ended_well(events)
    assert sum(isinstance(event, Frame) for event in events) == 3
    assert failures_of(events, "rendering")[0].fallback == "what came before it failed"


# ------------------------------------------------------------------------------------------------------------ endless


class Endless:
    """A model that has lost its end-of-text token, or a renderer that has lost its track."""

    capabilities = FakeResponder.capabilities

    def __init__(self, thing: Any, limit: int = 20_000) -> None:
        self.thing, self.limit, self.given = thing, limit, 0

    async def respond(self, _: Any) -> AsyncIterator[Any]:
        while self.given < self.limit:
            self.given += 1
            yield self.thing
            await asyncio.sleep(0)

    async def render(self, _: Any, __: Any) -> AsyncIterator[Any]:
        async for thing in self.respond(None):
            yield thing


def test_a_responder_without_end_is_stopped(clock: Any, converse: Any) -> None:
    endless = Endless("And so on.")
    events = converse(fake_agent(clock=clock, response=endless, animation=None))
    assert_ended_well(events)
    assert endless.given < 200


def test_a_renderer_without_end_is_stopped_at_the_end_of_its_track(clock: Any, converse: Any) -> None:
    endless = Endless(np.zeros((8, 8, 3), np.uint8))
    endless.capabilities = FakeRenderer.capabilities  # type: ignore[misc]
    events = converse(fake_agent(clock=clock, rendering=endless, response=FakeResponder(["Yes."])))
    assert_ended_well(events)
    assert sum(isinstance(event, Frame) for event in events) == len(events[-1].reply.track)


# ---------------------------------------------------------------------------------------------------- rest and return


def test_a_component_that_hung_rests_and_then_comes_back(clock: Any, converse: Any) -> None:
    flaky, spare = FakeVoice(fails=HANG), FakeVoice()
    config = AgentConfig(retry_after_s=30.0)
    agent = fake_agent(clock=clock, config=config, voice=[flaky, spare], response=FakeResponder(["Hm."]))
    converse(agent)
    assert flaky.calls == 1
    converse(agent)
    assert flaky.calls == 1, "a component that hangs is not asked again at once"
    clock.advance(31.0)
    flaky.fails = None
    converse(agent)
    assert (flaky.calls, spare.calls) == (2, 2)


def test_a_component_that_keeps_hanging_rests_longer_each_time(clock: Any, converse: Any) -> None:
    flaky = FakeVoice(fails=HANG)
    config = AgentConfig(retry_after_s=30.0)
    agent = fake_agent(clock=clock, config=config, voice=[flaky, FakeVoice()], response=FakeResponder(["Hm."]))
    asked_at_s: list[float] = []
    for _ in range(300):
        before = flaky.calls
        now_s = clock.now_s()
        converse(agent, draw=False)
        if flaky.calls > before:
            asked_at_s.append(now_s)
        clock.advance(5.0)
    gaps_s = np.diff(asked_at_s)
    assert len(gaps_s) >= 4
    assert (gaps_s[1:] > 1.5 * gaps_s[:-1]).all()


def test_a_component_that_raises_is_asked_again_in_the_next_turn(clock: Any, converse: Any) -> None:
    flaky = FakeVoice(fails=RuntimeError("once"))
    agent = fake_agent(clock=clock, voice=flaky, response=FakeResponder(["Hm."]))
    converse(agent)
    flaky.fails = None
    assert any(isinstance(event, Spoken) for event in converse(agent))


def test_a_turn_that_goes_without_a_resting_component_says_so(clock: Any, converse: Any) -> None:
    agent = fake_agent(clock=clock, voice=FakeVoice(fails=HANG), response=FakeResponder(["Hm."]))
    converse(agent)
    events = converse(agent)
    assert_ended_well(events)
    assert events[-1].reply.audio is None
    assert [(f.component, f.fallback) for f in failures_of(events, "voice")] == [("fake-voice-0", "text alone")]


# -------------------------------------------------------------------------------------- components that do not let go


def test_a_component_that_swallows_cancellation_is_left_behind(clock: Any, converse_timed: Any) -> None:
    class Stubborn(FakeVoice):
        async def speak(self, *_: Any) -> Any:
            for _ in range(3):
                try:
                    await asyncio.sleep(3600.0)
                except asyncio.CancelledError:
                    continue

    agent = fake_agent(clock=clock, voice=[Stubborn(), FakeVoice()], response=FakeResponder(["Hm."]))
    timed = converse_timed(agent)
    assert any(isinstance(event, Spoken) for _, event in timed)
    assert timed[-1][0] <= 15.1, "the turn waited for a component beyond its budget"


def test_say_returns_although_a_component_hangs_in_a_thread() -> None:
    """The commonest hang there is: a library call that never comes back, in a thread that nobody can stop."""
    release, returned = threading.Event(), threading.Event()

    class Stuck(FakeVoice):
        async def speak(self, *_: Any) -> Any:
            await asyncio.to_thread(release.wait, 20.0)

    config = AgentConfig(voice=StageConfig(use="-", budget_s=0.1))
    agent = fake_agent(config=config, voice=Stuck(), response=FakeResponder(["Hm."]))

    def talk() -> None:
        assert agent.say("hello").text == "Hm."
        returned.set()

    speaker = threading.Thread(target=talk, daemon=True)
    speaker.start()
    try:
        assert returned.wait(5.0), "say() waited for the thread of a component whose time was up"
    finally:
        release.set()
        speaker.join(10.0)


# ---------------------------------------------------------------------------------------- components that cannot start


def starting_with(error: BaseException) -> ComponentPool:
    """A pool of fakes in which no voice can be constructed."""

    def create(stage: str, spec: str) -> Any:
        if stage == "voice":
            raise error
        return FAKES[stage]()

    pool = ComponentPool(create)
    for stage, fake in FAKES.items():
        if stage != "voice":
            pool.add(stage, "fake", fake())
    return pool


FAKED: Any = {stage: "fake" for stage in FAKES if stage not in ("emotion", "voice")} | {"emotion": ("fake",)}


@pytest.mark.parametrize(
    "error",
    [
        ComponentError("kokoro's weights are missing; run `rapport doctor`"),
        OSError("truncated file"),
        ValueError("not a valid ONNX model"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_component_that_cannot_start_is_a_failure_of_the_stage(error: Exception) -> None:
    agent = Agent(Persona(name="fake"), AgentConfig(**FAKED, voice="kokoro"), pool=starting_with(error), seed=0)
    failures = await agent.warm_up()
    assert [(f.stage, f.component, f.fallback) for f in failures] == [("voice", "kokoro", "nothing")]
    events = [event async for event in agent.converse("hello")]
    assert_ended_well(events)
    assert {(f.component, f.fallback) for f in failures_of(events, "voice")} == {("kokoro", "text alone")}


# ------------------------------------------------------------------------------------------------------------- memory


def test_turns_that_could_not_be_stored_are_stored_later_in_order(clock: Any) -> None:
    store = FakeMemory(fails=OSError("disk full"))
    agent = fake_agent(clock=clock, memory=store)
    for text in ("one", "two", "three"):
        reply = agent.say(text)
        assert reply.trace.failures[-1].stage == "memory"
    assert store.records == []
    store.fails = None
    agent.say("four")
    assert [record.exchange.person for record in store.records] == ["one", "two", "three", "four"]


def test_a_store_that_hangs_loses_no_turn(clock: Any) -> None:
    store = FakeMemory(fails=HANG)
    agent = fake_agent(clock=clock, memory=store)
    agent.say("one")
    agent.say("two")
    store.fails = None
    clock.advance(3600.0)
    agent.say("three")
    assert [record.exchange.person for record in store.records] == ["one", "two", "three"]


def test_saving_twice_at_once_keeps_the_newest_version_of_a_turn(clock: Any) -> None:
    class Slow(FakeMemory):
        """The first store takes long and then fails, as on a locked database."""

        stores = 0

        async def remember(self, record: Any) -> None:
            self.stores += 1
            if self.stores == 1:
                await asyncio.sleep(1.0)
                raise OSError("database is locked")
            await super().remember(record)

    store = Slow()
    agent = fake_agent(clock=clock, memory=store, response=FakeResponder(["One two three four."]))

    async def cut_while_storing() -> None:
        async def turn() -> None:
            async for _ in agent.converse("hello", draw=False):
                pass

        talking = asyncio.create_task(turn())
        await asyncio.sleep(0.5)
        agent.interrupt(0.7)
        await agent.save()
        await talking
        await agent.save()

    clock.run(cut_while_storing())
    assert [record.exchange.agent for record in store.records] == ["One two"]
