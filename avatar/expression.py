"""What a feeling looks like: a point in VAD space becomes FACS action units and these become ARKit weights.

Each basic emotion has a prototype, a set of action units with intensities after EMFACS (Ekman & Friesen 1983) and the
FACS Investigator's Guide (Ekman, Friesen & Hager 2002), placed at its point in affect space. Between them the face is
a blend: the *direction* of the feeling picks the mixture of prototypes, its *length* how strongly they show. The result
is continuous over the whole space, zero at neutral, and passes through mixed faces on its way between emotions.

While the face speaks, speech keeps the mouth (the principle of EMOTE, Daněček et al. 2023, arXiv 2306.08990):
`SPEECH_SHARE` says how much of each weight an expression may keep then. It shapes the corners of the mouth, never the
jaw or the seal of the lips.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.persona.affect import EKMAN7, VAD
from rapport.persona.errors import InputError

Array = NDArray[np.float64]

ACTION_UNITS: Mapping[int, Mapping[str, float]] = {
    1: {"browInnerUp": 1.0},
    2: {"browOuterUp": 1.0},
    4: {"browDown": 1.0},
    5: {"eyeWide": 1.0},
    6: {"cheekSquint": 1.0},
    7: {"eyeSquint": 1.0},
    9: {"noseSneer": 1.0},
    10: {"mouthUpperUp": 1.0},
    12: {"mouthSmile": 1.0},
    14: {"mouthDimple": 1.0},
    15: {"mouthFrown": 1.0},
    16: {"mouthLowerDown": 1.0},
    17: {"mouthShrugLower": 1.0},
    18: {"mouthPucker": 1.0},
    20: {"mouthStretch": 1.0},
    22: {"mouthFunnel": 1.0},
    23: {"mouthPress": 0.6, "mouthRollUpper": 0.3, "mouthRollLower": 0.3},
    24: {"mouthPress": 1.0},
    25: {"mouthLowerDown": 0.35, "mouthUpperUp": 0.2},
    26: {"jawOpen": 0.5},
    27: {"jawOpen": 1.0},
    28: {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
    43: {"eyeBlink": 1.0},
}
"""FACS action units as ARKit weights at full intensity (E); a stem stands for the left and right weight."""

PROTOTYPES: Mapping[str, tuple[VAD, Mapping[int, float]]] = {
    "joy": (EKMAN7.points["joy"], {6: 0.95, 12: 0.95, 25: 0.75, 10: 0.2, 7: 0.15}),
    "sadness": (EKMAN7.points["sadness"], {1: 0.95, 4: 0.6, 15: 1.0, 17: 0.75, 43: 0.22, 24: 0.15, 7: 0.15}),
    "anger": (EKMAN7.points["anger"], {4: 1.0, 5: 0.4, 7: 0.55, 9: 0.75, 10: 0.55, 22: 0.15, 23: 0.3, 25: 0.5}),
    "disgust": (
        EKMAN7.points["disgust"],
        {9: 1.0, 10: 1.0, 15: 0.25, 17: 0.3, 4: 0.75, 6: 0.25, 7: 0.45, 25: 0.2, 26: 0.1},
    ),
    "fear": (EKMAN7.points["fear"], {1: 1.0, 2: 0.3, 4: 0.5, 5: 0.95, 20: 1.0, 25: 0.8, 26: 0.35, 16: 0.2}),
    "surprise": (EKMAN7.points["surprise"], {1: 0.95, 2: 1.0, 5: 0.95, 22: 0.1, 26: 0.85, 27: 0.1}),
    # The calm half of the space, which the basic emotions leave empty.
    "content": (VAD(0.65, -0.35, 0.30), {12: 0.45, 6: 0.3, 43: 0.06}),
    "warm": (VAD(0.60, 0.00, 0.00), {12: 0.5, 6: 0.3, 1: 0.15}),
    "bored": (VAD(-0.15, -0.80, -0.10), {43: 0.32, 15: 0.15, 14: 0.1}),
    "proud": (VAD(0.45, 0.20, 0.80), {12: 0.45, 14: 0.35, 6: 0.2, 7: 0.12, 17: 0.12}),
    "scornful": (VAD(-0.35, -0.05, 0.70), {14: 0.6, 10: 0.15, 4: 0.3, 7: 0.3, 24: 0.25}),
    "submissive": (VAD(-0.05, 0.05, -0.80), {1: 0.5, 15: 0.25, 24: 0.2, 43: 0.08}),
    "alert": (VAD(0.00, 0.85, 0.10), {5: 0.5, 2: 0.35, 1: 0.2, 24: 0.12}),
}
"""Where in VAD space each face sits at full strength, and its action units with intensities in [0, 1]."""

_SHARPNESS = 26.0
"""How much nearer directions win: anger and disgust lie 20 degrees apart and are each five sixths themselves."""
_LEFT_GAIN, _RIGHT_GAIN = 1.0, 0.93
"""Spontaneous faces are a little stronger on the left side (Borod et al. 1998)."""

SPEECH_SHARE: Mapping[str, float] = {
    "jawOpen": 0.0,
    "jawForward": 0.0,
    "jawLeft": 0.0,
    "jawRight": 0.0,
    "mouthClose": 0.0,
    "mouthFunnel": 0.0,
    "mouthPucker": 0.0,
    "mouthRollLower": 0.0,
    "mouthRollUpper": 0.0,
    "mouthShrugUpper": 0.0,
    "tongueOut": 0.0,
    "mouthPress": 0.2,
    "mouthLowerDown": 0.3,
    "mouthUpperUp": 0.4,
    "mouthShrugLower": 0.5,
    "mouthStretch": 0.6,
    "mouthDimple": 0.8,
    "mouthFrown": 0.9,
    "mouthSmile": 0.8,
}
"""The share of an expression's weight that remains while speaking; what isn't named stays whole."""


def _vector(weights: Mapping[str, float], left: float = 1.0, right: float = 1.0) -> Array:
    """A 52-vector from weights by name or stem, with a gain per side."""
    out = np.zeros(len(ARKIT_BLENDSHAPES))
    for stem, weight in weights.items():
        if stem in BLENDSHAPE_INDEX:
            out[BLENDSHAPE_INDEX[stem]] = weight
        else:
            out[BLENDSHAPE_INDEX[stem + "Left"]] = weight * left
            out[BLENDSHAPE_INDEX[stem + "Right"]] = weight * right
    return out


_AU_NUMBERS = tuple(ACTION_UNITS)
_AU_WEIGHTS = np.stack([_vector(shapes, _LEFT_GAIN, _RIGHT_GAIN) for shapes in ACTION_UNITS.values()])
_SYMMETRIC = [BLENDSHAPE_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
_AU_WEIGHTS[:, _SYMMETRIC] = _AU_WEIGHTS[:, _SYMMETRIC].max(axis=1, keepdims=True)  # a half wink looks wrong
_POINTS = np.stack([point.as_array() for point, _ in PROTOTYPES.values()])
_LENGTHS = np.linalg.norm(_POINTS, axis=1)
_DIRECTIONS = _POINTS / _LENGTHS[:, None]
_INTENSITIES = np.array([[aus.get(number, 0.0) for number in _AU_NUMBERS] for _, aus in PROTOTYPES.values()])
SPEECH_SHARES = _vector({**dict.fromkeys(ARKIT_BLENDSHAPES, 1.0), **SPEECH_SHARE})
"""SPEECH_SHARE for all 52 weights, shape (52,)."""


def action_units(vad: Array) -> Array:
    """Intensities of the action units, shape (points, len(ACTION_UNITS)) in [0, 1], for VAD points (points, 3).

    Zero at the origin, continuous everywhere; full strength is reached at the prototypes' distance and kept beyond.

    Raises:
        InputError: not of shape (points, 3), or not finite.
    """
    points = np.asarray(vad, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(f"an expression needs finite VAD points of shape (n, 3), got {points.shape}")
    length = np.linalg.norm(points, axis=1, keepdims=True)
    cosine = (points @ _DIRECTIONS.T) / np.maximum(length, 1e-9)
    share = np.exp(_SHARPNESS * (cosine - 1.0))
    share /= share.sum(axis=1, keepdims=True)
    strength = length[:, 0] / (share @ _LENGTHS)
    # Rises linearly from neutral and bends smoothly into full strength instead of hitting it with a corner.
    strength = np.minimum(strength, 1.5)
    strength = strength * (1.0 - strength / 6.0) / (1.0 - 1.0 / 6.0)
    strength = np.minimum(strength, 1.0)
    return strength[:, None] * (share @ _INTENSITIES)


def expression_weights(vad: Array, *, speaking: bool = False) -> Array:
    """The face of a feeling as ARKit weights, shape (points, 52) in [0, 1], for VAD points (points, 3).

    With `speaking`, what the mouth needs for speech is left out (SPEECH_SHARE). Raises InputError as `action_units`.
    """
    weights = np.minimum(action_units(vad) @ _AU_WEIGHTS, 1.0)
    return weights * SPEECH_SHARES if speaking else weights
