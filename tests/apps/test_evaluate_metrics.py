"""Every metric against a vector worked out by hand, and against scikit-learn where that is installed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.apps.evaluate.metrics import (
    accuracy,
    bootstrap,
    bootstrap_interval,
    concordance,
    expected_calibration_error,
    f1_per_label,
    interval,
    macro_f1,
    macro_f1_of_occurring,
    mean_f1_by_support,
    micro_f1,
    one_hot,
    pearson,
    per_class,
    weighted_f1,
)

TRUE = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 2, 1])
FOUND, GIVEN = one_hot(PREDICTED, 4), one_hot(TRUE, 4)
# class 0: tp 2, fp 0, fn 1: F1 4/5; class 1: tp 1, fp 2, fn 1: F1 2/5; class 2: tp 0, fp 1, fn 1: F1 0; class 3 never.


def test_one_label_per_text_by_hand():
    assert accuracy(FOUND, GIVEN) == pytest.approx(3 / 6)
    assert f1_per_label(FOUND, GIVEN) == pytest.approx([4 / 5, 2 / 5, 0, 0])
    assert macro_f1(FOUND, GIVEN) == pytest.approx((4 / 5 + 2 / 5) / 4)
    assert macro_f1_of_occurring(FOUND, GIVEN) == pytest.approx((4 / 5 + 2 / 5) / 3)
    assert micro_f1(FOUND, GIVEN) == pytest.approx(3 / 6)
    assert weighted_f1(TRUE, PREDICTED, 4) == pytest.approx((3 * 4 / 5 + 2 * 2 / 5) / 6)


def test_several_labels_per_text_by_hand():
    found = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], bool)
    stated = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0]], bool)
    assert accuracy(found, stated) == pytest.approx(1 / 3)
    assert macro_f1(found, stated) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert micro_f1(found, stated) == pytest.approx(2 * 2 / (3 + 4))
    assert mean_f1_by_support(found, stated) == pytest.approx((2 * 2 / 3 + 2 * 2 / 3) / 4)


def test_per_class_by_hand():
    classes = per_class(FOUND, GIVEN, ("a", "b", "c", "d"))
    assert classes["a"] == pytest.approx({"precision": 1, "recall": 2 / 3, "f1": 4 / 5, "support": 3})
    assert classes["b"] == pytest.approx({"precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5, "support": 2})
    assert classes["d"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_swapping_the_arguments_changes_the_weighted_f1():
    true, constant = np.array([0, 0, 1, 2]), np.zeros(4, int)
    assert weighted_f1(true, constant, 3) == pytest.approx(0.5 * 2 / 3)
    assert weighted_f1(constant, true, 3) == pytest.approx(2 / 3)


def test_correlations_by_hand():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])
    # deviations (-1, 0, 1) and (-1, -1, 2): covariance 3/3, variances 2/3 and 6/3, gap of means 1.
    assert pearson(a, b) == pytest.approx(3 / math.sqrt(2 * 6))
    assert concordance(a, b) == pytest.approx(2 * 1 / (2 / 3 + 6 / 3 + 1))
    assert math.isnan(pearson(a, np.ones(3)))
    assert concordance(a, np.ones(3)) == 0
    assert math.isnan(concordance(np.ones(3), np.ones(3)))


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=20), st.floats(-3, 3), st.floats(0.1, 3))
def test_concordance_never_exceeds_pearson(values: list[float], shift: float, scale: float):
    a = np.array(values)
    r, ccc = pearson(a, a * scale + shift), concordance(a, a * scale + shift)
    if not math.isnan(r):
        assert abs(ccc) <= abs(r) + 1e-9


def test_calibration_error_by_hand():
    confidence = np.array([0.9, 0.95, 0.1, 1.0])
    right = np.array([True, False, False, True])
    # ten bins: {0.9, 0.95, 1.0} with confidence 2.85 and 2 right, {0.1} with none right.
    assert expected_calibration_error(confidence, right, bins=10) == pytest.approx((0.85 + 0.1) / 4)
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


def test_bootstrap_is_seeded_and_percentile():
    values = np.arange(100.0)
    low, high = bootstrap_interval(lambda rows: float(values[rows].mean()), 100, seed=3)
    assert (low, high) == bootstrap_interval(lambda rows: float(values[rows].mean()), 100, seed=3)
    # The mean of 100 draws has a standard error of 28.87 / 10.
    assert low == pytest.approx(49.5 - 1.96 * 2.887, abs=0.7)
    assert high == pytest.approx(49.5 + 1.96 * 2.887, abs=0.7)
    assert interval(np.arange(1001.0), level=0.5) == (250.0, 750.0)


def test_clusters_are_drawn_whole():
    clusters = [7, 7, 2, 2, 2, 9]

    def sizes(rows: np.ndarray) -> list[float]:
        drawn = np.bincount(rows, minlength=6)
        assert drawn[0] == drawn[1] and drawn[2] == drawn[3] == drawn[4]
        return [drawn[0] + drawn[2] + drawn[5], len(rows)]

    samples = bootstrap(sizes, clusters, seed=0, resamples=50)
    assert samples.shape == (50, 2)
    assert (samples[:, 0] == 3).all()
    assert len(set(samples[:, 1].tolist())) > 1


def test_dependent_rows_have_a_wider_interval():
    rng = np.random.default_rng(0)
    dialogue = np.repeat(np.arange(30), 10)
    values = rng.normal(size=30)[dialogue]

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    apart, together = (bootstrap_interval(mean, units, seed=1) for units in (300, dialogue))
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_a_statistic_that_is_sometimes_undefined_has_an_interval():
    values = np.array([1.0, 2.0, 3.0])
    low, high = bootstrap_interval(lambda rows: pearson(values[rows], values[rows]), 3, seed=0)
    assert (low, high) == pytest.approx((1, 1))
    assert all(math.isnan(end) for end in bootstrap_interval(lambda rows: math.nan, 3, seed=0))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_as_scikit_learn_has_it(pairs: list[tuple[int, int]]):
    f1_score = pytest.importorskip("sklearn.metrics").f1_score
    true, predicted = ([pair[k] for pair in pairs] for k in (0, 1))
    found, stated = one_hot(predicted, 5), one_hot(true, 5)
    assert macro_f1_of_occurring(found, stated) == pytest.approx(f1_score(true, predicted, average="macro"))
    assert micro_f1(found, stated) == pytest.approx(f1_score(true, predicted, average="micro"))
    assert weighted_f1(true, predicted, 5) == pytest.approx(f1_score(true, predicted, average="weighted"))
    assert macro_f1(found, stated) == pytest.approx(f1_score(stated, found, average="macro", zero_division=0))
