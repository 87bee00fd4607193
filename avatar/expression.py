"""What a feeling looks like: a point in VAD space becomes FACS action units and these become ARKit weights.

Each basic emotion has a prototype, a set of action units with intensities after EMFACS (Ekman & Friesen 1983) and the
FACS Investigator's Guide (Ekman, Friesen & Hager 2002), placed at its point in affect space. Between them the face is
a blend: the *direction* of the feeling picks the mixture of prototypes, its *length* how strongly they show. Where a
feeling is known by name as well, the name weighs the mixture: anger and disgust lie side by side in affect space and
look nothing alike. The result is continuous over the whole space, zero at neutral, and passes through mixed faces on
its way between emotions.

While the face speaks, speech keeps the mouth (the principle of EMOTE, Daněček et al. 2023, arXiv 2306.08990):
`SPEECH_SHARE` says how much of each weight an expression may keep then. It shapes the corners and the edges of the lips
and lets the jaw move wider (rapport.avatar.animation), never what rounds the lips or shuts them.

Within the action units that those sources name for an emotion, how strong each is was chosen by what an expression
recogniser read in six faces drawn at random, still and saying other sentences than `rapport bench face` has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, convert
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
    17: {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.8},
    18: {"mouthPucker": 1.0},
    20: {"mouthStretch": 1.0},
    22: {"mouthFunnel": 1.0},
    23: {"mouthPress": 0.6, "mouthRollUpper": 0.3, "mouthRollLower": 0.3},
    24: {"mouthPress": 1.0},
    25: {"mouthLowerDown": 0.35, "mouthUpperUp": 0.2},
    26: {"jawOpen": 0.5},
    27: {"jawOpen": 1.0},
    28: {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
    29: {"jawForward": 1.0},
    43: {"eyeBlink": 1.0},
}
"""FACS action units as ARKit weights at full intensity (E); a stem stands for the left and right weight."""


@dataclass(frozen=True)
class Prototype:
    """A face at full strength: where in VAD space it sits, its action units in [0, 1], and how the head goes with it.

    Of the angles positive ones lower the head, tilt it to the face's right, and raise the eyes.
    """

    point: VAD
    units: Mapping[int, float]
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    gaze_up_deg: float = 0.0
    called: str = "neutral"
    """The one of EKMAN7's labels that speaks for this face; neutral for a face that no label speaks for."""


def _basic(label: str, units: Mapping[int, float], pitch_deg: float, roll_deg: float, gaze_up_deg: float) -> Prototype:
    return Prototype(EKMAN7.points[label], units, pitch_deg, roll_deg, gaze_up_deg, label)


PROTOTYPES: Mapping[str, Prototype] = {
    "joy": _basic("joy", {6: 0.95, 10: 0.8, 12: 1.0, 16: 0.15, 25: 1.0}, -4.0, 1.5, 0.0),
    # The head hangs and the eyes are cast down.
    "sadness": _basic(
        "sadness", {1: 1.0, 4: 0.85, 6: 0.15, 7: 0.2, 15: 1.0, 17: 0.4, 20: 0.15, 43: 0.38}, 8.0, 1.0, -4.0
    ),
    # A lowered head makes the glare (Witkower & Tracy 2019).
    "anger": _basic(
        "anger",
        {4: 1.0, 5: 0.2, 7: 0.95, 9: 1.0, 10: 0.5, 15: 0.1, 16: 0.5, 23: 0.15, 25: 0.3, 26: 1.0, 29: 0.4},
        5.0,
        0.0,
        1.5,
    ),
    "disgust": _basic(
        "disgust", {4: 1.0, 6: 0.45, 7: 0.4, 9: 1.0, 10: 1.0, 15: 0.15, 17: 0.95, 26: 0.25}, 3.0, -1.5, 0.0
    ),
    "fear": _basic("fear", {1: 1.0, 4: 0.75, 5: 1.0, 15: 0.8, 20: 1.0, 25: 1.0, 26: 0.4}, -2.0, 0.0, 0.0),
    "surprise": _basic("surprise", {1: 1.0, 2: 1.0, 5: 1.0, 22: 0.1, 26: 1.0, 27: 0.25}, -4.0, 0.0, 0.0),
    # The calm half of the space, which the basic emotions leave empty.
    "content": Prototype(VAD(0.65, -0.35, 0.30), {12: 0.45, 6: 0.3, 43: 0.06}, -1.0, 1.0, called="joy"),
    "warm": Prototype(VAD(0.60, 0.00, 0.00), {12: 0.5, 6: 0.3, 1: 0.15}, 0.5, 1.5, called="joy"),
    "bored": Prototype(VAD(-0.15, -0.80, -0.10), {43: 0.32, 15: 0.15, 14: 0.1}, 2.5, 1.5, -1.5),
    "proud": Prototype(VAD(0.45, 0.20, 0.80), {12: 0.45, 14: 0.35, 6: 0.2, 7: 0.12, 17: 0.12}, -4.0, called="joy"),
    "scornful": Prototype(VAD(-0.35, -0.05, 0.70), {14: 0.6, 10: 0.15, 4: 0.3, 7: 0.3, 24: 0.25}, -3.0, called="anger"),
    "submissive": Prototype(VAD(-0.05, 0.05, -0.80), {1: 0.5, 15: 0.25, 24: 0.2, 43: 0.08}, 4.0, 1.0, -2.5),
    "alert": Prototype(VAD(0.00, 0.85, 0.10), {5: 0.5, 2: 0.35, 1: 0.2, 24: 0.12}, -1.0),
}

