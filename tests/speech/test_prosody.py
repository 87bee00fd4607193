"""Feeling to prosody: neutral changes nothing, each axis pulls the way the literature says, and contours obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.persona.affect import EKMAN7, VAD
from rapport.persona.errors import InputError
from rapport.speech.audio import VoiceProfile
from rapport.speech.prosody import F0_LIMITS, RATE_LIMITS, Prosody, prosody_of, shape_f0

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


@given(axis, axis, axis)
def test_prosody_stays_where_speech_is_intelligible(v: float, a: float, d: float) -> None:
    p = prosody_of(VAD(v, a, d))
    assert 0.75 <= p.rate <= 1.35
    assert 0.75 <= p.f0_scale <= 1.35
    assert 0.5 <= p.f0_range_scale <= 2.0
    assert -6.0 <= p.energy_db <= 6.0
    assert 0.5 <= p.pause_scale <= 2.0


def test_sadness_is_slow_low_flat_and_soft_and_joy_the_reverse() -> None:
    sad, joy = prosody_of(EKMAN7.points["sadness"]), prosody_of(EKMAN7.points["joy"])
    assert sad.rate < 1 < joy.rate
    assert sad.f0_scale < 1 < joy.f0_scale
    assert sad.f0_range_scale < 1 < joy.f0_range_scale
    assert sad.energy_db < 0 < joy.energy_db
    assert sad.pause_scale > 1 > joy.pause_scale


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


@given(st.lists(st.floats(60, 400, width=32), min_size=1, max_size=50), st.floats(0.7, 1.4), st.floats(0.5, 2.0))
def test_a_contour_moves_by_the_scale_and_stretches_by_the_range(f0: list[float], scale: float, spread: float) -> None:
    contour = np.array([*f0, 3.0], np.float32)
    voiced = contour > 45
    shaped = shape_f0(contour, voiced, Prosody(f0_scale=scale, f0_range_scale=spread))
    assert shaped[-1] == contour[-1]
    assert (shaped > 0).all()
    semitones = 12 * np.log2(contour[voiced] / np.median(contour[voiced]))
    reached = 12 * np.log2(shaped[voiced] / (np.median(contour[voiced]) * scale))
    np.testing.assert_allclose(reached, spread * semitones, atol=0.02)


def test_a_whispered_contour_is_left_alone() -> None:
    contour = np.full(10, 4.0, np.float32)
    assert shape_f0(contour, contour > 45, Prosody(f0_scale=1.3)) is contour
