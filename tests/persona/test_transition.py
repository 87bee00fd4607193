"""How the agent's own feeling moves: published numbers, bounds, half-lives, and the part of personality."""

from __future__ import annotations

import asyncio
import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionEstimate
from rapport.persona.card import BigFive, Mood, Persona, load_persona, shipped_personas
from rapport.persona.transition import (
    EMOTION_HALF_LIFE_S,
    MOOD_HALF_LIFE_S,
    HoldTransition,
    PersonalityTransition,
    TransitionRequest,
    at_rest,
    baseline,
    contagion,
    decayed,
    published_prior,
    step_share,
    temperament,
)

YEAR_S = 365.25 * 86_400.0
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
NEUTRAL_BASE = Mood()


def person(traits: BigFive | None = None, **changed: float) -> Persona:
    """A persona whose mood rests at neutral, so that personality acts through the step alone."""
    return Persona(name="test", big_five=traits or BigFive(**changed), baseline_mood=NEUTRAL_BASE)


def feeling(vad: VAD, sd: float = 0.35) -> EmotionEstimate:
    return EmotionEstimate(EKMAN7.around(vad), vad, (sd, sd, sd))


def step(state: AffectState, vad: VAD, persona: Persona, elapsed_s: float = 0.0, sd: float = 0.35) -> AffectState:
    request = TransitionRequest(state, feeling(vad, sd), persona, state.at_s + elapsed_s)
    return asyncio.run(PersonalityTransition().step(request))


def steps(vad: VAD, persona: Persona, number: int, every_s: float = 0.0) -> list[AffectState]:
    async def run() -> list[AffectState]:
        transition = PersonalityTransition()
        states = [at_rest(persona, 0.0)]
        for _ in range(number):
            request = TransitionRequest(states[-1], feeling(vad), persona, states[-1].at_s + every_s)
            states.append(await transition.step(request))
        return states

    return asyncio.run(run())


# ------------------------------------------------------------------------------------------------- published numbers


@pytest.mark.parametrize(
    ("role", "ocean", "prior"),
    [
        ("Chandler", (0.648, 0.375, 0.386, 0.58, 0.477), (0.5139, -0.0007, 0.2718)),
        ("Joey", (0.574, 0.614, 0.297, 0.545, 0.455), (0.4704, -0.0097, 0.2517)),
        ("Monica", (0.713, 0.457, 0.457, 0.66, 0.511), (0.5825, 0.0137, 0.3189)),
        ("Phoebe", (0.6, 0.48, 0.31, 0.46, 0.56), (0.4429, -0.0912, 0.2704)),
        ("Rachel", (0.635, 0.354, 0.521, 0.552, 0.469), (0.5242, -0.0065, 0.3549)),
        ("Ross", (0.722, 0.489, 0.6, 0.533, 0.356), (0.5081, 0.0653, 0.4531)),
    ],
)
def test_the_published_prior_of_each_role(
    role: str, ocean: tuple[float, ...], prior: tuple[float, float, float]
) -> None:
    names = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
    traits = BigFive(**dict(zip(names, ocean, strict=True)))
    assert published_prior(traits).as_tuple() == pytest.approx(prior, abs=5e-4), role


def test_an_average_personality_has_no_temperament() -> None:
    assert temperament(BigFive()).as_tuple() == pytest.approx((0.0, 0.0, 0.0))
    assert baseline(Persona(name="average")).as_tuple() == pytest.approx((0.0, 0.0, 0.0))


# ------------------------------------------------------------------------------------------------------------- bounds


@given(STATES, VADS, TRAITS, st.floats(-1e9, 1e9), st.floats(1e-9, 1e3))
def test_a_step_stays_inside_the_space_and_its_parts_sum_to_the_move(
    state: AffectState, vad: VAD, traits: BigFive, elapsed_s: float, sd: float
) -> None:
    for persona in (person(traits), Persona(name="own baseline", big_five=traits)):
        after = step(state, vad, persona, elapsed_s, sd)
        moved = after.emotion.as_array() - state.emotion.as_array()
        for axis, move in zip(("valence", "arousal", "dominance"), moved, strict=True):
            assert sum(after.because[axis].values()) == pytest.approx(move, abs=1e-9)
        assert after.at_s >= state.at_s


@given(TRAITS, st.builds(np.array, st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3)))
def test_no_personality_goes_past_its_target(traits: BigFive, delta: np.ndarray) -> None:
    share = step_share(traits, delta)
    assert ((share > 0.0) & (share < 1.0)).all()


@given(VADS, TRAITS)
def test_a_feeling_that_is_where_it_is_called_to_does_not_move(mood: VAD, traits: BigFive) -> None:
    """delta = 0 gives E_r = E_i, whatever the personality."""
    persona = Persona(
        name="x",
        big_five=traits,
        baseline_mood=Mood(valence=mood.valence, arousal=mood.arousal, dominance=mood.dominance),
    )
    after = step(AffectState(mood, mood, 0.0), mood, persona)
    assert after.emotion.distance(mood) < 1e-9


@pytest.mark.parametrize("name", [*shipped_personas(), "average"])
@pytest.mark.parametrize("corner", list(itertools.product((-1.0, 1.0), repeat=3)))
@pytest.mark.parametrize("every_s", [0.0, 20.0])
def test_a_thousand_equal_stimuli_converge_without_saturating(
    name: str, corner: tuple[float, float, float], every_s: float
) -> None:
    persona = Persona(name="average") if name == "average" else load_persona(name)
    states = steps(VAD(*corner), persona, 1000, every_s)
    assert all(max(map(abs, state.emotion.as_tuple())) < 1.0 for state in states)
    assert all(max(map(abs, state.mood.as_tuple())) < 1.0 for state in states)
    assert states[-1].emotion.distance(states[-2].emotion) < 1e-6
    for axis, sign in enumerate(corner):
        assert states[-1].emotion.as_tuple()[axis] * sign > 0.1, "a thousand stimuli left it unmoved"


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