_SHARPNESS = 26.0
"""How much nearer directions win: anger and disgust lie 20 degrees apart and are each five sixths themselves."""
_LEFT_GAIN, _RIGHT_GAIN = 1.0, 0.93
"""Spontaneous faces are a little stronger on the left side (Borod et al. 1998)."""

SPEECH_SHARE: Mapping[str, float] = {
    "jawOpen": 0.0,
    "jawLeft": 0.0,
    "jawRight": 0.0,
    "mouthClose": 0.0,
    "mouthFunnel": 0.0,
    "mouthPucker": 0.0,
    "mouthRollLower": 0.0,
    "mouthRollUpper": 0.0,
    "tongueOut": 0.0,
    "mouthPress": 0.3,
    "mouthShrugUpper": 0.4,
    "mouthLowerDown": 0.6,
    "mouthShrugLower": 0.7,
    "jawForward": 0.8,
    "mouthDimple": 0.8,
    "mouthStretch": 0.9,
}
"""The share of an expression's weight that remains while speaking; what isn't named stays whole."""


def arkit_vector(weights: Mapping[str, float], left: float = 1.0, right: float = 1.0) -> Array:
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
_AU_WEIGHTS = np.stack([arkit_vector(shapes, _LEFT_GAIN, _RIGHT_GAIN) for shapes in ACTION_UNITS.values()])
_SYMMETRIC = [BLENDSHAPE_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
_AU_WEIGHTS[:, _SYMMETRIC] = _AU_WEIGHTS[:, _SYMMETRIC].max(axis=1, keepdims=True)  # a half wink looks wrong
_POINTS = np.stack([prototype.point.as_array() for prototype in PROTOTYPES.values()])
_LENGTHS = np.linalg.norm(_POINTS, axis=1)
_DIRECTIONS = _POINTS / _LENGTHS[:, None]
_INTENSITIES = np.array([[p.units.get(number, 0.0) for number in _AU_NUMBERS] for p in PROTOTYPES.values()])
_POSTURES = np.radians([(p.pitch_deg, p.roll_deg, p.gaze_up_deg) for p in PROTOTYPES.values()])
_CALLED = np.array([EKMAN7.index(p.called) for p in PROTOTYPES.values()])
_NEUTRAL = EKMAN7.index("neutral")
_LEAST_LABEL = 0.03
"""What a label that was ruled out still counts, beside one that is certain."""
SPEECH_SHARES = arkit_vector({**dict.fromkeys(ARKIT_BLENDSHAPES, 1.0), **SPEECH_SHARE})
"""SPEECH_SHARE for all 52 weights, shape (52,)."""


def label_weights(distribution: EmotionDistribution | None) -> Array | None:
    """What the name of a feeling says of its face, shape (7,) in EKMAN7's order: 1 is the mean of the six emotions.

    Neutral is left out: how strongly a feeling shows is for its point in affect space to say. None without a name.
    """
    if distribution is None:
        return None
    p = np.array(convert(distribution, EKMAN7).probabilities)
    p[_NEUTRAL] = 0.0
    total = float(p.sum())
    if total < 1e-6:
        return None
    weights = np.maximum(p / total, _LEAST_LABEL) * (len(EKMAN7) - 1)
    weights[_NEUTRAL] = 1.0
    return weights


def felt_labels(felt: AffectState) -> Array | None:
    """`label_weights` of what an agent's last step says of its label."""
    return label_weights(felt.distribution)


@dataclass(frozen=True)
class Mixture:
    """What faces a feeling is made of: `strength` (points,) in [0, 1], `shares` (points, prototypes) that sum to 1."""

    strength: Array
    shares: Array

    @classmethod
    def of(cls, vad: Array, labels: Array | None = None) -> Mixture:
        """For VAD points (points, 3) and, where the feeling has a name, its `label_weights` (7,).

        Raises:
            InputError: the points are not of shape (points, 3), or not finite.
        """
        points = np.asarray(vad, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            raise InputError(f"an expression needs finite VAD points of shape (n, 3), got {points.shape}")
        length = np.linalg.norm(points, axis=1, keepdims=True)
        cosine = (points @ _DIRECTIONS.T) / np.maximum(length, 1e-9)
        shares = np.exp(_SHARPNESS * (cosine - 1.0))
        if labels is not None:
            shares = shares * labels[_CALLED]
        shares /= shares.sum(axis=1, keepdims=True)
        # Rises linearly from neutral and bends smoothly into full strength instead of hitting it with a corner.
        strength = np.minimum(length[:, 0] / (shares @ _LENGTHS), 1.5)
        strength = strength * (1.0 - strength / 6.0) / (1.0 - 1.0 / 6.0)
        return cls(np.minimum(strength, 1.0), shares)

    @property
    def action_units(self) -> Array:
        """Intensities, shape (points, len(ACTION_UNITS)) in [0, 1]."""
        return self.strength[:, None] * (self.shares @ _INTENSITIES)

    @property
    def weights(self) -> Array:
        """ARKit weights, shape (points, 52) in [0, 1]."""
        return np.minimum(self.action_units @ _AU_WEIGHTS, 1.0)

    @property
    def posture(self) -> Array:
        """Shape (points, 3) in radians: pitch and roll of the head as in FaceTrack, and how far the eyes look up."""
        return self.strength[:, None] * (self.shares @ _POSTURES)


def expression_weights(vad: Array, labels: Array | None = None, *, speaking: bool = False) -> Array:
    """The face of a feeling as ARKit weights, shape (points, 52) in [0, 1]. Arguments and errors as of `Mixture.of`.

    With `speaking`, what the mouth needs for speech is left out (SPEECH_SHARE).
    """
    weights = Mixture.of(vad, labels).weights
    return weights * SPEECH_SHARES if speaking else weights
