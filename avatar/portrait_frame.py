"""One frame of a track on a photograph, as the numbers that its shaders read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.camera import lids_with_gaze, rotation
from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.portrait_fit import CLOSURE, PIVOT
from rapport.avatar.portrait_mesh import Portrait

Floats = NDArray[np.float64]

MOST_TURN_RAD = 0.21
"""12 degrees: a photograph knows nothing of what lies behind the cheeks. Larger poses come ever closer to it."""
MOST_GAZE_RAD = 0.45
_SHUT = 0.03
"""mouthClose beyond jawOpen at which lips that are apart on the photograph have met; animation seals lips with that."""
_EYE_MOVED_RAD = 0.02
_LIDS_MOVED = 0.05
_LIDS_PAINTED = 0.35
_MOUTH_MOVED = 0.06
"""From rest to these, what is drawn passes from the photograph itself to what is made of it."""
_EYE_DEPTH_DM = 0.14
"""The front of our own heads' eyeballs."""
_JAW, _CLOSE = BLENDSHAPE_INDEX["jawOpen"], BLENDSHAPE_INDEX["mouthClose"]
_LIT_SHUT, _LIT_APART = 0.45, 0.15
"""How much less light falls into the mouth while it is not open: of a photograph with lips shut, and apart."""
_BLINK = [BLENDSHAPE_INDEX[f"eyeBlink{side}"] for side in ("Right", "Left")]
_LIDS = [
    [BLENDSHAPE_INDEX[f"{stem}{side}"] for stem in ("eyeBlink", "eyeWide", "eyeSquint", "eyeLookUp", "eyeLookDown")]
    for side in ("Right", "Left")
]
_MOUTH = [k for name, k in BLENDSHAPE_INDEX.items() if name.startswith(("mouth", "jaw", "cheekPuff", "tongue"))]
_OPENING = [_JAW, *(BLENDSHAPE_INDEX[n] for n in ("mouthLowerDownLeft", "mouthUpperUpLeft", "mouthFunnel"))]
UNIFORM_BYTES = 4 * (12 + 4 + 2 * 12 + 4 + 4 + 4 + 4)
_SHOWN = 0.7
_ALREADY = [
    BLENDSHAPE_INDEX[f"{stem}{side}"]
    for stem in ("mouthSmile", "cheekSquint", "mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthFrown", "eyeWide")
    for side in ("Left", "Right")
]
"""How much less is done of what a photograph already shows, as far as it shows it."""
_SMILE, _FROWN = (
    [BLENDSHAPE_INDEX[f"{stem}{side}"] for side in ("Left", "Right")] for stem in ("mouthSmile", "mouthFrown")
)
_ROUND = [BLENDSHAPE_INDEX[name] for name in ("mouthPucker", "mouthFunnel")]
_UNSMILE = 0.45
"""How much of a photographed smile goes as lips frown or become round."""


@dataclass(frozen=True)
class PortraitFrame:
    uniforms: bytes
    """As `Frame` in portrait_frame.wgsl."""
    weights: bytes
    """Of ARKIT_BLENDSHAPES and CLOSURE."""


def soft_limit(angle: float, most: float) -> float:
    """An angle that comes ever closer to `most`, and is nearly itself while it is small."""
    return float(most * np.tanh(angle / most))


def portrait_frame(portrait: Portrait, track: FaceTrack, i: int) -> PortraitFrame:
    """Frame i of a track on a photograph."""
    fit = portrait.fit
    pose = [soft_limit(float(a), MOST_TURN_RAD) for a in track.head_pose[i]]
    gaze_yaw, gaze_pitch = (soft_limit(float(a), MOST_GAZE_RAD) for a in track.gaze[i])
    weights = lids_with_gaze(track.weights[i], gaze_yaw, gaze_pitch)
    shown = portrait.cutout.weights
    weights[_ALREADY] *= 1 - _SHOWN * shown[_ALREADY]
    weights[_SMILE] -= (
        _UNSMILE * shown[_SMILE] * np.minimum(track.weights[i, _FROWN] + track.weights[i, _ROUND].sum(), 1)
    )
    # The face's frame in the picture's, where y points down.
    in_picture = np.diag([1.0, -1.0, 1.0]) @ fit.turned
    turn = in_picture @ rotation(*pose) @ in_picture.T
    closed = smooth(float(weights[_CLOSE] - weights[_JAW]) / _SHUT)
    moved = smooth(float(weights[_MOUTH].max()) / _MOUTH_MOVED)
    opening = float(np.clip(weights[_OPENING] @ [1.6, 0.8, 0.8, 0.8], 0, 1))
    size = portrait.cutout.size
    rows: list[Floats] = [
        np.pad(turn.T, ((0, 0), (0, 1))),
        np.append(fit.pivot, 1 / size),
    ]
    aside = fit.turned @ np.array([np.sin(gaze_yaw) * np.cos(gaze_pitch), np.sin(gaze_pitch), 0.0])
    looking = max(abs(gaze_yaw), abs(gaze_pitch)) / _EYE_MOVED_RAD
    for side, eye in enumerate(portrait.eyes):
        gone = smooth(max(looking, float(weights[_LIDS[side]].max()) / _LIDS_MOVED))
        left, top = eye.middle - eye.side / 2
        depth = fit.pivot[2] + (_EYE_DEPTH_DM - PIVOT[2]) * fit.px_per_dm
        shift = eye.ball_radius * np.array([aside[0], -aside[1]])
        rows += [
            np.array([left, top, 1 / eye.side, gone]),
            np.array([*eye.iris, depth, 0]),
            np.array([*shift, np.cos(gaze_yaw), np.cos(gaze_pitch)]),
        ]
    lids = [smooth(float(weights[_BLINK[side]]) / _LIDS_PAINTED) for side in range(2)]
    down = in_picture @ [0.0, -1.0, 0.0]
    rows += [
        np.append(portrait.lash, 0),
        np.append(portrait.white, moved),
        np.array([1 - (1 - opening) * (_LIT_APART if fit.lips_apart else _LIT_SHUT), 0, 0, 0]),
        np.array([*lids, down[0], down[1]]),
    ]
    uniforms = np.concatenate([np.ravel(row) for row in rows]).astype(np.float32)
    all_weights = np.zeros(CLOSURE + 1, np.float32)
    all_weights[:CLOSURE], all_weights[CLOSURE] = weights, closed
    return PortraitFrame(uniforms.tobytes(), all_weights.tobytes())


def smooth(x: float) -> float:
    """From 0 at 0 to 1 at 1, with a level start and end."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
