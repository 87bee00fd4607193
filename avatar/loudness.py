"""How loud a clause is at each moment, relative to itself: what the jaw, the beats and the key motions follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.speech.audio import Audio

Array = NDArray[np.float64]

STEP_S = 0.01
_SILENCE_DB = -60.0
_RANGE_DB = 32.0
_SMOOTHING = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0


@dataclass(frozen=True, eq=False)
class Loudness:
    """`values` (steps,) in [0, 1] at the times `at_s` (steps,), 10 ms apart: 1 at the clause's loud level, 0 from 32 dB
    below it. A clause that never exceeds -60 dB of full scale is silence: all zeros.
    """

    at_s: Array
    values: Array

    @classmethod
    def of(cls, audio: Audio) -> Loudness:
        """Root mean square over 10 ms in decibels, relative to its own 95th percentile, smoothed over about 50 ms."""
        step = max(1, round(audio.sample_rate_hz * STEP_S))
        steps = len(audio.samples) // step
        at_s = (np.arange(steps, dtype=np.float64) + 0.5) * (step / audio.sample_rate_hz)
        power = np.empty(steps)
        for a in range(0, steps, 4096):  # an hour of sound never exists twice in memory
            block = audio.samples[a * step : min(a + 4096, steps) * step].reshape(-1, step)
            power[a : a + len(block)] = np.einsum("ij,ij->i", block, block, dtype=np.float64) / step
        level_db = 10.0 * np.log10(power + 1e-12)
        loud_db = float(np.percentile(level_db, 95)) if steps else _SILENCE_DB - 1.0
        if loud_db < _SILENCE_DB:
            return cls(at_s, np.zeros(steps))
        relative = np.clip(1.0 + (level_db - loud_db) / _RANGE_DB, 0.0, 1.0)
        return cls(at_s, np.convolve(relative, _SMOOTHING, mode="same") if steps >= len(_SMOOTHING) else relative)

    def smoothed(self, over_s: float) -> Loudness:
        """The same under a Hann window of this length."""
        window = np.asarray(np.hanning(round(over_s / STEP_S) + 2), np.float64)
        if len(self.values) < len(window):
            return self
        smooth = np.convolve(self.values, window / window.sum(), mode="same")
        return Loudness(self.at_s, np.asarray(smooth, np.float64))

    def at(self, times_s: Array) -> Array:
        """In between, and 0 outside the sound; shape (times,)."""
        if len(self.at_s) == 0:
            return np.zeros(len(times_s))
        return np.interp(times_s, self.at_s, self.values, left=0.0, right=0.0)
