"""The fundamental frequency of a voice by autocorrelation: cheap enough for every turn, and numpy only.

Each frame is correlated with itself, divided by the autocorrelation of its window so that a steady tone of any period
reaches 1 (Boersma 1993, Accurate short-term analysis of the fundamental frequency, IFA Proceedings 17). Higher pitches
win over their own octaves below by a small bonus; single frames that leap off their surroundings are unvoiced.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE_HZ = 8_000
"""Rate at which is correlated: pitch needs no higher frequencies."""
HOP_S = 0.01
WINDOW_S = 0.04
LOWEST_HZ, HIGHEST_HZ = 65.0, 550.0
LEAST_STRENGTH = 0.45
"""Normalised autocorrelation from which a frame is voiced, as Boersma has it."""
OCTAVE_BONUS = 0.03
"""Per octave of pitch; Boersma takes .01 with a search over whole paths."""
QUIET_DB = 35.0
"""Frames this far below the loudest have no pitch."""
LEAP_SEMITONES = 7.0
AROUND_FRAMES = 7

_WINDOW = round(RATE_HZ * WINDOW_S)
_HOP = round(RATE_HZ * HOP_S)
_FFT = 512
"""At least the window and the longest lag, so that nothing wraps around."""
_LAGS = np.arange(int(RATE_HZ / HIGHEST_HZ), int(RATE_HZ / LOWEST_HZ) + 2)
_HANN = np.hanning(_WINDOW).astype(np.float32)


def _correlated(frames: Floats) -> Floats:
    spectrum = np.fft.rfft(frames, _FFT, axis=-1)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=-1)[..., : _LAGS[-1] + 2]
    return correlation.astype(np.float32, copy=False)


_OF_WINDOW = _correlated(_HANN)
_BONUS = (OCTAVE_BONUS * np.log2(_LAGS[-1] / _LAGS)).astype(np.float32)


def track_pitch(samples: Floats) -> Floats:
    """F0 in Hz of each frame, 0 where unvoiced, (frames,): frame k is centred on k * 10 ms + 20 ms.

    Args:
        samples: float32 (n,) at 8 kHz.
    """
    if len(samples) < _WINDOW:
        return np.zeros(0, np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * _HANN
    r = _correlated(frames)
    energy = r[:, 0].copy()
    r *= (_OF_WINDOW[0] / _OF_WINDOW) / np.maximum(energy, 1e-12)[:, None]
    first, last = _LAGS[0], _LAGS[-1] + 1
    before, inside, after = r[:, first - 1 : last - 1], r[:, first:last], r[:, first + 1 : last + 1]
    # A parabola through each peak and its neighbours gives its place and height between the lags.
    lean, curve = after - before, np.minimum(before - 2 * inside + after, -1e-9)
    height = np.minimum(inside - lean**2 / (8 * curve), 1.0)
    score = np.where((inside >= before) & (inside > after), height + _BONUS, -1.0)
    each, best = np.arange(len(score)), score.argmax(axis=1)
    f0_hz = RATE_HZ / (_LAGS[best] + np.clip(-0.5 * lean[each, best] / curve[each, best], -0.5, 0.5))
    voiced = (
        (score[each, best] > 0)
        & (height[each, best] >= LEAST_STRENGTH)
        & (energy > energy.max() * 10 ** (-QUIET_DB / 10))
    )
    return np.where(voiced & ~_leaps(f0_hz, voiced), f0_hz, 0.0).astype(np.float32)


def _leaps(f0_hz: NDArray[np.floating], voiced: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voiced frames that are far from the median of the voiced frames around them."""
    semitones = np.where(voiced, 12 * np.log2(np.maximum(f0_hz, 1.0)), np.nan)
    wide = np.pad(semitones, AROUND_FRAMES, constant_values=np.nan)
    around = np.sort(np.lib.stride_tricks.sliding_window_view(wide, 2 * AROUND_FRAMES + 1), axis=1)
    middle = np.maximum(0, (np.isfinite(around).sum(axis=1) - 1) // 2)
    median = around[np.arange(len(around)), middle]
    return np.abs(np.where(voiced, semitones - median, 0.0)) > LEAP_SEMITONES
