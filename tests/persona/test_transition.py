"""How the agent's own feeling moves: bounds, reasons, half-lives, what a thousand turns and an hour of silence do."""

from __future__ import annotations

import asyncio
import itertools
import math
import statistics
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.stages import EmotionTransition
from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionEstimate
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.big_five import BigFive
from rapport.persona.card import Mood, Persona, load_persona, shipped_personas
from rapport.persona.errors import InputError
from rapport.persona.mood import MoodTransition
from rapport.persona.temperament import baseline
from rapport.persona.transition import (
    AXES,
    EMOTION_HALF_LIFE_S,
    MOOD_HALF_LIFE_S,
    HoldTransition,
    TransitionRequest,
    at_rest,
    decayed,
    mood_after,
)

YEAR_S = 365.25 * 86_400.0
HOUR_S = 3600.0
AXIS = st.floats(-1.0, 1.0)
TRAIT = st.floats(0.0, 1.0)
VADS = st.builds(VAD, AXIS, AXIS, AXIS)
TRAITS = st.builds(
    BigFive,
    openness=TRAIT,
    conscientiousness=TRAIT,
    extraversion=TRAIT,
    agreeableness=TRAIT,
    neuroticism=TRAIT,
)
STATES = st.builds(AffectState, VADS, VADS, st.floats(-1e6, 1e6))
TEXTS = st.sampled_from(
    [
        "",
        "You never listen to me!",
        "Maybe it was my fault, I don't know.",
        "My boss fired me today.",
        "Thank you so much, you really helped.",
        "It rained. 🌧",
        "Ich habe Angst.",
    ]
) | st.text(max_size=80)
CORNERS = [VAD(*corner) for corner in itertools.product((-1.0, 1.0), repeat=3)]
EXTREMES = [
    Persona(name="calm", big_five=BigFive(neuroticism=0.0)),
    Persona(name="nervous", big_five=BigFive(neuroticism=1.0)),
    Persona(name="nervous in a corner", big_five=BigFive(neuroticism=1.0), baseline_mood=Mood(valence=-1, arousal=1)),
]
MOVING: list[EmotionTransition] = [AnalyticTransition(), MoodTransition()]
ALL: list[EmotionTransition] = [*MOVING, HoldTransition()]


def named(component: EmotionTransition) -> str:
    return type(component).__name__


def person(traits: BigFive | None = None, **changed: float) -> Persona:
    """A persona whose mood rests at neutral, so that personality acts through the step alone."""
    return Persona(name="test", big_five=traits or BigFive(**changed), baseline_mood=Mood())


def feeling(vad: VAD, sd: float = 0.35) -> EmotionEstimate:
    return EmotionEstimate(EKMAN7.around(vad), vad, (sd, sd, sd))


def step(
    component: EmotionTransition,
    state: AffectState,
    vad: VAD,
    persona: Persona,
    elapsed_s: float = 0.0,
    sd: float = 0.35,
    text: str = "",
    context: tuple[str, ...] = (),
) -> AffectState:
    request = TransitionRequest(state, feeling(vad, sd), persona, state.at_s + elapsed_s, text, context)
    return asyncio.run(component.step(request))


def steps(
    component: EmotionTransition, stimuli: list[VAD], persona: Persona, every_s: float = 0.0, text: str = ""
) -> list[AffectState]:
    async def run() -> list[AffectState]:
        states = [at_rest(persona, 0.0)]
        for vad in stimuli:
            now_s = states[-1].at_s + every_s
            request = TransitionRequest(states[-1], feeling(vad), persona, now_s, text, (text,))
            states.append(await component.step(request))
        return states

    return asyncio.run(run())


# ------------------------------------------------------------------------------------------------- bounds and reasons


@pytest.mark.parametrize("component", ALL, ids=named)
@given(state=STATES, vad=VADS, traits=TRAITS, elapsed_s=st.floats(-1e9, 1e9), sd=st.floats(1e-9, 1e3), text=TEXTS)
def test_no_input_leaves_the_space_and_the_parts_sum_to_the_move(
    component: EmotionTransition,
    state: AffectState,
    vad: VAD,
    traits: BigFive,
    elapsed_s: float,
    sd: float,
    text: str,
) -> None:
    for persona in (person(traits), Persona(name="own baseline", big_five=traits, goals=("rain", "boss"))):
        after = step(component, state, vad, persona, elapsed_s, sd, text, ("My boss again.", text[:5]))
        moved = after.emotion.as_array() - state.emotion.as_array()
        assert set(after.because) == set(AXES)
        for axis, move in zip(AXES, moved, strict=True):
            assert sum(after.because[axis].values()) == pytest.approx(move, abs=1e-9)
        assert after.at_s >= state.at_s


