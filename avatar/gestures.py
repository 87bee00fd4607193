"""What a listener does at a pause: nods, a shake of the head, raised or lowered brows, a smile.

How often depends on the attitude, as in ViCo (Zhou et al. 2022, arXiv 2112.13548): a positive listener nods and smiles,
a neutral one nods, a negative one frowns and shakes the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rapport.persona.affect import AffectState

Attitude = Literal["positive", "neutral", "negative"]
Kind = Literal["nod", "shake", "brows_up", "brows_down", "smile"]

CHANCES: Mapping[Attitude, Mapping[Kind, float]] = {
    "positive": {"nod": 0.85, "smile": 0.45, "brows_up": 0.25},
    "neutral": {"nod": 0.65, "smile": 0.06, "brows_up": 0.25},
    "negative": {"nod": 0.15, "shake": 0.3, "brows_down": 0.4},
}
"""Of each gesture at a pause."""
HANGING_CHANCE = 0.4
"""Multiplies them where the words hang in the air: the person is looking for a word, not for an answer."""
CYCLE_S: Mapping[Kind, float] = {"nod": 0.42, "shake": 0.5}
_NOD_RAD, _SHAKE_RAD = np.radians((3.0, 5.5)), np.radians((2.0, 3.5))
_RISE_S, _STAY_S, _FALL_S = 0.22, 0.35, 0.5
_SOON_S = (0.03, 0.2)
"""From noticing the pause to the gesture."""
_FADING = 0.65
"""Each nod of a row is so much smaller than the last."""


@dataclass(frozen=True)
class Gesture:
    """From `start_s` on; `size` in radians for the head, else a weight in [0, 1]."""

    kind: Kind
    start_s: float
    size: float
    cycles: int = 1

    @property
    def end_s(self) -> float:
        if self.kind in CYCLE_S:
            return self.start_s + self.cycles * CYCLE_S[self.kind]
        return self.start_s + _RISE_S + _STAY_S + _FALL_S

    def at(self, time_s: float) -> float:
        """Its extent at a time: 0 with no speed at both ends, and in between never negative for all but a shake."""
        since_s = time_s - self.start_s
        if not 0.0 < since_s < self.end_s - self.start_s:
            return 0.0
        if self.kind in CYCLE_S:
            cycle, phase = divmod(since_s / CYCLE_S[self.kind], 1.0)
            size = self.size * _FADING**cycle
            if self.kind == "nod":
                return size * 0.5 * (1.0 - float(np.cos(2.0 * np.pi * phase)))
            return size * float(np.sin(2.0 * np.pi * phase) * np.sin(np.pi * phase))
        rising = min(since_s / _RISE_S, 1.0)
        falling = min(max(self.end_s - time_s, 0.0) / _FALL_S, 1.0)
        share = min(rising, falling)
        return self.size * share * share * (3.0 - 2.0 * share)


def attitude_of(felt: AffectState) -> Attitude:
    """What a feeling makes of somebody who speaks. Sadness and fear are felt with them; anger and disgust against."""
    valence = 0.7 * felt.emotion.valence + 0.3 * felt.mood.valence
    if valence > 0.2:
        return "positive"
    return "negative" if valence < -0.2 and felt.emotion.dominance > 0.0 else "neutral"


def gestures_at_pause(
    attitude: Attitude, now_s: float, hanging: bool, chance: np.random.Generator, nodding: bool
) -> list[Gesture]:
    """What a listener does about a pause noticed at `now_s`; no nod or shake while another goes on (`nodding`)."""
    found: list[Gesture] = []
    for kind, probability in CHANCES[attitude].items():
        draws, soon_s, size = chance.uniform(size=3)
        cycles = 1 + int(chance.choice(3, p=(0.5, 0.35, 0.15)))
        if draws >= probability * (HANGING_CHANCE if hanging else 1.0):
            continue
        start_s = now_s + float(np.interp(float(soon_s), (0.0, 1.0), _SOON_S))
        if kind in CYCLE_S:
            if not nodding:
                lowest, highest = _NOD_RAD if kind == "nod" else _SHAKE_RAD
                found.append(Gesture(kind, start_s, float(lowest + size * (highest - lowest)), cycles))
                nodding = True
        else:
            found.append(Gesture(kind, start_s, 0.25 + 0.2 * float(size)))
    return found
