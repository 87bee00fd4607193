"""The One Euro filter (Casiez, Roussel & Vogel 2012, CHI): steady when a signal rests, quick when it moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class OneEuro:
    """Filters a vector over time, at any and any changing frame rate.

    Args:
        cutoff_hz: cut-off frequency at rest: lower is steadier.
        speed: how much the cut-off rises, in Hz per unit of speed (units per second) of the signal.
        speed_cutoff_hz: cut-off with which the speed itself is smoothed.
    """

    def __init__(self, cutoff_hz: float, speed: float, speed_cutoff_hz: float = 1.0) -> None:
        self.cutoff_hz, self.speed, self.speed_cutoff_hz = cutoff_hz, speed, speed_cutoff_hz
        self._value: Floats | None = None
        self._rate: Floats | None = None
        self._at_s = 0.0

    def reset(self) -> None:
        """Forget everything: the next value is taken as it is."""
        self._value = None

    def __call__(self, value: Floats, at_s: float) -> Floats:
        """The filtered value of a sample taken at `at_s`; one that is not later than the last returns the last."""
        if self._value is None or self._rate is None:
            self._value, self._rate, self._at_s = value.copy(), np.zeros_like(value), at_s
            return value.copy()
        step_s = at_s - self._at_s
        if step_s <= 0:
            return self._value.copy()
        rate = (value - self._value) / step_s
        self._rate = self._rate + _share(self.speed_cutoff_hz, step_s) * (rate - self._rate)
        cutoff_hz = self.cutoff_hz + self.speed * np.abs(self._rate)
        self._value = self._value + _share(cutoff_hz, step_s) * (value - self._value)
        self._at_s = at_s
        return self._value.copy()


def _share(cutoff_hz: Floats | float, step_s: float) -> Floats | float:
    """The weight of a new sample in exponential smoothing with this cut-off."""
    return 1.0 / (1.0 + 1.0 / (2 * np.pi * cutoff_hz * step_s))