@pytest.mark.parametrize("component", MOVING, ids=named)
@given(mood=VADS, traits=TRAITS)
def test_a_feeling_that_is_where_it_is_called_to_does_not_move(
    component: EmotionTransition, mood: VAD, traits: BigFive
) -> None:
    """delta = 0 gives E_r = E_i, whatever the personality. Distress and anger call up more than themselves."""
    home = VAD(abs(mood.valence), mood.arousal, mood.dominance)
    card = Mood(valence=home.valence, arousal=home.arousal, dominance=home.dominance)
    persona = Persona(name="x", big_five=traits, baseline_mood=card)
    after = step(component, AffectState(home, home, 0.0), home, persona)
    assert after.emotion.distance(home) < 1e-9


@pytest.mark.parametrize("component", MOVING, ids=named)
@pytest.mark.parametrize("name", [*shipped_personas(), "average"])
@pytest.mark.parametrize(("every_s", "text"), [(0.0, ""), (20.0, "You never listen to me!")])
def test_a_thousand_equal_stimuli_converge_without_saturating(
    component: EmotionTransition, name: str, every_s: float, text: str
) -> None:
    persona = Persona(name="average") if name == "average" else load_persona(name)
    for corner in CORNERS:
        states = steps(component, [corner] * 1000, persona, every_s, text)
        for state in states:
            assert max(abs(x) for x in (*state.emotion.as_tuple(), *state.mood.as_tuple())) < 0.999
        assert states[-1].emotion.distance(states[-2].emotion) < 1e-4
        assert states[-1].emotion.distance(states[0].emotion) > 0.2, "a thousand stimuli left it unmoved"
        opposite = VAD(*(-x for x in corner.as_tuple()))
        after = step(component, states[-1], opposite, persona, every_s)
        moved = after.emotion.as_array() - states[-1].emotion.as_array()
        assert moved[0] * corner.valence < -0.2, "it can no longer be moved"


@pytest.mark.parametrize("component", MOVING, ids=named)
@given(vad=VADS, traits=TRAITS, elapsed_s=st.floats(0.0, 1e4), text=TEXTS)
def test_an_estimate_that_knows_nothing_moves_nothing(
    component: EmotionTransition, vad: VAD, traits: BigFive, elapsed_s: float, text: str
) -> None:
    state = AffectState(VAD(0.6, -0.3, 0.2), VAD(0.1, 0.1, 0.1), 0.0)
    after = step(component, state, vad, person(traits), elapsed_s, sd=1.0, text=text)
    assert after.emotion.distance(decayed(state, person(traits), elapsed_s).emotion) < 1e-9


@pytest.mark.parametrize("component", MOVING, ids=named)
@given(sure=st.floats(0.05, 0.5), doubtful=st.floats(0.6, 0.99))
def test_a_doubtful_estimate_moves_less_than_a_sure_one(
    component: EmotionTransition, sure: float, doubtful: float
) -> None:
    stimulus = VAD(-0.7, 0.5, -0.4)
    sure_move, doubtful_move = (
        step(component, AffectState(), stimulus, person(), sd=sd).emotion.distance(VAD()) for sd in (sure, doubtful)
    )
    assert doubtful_move < sure_move


@pytest.mark.parametrize("component", MOVING, ids=named)
def test_a_mood_follows_slowly_what_an_emotion_does_at_once(component: EmotionTransition) -> None:
    after = step(component, AffectState(), VAD(-0.8, 0.6, -0.4), person())
    assert 0.0 < after.mood.distance(VAD()) < 0.5 * after.emotion.distance(VAD())


@given(VADS, VADS, TRAITS)
def test_a_mood_goes_between_where_it_is_and_where_the_emotion_draws_it(
    mood: VAD, emotion: VAD, traits: BigFive
) -> None:
    after = mood_after(mood, emotion, person(traits))
    for now, before, drawn in zip(after.as_tuple(), mood.as_tuple(), emotion.as_tuple(), strict=True):
        assert min(before, 0.6 * drawn) - 1e-12 <= now <= max(before, 0.6 * drawn) + 1e-12


