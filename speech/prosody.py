"""From feeling to prosody: pure functions from VAD to rate, pitch, loudness and pauses, and what they do to contours.

Directions follow the literature, sizes are ours: as strong as speech stays intelligible (`rapport bench voice`).

- Arousal raises rate, mean F0, F0 range, level and the energy of high frequencies, and shortens pauses: the strongest
  and most consistent relations in Schröder, Cowie, Douglas-Cowie, Westerdijk & Gielen 2001 (Eurospeech) and Scherer
  1986 (Psychological Bulletin 99), for whom high frequencies also grow with power (dominance).
- Sadness is slow, low, flat, soft and dull with long pauses and falling contours, joy fast, high, wide and bright with
  rising ones, anger loud and bright, fear high with little variability: Juslin & Laukka 2003 (Psychological Bulletin
  129), Table 7.
- Valence acts little once arousal is accounted for, mostly on range, contour, rate and pauses; dominance lowers mean F0
  and adds level (Schröder 2001).
- Speech that gets slower gets so in its vowels first, above all stressed ones (Gay 1978, JASA 63).
- A yes-no question of English ends in a rise, one with a question word falls (Pierrehumbert & Hirschberg 1990).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD
from rapport.persona.errors import InputError
from rapport.speech.audio import VoiceProfile

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Prosody:
    """What a synthesiser is asked for, relative to its neutral delivery. Factors are above 0, 1 changes nothing."""

    rate: float = 1.0
    """Speaking rate factor: above 1 is faster."""
    vowel_scale: float = 1.0
    """Factor on the length of stressed vowels, beside the rate."""
    pause_scale: float = 1.0
    """Factor on the length of pauses."""
    f0_scale: float = 1.0
    """Factor on the fundamental frequency."""
    f0_range_scale: float = 1.0
    """Factor on the F0 excursions around their centre, in semitones."""
    f0_slope_st: float = 0.0
    """Semitones that F0 climbs (or falls, below 0) from the beginning of a phrase to its end, beside its own fall."""
    energy_db: float = 0.0
    """Level relative to neutral, in decibels."""
    accent_db: float = 0.0
    """Level of stressed vowels beside the others', in decibels."""
    tilt_db: float = 0.0
    """Level above 2 kHz against that below 500 Hz, in decibels: vocal effort."""

    def as_dict(self) -> dict[str, float]:
        """Rounded values by name, for the trace."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


RATE_LIMITS = (0.65, 1.5)
F0_LIMITS = (0.5, 2.0)
F0_HZ_LIMITS = (55.0, 600.0)
_LOG_PER_AXIS: dict[str, tuple[float, float, float]] = {
    #                 valence, arousal, dominance
    "rate": (0.01, 0.12, 0.01),
    "vowel_scale": (0.02, -0.08, -0.06),
    "pause_scale": (-0.2, -0.45, -0.1),
    "f0_scale": (0.05, 0.34, -0.06),
    "f0_range_scale": (0.2, 0.35, 0.16),
}
"""Natural logarithm of each factor at the end of each axis: arousal 1 alone multiplies the rate by exp(0.12) = 1.13."""
_SUM_PER_AXIS: dict[str, tuple[float, float, float]] = {
    "f0_slope_st": (0.8, 1.6, 0.4),
    "energy_db": (0.5, 6.0, 1.5),
    "accent_db": (0.3, 1.5, 0.7),
    "tilt_db": (0.5, 5.0, 2.0),
}
_SLOWING = 2.2
"""Speech may slow down by more than it may hurry before words suffer."""
_SATURATION = 1.5
_FAR_ST = 7.0
"""Excursions beyond this are glides into and out of voicing, whose outer part is moved and not stretched."""
_RISE_ST = 5.0
"""How far over the centre of its phrase a rising question ends."""


def prosody_of(vad: VAD, voice: VoiceProfile | None = None) -> Prosody:
    """The prosody of a feeling in a persona's voice. Continuous, and monotone in each axis; (0, 0, 0) is neutral.

    Raises:
        InputError: the voice's pitch or rate scale is not a number in [0.5, 2].
    """
    rate_scale, pitch_scale = (voice.rate_scale, voice.pitch_scale) if voice else (1.0, 1.0)
    for name, value in (("rate_scale", rate_scale), ("pitch_scale", pitch_scale)):
        if not 0.5 <= value <= 2.0:
            raise InputError(f"{name} of a voice must lie in [0.5, 2], got {value}")
    point = [_response(x) for x in vad.as_tuple()]
    logs = {name: _dot(weights, point) for name, weights in _LOG_PER_AXIS.items()}
    logs["rate"] *= _SLOWING if logs["rate"] < 0 else 1.0
    factor = {name: math.exp(value) for name, value in logs.items()}
    summed = {name: _dot(weights, point) for name, weights in _SUM_PER_AXIS.items()}
    factor["rate"] = _bounded(factor["rate"] * rate_scale, RATE_LIMITS)
    factor["f0_scale"] = _bounded(factor["f0_scale"] * pitch_scale, F0_LIMITS)
    return Prosody(**factor, **summed)


def shape_f0(
    f0_hz: Floats, voiced: NDArray[np.bool_], prosody: Prosody, rises: Sequence[tuple[int, int]] = ()
) -> Floats:
    """A pitch contour moved, stretched and tilted as the prosody asks; unvoiced steps stay as they are.

    f0_hz and voiced: shape (steps,). Excursions are taken in semitones around the median of the voiced steps, as
    listeners hear pitch, so the result is positive whatever the scale. `rises`: stretches, from the last accent of a
    question to its end, that go up whatever the feeling; a wider range carries them higher, a flatter one not lower.
    """
    if not voiced.any():
        return f0_hz
    centre = float(np.median(f0_hz[voiced]))
    semitones = 12 * np.log2(f0_hz[voiced] / centre)
    near = np.clip(semitones, -_FAR_ST, _FAR_ST)
    steps = np.flatnonzero(voiced)
    progress = (steps - steps[0]) / max(1, steps[-1] - steps[0])
    moved = near * prosody.f0_range_scale + (semitones - near) + prosody.f0_slope_st * (progress - 0.5)
    for start, end in rises:
        last = steps[steps < end].max(initial=start)
        share = np.clip((steps - start) / max(1, last - start), 0, 1) * (steps < end)
        moved += (_RISE_ST * max(1.0, prosody.f0_range_scale) - moved) * share**1.5
    shaped = f0_hz.copy()
    shaped[voiced] = np.clip(centre * prosody.f0_scale * 2 ** (moved / 12), *F0_HZ_LIMITS)
    return shaped


def accents_db(stressed: NDArray[np.bool_], prosody: Prosody) -> Floats:
    """Gain over time that puts the accent on stressed vowels, with soft edges; shapes (frames,)."""
    soft = np.convolve(np.pad(stressed.astype(np.float32), 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    return (prosody.accent_db * soft).astype(np.float32)


def _response(x: float) -> float:
    """How much of an axis' effect a coordinate calls up: odd, steep near neutral, 1 at the end.

    Everyday feelings lie in the middle of the space (EKMAN7's sadness at arousal -0.27), and are to be heard.
    """
    return math.tanh(_SATURATION * x) / math.tanh(_SATURATION)


def _dot(weights: Sequence[float], point: Sequence[float]) -> float:
    return sum(w * x for w, x in zip(weights, point, strict=True))


def _bounded(value: float, limits: tuple[float, float]) -> float:
    return max(limits[0], min(limits[1], value))
