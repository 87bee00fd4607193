"""Clauses come out equally loud, louder or softer by feeling, and never clip or click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.speech.level import LEVEL_LUFS, levelled, loudness_lufs, silent_blocks

RATE_HZ, BLOCK = 24_000, 600


def tone(amplitude: float, blocks: int = 80, hz: float = 997.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    t = np.arange(blocks * BLOCK) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 48_000])
def test_loudness_is_that_of_the_standard(rate_hz: int) -> None:
    # BS.1770-4: a sine of 997 Hz at full scale in one channel measures -3.01 LKFS.
    assert loudness_lufs(tone(1.0, rate_hz=rate_hz), rate_hz) == pytest.approx(-3.01, abs=0.03)


def test_gating_follows_ebu_tech_3341() -> None:
    # Case 3 of EBU Tech 3341: 10 s at -36, 60 s at -23, 10 s at -36 dBFS in stereo measure -23 LUFS; mono 3 less.
    parts = [tone(10 ** (db / 20), blocks=40 * seconds, hz=1000.0) for db, seconds in ((-36, 10), (-23, 60), (-36, 10))]
    assert loudness_lufs(np.concatenate(parts), RATE_HZ) == pytest.approx(-26.0, abs=0.1)


def test_silence_and_nothing_have_no_loudness() -> None:
    assert loudness_lufs(np.zeros(RATE_HZ, np.float32), RATE_HZ) == -np.inf
    assert loudness_lufs(np.zeros(0, np.float32), RATE_HZ) == -np.inf


@pytest.mark.parametrize("amplitude", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("energy_db", [-6.0, 0.0, 6.0])
def test_the_level_is_what_was_asked_for(amplitude: float, energy_db: float) -> None:
    out = levelled(tone(amplitude), RATE_HZ, energy_db)
    assert loudness_lufs(out, RATE_HZ) == pytest.approx(LEVEL_LUFS + energy_db, abs=0.1)


def test_pauses_do_not_make_speech_louder() -> None:
    speech = tone(0.2)
    paused = levelled(np.concatenate([speech, np.zeros(160 * BLOCK, np.float32)]), RATE_HZ)
    assert loudness_lufs(paused[: len(speech)], RATE_HZ) == pytest.approx(LEVEL_LUFS, abs=0.5)


@pytest.mark.parametrize("tilt_db", [-6.0, 6.0])
def test_a_tilt_changes_the_colour_and_not_the_level(tilt_db: float) -> None:
    sound = tone(0.1, hz=300) + tone(0.1, hz=4000)
    plain, tilted = levelled(sound, RATE_HZ), levelled(sound, RATE_HZ, tilt_db=tilt_db)

    def ratio_db(x: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(x)) ** 2
        hz = np.fft.rfftfreq(len(x), 1 / RATE_HZ)
        return 10 * float(np.log10(power[hz > 2000].sum() / power[hz < 2000].sum()))

    assert ratio_db(tilted) - ratio_db(plain) == pytest.approx(tilt_db, abs=0.1)
    assert loudness_lufs(tilted, RATE_HZ) == pytest.approx(LEVEL_LUFS, abs=0.1)


def test_a_contour_is_heard_where_it_is_drawn() -> None:
    contour = np.repeat(np.float32([0, 6]), 40)
    out = levelled(tone(0.1), RATE_HZ, contour_db=contour)
    first, second = np.abs(out[: 38 * BLOCK]).max(), np.abs(out[42 * BLOCK :]).max()
    assert 20 * np.log10(second / first) == pytest.approx(6, abs=0.1)


def test_a_sharp_peak_is_rounded_off_without_lowering_the_rest() -> None:
    samples = tone(0.05)
    samples[5000] = 1.0
    out = levelled(samples, RATE_HZ, 6.0)
    assert np.abs(out).max() <= 0.951
    assert loudness_lufs(out, RATE_HZ) == pytest.approx(LEVEL_LUFS + 6.0, abs=0.3)


def test_joints_are_silent_and_approached_smoothly() -> None:
    out = levelled(tone(0.3), RATE_HZ, 6.0)
    assert out[0] == 0
    assert out[-1] == 0
    joint = np.concatenate([out[-120:], out[:120]])
    assert np.abs(np.diff(joint)).max() <= np.abs(np.diff(out[2000:-2000])).max()


def test_silence_stays_silence() -> None:
    samples = np.zeros(10 * BLOCK, np.float32)
    assert silent_blocks(samples, BLOCK).all()
    np.testing.assert_array_equal(levelled(samples, RATE_HZ), samples)


@given(st.integers(0, 3000))
def test_any_length_is_taken(n: int) -> None:
    samples = np.ones(n, np.float32) * 0.1
    out = levelled(samples, RATE_HZ, tilt_db=3.0, contour_db=np.zeros(4, np.float32))
    assert out.shape == samples.shape
    assert np.isfinite(out).all()
