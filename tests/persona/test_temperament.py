"""What personality does to feeling: the published numbers, and effects in the direction that the literature says."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rapport.agent.stages import EmotionTransition
from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.big_five import TRAITS, BigFive
from rapport.persona.card import Mood, Persona, load_persona, shipped_personas
from rapport.persona.mood import MoodTransition, mood_step, personality_share
from rapport.persona.temperament import baseline, contagion, inertia, published_prior, step_rate, temperament
from rapport.persona.transition import TransitionRequest, at_rest, decayed

TRAIT = st.floats(0.0, 1.0)
AXIS = st.floats(-1.0, 1.0)
VADS = st.builds(VAD, AXIS, AXIS, AXIS)
OTHERS = st.fixed_dictionaries({trait: TRAIT for trait in TRAITS})
LOW_HIGH = st.tuples(TRAIT, TRAIT).filter(lambda pair: pair[1] - pair[0] > 0.05) | st.tuples(
    st.floats(0.0, 0.4), st.floats(0.6, 1.0)
)
WORDS = st.sampled_from(["", "My dog died.", "He lied to me!", "Maybe it will be all right?", "I messed it up."])
MOVING: list[EmotionTransition] = [AnalyticTransition(), MoodTransition()]


def named(component: EmotionTransition) -> str:
    return type(component).__name__


def two(trait: str, pair: tuple[float, float], others: dict[str, float]) -> list[BigFive]:
    """Two personalities that differ in one trait only."""
    return [BigFive(**{**others, trait: value}) for value in pair]


def felt(component: EmotionTransition, traits: BigFive, vad: VAD, text: str = "", anger: float = 0.0) -> VAD:
    """The emotion of an agent at rest at neutral after one stimulus, of which `anger` is anger."""
    mass = EmotionDistribution.normalised(EKMAN7, [anger, 0.0, 0.0, 0.0, 1.0 - anger, 0.0, 0.0])
    persona = Persona(name="test", big_five=traits, baseline_mood=Mood())
    request = TransitionRequest(AffectState(), EmotionEstimate(mass, vad), persona, 0.0, text)
    return asyncio.run(component.step(request)).emotion


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
    traits = BigFive(**dict(zip(TRAITS, ocean, strict=True)))
    assert published_prior(traits).as_tuple() == pytest.approx(prior, abs=5e-4), role


def test_neuroticism_is_the_opposite_of_mehrabians_stability() -> None:
    assert temperament(BigFive(neuroticism=1.0)).as_tuple() == pytest.approx((-0.19, 0.57, 0.0))
    assert published_prior(BigFive(neuroticism=1.0)).arousal < published_prior(BigFive(neuroticism=0.0)).arousal


def test_an_average_personality_has_no_temperament() -> None:
    assert temperament(BigFive()).as_tuple() == pytest.approx((0.0, 0.0, 0.0))
    assert baseline(Persona(name="average")).as_tuple() == pytest.approx((0.0, 0.0, 0.0))
    assert inertia(BigFive()) == 1.0
    assert step_rate(BigFive(), np.array([-1.0, 0.0, 0.0])) == pytest.approx([0.8] * 3)
    assert personality_share(BigFive(), np.zeros(3)) == pytest.approx([0.5] * 3)


def test_the_mood_variant_by_hand() -> None:
    """An average personality and a stimulus at (1, 0, 0): 0.6 of it is caught, attention is e^2.4 / (e^2.4 + 2)."""
    moved = mood_step(BigFive(), np.array([1.0, 0.0, 0.0]), np.zeros(3), np.zeros(3))
    assert moved == pytest.approx([0.5 * 0.6 * np.exp(2.4) / (np.exp(2.4) + 2.0), 0.0, 0.0])


@given(OTHERS, st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3))
def test_no_personality_goes_past_its_target(traits: dict[str, float], delta: list[float]) -> None:
    rate = step_rate(BigFive(**traits), np.array(delta))
    share = personality_share(BigFive(**traits), np.array(delta))
    assert ((rate > 0.0) & (rate < 20.0)).all()
    assert ((share > 0.0) & (share < 1.0)).all()


# ----------------------------------------------------------------------------------------------------- monotone effects


@pytest.mark.parametrize("component", MOVING, ids=named)
@given(LOW_HIGH, OTHERS, st.floats(-1.0, -0.1), AXIS, AXIS, WORDS, TRAIT)
def test_neuroticism_makes_bad_news_move_valence_further(
    component: EmotionTransition,
    pair: tuple[float, float],
    others: dict[str, float],
    valence: float,
    arousal: float,
    dominance: float,
    text: str,
    anger: float,
) -> None:
    low, high = (
        felt(component, traits, VAD(valence, arousal, dominance), text, anger).valence
        for traits in two("neuroticism", pair, others)
    )
    assert high < low < 0.0


@pytest.mark.parametrize("component", MOVING, ids=named)
@given(LOW_HIGH, OTHERS, st.floats(0.1, 1.0), AXIS, AXIS, WORDS)
def test_extraversion_makes_good_news_move_valence_further(
    component: EmotionTransition,
    pair: tuple[float, float],
    others: dict[str, float],
    valence: float,
    arousal: float,
    dominance: float,
    text: str,
) -> None:
    low, high = (
        felt(component, traits, VAD(valence, arousal, dominance), text).valence
        for traits in two("extraversion", pair, others)
    )
    assert high > low > 0.0


@pytest.mark.parametrize("component", MOVING, ids=named)
@given(LOW_HIGH, OTHERS, st.floats(0.1, 1.0), st.sampled_from([-1.0, 1.0]), AXIS, AXIS, WORDS)
def test_agreeableness_makes_feelings_contagious(
    component: EmotionTransition,
    pair: tuple[float, float],
    others: dict[str, float],
    strength: float,
    sign: float,
    arousal: float,
    dominance: float,
    text: str,
) -> None:
    low, high = (
        sign * felt(component, traits, VAD(sign * strength, arousal, dominance), text).valence
        for traits in two("agreeableness", pair, others)
    )
    assert high > low > 0.0
    cold, warm = (contagion(BigFive(agreeableness=a)) for a in pair)
    assert 0.0 < cold < warm < 1.0


@given(LOW_HIGH, OTHERS, st.floats(0.5, 1.0), st.sampled_from(["You never listen to me!", "He lied to me!", ""]))
def test_agreeableness_makes_less_angry(
    pair: tuple[float, float], others: dict[str, float], anger: float, text: str
) -> None:
    """Anger is unpleasant and dominant; without dominance it is guilt or sorrow, the answer of the agreeable."""
    low, high = (
        felt(AnalyticTransition(), traits, EKMAN7.points["anger"], text, anger).dominance
        for traits in two("agreeableness", pair, others)
    )
    assert high < low or (high < 0.0 and low < 0.0)


@given(LOW_HIGH, OTHERS, VADS, VADS, st.floats(1.0, 600.0))
def test_neuroticism_slows_recovery(
    pair: tuple[float, float], others: dict[str, float], emotion: VAD, mood: VAD, elapsed_s: float
) -> None:
    assume(min(emotion.distance(VAD()), mood.distance(VAD())) > 0.01)
    personas = [Persona(name="x", big_five=t, baseline_mood=Mood()) for t in two("neuroticism", pair, others)]
    low, high = (
        decayed(AffectState(emotion, VAD()), persona, elapsed_s).emotion.distance(VAD()) for persona in personas
    )
    assert high > low
    low, high = (decayed(AffectState(mood, mood), persona, elapsed_s).mood.distance(VAD()) for persona in personas)
    assert high > low


@given(LOW_HIGH, OTHERS)
def test_extraversion_raises_the_baseline_and_neuroticism_lowers_it(
    pair: tuple[float, float], others: dict[str, float]
) -> None:
    low, high = (baseline(Persona(name="x", big_five=traits)) for traits in two("extraversion", pair, others))
    assert high.valence > low.valence
    assert high.dominance >= low.dominance
    low, high = (baseline(Persona(name="x", big_five=traits)) for traits in two("neuroticism", pair, others))
    assert high.valence < low.valence


def test_the_shipped_personas_take_the_same_news_differently() -> None:
    news = VAD(-0.8, 0.5, -0.4)
    estimate = EmotionEstimate(EKMAN7.around(news), news)
    moves: dict[str, np.ndarray] = {}
    for name in shipped_personas():
        persona = load_persona(name)
        rest = at_rest(persona, 0.0)
        after = asyncio.run(AnalyticTransition().step(TransitionRequest(rest, estimate, persona, 0.0)))
        moves[name] = after.emotion.as_array() - rest.emotion.as_array()
    for one, other in itertools.combinations(moves, 2):
        assert np.linalg.norm(moves[one] - moves[other]) > 0.05