def test_hold_keeps_the_emotion_and_goes_with_the_time() -> None:
    state = AffectState(VAD(0.3, 0.2, 0.1), VAD(0.1, 0.0, 0.0), 1.0)
    held = step(HoldTransition(), state, VAD(-1.0, 1.0, -1.0), person(), 4.0)
    assert (held.emotion, held.mood, held.at_s) == (state.emotion, state.mood, 5.0)


def test_the_mood_variant_moves_the_mood_most_on_the_axis_that_is_furthest_off() -> None:
    after = step(MoodTransition(), AffectState(), VAD(-0.9, 0.2, 0.1), person())
    assert abs(after.mood.valence) > 3 * abs(after.mood.arousal) > 0.0


def test_the_same_news_again_moves_less_and_a_goal_that_is_touched_moves_more() -> None:
    news, bad = "I failed the exam.", VAD(-0.7, 0.2, -0.3)
    persona = person().model_copy(update={"goals": ("exams",)})
    plain = step(AnalyticTransition(), AffectState(), bad, person(), text=news)
    again = step(AnalyticTransition(), AffectState(), bad, person(), text=news, context=(news, "I see."))
    at_stake = step(AnalyticTransition(), AffectState(), bad, persona, text=news)
    assert at_stake.emotion.valence < plain.emotion.valence < again.emotion.valence < 0.0
    assert again.because["valence"]["repetition"] > 0.0 > at_stake.because["valence"]["relevance"]


