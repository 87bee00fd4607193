"""Perception in a turn: bad numbers cost one modality, not the turn; what is perceived reaches event, prompt, trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rapport.agent import Utterance
from rapport.agent import events as ev
from rapport.agent.perception.fusion import fuse
from rapport.agent.perception.smoothing import HALF_LIFE_S, SmoothedFeeling, smoothed
from rapport.agent.perception.voice_baseline import SpeakerBaseline, VoiceEstimate, with_clip
from rapport.agent.rehearsal import rehearse
from rapport.agent.testing import FakeEmotion, FakeFusion, FakeResponder, VirtualClock, fake_agent
from rapport.persona.affect import EKMAN7, VAD, EmotionDistribution, EmotionEstimate, Evidence, Modality, Taxonomy
from rapport.speech.audio import Audio

NAN = float("nan")
SPOKEN = Utterance(text="I'm fine.", audio=Audio.silence(1.0), frames=(np.zeros((4, 4, 3), np.uint8),))
SAD, HAPPY = VAD(-0.63, -0.27, -0.33), VAD(0.81, 0.51, 0.46)


class Says(FakeEmotion):
    """Returns what it is given."""

    def __init__(self, what: Any, modality: Modality = "voice") -> None:
        super().__init__(modality=modality)
        self.what = what

    async def estimate(self, heard: Any) -> Any:
        return self.what() if callable(self.what) else self.what


def bent(**fields: Any) -> EmotionEstimate:
    """An estimate with numbers that its constructors would refuse."""
    estimate = EmotionEstimate(EKMAN7.around(SAD), VAD(-0.6, 0.1, 0.0), modality="voice")
    for name, value in fields.items():
        target: Any = estimate
        *path, last = name.split("__")
        for part in path:
            target = getattr(target, part)
        object.__setattr__(target, last, value)
    return estimate


BAD: dict[str, Any] = {
    "NaN in the VAD": lambda: VAD(NAN, 0, 0),
    "NaN behind the back": lambda: bent(vad__arousal=NAN),
    "VAD outside the space": lambda: bent(vad__valence=1.5),
    "NaN as standard deviation": lambda: bent(vad_sd=(0.3, NAN, 0.3)),
    "standard deviation 0": lambda: bent(vad_sd=(0.0, 0.3, 0.3)),
    "two standard deviations": lambda: bent(vad_sd=None),
    "probabilities that do not sum": lambda: EmotionDistribution(EKMAN7, (0.5,) * 7),
    "probabilities that sum no more": lambda: bent(distribution__probabilities=(0.5,) * 7),
    "NaN as a probability": lambda: bent(distribution__probabilities=(NAN,) * 7),
    "a negative probability": lambda: bent(distribution__probabilities=(-0.5, 1.5, 0, 0, 0, 0, 0)),
    "too few probabilities": lambda: bent(distribution__probabilities=(0.5, 0.5)),
    "a taxonomy of its own": lambda: EmotionEstimate(
        EmotionDistribution.certain(Taxonomy("mine", {"meh": VAD(), "yay": VAD(1)}), "yay"), VAD(1), modality="voice"
    ),
    "NaN as a weight": lambda: bent(evidence=(Evidence("voice", "loud", NAN),)),
    "no estimate at all": lambda: {"label": "joy"},
}


@pytest.mark.parametrize("what", BAD.values(), ids=BAD)
def test_a_modality_with_bad_numbers_is_a_failure_and_the_rest_goes_on(
    what: Any, clock: VirtualClock, converse: Callable[..., list[ev.Event]]
) -> None:
    agent = fake_agent(clock=clock, emotion=[FakeEmotion(SAD), Says(what), FakeEmotion(SAD, "face")])
    events = converse(agent, SPOKEN)
    failures = [event for event in events if isinstance(event, ev.Failed)]
    assert [(f.stage, f.component, f.fallback) for f in failures] == [
        ("emotion", "fake-emotion-1", "the other modalities")
    ]
    seen = next(event for event in events if isinstance(event, ev.Perceived))
    assert set(seen.modalities) == {"text", "face"}
    assert seen.fused == fuse(list(seen.modalities.values()))
    done = events[-1]
    assert isinstance(done, ev.Done) and done.reply.text


def test_an_estimate_without_a_modality_gets_its_components(clock: VirtualClock) -> None:
    plain = EmotionEstimate(EKMAN7.around(SAD), SAD)
    agent = fake_agent(clock=clock, emotion=[FakeEmotion(SAD), Says(plain)])
    assert set(agent.say(SPOKEN).trace.perceived.modalities) == {"text", "voice"}


def test_two_readers_of_one_modality_are_shown_as_one_and_both_count(clock: VirtualClock) -> None:
    agent = fake_agent(clock=clock, emotion=[FakeEmotion(SAD, "voice"), FakeEmotion(HAPPY, "voice")])
    trace = agent.say(SPOKEN).trace.perceived
    assert set(trace.modalities) == {"voice"}
    assert trace.modalities["voice"].vad == trace.fused.vad
    assert trace.fused.vad.valence == pytest.approx((SAD.valence + HAPPY.valence) / 2)


@pytest.mark.parametrize("broken", [RuntimeError("boom"), None], ids=["raises", "returns rubbish"])
def test_without_fusion_the_surest_modality_speaks(broken: Any, clock: VirtualClock) -> None:
    class Rubbish(FakeFusion):
        async def fuse(self, estimates: Any) -> Any:
            if broken is not None:
                raise broken
            return bent(vad_sd=(NAN, NAN, NAN))

    sure = EmotionEstimate(EKMAN7.around(HAPPY), HAPPY, (0.1, 0.1, 0.1), "voice")
    agent = fake_agent(clock=clock, emotion=[FakeEmotion(SAD), Says(sure)], fusion=Rubbish())
    reply = agent.say(SPOKEN)
    assert (reply.perceived.vad, reply.perceived.modality) == (HAPPY, None)
    failure = next(f for f in reply.trace.failures if f.stage == "fusion")
    assert failure.fallback == "the surest modality alone"
    backed = fake_agent(clock=clock, emotion=[FakeEmotion(SAD), Says(sure)], fusion=[Rubbish(), FakeFusion()])
    assert backed.say(SPOKEN).perceived.vad not in (SAD, HAPPY)


def test_with_nothing_to_read_nobody_is_asked_to_fuse(clock: VirtualClock) -> None:
    fusion = FakeFusion()
    reply = fake_agent(clock=clock, emotion=[Says(None, "text")], fusion=fusion).say("hello")
    assert fusion.calls == 0
    assert reply.perceived == EmotionEstimate.unknown()
    assert reply.trace.perceived.explanation.key_observations == []


def test_a_broken_voice_reaches_event_prompt_and_trace(
    clock: VirtualClock, converse: Callable[..., list[ev.Event]]
) -> None:
    responder = FakeResponder()
    agent = fake_agent(clock=clock, emotion=[FakeEmotion(HAPPY), FakeEmotion(SAD, "voice")], response=responder)
    events = converse(agent, SPOKEN)
    seen = next(event for event in events if isinstance(event, ev.Perceived))
    assert seen.conflict is not None and seen.conflict.shown == "voice"
    (request,) = responder.requests
    assert request.reading == seen.explanation.as_text()
    assert "but the voice is unpleasant" in request.reading and '"I\'m fine."' in request.reading
    done = events[-1]
    assert isinstance(done, ev.Done)
    trace = done.reply.trace.perceived
    assert trace.conflict == seen.conflict.description
    assert trace.explanation.key_observations == list(seen.explanation.key_observations)
    assert trace.explanation.conclusion == seen.explanation.conclusion
    assert trace.smoothed.vad.valence == seen.smoothed.vad.valence
    assert (trace.smoothed.sd.valence, trace.fused.vad_sd.valence) == (seen.smoothed.vad_sd[0], seen.fused.vad_sd[0])


def test_feeling_is_smoothed_over_turns_and_forgotten_in_silence(clock: VirtualClock) -> None:
    emotion = FakeEmotion(SAD)
    agent = fake_agent(clock=clock, emotion=[emotion])
    first = agent.say("one").trace.perceived
    emotion.vad = HAPPY
    clock.advance(HALF_LIFE_S / 5)
    soon = agent.say("two").trace.perceived
    assert first.smoothed.vad.valence < soon.smoothed.vad.valence < HAPPY.valence
    fused = fuse([EmotionEstimate(EKMAN7.around(HAPPY), HAPPY, modality="text")])
    alone = smoothed(SmoothedFeeling(), fused, 0.0)
    assert soon.smoothed.vad.valence < alone.vad.valence
    clock.advance(365 * 86_400.0)
    late = agent.say("three").trace.perceived
    assert late.smoothed.vad.valence == pytest.approx(alone.vad.valence)
    assert agent.person_feeling.vad.valence == late.smoothed.vad.valence


def test_how_long_an_answer_takes_does_not_change_what_is_believed() -> None:
    def feeling(delay_s: float) -> SmoothedFeeling:
        agent = fake_agent(clock=VirtualClock(), response=FakeResponder(delay_s=delay_s))
        for text in ("one", "two"):
            agent.say(text)
        return agent.person_feeling

    assert feeling(0.0) == feeling(3.0)


def test_agents_on_the_same_components_keep_their_persons_apart(clock: VirtualClock) -> None:
    sad, happy = (fake_agent(clock=clock, emotion=[FakeEmotion(vad)]) for vad in (SAD, HAPPY))
    sad.say("one")
    happy.say("one")
    assert sad.person_feeling.vad.valence < 0 < happy.person_feeling.vad.valence


def test_fusion_is_rehearsed(clock: VirtualClock) -> None:
    fusion = FakeFusion()
    agent = fake_agent(clock=clock, fusion=fusion)
    assert clock.run(rehearse(agent)) == []
    assert fusion.calls == 1
    assert agent.person_feeling == SmoothedFeeling()


def test_an_interrupted_perception_leaves_a_whole_trace(clock: VirtualClock) -> None:
    agent = fake_agent(clock=clock, emotion=[FakeEmotion(SAD, delay_s=5.0)])

    async def talk() -> ev.Done:
        last: ev.Event | None = None
        async for event in agent.converse("hello"):
            last = event
            if isinstance(event, ev.Heard):
                asyncio.get_running_loop().call_later(1.0, agent.interrupt)
        assert isinstance(last, ev.Done)
        return last

    trace = clock.run(talk()).reply.trace.perceived
    assert trace.fused.label == "neutral" and trace.smoothed.sd.valence == 1.0


class Knows(FakeEmotion):
    """Hears how a person's voice usually is, and how often it has heard it before."""

    def __init__(self) -> None:
        super().__init__(modality="voice")
        self.known: list[int] = []

    async def estimate(self, heard: Any) -> VoiceEstimate:
        before: SpeakerBaseline | None = heard.voice_baseline
        self.known.append(before.clips if before else 0)
        return VoiceEstimate(
            EKMAN7.around(SAD), SAD, modality="voice", baseline=with_clip(before, "reader", np.ones(3))
        )


def test_a_voice_is_better_known_from_turn_to_turn():
    reader = Knows()
    agent = fake_agent(emotion=[FakeEmotion(), reader])
    for _ in range(3):
        agent.say(SPOKEN)
    agent.say("typed, so nothing is heard")
    agent.say(SPOKEN)
    assert reader.known == [0, 1, 2, 3]
    assert agent.voice_baseline is not None and agent.voice_baseline.clips == 4


def test_two_readers_of_one_voice_keep_its_baseline():
    reader = Knows()
    agent = fake_agent(emotion=[FakeEmotion(modality="voice"), reader])
    agent.say(SPOKEN)
    agent.say(SPOKEN)
    assert reader.known == [0, 1]


def test_a_turn_that_is_only_looked_at_leaves_the_baseline_alone():
    reader = Knows()
    agent = fake_agent(emotion=[reader])
    asyncio.run(rehearse(agent))
    assert agent.voice_baseline is None
