"""Pitch and the other measures of a voice: right on made tones, blind to the level, defined for whatever sounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.voice_measures import MEASURES, measure, summary
from rapport.agent.perception.voice_pitch import RATE_HZ, track_pitch
from rapport.speech.audio import Audio
from rapport.speech.files import resample

RATE = 16_000


def buzz(f0_hz: float, s: float = 1.0, rate: int = RATE, harmonics: int = 8) -> np.ndarray:
    t = np.arange(round(s * rate)) / rate
    sound = sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, harmonics + 1))
    return (0.3 * sound).astype(np.float32)


@given(st.floats(75, 480))
def test_the_pitch_of_a_buzz_is_its_fundamental(f0_hz: float):
    found = track_pitch(buzz(f0_hz, 0.3, RATE_HZ, 4))
    assert (found > 0).mean() > 0.9
    assert 12 * abs(np.log2(np.median(found[found > 0]) / f0_hz)) < 0.3


def test_noise_silence_and_scraps_have_no_pitch():
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    assert (track_pitch(noise) > 0).mean() < 0.1
    assert not track_pitch(np.zeros(RATE_HZ, np.float32)).any()
    assert len(track_pitch(np.zeros(10, np.float32))) == 0


def test_a_pitch_that_rises_is_followed():
    t = np.arange(RATE) / RATE
    f0 = 120 * 2**t
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    voice = measure(Audio((0.3 * (np.sin(phase) + np.sin(2 * phase))).astype(np.float32), RATE))
    assert voice is not None
    told = summary(voice)
    assert told["pitch_slope"] == pytest.approx(12, abs=1)
    assert told["pitch_end"] > 3


@given(st.floats(0.02, 1.0))
def test_the_level_of_the_recording_changes_nothing(gain: float):
    sound = buzz(150) * np.clip(np.sin(np.arange(RATE) / 2500), 0, 1).astype(np.float32)
    sound = sound + np.random.default_rng(0).normal(0, 0.003, RATE).astype(np.float32)
    plain, other = measure(Audio(sound, RATE)), measure(Audio(sound * gain, RATE))
    assert plain is not None and other is not None
    a, b = summary(plain), summary(other)
    for name in ("pitch", "effort", "level_sd", "runs_per_s", "cepstrum_1"):
        assert b[name] == pytest.approx(a[name], abs=0.3), name


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_any_rate_gives_the_same_names_and_numbers(rate: int):
    voice = measure(resample(Audio(buzz(200), RATE), rate))
    assert voice is not None
    told = summary(voice)
    assert tuple(told) == MEASURES
    assert np.isfinite(list(told.values())).all()
    assert told["pitch_p50"] == pytest.approx(12, abs=0.3)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(1), np.zeros(RATE), np.full(RATE, 0.5), np.full(RATE, 1e-4)])
def test_nothing_to_hear_is_none(samples: np.ndarray):
    assert measure(Audio(samples.astype(np.float32), RATE)) is None


def test_noise_is_measured_but_is_no_voice():
    noise = measure(Audio(np.random.default_rng(0).normal(0, 0.1, RATE).clip(-1, 1).astype(np.float32), RATE))
    assert noise is not None and not noise.is_voice
    assert np.isfinite(list(summary(noise).values())).all()
    tone = measure(Audio(buzz(200), RATE))
    assert tone is not None and tone.is_voice


def test_of_long_audio_the_end_counts():
    low, high = buzz(100, 12), buzz(300, 12)
    voice = measure(Audio(np.concatenate([low, high]), RATE))
    assert voice is not None
    assert summary(voice)["pitch_p10"] == pytest.approx(12 * np.log2(3), abs=0.5)
