"""From feeling to prosody: pure functions from VAD to rate, pitch, pitch range, level and pauses.

Directions follow the literature; sizes are ours, small enough that speech stays intelligible at the corners of the
space (`tests/speech/test_prosody.py` and the voice's own tests hold them to it).

- Arousal raises rate, mean F0, F0 range and level, and shortens pauses: the strongest and most consistent
  relations in Schröder, Cowie, Douglas-Cowie, Westerdijk & Gielen 2001 (Eurospeech) and Scherer 1986 (Psychological
  Bulletin 99).
- Sadness is slow, low, flat and soft with long pauses, joy fast, high and wide, anger loud, fear high with little
  variability: Juslin & Laukka 2003 (Psychological Bulletin 129), Table 7.
- Valence acts little once arousal is accounted for, mostly on range, rate and pauses; dominance lowers mean F0 and
  adds level (Schröder 2001; Scherer 1986 on power).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD
from rapport.persona.errors import InputError
from rapport.speech.audio import VoiceProfile


@dataclass(frozen=True)
class Prosody:
    """What a synthesiser is asked for, relative to its neutral delivery. Factors are above 0, 1 changes nothing."""

    rate: float = 1.0
    """Speaking rate factor: above 1 is faster."""
    f0_scale: float = 1.0
    """Factor on the fundamental frequency."""
    f0_range_scale: float = 1.0
    """Factor on the F0 excursions around their centre, in semitones."""
    energy_db: float = 0.0
    """Level relative to neutral, in decibels."""
    pause_scale: float = 1.0
    """Factor on the length of pauses."""

    def as_dict(self) -> dict[str, float]:
        """Rounded values by name, for the trace."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


RATE_LIMITS = (0.65, 1.4)
F0_LIMITS = (0.5, 2.0)
_LOG_PER_UNIT: dict[str, tuple[float, float, float]] = {
    #                valence, arousal, dominance
    "rate": (0.04, 0.12, 0.01),
    "f0_scale": (0.05, 0.17, -0.05),
    "f0_range_scale": (0.14, 0.32, 0.10),
    "pause_scale": (-0.15, -0.35, -0.05),
}
"""Natural logarithm of each factor at the end of each axis: arousal 1 alone multiplies the rate by exp(0.12) = 1.13."""
_DB_PER_UNIT = (0.5, 4.0, 1.0)


def prosody_of(vad: VAD, voice: VoiceProfile | None = None) -> Prosody:
    """The prosody of a feeling in a persona's voice. Continuous, and monotone in each axis; (0, 0, 0) is neutral.

    Raises:
        InputError: the voice's pitch or rate scale is not a number in [0.5, 2].
    """
    rate_scale, pitch_scale = (voice.rate_scale, voice.pitch_scale) if voice else (1.0, 1.0)
    for name, value in (("rate_scale", rate_scale), ("pitch_scale", pitch_scale)):
        if not 0.5 <= value <= 2.0:
            raise InputError(f"{name} of a voice must lie in [0.5, 2], got {value}")
    point = vad.as_tuple()
    factor = {name: math.exp(_dot(weights, point)) for name, weights in _LOG_PER_UNIT.items()}
    return Prosody(
        rate=_bounded(factor["rate"] * rate_scale, RATE_LIMITS),
        f0_scale=_bounded(factor["f0_scale"] * pitch_scale, F0_LIMITS),
        f0_range_scale=factor["f0_range_scale"],
        energy_db=_dot(_DB_PER_UNIT, point),
        pause_scale=factor["pause_scale"],
    )


def shape_f0(f0_hz: NDArray[np.float32], voiced: NDArray[np.bool_], prosody: Prosody) -> NDArray[np.float32]:
    """A pitch contour with its centre moved and its excursions stretched; unvoiced frames stay as they are.

    f0_hz and voiced: shape (frames,). Excursions are taken in semitones around the median of the voiced frames, as
    listeners hear pitch, so the result is positive whatever the scale.
    """
    if not voiced.any():
        return f0_hz
    centre = float(np.median(f0_hz[voiced]))
    shaped = f0_hz.copy()
    shaped[voiced] = centre * prosody.f0_scale * (f0_hz[voiced] / centre) ** prosody.f0_range_scale
    return shaped


def _dot(weights: tuple[float, float, float], point: tuple[float, float, float]) -> float:
    return sum(w * x for w, x in zip(weights, point, strict=True))


def _bounded(value: float, limits: tuple[float, float]) -> float:
    return max(limits[0], min(limits[1], value))
