"""Fusion of modalities: order does not matter, the surer one counts more, and what is blind does not pull."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.fusion import fuse
from rapport.persona.affect import (
    EKMAN7,
    GOEMOTIONS28,
    MEAD8,
    VAD,
    EmotionDistribution,
    EmotionEstimate,
    Evidence,
    Modality,
    convert,
)

unit = st.floats(-1, 1)
sds = st.floats(0.05, 1.5)


@st.composite
def estimates(draw: st.DrawFn) -> EmotionEstimate:
    taxonomy = draw(st.sampled_from([EKMAN7, GOEMOTIONS28, MEAD8]))
    weights = draw(st.lists(st.floats(0, 1), min_size=len(taxonomy), max_size=len(taxonomy)))
    modality: Modality = draw(st.sampled_from(["text", "voice", "face"]))
    evidence = draw(st.lists(st.builds(Evidence, st.just(modality), st.text(max_size=3), unit), max_size=3))
    return EmotionEstimate(
        EmotionDistribution.normalised(taxonomy, weights),
        VAD(draw(unit), draw(unit), draw(unit)),
        (draw(sds), draw(sds), draw(sds)),
        modality,
        tuple(evidence),
    )


def text(label: str, vad: VAD, sd: float = 0.3) -> EmotionEstimate:
    around = EmotionDistribution.certain(GOEMOTIONS28, label)
    return EmotionEstimate(around, vad, (sd, sd, sd), "text", (Evidence("text", label, vad.valence),))


def voice(arousal: float, sd: float = 0.5) -> EmotionEstimate:
    vad = VAD(0, arousal, 0)
    return EmotionEstimate(EKMAN7.around(vad), vad, (1.0, sd, 0.9), "voice", (Evidence("voice", "loud", 0.1),))


def test_nothing_fuses_to_unknown():
    assert fuse([]) == EmotionEstimate.unknown()


@given(estimates())
def test_one_estimate_stays_as_it_is_but_for_its_modality(estimate: EmotionEstimate):
    fused = fuse([estimate])
    assert fused.modality is None
    assert (fused.distribution, fused.vad, fused.vad_sd) == (estimate.distribution, estimate.vad, estimate.vad_sd)
    assert sorted(map(repr, fused.evidence)) == sorted(map(repr, estimate.evidence))


@given(st.lists(estimates(), min_size=2, max_size=3))
def test_order_of_modalities_does_not_matter(several: list[EmotionEstimate]):
    first, *others = (fuse(order) for order in itertools.permutations(several))
    assert all(other == first for other in others)


@given(st.lists(estimates(), min_size=1, max_size=4))
def test_fused_vad_lies_between_the_estimates_and_is_no_less_certain(several: list[EmotionEstimate]):
    fused = fuse(several)
    for axis in range(3):
        values = [e.vad.as_tuple()[axis] for e in several]
        assert min(values) - 1e-9 <= fused.vad.as_tuple()[axis] <= max(values) + 1e-9
        assert fused.vad_sd[axis] <= min(e.vad_sd[axis] for e in several) + 1e-9
    assert math.isclose(sum(fused.distribution.probabilities), 1.0, abs_tol=1e-9)


@given(unit, unit, st.floats(0.05, 0.9), st.floats(1.05, 5))
def test_the_more_certain_estimate_is_the_nearer_one(a: float, b: float, sd: float, ratio: float):
    sure = EmotionEstimate(EKMAN7.around(VAD(a)), VAD(a), (sd, sd, sd), "text")
    less = EmotionEstimate(EKMAN7.around(VAD(b)), VAD(b), (sd * ratio, sd * ratio, sd * ratio), "face")
    fused = fuse([sure, less])
    assert abs(fused.vad.valence - a) <= abs(fused.vad.valence - b) + 1e-9


def test_vad_is_the_precision_weighted_mean():
    text_one, face = text("joy", VAD(0.8, 0.4, 0.0), 0.5), text("joy", VAD(0.0, 0.0, 0.0), 0.25)
    # Precisions beyond knowing nothing: 1/0.25 - 1 = 3 and 1/0.0625 - 1 = 15.
    fused = fuse([text_one, face])
    assert fused.vad.valence == pytest.approx(0.8 * 3 / 18)
    assert fused.vad_sd[0] == pytest.approx(1 / math.sqrt(19))


def test_a_voice_without_valence_leaves_the_valence_of_the_words():
    fused = fuse([text("sadness", VAD(-0.7, -0.2, -0.3)), voice(0.6)])
    assert fused.vad.valence == pytest.approx(-0.7)
    assert fused.vad_sd[0] == pytest.approx(0.3)
    assert fused.vad.arousal > -0.2


def test_an_estimate_that_knows_nothing_changes_nothing():
    words = text("gratitude", VAD(0.7, 0.1, 0.1))
    fused = fuse([words, EmotionEstimate.unknown("face")])
    assert fused.distribution == words.distribution
    assert fused.vad.as_tuple() == pytest.approx(words.vad.as_tuple())


def test_estimates_that_all_know_nothing_still_fuse():
    fused = fuse([EmotionEstimate.unknown("face"), EmotionEstimate.unknown("voice")])
    assert fused.label == "neutral"
    assert fused.vad_sd == (1.0, 1.0, 1.0)


def test_the_28_labels_of_text_survive_a_voice_that_knows_seven():
    fused = fuse([text("gratitude", VAD(0.7, 0.1, 0.1)), voice(0.3)])
    assert fused.distribution.taxonomy is GOEMOTIONS28
    assert fused.label == "gratitude"


def test_within_a_class_the_finer_estimate_divides_and_between_classes_both_decide():
    p = np.zeros(28)
    p[[GOEMOTIONS28.index("annoyance"), GOEMOTIONS28.index("anger"), GOEMOTIONS28.index("grief")]] = 0.3, 0.1, 0.6
    words = EmotionEstimate(EmotionDistribution.normalised(GOEMOTIONS28, p), VAD(-0.5), (0.4, 0.4, 0.4), "text")
    face = EmotionEstimate(EmotionDistribution.certain(EKMAN7, "anger"), VAD(-0.5), (0.4, 0.4, 0.4), "face")
    fused = fuse([words, face])
    shares = fused.distribution.as_dict()
    assert fused.label == "annoyance"
    assert shares["annoyance"] / shares["anger"] == pytest.approx(3.0)
    assert convert(fused.distribution, EKMAN7).as_dict()["anger"] > 0.4


def test_no_modality_vetoes_a_label():
    certain_joy = text("joy", VAD(0.8, 0.5, 0.4))
    certain_anger = text("anger", VAD(-0.5, 0.6, 0.2))
    shares = fuse([certain_joy, certain_anger]).distribution.as_dict()
    assert shares["joy"] == pytest.approx(shares["anger"])
    assert shares["joy"] > 0.3


def test_agreeing_modalities_keep_their_label():
    face = EmotionEstimate(EmotionDistribution.certain(EKMAN7, "fear"), VAD(-0.6, 0.8, -0.4), (0.3, 0.3, 0.3), "face")
    fused = fuse([text("nervousness", VAD(-0.4, 0.6, -0.4)), face])
    assert fused.label == "nervousness"


def test_evidence_comes_heaviest_first():
    fused = fuse([text("joy", VAD(0.05)), voice(0.2), text("anger", VAD(-0.5))])
    assert [item.text for item in fused.evidence] == ["anger", "loud", "joy"]
