"""The trajectory benchmark's arithmetic against the published table and vectors worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.apps.simulate.trajectory import (
    BENCHMARK_ORDER,
    PUBLISHED,
    TrajectoryScore,
    dtw,
    read_reference,
    rmse,
    s_abs,
    score,
)
from rapport.persona.errors import InputError

six = st.lists(st.floats(1, 10), min_size=6, max_size=6)


@pytest.mark.parametrize(
    ("model", "expected"), [("Mistral Large", 0.735), ("Nova Pro", 0.692), ("Mistral Small", 0.587)]
)
def test_s_abs_comes_out_of_the_published_means(model: str, expected: float) -> None:
    correlation, warped, distance, _ = PUBLISHED[model]
    assert s_abs(correlation, warped, distance) == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize("model", list(PUBLISHED))
def test_s_abs_agrees_with_the_whole_table_to_its_rounding(model: str) -> None:
    correlation, warped, distance, published = PUBLISHED[model]
    assert s_abs(correlation, warped, distance) == pytest.approx(published, abs=0.01)


def test_a_negative_correlation_counts_as_none() -> None:
    assert s_abs(-0.5, 0, 0) == pytest.approx(2 / 3)


def test_dtw_by_hand() -> None:
    assert dtw([1, 2, 3], [1, 2, 3]) == 0
    assert dtw([1, 1, 2, 3], [1, 2, 2, 3]) == 0
    assert dtw([1, 5], [1, 3, 5]) == 2
    assert dtw([5, 9, 8, 7, 6, 4], [5, 8, 8, 7, 6, 4]) == 1


def test_rmse_by_hand() -> None:
    assert rmse([1, 2, 3, 4], [1, 2, 3, 8]) == 2


@given(six, six)
def test_dtw_is_symmetric_and_no_more_than_going_straight(a: list[float], b: list[float]) -> None:
    assert dtw(a, b) == pytest.approx(dtw(b, a))
    assert 0 <= dtw(a, b) <= sum(abs(x - y) for x, y in zip(a, b, strict=True)) + 1e-9


def test_score_takes_means_over_shared_clients() -> None:
    reference = {"1": (5, 9, 8, 7, 6, 4), "2": (4, 8, 8, 6, 5, 3), "9": (1, 1, 1, 1, 1, 1)}
    found = score({"1": (5, 9, 8, 7, 6, 4), "2": (5, 9, 9, 7, 6, 4)}, reference)
    assert (found.n, found.pearson, found.rmse) == (2, pytest.approx(1), pytest.approx(0.5))
    assert found.s_abs == pytest.approx(s_abs(found.pearson, found.dtw, found.rmse))
    with pytest.raises(InputError, match="no client in common"):
        score({"a": (1,)}, {"b": (1,)})


def test_a_constant_trajectory_has_no_correlation_and_does_not_spoil_the_mean() -> None:
    reference = {"1": (5, 9, 8, 7, 6, 4), "2": (5, 9, 8, 7, 6, 4)}
    assert score({"1": (5,) * 6, "2": (5, 9, 8, 7, 6, 4)}, reference).pearson == pytest.approx(1)
    assert math.isnan(score({"1": (5,) * 6}, reference).pearson)


def test_ratios_divide_the_right_way_round() -> None:
    better, worse = TrajectoryScore(1, 0.8, 2.0, 1.0), TrajectoryScore(1, 0.4, 4.0, 2.0)
    assert better.ratios(worse) == {"r_corr": 2.0, "r_dtw": 2.0, "r_rmse": 2.0}
    assert math.isnan(better.ratios(TrajectoryScore(1, 0.0, 1.0, 1.0))["r_corr"])


def test_a_reference_is_read_in_both_forms_and_in_the_benchmarks_order(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    by_phase = dict(zip(reversed(BENCHMARK_ORDER), (4, 6, 7, 8, 9, 5), strict=True))
    path.write_text(json.dumps({"1": by_phase, "2": [5, 9, 8, 7, 6, 4]}))
    assert read_reference(path) == {"1": (5, 9, 8, 7, 6, 4), "2": (5, 9, 8, 7, 6, 4)}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"1": {"P5": 5}}', "has no P10"),
        ('{"1": [1, 2, 3]}', "six numbers"),
        ('{"1": [0, 2, 3, 4, 5, 6]}', "from 1 to 10"),
        ('{"1": [true, 2, 3, 4, 5, 6]}', "six numbers"),
        ("[]", "object of clients"),
        ("{", "broken JSON at line 1"),
    ],
)
def test_a_bad_reference_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "reference.json"
    path.write_text(content)
    with pytest.raises(InputError, match=says):
        read_reference(path)
