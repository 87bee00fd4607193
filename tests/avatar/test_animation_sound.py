"""Loudness, and the key motions that it completes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar.key_motions import motion_times
from rapport.avatar.loudness import Loudness
from rapport.speech.audio import Audio


def tone(level, duration_s=1.0, rate_hz=16_000):
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    return level * np.sin(2 * np.pi * 200 * times)


def test_loudness_follows_the_envelope_whatever_the_level():
    samples = np.concatenate([np.zeros(8000), tone(1.0), tone(0.1), np.zeros(8000)]).astype(np.float32)
    times_s = np.array([-1.0, 0.2, 1.0, 2.0, 2.8, 9.0])
    for gain in (0.9, 0.02):
        got = Loudness.of(Audio(gain * samples, 16_000)).at(times_s)
        np.testing.assert_allclose(got, [0.0, 0.0, 1.0, 1.0 - 20 / 32, 0.0, 0.0], atol=0.02)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(40), np.zeros(16_000), 1e-5 * tone(1.0)])
def test_silence_has_no_loudness(samples):
    assert Loudness.of(Audio(samples.astype(np.float32), 16_000)).at(np.linspace(0, 1, 30)).max() == 0.0


def sound_of(values):
    values = np.asarray(values, float)
    return Loudness((np.arange(len(values)) + 0.5) * 0.01, values)


@given(
    st.lists(st.floats(0.0, 2.0), min_size=2, max_size=20),
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=200),
)
def test_the_mouth_is_at_every_key_on_time_and_never_goes_back(keys, values):
    keys_s = np.unique(np.round(keys, 3))
    times_s = np.unique(np.concatenate([np.arange(-0.2, 2.2, 0.004), keys_s]))
    moved = motion_times(keys_s, sound_of(values), times_s)
    np.testing.assert_allclose(moved[np.isin(times_s, keys_s)], keys_s, atol=1e-9)
    assert np.diff(moved).min() >= -1e-9


def test_the_mouth_moves_when_the_sound_does():
    burst = sound_of([0.1] * 15 + [1.0] * 15)
    moved = motion_times(np.array([0.05, 0.25]), burst, np.array([0.10, 0.14, 0.16, 0.20]))
    assert moved[1] < 0.14 - 0.02  # waits for the burst
    assert moved[2] > 0.16 - 0.01 + 0.02  # and has then come further than time alone would take it
    assert moved[0] < 0.10
    assert moved[3] > 0.20


@pytest.mark.parametrize("values", [[], [0.5], [0.7] * 50])
def test_even_sound_or_none_leaves_the_motion_even(values):
    times_s = np.linspace(0.0, 0.4, 30)
    np.testing.assert_allclose(motion_times(np.array([0.1, 0.2, 0.3]), sound_of(values), times_s), times_s)
