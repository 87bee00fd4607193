"""Feeling to prosody: neutral changes nothing, each axis pulls the way the literature says, and contours obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.persona.affect import EKMAN7, VAD
from rapport.persona.errors import InputError
from rapport.speech.audio import VoiceProfile
from rapport.speech.prosody import F0_HZ_LIMITS, F0_LIMITS, RATE_LIMITS, Prosody, accents_db, prosody_of, shape_f0

axis = st.floats(-1, 1)


def test_neutral_in_a_plain_voice_changes_nothing() -> None:
    assert prosody_of(VAD(), VoiceProfile({})) == Prosody()


@given(axis, axis, axis, axis)
def test_arousal_is_faster_higher_wider_louder_with_shorter_pauses(v: float, a: float, b: float, d: float) -> None:
    calm, excited = (prosody_of(VAD(v, x, d)) for x in sorted((a, b)))
    assert calm.rate <= excited.rate
    assert calm.f0_scale <= excited.f0_scale
    assert calm.f0_range_scale <= excited.f0_range_scale
    assert calm.energy_db <= excited.energy_db
    assert calm.pause_scale >= excited.pause_scale
    assert calm.f0_slope_st <= excited.f0_slope_st
    assert calm.tilt_db <= excited.tilt_db
    assert calm.accent_db <= excited.accent_db


@given(axis, axis, axis)
def test_prosody_stays_where_speech_is_intelligible(v: float, a: float, d: float) -> None:
    p = prosody_of(VAD(v, a, d))
    assert 0.7 <= p.rate <= 1.45
    assert 0.8 <= p.vowel_scale <= 1.25
    assert 0.45 <= p.pause_scale <= 2.2
    assert 0.6 <= p.f0_scale <= 1.6
    assert 0.45 <= p.f0_range_scale <= 2.1
    assert abs(p.f0_slope_st) <= 3.0
    assert abs(p.energy_db) <= 8.0
    assert abs(p.accent_db) <= 3.0
    assert abs(p.tilt_db) <= 8.0


@given(axis, axis, axis, st.floats(0, 0.01))
def test_prosody_is_continuous(v: float, a: float, d: float, step: float) -> None:
    here, there = (prosody_of(VAD.clamped(v, x, d)).as_dict() for x in (a, a + step))
    assert all(abs(there[name] - here[name]) < 0.1 for name in here)


def test_sadness_is_slow_low_flat_and_soft_and_joy_the_reverse() -> None:
    sad, joy = prosody_of(EKMAN7.points["sadness"]), prosody_of(EKMAN7.points["joy"])
    assert sad.rate < 1 < joy.rate
    assert sad.f0_scale < 1 < joy.f0_scale
    assert sad.f0_range_scale < 1 < joy.f0_range_scale
    assert sad.energy_db < 0 < joy.energy_db
    assert sad.pause_scale > 1 > joy.pause_scale
    assert sad.f0_slope_st < 0 < joy.f0_slope_st
    assert sad.tilt_db < 0 < joy.tilt_db
    assert sad.vowel_scale > 1 > joy.vowel_scale


def test_fear_is_higher_but_less_varied_than_joy() -> None:
    fear, joy = prosody_of(EKMAN7.points["fear"]), prosody_of(EKMAN7.points["joy"])
    assert fear.f0_scale > 1.05
    assert fear.f0_range_scale < joy.f0_range_scale


@given(axis, st.floats(0.5, 2), st.floats(0.5, 2))
def test_the_voice_scales_and_stays_in_bounds(a: float, pitch: float, rate: float) -> None:
    p = prosody_of(VAD(0, a, 0), VoiceProfile({}, pitch_scale=pitch, rate_scale=rate))
    assert RATE_LIMITS[0] <= p.rate <= RATE_LIMITS[1]
    assert F0_LIMITS[0] <= p.f0_scale <= F0_LIMITS[1]


@pytest.mark.parametrize("bad", [0.0, 0.4, 2.5, float("nan"), float("inf")])
def test_impossible_scales_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="pitch_scale"):
        prosody_of(VAD(), VoiceProfile({}, pitch_scale=bad))
    with pytest.raises(InputError, match="rate_scale"):
        prosody_of(VAD(), VoiceProfile({}, rate_scale=bad))


@given(st.lists(st.floats(150, 250, width=32), min_size=1, max_size=50), st.floats(0.7, 1.4), st.floats(0.5, 2.0))
def test_a_contour_moves_by_the_scale_and_stretches_by_the_range(f0: list[float], scale: float, spread: float) -> None:
    contour = np.array([*f0, 3.0], np.float32)
    voiced = contour > 45
    semitones = 12 * np.log2(contour[voiced] / np.median(contour[voiced]))
    shaped = shape_f0(contour, voiced, Prosody(f0_scale=scale, f0_range_scale=spread))
    assert shaped[-1] == contour[-1]
    reached = 12 * np.log2(shaped[voiced] / (np.median(contour[voiced]) * scale))
    near = np.abs(semitones) < 7
    np.testing.assert_allclose(reached[near], (spread * semitones)[near], atol=0.02)


@given(st.lists(st.floats(46, 900, width=32), min_size=1, max_size=50), axis, axis, axis)
def test_any_contour_stays_in_the_range_of_voices(f0: list[float], v: float, a: float, d: float) -> None:
    contour = np.array(f0, np.float32)
    shaped = shape_f0(contour, contour > 45, prosody_of(VAD(v, a, d), VoiceProfile({}, pitch_scale=2.0)), [(0, 3)])
    assert (shaped >= F0_HZ_LIMITS[0]).all()
    assert (shaped <= F0_HZ_LIMITS[1]).all()


def test_the_outer_part_of_a_glide_is_not_stretched() -> None:
    contour = np.array([100.0, *[200.0] * 9], np.float32)
    shaped = shape_f0(contour, contour > 45, Prosody(f0_scale=2.0, f0_range_scale=2.0))
    assert 12 * np.log2(400 / shaped[0]) == pytest.approx(2 * 7 + 5, abs=0.01)


def test_a_slope_turns_the_contour_around_its_middle() -> None:
    contour = np.full(101, 200.0, np.float32)
    shaped = shape_f0(contour, contour > 45, Prosody(f0_slope_st=-4.0))
    np.testing.assert_allclose(12 * np.log2(shaped[[0, 50, 100]] / 200), [2, 0, -2], atol=0.01)


@pytest.mark.parametrize("feeling", ["sadness", "neutral", "joy"])
def test_a_question_rises_in_every_feeling(feeling: str) -> None:
    contour = (220 * 2 ** (-np.arange(60) / 120)).astype(np.float32)
    contour[45:50] = 3.0
    prosody = prosody_of(EKMAN7.points[feeling])
    plain = shape_f0(contour, contour > 45, prosody)
    asked = shape_f0(contour, contour > 45, prosody, [(40, 60)])
    np.testing.assert_array_equal(asked[:40], plain[:40])
    np.testing.assert_array_equal(asked[45:50], contour[45:50])
    assert (np.diff(asked[50:]) > 0).all()
    assert asked[-1] > 1.15 * asked[40]


def test_a_whispered_contour_is_left_alone() -> None:
    contour = np.full(10, 4.0, np.float32)
    assert shape_f0(contour, contour > 45, Prosody(f0_scale=1.3)) is contour


def test_an_accent_falls_on_stressed_vowels_with_soft_edges() -> None:
    stressed = np.array([False] * 4 + [True] * 4 + [False] * 4)
    gain = accents_db(stressed, Prosody(accent_db=2.0))
    np.testing.assert_allclose(gain, [0, 0, 0, 0.5, 1.5, 2, 2, 1.5, 0.5, 0, 0, 0])
    assert not accents_db(stressed, Prosody()).any()