@given(STATES, TRAITS)
def test_after_a_year_all_is_at_the_baseline(state: AffectState, traits: BigFive) -> None:
    persona = Persona(name="x", big_five=traits)
    after = decayed(state, persona, state.at_s + YEAR_S)
    assert after.emotion.distance(baseline(persona)) < 1e-9
    assert after.mood.distance(baseline(persona)) < 1e-9


@given(STATES, TRAITS, st.floats(-1e9, 0.0))
def test_a_clock_that_stands_or_runs_backwards_decays_nothing(
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


# --------------------------------------------------------------------------------------------------------- personality

LOW_HIGH = st.tuples(TRAIT, TRAIT).filter(lambda pair: pair[1] - pair[0] > 0.05).map(sorted) | st.tuples(
    st.floats(0.0, 0.4), st.floats(0.6, 1.0)
)


@given(LOW_HIGH, st.floats(-1.0, -0.1))
def test_neuroticism_makes_bad_news_move_valence_further(pair: tuple[float, float], valence: float) -> None:
    low, high = (step(AffectState(), VAD(valence, 0.0, 0.0), person(neuroticism=n)).emotion.valence for n in pair)
    assert high < low < 0.0


@given(LOW_HIGH, st.floats(0.1, 1.0))
def test_extraversion_makes_good_news_move_valence_further(pair: tuple[float, float], valence: float) -> None:
    low, high = (step(AffectState(), VAD(valence, 0.0, 0.0), person(extraversion=e)).emotion.valence for e in pair)
    assert high > low > 0.0


@given(LOW_HIGH, VADS, st.floats(1.0, 600.0))
def test_neuroticism_slows_recovery(pair: tuple[float, float], emotion: VAD, elapsed_s: float) -> None:
    assume(emotion.distance(VAD()) > 0.01)
    low, high = (decayed(AffectState(emotion), person(neuroticism=n), elapsed_s).emotion.distance(VAD()) for n in pair)
    assert high > low


@given(LOW_HIGH)
def test_extraversion_raises_the_baseline(pair: tuple[float, float]) -> None:
    low, high = (baseline(Persona(name="x", big_five=BigFive(extraversion=e))) for e in pair)
    assert high.valence > low.valence
    assert high.dominance > low.dominance


@given(LOW_HIGH)
def test_agreeableness_makes_feelings_contagious(pair: tuple[float, float]) -> None:
    low, high = (contagion(BigFive(agreeableness=a)) for a in pair)
    assert 0.0 < low < high < 1.0
    sad = VAD(-0.8, 0.0, 0.0)
    cold, warm = (step(AffectState(), sad, person(agreeableness=a)).emotion.valence for a in pair)
    assert warm < cold < 0.0


@given(st.floats(0.05, 0.5), st.floats(0.6, 0.99))
def test_a_doubtful_estimate_moves_less_than_a_sure_one(sure: float, doubtful: float) -> None:
    stimulus = VAD(-0.7, 0.5, -0.4)
    sure_move, doubtful_move = (
        step(AffectState(), stimulus, person(), sd=sd).emotion.distance(VAD()) for sd in (sure, doubtful)
    )
    assert doubtful_move < sure_move


@given(VADS, TRAITS, st.floats(0.0, 1e4))
def test_an_estimate_that_knows_nothing_moves_nothing(vad: VAD, traits: BigFive, elapsed_s: float) -> None:
    state = AffectState(VAD(0.6, -0.3, 0.2), VAD(0.1, 0.1, 0.1), 0.0)
    after = step(state, vad, person(traits), elapsed_s, sd=1.0)
    assert after.emotion.distance(decayed(state, person(traits), elapsed_s).emotion) < 1e-9


def test_a_mood_follows_slowly_what_an_emotion_does_at_once() -> None:
    after = step(AffectState(), VAD(-0.8, 0.6, -0.4), person())
    assert 0.0 < after.mood.distance(VAD()) < 0.2 * after.emotion.distance(VAD())


def test_the_shipped_personas_take_the_same_news_differently() -> None:
    news = VAD(-0.8, 0.5, -0.4)
    after = {name: step(at_rest(load_persona(name), 0.0), news, load_persona(name)) for name in shipped_personas()}
    rest = {name: at_rest(load_persona(name), 0.0).emotion for name in after}
    moves = {name: state.emotion.as_array() - rest[name].as_array() for name, state in after.items()}
    for one, other in itertools.combinations(after, 2):
        assert after[one].emotion.distance(after[other].emotion) > 0.1
        assert np.linalg.norm(moves[one] - moves[other]) > 0.05
    assert after["willow"].emotion.valence == min(state.emotion.valence for state in after.values())


def test_hold_keeps_the_emotion_and_the_time() -> None:
    state = AffectState(VAD(0.3, 0.2, 0.1), VAD(0.1, 0.0, 0.0), 1.0)
    request = TransitionRequest(state, feeling(VAD(-1.0, 1.0, -1.0)), person(), 5.0)
    held = asyncio.run(HoldTransition().step(request))
    assert (held.emotion, held.mood, held.at_s) == (state.emotion, state.mood, 5.0)


def test_half_lives_are_finite_for_every_personality() -> None:
    for n in (0.0, 0.5, 1.0):
        later = decayed(AffectState(VAD(1.0, 0.0, 0.0)), person(neuroticism=n), 90.0).emotion.valence
        expected = 0.5 ** (1.0 / math.exp(0.5 * (2 * n - 1)))
        assert later == pytest.approx(expected)
