"""How a feeling shows over a reply: its onset from the mood, its apex, and what stays of it.

A face takes its time to a feeling, and each feeling its own: surprise and fear are there soonest, sadness last (the
durations that people find most realistic, Hoffmann, Traue, Bachmayr & Kessler 2010; spontaneous smiles take 0.5 to
0.75 s, Schmidt, Cohn & Tian 2003). Felt expressions last up to about 4 s (Ekman & Friesen 1982); then the face eases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.expression import Mixture, felt_labels
from rapport.persona.affect import EKMAN7, AffectState, convert

Array = NDArray[np.float64]

ONSET_S: Mapping[str, float] = {
    "surprise": 0.35,
    "fear": 0.45,
    "disgust": 0.55,
    "anger": 0.55,
    "joy": 0.65,
    "neutral": 0.65,
    "sadness": 0.95,
}
"""From the mood's face to the emotion's."""
APEX_S = 3.0
OFFSET_PER_ONSET = 2.0
"""A face leaves a feeling more slowly than it takes it on."""
SUSTAINED = 0.9
"""Of the apex, for as long as the reply lasts."""


def smooth(share: Array) -> Array:
    """From 0 to 1 with neither speed nor a change of it at the ends (Perlin's smootherstep)."""
    x = np.clip(share, 0.0, 1.0)
    return x * x * x * (x * (6.0 * x - 15.0) + 10.0)


@dataclass(frozen=True)
class Shown:
    """What a feeling does to the face at some moments: `vad` (times, 3), `weights` (times, 52), `posture` (times, 3) as
    of `Mixture`."""

    vad: Array
    weights: Array
    posture: Array


def onset_s(felt: AffectState) -> float:
    """How long the face takes from the mood to the emotion."""
    named = EKMAN7.around(felt.emotion) if felt.distribution is None else convert(felt.distribution, EKMAN7)
    return sum(p * ONSET_S[label] for label, p in named.as_dict().items())


def shown_feeling(felt: AffectState, times_s: Array) -> Shown:
    """The face of what an agent feels at each reply time; before the reply's begin it is the mood's."""
    rise_s = onset_s(felt)
    mood, emotion = felt.mood.as_array(), felt.emotion.as_array()
    vad = mood + smooth(times_s / rise_s)[:, None] * (emotion - mood)
    eased = smooth((times_s - rise_s - APEX_S) / (OFFSET_PER_ONSET * rise_s))
    intensity = (1.0 - (1.0 - SUSTAINED) * eased)[:, None]
    mixture = Mixture.of(vad, felt_labels(felt))
    return Shown(vad, mixture.weights * intensity, mixture.posture * intensity)
