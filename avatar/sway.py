"""The slow movements of a living head: sway and breath, functions of time and a seed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FREQUENCIES_HZ = np.array([0.061, 0.107, 0.173, 0.269, 0.419, 0.617, 0.887])
_SCALE_RAD = np.radians([0.55, 0.95, 0.6])
_SWAY, _BREATH = 3, 4


@lru_cache(maxsize=64)
def _sway(seed: int) -> tuple[Array, Array, Array]:
    """Turns a second and phases, (3, frequencies), and amplitudes (frequencies,)."""
    rng = np.random.default_rng([seed % 2**64, _SWAY])
    turns = 2.0 * np.pi * _FREQUENCIES_HZ * rng.uniform(0.93, 1.07, (3, len(_FREQUENCIES_HZ)))
    phases = rng.uniform(0.0, 2.0 * np.pi, (3, len(_FREQUENCIES_HZ)))
    amplitudes = _FREQUENCIES_HZ**-0.7
    return turns, phases, amplitudes / np.sqrt(0.5 * (amplitudes**2).sum())


def head_sway(times_s: Array, seed: int) -> Array:
    """Slow, band-limited head motion, shape (times, 3): pitch, yaw, roll in radians, about half a degree to a degree.

    A sum of sines between 0.06 and 0.9 Hz whose amplitudes fall with frequency, with phases from the seed.
    """
    turns, phases, amplitudes = _sway(seed)
    return np.sin(times_s[:, None, None] * turns + phases) @ amplitudes * _SCALE_RAD


@lru_cache(maxsize=64)
def _breathing(seed: int) -> tuple[float, float]:
    """Breaths a second, and the first one's phase in turns."""
    rng = np.random.default_rng([seed % 2**64, _BREATH])
    return float(rng.uniform(13.0, 17.0)) / 60.0, float(rng.uniform())


def breath(times_s: Array, seed: int) -> Array:
    """The breath, shape (times,) in [0, 1] from out to in: 13 to 17 a minute, breathing in faster than out."""
    rate_hz, begin = _breathing(seed)
    phase = 2.0 * np.pi * (times_s * rate_hz + begin)
    return 0.5 - 0.5 * np.cos(phase + 0.35 * np.sin(phase))
