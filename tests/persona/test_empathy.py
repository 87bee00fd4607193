"""What a person's feeling calls up in the agent: the same, or a feeling of its own."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.agency import Agency
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.appraisal import Appraisal
from rapport.persona.big_five import BigFive
from rapport.persona.card import load_persona
from rapport.persona.empathy import called_up
from rapport.persona.transition import TransitionRequest, at_rest

AXIS = st.floats(-1.0, 1.0)
TRAIT = st.floats(0.0, 1.0)
VADS = st.builds(VAD, AXIS, AXIS, AXIS)
TRAITS = st.builds(BigFive, agreeableness=TRAIT, neuroticism=TRAIT, extraversion=TRAIT)
AGENCIES = st.sampled_from(["self", "other", "agent", "circumstance"])
WARM, COLD = BigFive(agreeableness=0.95), BigFive(agreeableness=0.05)
SAD, ANGRY, HAPPY = EKMAN7.points["sadness"], EKMAN7.points["anger"], EKMAN7.points["joy"]


def target(appraisal: Appraisal, traits: BigFive, mood: VAD = VAD()) -> np.ndarray:  # noqa: B008
    return mood.as_array() + sum(called_up(appraisal, mood, traits).values())


def because(persona_name: str, text: str, label: str) -> dict[str, dict[str, float]]:
    persona = load_persona(persona_name)
    heard = EmotionEstimate(EmotionDistribution.certain(EKMAN7, label), EKMAN7.points[label])
    request = TransitionRequest(at_rest(persona, 0.0), heard, persona, 0.0, text)
    after = asyncio.run(AnalyticTransition().step(request))
    return {axis: dict(parts) for axis, parts in after.because.items()}


@given(VADS, TRAIT, AGENCIES, st.floats(0.01, 1.0), VADS, TRAITS)
def test_what_is_called_up_lies_inside_the_space(
    stimulus: VAD, anger: float, agency: Agency, certainty: float, mood: VAD, traits: BigFive
) -> None:
    there = target(Appraisal(stimulus, anger, agency, certainty), traits, mood)
    assert (np.abs(there) <= 1.0 + 1e-12).all()


@given(VADS, VADS, TRAITS)
def test_a_plain_pleasant_feeling_is_shared_and_no_more(stimulus: VAD, mood: VAD, traits: BigFive) -> None:
    shared = VAD(abs(stimulus.valence), stimulus.arousal, stimulus.dominance)
    assert set(called_up(Appraisal(shared), mood, traits)) == {"contagion"}


def test_sadness_is_shared_with_care_by_the_agreeable_and_with_distress_by_neurotics() -> None:
    sad = Appraisal(SAD)
    assert (target(sad, WARM) < 0).any() and target(sad, WARM)[0] < 0, "sadness calls up sadness"
    caring, cool = called_up(sad, VAD(), WARM)["care"], called_up(sad, VAD(), COLD)["care"]
    assert caring[2] > cool[2] > 0.0, "care steadies"
    assert caring[0] == 0.0, "what is shared of its unpleasantness stays"
    calm, nervous = (called_up(sad, VAD(), BigFive(neuroticism=n))["distress"] for n in (0.05, 0.95))
    assert nervous[1] > calm[1] > 0.0, "distress agitates"
    assert nervous[2] < calm[2] < 0.0


def test_anger_at_the_agent_calls_up_guilt_in_the_warm_and_defence_in_the_cold() -> None:
    blamed = Appraisal(ANGRY, 1.0, "agent")
    warm, cold = called_up(blamed, VAD(), WARM), called_up(blamed, VAD(), COLD)
    assert np.linalg.norm(warm["guilt"]) > np.linalg.norm(warm["defence"])
    assert np.linalg.norm(cold["defence"]) > np.linalg.norm(cold["guilt"])
    assert target(blamed, WARM)[2] < 0.0 < target(blamed, COLD)[2], "guilt yields, defence does not"
    assert target(blamed, WARM)[0] < 0.0 and target(blamed, COLD)[0] < 0.0


def test_milder_blame_calls_up_milder_guilt() -> None:
    hard, mild = (target(Appraisal(VAD(v, 0.4, 0.2), 1.0, "agent"), WARM)[0] for v in (-0.8, -0.2))
    assert hard < mild < 0.0


def test_anger_at_a_third_party_is_shared_but_by_the_agreeable_as_sorrow() -> None:
    angry = Appraisal(ANGRY, 1.0, "other")
    cold, warm = target(angry, COLD), target(angry, WARM)
    assert cold[1] > 0.0 and cold[2] > 0.0, "anger"
    assert warm[0] < 0.0 and warm[1] < 0.0 and warm[2] < 0.0, "sorrow"
    assert not {"guilt", "defence"} & set(called_up(angry, VAD(), WARM))


def test_anger_at_oneself_calls_up_care_and_no_guilt() -> None:
    called = called_up(Appraisal(ANGRY, 1.0, "self"), VAD(), WARM)
    assert "care" in called
    assert not {"guilt", "defence", "sympathy"} & set(called)


def test_thanks_call_up_pride() -> None:
    thanked, told = target(Appraisal(HAPPY, agency="agent"), WARM), target(Appraisal(HAPPY), WARM)
    assert thanked[2] > told[2]
    assert "pride" in called_up(Appraisal(HAPPY, agency="agent"), VAD(), WARM)


@pytest.mark.parametrize("stimulus", [SAD, HAPPY], ids=["bad", "good"])
def test_doubt_weakens_news_and_makes_it_tense(stimulus: VAD) -> None:
    sure, unsure = (target(Appraisal(stimulus, certainty=c), BigFive()) for c in (1.0, 0.3))
    assert abs(unsure[0]) < abs(sure[0])
    assert unsure[1] > sure[1]
    assert unsure[2] < sure[2]


def test_neutral_words_raise_no_tension_however_unsure() -> None:
    assert target(Appraisal(VAD(), certainty=0.2), BigFive()) == pytest.approx([0.0, 0.0, 0.0])


def test_reasons_name_what_was_called_up() -> None:
    assert {"contagion", "guilt", "defence", "personality"} <= set(
        because("harbor", "You never listen!", "anger")["valence"]
    )
    assert "sympathy" in because("harbor", "My boss lied to me!", "anger")["dominance"]
    assert {"care", "distress"} <= set(because("willow", "My dog died.", "sadness")["arousal"])
    assert {"doubt", "relevance"} <= set(because("willow", "I might fail my exam.", "fear")["valence"])
    assert "pride" in because("spark", "Thank you, that helped!", "joy")["dominance"]


def test_an_estimate_that_is_sure_of_nothing_calls_up_nothing() -> None:
    persona = load_persona("willow")
    request = TransitionRequest(AffectState(), EmotionEstimate.unknown(), persona, 0.0, "You never listen to me!")
    after = asyncio.run(AnalyticTransition().step(request))
    assert after.emotion == VAD()