@pytest.mark.parametrize("now_s", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_is_refused(now_s: float) -> None:
    with pytest.raises(InputError, match="number of seconds"):
        TransitionRequest(AffectState(), feeling(VAD()), person(), now_s)


# ---------------------------------------------------------------------------------------------------------- half-lives


@given(VADS)
def test_half_of_an_emotion_is_gone_after_its_half_life(emotion: VAD) -> None:
    after = decayed(AffectState(emotion, VAD(), 100.0), person(), 100.0 + EMOTION_HALF_LIFE_S)
    assert after.emotion.as_tuple() == pytest.approx(tuple(x / 2 for x in emotion.as_tuple()), abs=1e-12)
    assert after.at_s == 100.0 + EMOTION_HALF_LIFE_S


@given(VADS)
def test_half_of_a_mood_is_gone_after_its_half_life(mood: VAD) -> None:
    after = decayed(AffectState(mood, mood, 0.0), person(), MOOD_HALF_LIFE_S)
    assert after.mood.as_tuple() == pytest.approx(tuple(x / 2 for x in mood.as_tuple()), abs=1e-12)


def test_decay_solves_its_differential_equations() -> None:
    """Against small steps of Euler's method."""
    persona = Persona(name="x", big_five=BigFive(neuroticism=0.8), baseline_mood=Mood(valence=0.2, dominance=-0.1))
    home, slowness = baseline(persona).as_array(), math.exp(0.4 * 0.6)
    emotion, mood = np.array([-0.9, 0.8, 0.4]), np.array([0.6, -0.7, 0.1])
    closed = decayed(AffectState(VAD.from_array(emotion), VAD.from_array(mood), 0.0), persona, 200.0)
    for _ in range(200_000):
        d_mood = -(mood - home) * math.log(2) / (MOOD_HALF_LIFE_S * slowness)
        d_emotion = -(emotion - mood) * math.log(2) / (EMOTION_HALF_LIFE_S * slowness)
        mood, emotion = mood + 0.001 * d_mood, emotion + 0.001 * d_emotion
    assert closed.emotion.as_tuple() == pytest.approx(tuple(emotion), abs=1e-5)
    assert closed.mood.as_tuple() == pytest.approx(tuple(mood), abs=1e-5)


@given(STATES, TRAITS, st.floats(0.0, 1e4), st.floats(0.0, 1e4))
def test_looking_twice_changes_nothing(state: AffectState, traits: BigFive, first_s: float, then_s: float) -> None:
    persona = Persona(name="x", big_five=traits)
    state = AffectState(state.emotion, state.mood, 0.0)
    twice = decayed(decayed(state, persona, first_s), persona, first_s + then_s)
    once = decayed(state, persona, first_s + then_s)
    assert twice.emotion.distance(once.emotion) < 1e-9
    assert twice.mood.distance(once.mood) < 1e-9


@pytest.mark.parametrize("persona", [*map(load_persona, shipped_personas()), *EXTREMES], ids=lambda p: p.name)
def test_an_hour_of_silence_returns_every_feeling_to_the_baseline(persona: Persona) -> None:
    home = baseline(persona)
    for emotion, mood in itertools.product(CORNERS, CORNERS):
        after = decayed(AffectState(emotion, mood, 0.0), persona, HOUR_S)
        assert after.emotion.distance(home) < 0.02
        assert after.mood.distance(home) < 0.02


@pytest.mark.parametrize("component", MOVING, ids=named)
def test_an_hour_of_silence_undoes_a_thousand_stimuli(component: EmotionTransition) -> None:
    persona = load_persona("willow")
    last = steps(component, [VAD(-1.0, 1.0, -1.0)] * 1000, persona, 5.0)[-1]
    after = decayed(last, persona, last.at_s + HOUR_S)
    assert max(after.emotion.distance(baseline(persona)), after.mood.distance(baseline(persona))) < 0.02


@given(STATES, TRAITS)
def test_after_a_year_all_is_at_the_baseline(state: AffectState, traits: BigFive) -> None:
    persona = Persona(name="x", big_five=traits)
    after = decayed(state, persona, state.at_s + YEAR_S)
    assert after.emotion.distance(baseline(persona)) < 1e-9
    assert after.mood.distance(baseline(persona)) < 1e-9


@pytest.mark.parametrize("component", MOVING, ids=named)
@pytest.mark.parametrize("elapsed_s", [0.0, -5.0, YEAR_S])
def test_a_step_after_no_time_negative_time_or_a_year_is_sane(component: EmotionTransition, elapsed_s: float) -> None:
    state = AffectState(VAD(0.5, 0.5, 0.5), VAD(0.2, 0.0, 0.0), 1000.0)
    after = step(component, state, VAD(-0.8, 0.2, -0.3), person(), elapsed_s)
    began = VAD() if elapsed_s == YEAR_S else state.emotion
    assert after.emotion.valence < began.valence
    assert after.at_s == max(1000.0, 1000.0 + elapsed_s)
    assert ("decay" in after.because["valence"]) == (elapsed_s == YEAR_S)


@given(STATES, TRAITS, st.floats(-1e9, 0.0) | st.just(math.nan) | st.just(math.inf))
def test_a_clock_that_stands_runs_backwards_or_breaks_decays_nothing(
    state: AffectState, traits: BigFive, elapsed_s: float
) -> None:
    after = decayed(state, person(traits), state.at_s + elapsed_s)
    assert (after.emotion, after.mood, after.at_s) == (state.emotion, state.mood, state.at_s)


@given(STATES, TRAITS, st.floats(0.0, 1e5), st.floats(0.0, 1e5))
def test_a_longer_time_calms_more(state: AffectState, traits: BigFive, one_s: float, other_s: float) -> None:
    """Measured from a mood at its baseline, so that what the emotion falls towards stands still."""
    persona = person(traits)
    still = AffectState(state.emotion, baseline(persona), 0.0)
    sooner, later = (decayed(still, persona, s).emotion.distance(still.mood) for s in sorted((one_s, other_s)))
    assert later <= sooner + 1e-12


# -------------------------------------------------------------------------------------------------------------- speed


@pytest.mark.parametrize("component", MOVING, ids=named)
def test_a_step_takes_a_fraction_of_a_millisecond(component: EmotionTransition) -> None:
    """Five times what a quiet machine allows itself, so that a busy one passes and a slow rule does not."""
    context = ("I had a bad day.", "Oh, tell me more.", "My boss is strange.", "Why is that?")
    request = TransitionRequest(
        AffectState(), feeling(VAD(-0.6, 0.4, 0.2)), load_persona("willow"), 5.0, "My boss fired me, what now?", context
    )

    async def run() -> list[float]:
        taken_s: list[float] = []
        for _ in range(400):
            began_s = time.perf_counter()
            await component.step(request)
            taken_s.append(time.perf_counter() - began_s)
        return taken_s

    assert statistics.median(asyncio.run(run())) < 1e-3
