"""Clauses come out equally loud, louder or softer by feeling, and never clip or click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.speech.level import LEVEL_DBFS, levelled, silent_blocks

RATE_HZ, BLOCK = 24_000, 600


def tone(amplitude: float, blocks: int = 40) -> np.ndarray:
    t = np.arange(blocks * BLOCK) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * 200 * t)).astype(np.float32)


def level_db(samples: np.ndarray) -> float:
    return 20 * float(np.log10(np.sqrt(np.mean(np.square(samples[2 * BLOCK : -2 * BLOCK])))))


@pytest.mark.parametrize("amplitude", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("energy_db", [-4.0, 0.0, 4.0])
def test_the_level_is_what_was_asked_for(amplitude: float, energy_db: float) -> None:
    samples = tone(amplitude)
    out = levelled(samples, silent_blocks(samples, BLOCK), BLOCK, RATE_HZ, energy_db)
    assert level_db(out) == pytest.approx(LEVEL_DBFS + energy_db, abs=0.1)
    assert abs(out[0]) < 1e-6
    assert abs(out[-1]) < 1e-6


def test_pauses_do_not_make_speech_louder() -> None:
    speech = tone(0.2)
    with_pause = np.concatenate([speech, np.zeros(60 * BLOCK, np.float32)])
    plain = levelled(speech, silent_blocks(speech, BLOCK), BLOCK, RATE_HZ)
    paused = levelled(with_pause, silent_blocks(with_pause, BLOCK), BLOCK, RATE_HZ)
    assert level_db(paused[: len(speech)]) == pytest.approx(level_db(plain), abs=0.05)


def test_a_sharp_peak_is_kept_below_full_scale() -> None:
    samples = tone(0.01)
    samples[5000] = 1.0
    out = levelled(samples, silent_blocks(samples, BLOCK), BLOCK, RATE_HZ, 6.0)
    assert np.abs(out).max() <= 0.951


def test_silence_stays_silence() -> None:
    samples = np.zeros(10 * BLOCK, np.float32)
    assert silent_blocks(samples, BLOCK).all()
    np.testing.assert_array_equal(levelled(samples, silent_blocks(samples, BLOCK), BLOCK, RATE_HZ), samples)


@given(st.integers(0, 3000))
def test_any_length_is_taken(n: int) -> None:
    samples = np.ones(n, np.float32) * 0.1
    out = levelled(samples, silent_blocks(samples, BLOCK), BLOCK, RATE_HZ)
    assert out.shape == samples.shape
    assert np.isfinite(out).all()
