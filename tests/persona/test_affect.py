"""The mathematics of affect space and of the maps between label sets."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.persona.affect import (
    EKMAN7,
    EMPATHETIC32,
    GOEMOTIONS28,
    TAXONOMIES,
    VAD,
    EmotionDistribution,
    EmotionEstimate,
    Taxonomy,
    convert,
    ekman_of,
)
from rapport.persona.errors import InputError

AXIS = st.floats(-1.0, 1.0)
VADS = st.builds(VAD, AXIS, AXIS, AXIS)
ANY = st.floats(allow_nan=False)
PAIRS = list(itertools.product(TAXONOMIES.values(), repeat=2))
IDS = [f"{a.name}-{b.name}" for a, b in PAIRS]


def distributions(taxonomy: Taxonomy) -> st.SearchStrategy[EmotionDistribution]:
    weights = st.lists(st.floats(0.0, 1e6), min_size=len(taxonomy), max_size=len(taxonomy))
    return weights.map(lambda w: EmotionDistribution.normalised(taxonomy, w))


# ---------------------------------------------------------------------------------------------------------------- VAD


@given(ANY, ANY, ANY)
def test_clamping_reaches_the_nearest_point_of_the_space(v: float, a: float, d: float) -> None:
    for given_x, x in zip((v, a, d), VAD.clamped(v, a, d).as_tuple(), strict=True):
        assert x == min(1.0, max(-1.0, given_x))


@given(VADS)
def test_clamping_leaves_what_is_inside(vad: VAD) -> None:
    assert VAD.clamped(*vad.as_tuple()) == vad == VAD.from_array(vad.as_array())


@pytest.mark.parametrize("x", [1.0001, -2.0, math.inf, math.nan])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_point_outside_the_space_is_refused_by_axis(x: float, axis: int) -> None:
    values = [0.0, 0.0, 0.0]
    values[axis] = x
    with pytest.raises(InputError, match=("valence", "arousal", "dominance")[axis]):
        VAD(*values)


def test_nan_cannot_be_clamped() -> None:
    with pytest.raises(InputError, match="NaN"):
        VAD.clamped(math.nan, 0.0, 0.0)


@given(VADS, VADS, st.floats(0.0, 1.0))
def test_going_towards_a_point_covers_that_share_of_the_way(here: VAD, there: VAD, share: float) -> None:
    between = here.towards(there, share)
    assert between.distance(there) == pytest.approx((1.0 - share) * here.distance(there), abs=1e-9)
    assert between.distance(here) == pytest.approx(share * here.distance(there), abs=1e-9)


@given(VADS, VADS, VADS)
def test_distance_is_a_metric_within_the_diagonal(a: VAD, b: VAD, c: VAD) -> None:
    assert a.distance(b) == b.distance(a)
    assert a.distance(a) == 0.0
    assert a.distance(c) <= a.distance(b) + b.distance(c) + 1e-12
    assert a.distance(b) <= 2.0 * math.sqrt(3.0) + 1e-12


@given(VADS)
def test_intensity_is_a_share(vad: VAD) -> None:
    assert 0.0 <= vad.intensity <= 1.0 + 1e-12
    assert VAD().intensity == 0.0
    assert VAD(1.0, -1.0, 1.0).intensity == pytest.approx(1.0)


# ---------------------------------------------------------------------------------------------------------- taxonomies


def test_taxonomies_have_their_published_sizes() -> None:
    sizes = {name: len(taxonomy) for name, taxonomy in TAXONOMIES.items()}
    assert sizes == {"ekman7": 7, "goemotions28": 28, "mead8": 8, "empathetic32": 32, "cped13": 13}


def test_ekmans_points_are_the_published_ones() -> None:
    table = {
        "anger": (-0.51, 0.59, 0.25),
        "disgust": (-0.60, 0.35, 0.11),
        "fear": (-0.62, 0.82, -0.43),
        "joy": (0.81, 0.51, 0.46),
        "neutral": (0.0, 0.0, 0.0),
        "sadness": (-0.63, -0.27, -0.33),
        "surprise": (0.40, 0.67, -0.13),
    }
    assert {label: point.as_tuple() for label, point in EKMAN7.points.items()} == table


@pytest.mark.parametrize("taxonomy", TAXONOMIES.values(), ids=TAXONOMIES)
def test_every_label_has_an_ekman_class_and_is_nearest_to_its_own_point(taxonomy: Taxonomy) -> None:
    for label, point in taxonomy.points.items():
        assert ekman_of(taxonomy, label) in EKMAN7.labels
        assert taxonomy.points[taxonomy.nearest(point)] == point
    assert {ekman_of(taxonomy, label) for label in taxonomy.labels} >= set(EKMAN7.labels) - {"neutral"}


def test_an_unknown_label_lists_the_labels() -> None:
    for ask in (EKMAN7.index, lambda label: ekman_of(EKMAN7, label)):
        with pytest.raises(InputError, match=r"'hangry' is no label of ekman7; one of: anger, .*surprise"):
            ask("hangry")


@given(st.sampled_from(EKMAN7.labels), st.floats(0.25, 1.0))
def test_a_mild_feeling_is_called_by_the_name_of_the_strong_one(label: str, strength: float) -> None:
    point = EKMAN7.points[label]
    mild = VAD.from_array(strength * point.as_array())
    assert EKMAN7.called(mild, least=0.1) == label


@given(VADS)
def test_a_short_vector_is_neutral_and_every_vector_has_a_name(vad: VAD) -> None:
    assert EKMAN7.called(vad) in EKMAN7.labels
    assert (EKMAN7.called(vad) == "neutral") == (np.linalg.norm(vad.as_array()) < 0.45)
    assert EMPATHETIC32.called(VAD()) in EMPATHETIC32.labels


@given(VADS)
def test_a_distribution_around_a_point_peaks_at_the_nearest_label(vad: VAD) -> None:
    around = GOEMOTIONS28.around(vad)
    assert sum(around.probabilities) == pytest.approx(1.0)
    assert GOEMOTIONS28.points[around.label].distance(vad) == pytest.approx(
        GOEMOTIONS28.points[GOEMOTIONS28.nearest(vad)].distance(vad)
    )


# ------------------------------------------------------------------------------------------------------- distributions


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=IDS)
@given(data=st.data())
def test_converting_keeps_the_whole_mass(source: Taxonomy, target: Taxonomy, data: st.DataObject) -> None:
    converted = convert(data.draw(distributions(source)), target)
    assert converted.taxonomy is target
    assert min(converted.probabilities) >= 0.0
    assert sum(converted.probabilities) == pytest.approx(1.0)


@pytest.mark.parametrize("taxonomy", TAXONOMIES.values(), ids=TAXONOMIES)
@given(data=st.data())
def test_converting_to_the_same_taxonomy_changes_nothing(taxonomy: Taxonomy, data: st.DataObject) -> None:
    distribution = data.draw(distributions(taxonomy))
    assert convert(distribution, taxonomy) == distribution


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=IDS)
def test_a_pure_label_stays_in_its_ekman_class(source: Taxonomy, target: Taxonomy) -> None:
    classes = {ekman_of(target, label) for label in target.labels}
    for label in source.labels:
        ekman = ekman_of(source, label)
        if ekman in classes:
            converted = convert(EmotionDistribution.certain(source, label), target)
            assert ekman_of(target, converted.label) == ekman
            assert convert(converted, EKMAN7).as_dict()[ekman] == pytest.approx(1.0)


@pytest.mark.parametrize("target", TAXONOMIES.values(), ids=TAXONOMIES)
def test_ekmans_labels_survive_the_way_there_and_back(target: Taxonomy) -> None:
    classes = {ekman_of(target, label) for label in target.labels}
    for label in set(EKMAN7.labels) & classes:
        there = convert(EmotionDistribution.certain(EKMAN7, label), target)
        assert convert(there, EKMAN7).label == label


@given(distributions(GOEMOTIONS28))
def test_ekman_mass_is_the_sum_of_its_labels(distribution: EmotionDistribution) -> None:
    sums = dict.fromkeys(EKMAN7.labels, 0.0)
    for label, p in distribution.as_dict().items():
        sums[ekman_of(GOEMOTIONS28, label)] += p
    assert convert(distribution, EKMAN7).as_dict() == pytest.approx(sums)


@given(distributions(EKMAN7))
def test_expected_vad_lies_within_the_labels_points(distribution: EmotionDistribution) -> None:
    points = np.array([point.as_tuple() for point in EKMAN7.points.values()])
    vad = distribution.vad.as_array()
    assert (points.min(axis=0) - 1e-9 <= vad).all() and (vad <= points.max(axis=0) + 1e-9).all()


def test_a_certain_label_has_its_own_point() -> None:
    for label, point in GOEMOTIONS28.points.items():
        certain = EmotionDistribution.certain(GOEMOTIONS28, label)
        assert certain.label == label
        assert certain.vad == point


@pytest.mark.parametrize(
    "weights", [[1.0] * 6, [1.0] * 8, [math.nan, *[1.0] * 6], [-1.0, *[1.0] * 6], [math.inf, *[1.0] * 6]]
)
def test_weights_that_are_no_distribution_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError):
        EmotionDistribution.normalised(EKMAN7, weights)


def test_probabilities_must_sum_to_one_and_no_weight_at_all_is_uniform() -> None:
    with pytest.raises(InputError, match="sum to 1"):
        EmotionDistribution(EKMAN7, (0.2,) * 7)
    assert EmotionDistribution.normalised(EKMAN7, [0.0] * 7).probabilities == pytest.approx([1 / 7] * 7)


@pytest.mark.parametrize("sd", [(0.0, 1.0, 1.0), (-1.0, 1.0, 1.0), (math.nan, 1.0, 1.0), (math.inf, 1.0, 1.0)])
def test_an_estimate_that_does_not_say_how_sure_it_is_is_refused(sd: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="vad_sd"):
        EmotionEstimate(EKMAN7.around(VAD()), VAD(), sd)


def test_the_unknown_estimate_is_neutral_and_sure_of_nothing() -> None:
    unknown = EmotionEstimate.unknown("voice")
    assert (unknown.label, unknown.vad, unknown.modality) == ("neutral", VAD(), "voice")
    assert min(unknown.vad_sd) >= 1.0
