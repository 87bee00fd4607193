"""Smoothing over turns: what is believed gains from every turn, forgets with time, and never leaves the space."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.smoothing import (
    HALF_LIFE_S,
    PROCESS_NOISE_PER_S,
    SmoothedFeeling,
    predicted,
    smoothed,
)
from rapport.persona.affect import EKMAN7, VAD, EmotionEstimate

unit = st.floats(-1, 1)
sds = st.floats(0.01, 1.0)
YEAR_S = 365.25 * 86_400


def heard(vad: VAD, sd: float = 0.4) -> EmotionEstimate:
    return EmotionEstimate(EKMAN7.around(vad), vad, (sd, sd, sd), "voice")


feelings = st.builds(
    lambda v, a, d, s: SmoothedFeeling(VAD(v, a, d), (s, s, s)), unit, unit, unit, st.floats(0.01, 1.0)
)


@given(feelings, st.floats(max_value=0.0))
def test_no_time_and_a_clock_that_ran_backwards_change_nothing(feeling: SmoothedFeeling, elapsed_s: float):
    assert predicted(feeling, elapsed_s) == feeling


def test_time_that_is_no_number_changes_nothing():
    feeling = SmoothedFeeling(VAD(0.5), (0.2, 0.2, 0.2))
    assert predicted(feeling, math.nan) == feeling


@given(feelings, st.sampled_from([YEAR_S, math.inf]))
def test_after_a_year_nothing_is_known_any_more(feeling: SmoothedFeeling, elapsed_s: float):
    after = predicted(feeling, elapsed_s)
    assert after.vad.as_tuple() == pytest.approx((0, 0, 0), abs=1e-9)
    assert after.vad_sd == pytest.approx((1, 1, 1))


@given(feelings, st.floats(0, 1e4), st.floats(0, 1e4))
def test_two_waits_are_one_long_wait_and_doubt_grows(feeling: SmoothedFeeling, first_s: float, second_s: float):
    once, twice = predicted(feeling, first_s + second_s), predicted(predicted(feeling, first_s), second_s)
    assert once.vad.as_tuple() == pytest.approx(twice.vad.as_tuple(), abs=1e-9)
    assert once.vad_sd == pytest.approx(twice.vad_sd)
    assert all(x <= y + 1e-9 for x, y in zip(feeling.vad_sd, once.vad_sd, strict=True))


def test_over_short_times_it_is_a_random_walk():
    known = SmoothedFeeling(VAD(0.5), (1e-6, 1e-6, 1e-6))
    after = predicted(known, 0.01)
    assert after.vad_sd[0] ** 2 == pytest.approx(0.01 * PROCESS_NOISE_PER_S, rel=1e-3)
    assert after.vad.valence == pytest.approx(0.5, abs=1e-3)
    assert predicted(known, HALF_LIFE_S).vad.valence == pytest.approx(0.25)


@given(feelings, unit, sds, st.floats(0, 1e6))
def test_a_turn_makes_surer_and_draws_towards_itself(feeling: SmoothedFeeling, v: float, sd: float, elapsed_s: float):
    before, after = predicted(feeling, elapsed_s), smoothed(feeling, heard(VAD(v), sd), elapsed_s)
    assert all(x <= y + 1e-12 for x, y in zip(after.vad_sd, before.vad_sd, strict=True))
    low, high = sorted((before.vad.valence, v))
    assert low - 1e-9 <= after.vad.valence <= high + 1e-9


def test_the_update_is_kalmans():
    before = SmoothedFeeling(VAD(0.2), (0.5, 0.5, 0.5))
    noise = 1 / (1 / 0.4**2 - 1)  # variance of the reading without the prior
    gain = 0.25 / (0.25 + noise)
    after = smoothed(before, heard(VAD(-0.8), 0.4), 0.0)
    assert after.vad.valence == pytest.approx(0.2 + gain * (-0.8 - 0.2))
    assert after.vad_sd[0] ** 2 == pytest.approx((1 - gain) * 0.25)


def test_the_first_turn_is_as_sure_as_its_estimate():
    after = smoothed(SmoothedFeeling(), heard(VAD(0.6), 0.3), 5.0)
    assert after.vad_sd == pytest.approx((0.3, 0.3, 0.3))
    assert 0.5 < after.vad.valence < 0.6


def test_an_axis_that_nobody_read_changes_nothing():
    before = SmoothedFeeling(VAD(0.5, 0.5, 0.5), (0.3, 0.3, 0.3))
    blind = EmotionEstimate(EKMAN7.around(VAD()), VAD(-0.9, -0.5, -0.9), (1.0, 0.3, 1.0), "voice")
    after = smoothed(before, blind, 0.0)
    assert (after.vad.valence, after.vad.dominance) == (0.5, 0.5)
    assert -0.5 < after.vad.arousal < 0.1


@given(unit, st.floats(1e-300, 1.0), st.integers(1, 300))
def test_a_thousand_equal_turns_stay_inside_and_converge(v: float, sd: float, n: int):
    feeling = SmoothedFeeling()
    for _ in range(n):
        feeling = smoothed(feeling, heard(VAD(v, v, v), sd), 1.0)
    assert abs(feeling.vad.valence) <= abs(v) + 1e-9
    assert all(0.0 < x <= 1.0 + 1e-12 for x in feeling.vad_sd)
