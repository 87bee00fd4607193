"""Compound emotions: which pairs count, how they are called, and what stands out alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.compound import compound_of
from rapport.persona.affect import EKMAN7, GOEMOTIONS28, EmotionDistribution


def of(**p: float) -> EmotionDistribution:
    rest = (1.0 - sum(p.values())) / (len(EKMAN7) - len(p))
    return EmotionDistribution(EKMAN7, tuple(p.get(label, rest) for label in EKMAN7.labels))


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("fear", "surprise", "fearfully surprised"),
        ("surprise", "fear", "fearfully surprised"),
        ("joy", "surprise", "happily surprised"),
        ("sadness", "surprise", "sadly surprised"),
        ("surprise", "disgust", "disgustedly surprised"),
        ("anger", "surprise", "angrily surprised"),
        ("fear", "sadness", "sadly fearful"),
        ("anger", "sadness", "sadly angry"),
        ("anger", "disgust", "disgustedly angry"),
        ("joy", "sadness", "sadly happy"),
    ],
)
def test_pairs_and_their_names(first: str, second: str, name: str):
    compound = compound_of(of(**{first: 0.45, second: 0.35}))
    assert compound is not None
    assert (compound.name, compound.labels) == (name, (first, second))
    assert compound.probabilities == pytest.approx((0.45, 0.35))


@pytest.mark.parametrize(
    "distribution",
    [of(joy=0.7, surprise=0.25), of(neutral=0.5, sadness=0.4), of(sadness=0.5, neutral=0.4), of(joy=0.2, fear=0.2)],
    ids=["one stands out", "mostly neutral", "half neutral", "spread over all"],
)
def test_what_is_no_compound(distribution: EmotionDistribution):
    assert compound_of(distribution) is None


def test_fine_labels_count_by_their_class():
    p = {"nervousness": 0.3, "fear": 0.15, "confusion": 0.2, "surprise": 0.2, "neutral": 0.15}
    distribution = EmotionDistribution(GOEMOTIONS28, tuple(p.get(label, 0.0) for label in GOEMOTIONS28.labels))
    compound = compound_of(distribution)
    assert compound is not None
    assert (compound.name, compound.probabilities) == ("fearfully surprised", pytest.approx((0.45, 0.4)))


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_every_pair_has_a_name_and_fulfils_the_criterion(weights: list[float]):
    compound = compound_of(EmotionDistribution.normalised(EKMAN7, weights))
    if compound is not None:
        first, second = compound.probabilities
        assert compound.name and "neutral" not in compound.labels
        assert first >= second >= 0.5 * first and first + second > 0.5
