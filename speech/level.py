"""Loudness of clauses: one loudness for all voices, raised and lowered by feeling, with ends that do not click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVEL_LUFS = -23.0
"""Loudness of neutral speech, the target of EBU R128."""
_KNEE, _PEAK = 0.7, 0.95
_FADE_S = 0.005
_SILENT_DB = -45.0
"""Level below the loudest block at which a block is silent."""
_TILT_HZ = (500.0, 2000.0)
"""Between these the gain of a tilt goes from nothing to all of it."""

Floats = NDArray[np.float32]

_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
"""The two filters of K-weighting at 48 kHz (ITU-R BS.1770-4, tables 1 and 2): numerator, denominator."""


def levelled(
    samples: Floats,
    sample_rate_hz: int,
    energy_db: float = 0.0,
    tilt_db: float = 0.0,
    contour_db: Floats | None = None,
) -> Floats:
    """Sound at LEVEL_LUFS + energy_db, its peaks rounded off below full scale, with fades of 5 ms at both ends.

    tilt_db: gain above 2 kHz against that below 500 Hz; contour_db: (points,) gain over time, evenly spread over the
    sound. Both come before the loudness is set, so they change its colour and accents, not its level. Silence stays.
    """
    if not np.abs(samples).max(initial=0.0) > 1e-5:
        return samples
    if tilt_db:
        samples = _tilted(samples, sample_rate_hz, tilt_db)
    if contour_db is not None and len(contour_db):
        at = (np.arange(len(samples)) + 0.5) * (len(contour_db) / len(samples)) - 0.5
        samples = samples * (10 ** (np.interp(at, np.arange(len(contour_db)), contour_db) / 20)).astype(np.float32)
    loudness = loudness_lufs(samples, sample_rate_hz)
    if not np.isfinite(loudness):
        return samples
    sound = samples * np.float32(10 ** ((LEVEL_LUFS + energy_db - loudness) / 20))
    size = np.abs(sound)
    over = size > _KNEE
    room = _PEAK - _KNEE
    sound[over] = np.sign(sound[over]) * (_KNEE + room * np.tanh((size[over] - _KNEE) / room))
    n = min(round(_FADE_S * sample_rate_hz), len(sound) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / max(n, 1))).astype(np.float32)
    sound[:n] *= ramp
    sound[len(sound) - n :] *= ramp[::-1]
    return sound


def loudness_lufs(samples: Floats, sample_rate_hz: int) -> float:
    """Integrated loudness of mono sound in LUFS after ITU-R BS.1770-4, which EBU R128 uses; -inf for silence.

    Blocks of 0.4 s every 0.1 s, those under -70 LUFS or 10 LU under the mean of the rest left out. Sound shorter than
    a block is taken as one. K-weighting is applied to the spectrum, with the response of the standard's filters.
    """
    if not len(samples):
        return -np.inf
    length = 1 << (len(samples) + sample_rate_hz // 10).bit_length()
    spectrum = np.fft.rfft(samples, length)
    weighted = np.fft.irfft(spectrum * _k_weighting(length, sample_rate_hz), length)[: len(samples)]
    power = np.concatenate([[0.0], np.cumsum(np.square(weighted))])
    block = min(len(samples), round(0.4 * sample_rate_hz))
    starts = np.arange(0, len(samples) - block + 1, max(1, round(0.1 * sample_rate_hz)))
    blocks = np.maximum((power[starts + block] - power[starts]) / block, 1e-20)
    loudness = -0.691 + 10 * np.log10(blocks)
    heard = blocks[loudness > -70]
    if not len(heard):
        return -np.inf
    gate = heard.mean() / 10
    return float(-0.691 + 10 * np.log10(heard[heard > gate].mean()))


def silent_blocks(samples: Floats, block: int) -> NDArray[np.bool_]:
    """Which blocks lie far below the loudest, shape (len(samples) // block,)."""
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    level = np.sqrt(np.mean(np.square(blocks), axis=1))
    return level < max(float(level.max(initial=0.0)) * 10 ** (_SILENT_DB / 20), 1e-5)


def _tilted(samples: Floats, sample_rate_hz: int, tilt_db: float) -> Floats:
    """High frequencies raised or lowered, without a shift in phase."""
    length = 1 << (len(samples) + sample_rate_hz // 10).bit_length()
    frequencies = np.fft.rfftfreq(length, 1 / sample_rate_hz)
    low, high = np.log(_TILT_HZ)
    share = np.clip((np.log(np.maximum(frequencies, 1.0)) - low) / (high - low), 0, 1)
    gain = 10 ** (tilt_db * (0.5 - 0.5 * np.cos(np.pi * share)) / 20)
    return np.fft.irfft(np.fft.rfft(samples, length) * gain, length)[: len(samples)].astype(np.float32)


def _k_weighting(length: int, sample_rate_hz: int) -> NDArray[np.complex128]:
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length, 1 / sample_rate_hz) / 48_000)
    response = np.ones(len(z), np.complex128)
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        response *= np.polyval(numerator[::-1], z) / np.polyval(denominator[::-1], z)
    return response
