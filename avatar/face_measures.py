"""From 468 landmarks to the pose of the head and to what the face does, in measures that do not depend on the pose.

The head's pose is the rotation that lays the landmarks of a mean neutral face over those that were found (orthogonal
Procrustes, Kabsch 1976), by points that expressions hardly move. Turned back, scaled by it, and centred, every face
lies in one frame: x to the picture's right (the person's left), y down, z away from the camera, the unit being the
distance between the outer corners of the eyes. Measures are distances there; eyes are measured by the eye aspect ratio
of Soukupova & Cech 2016 (Real-Time Eye Blink Detection using Facial Landmarks).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.landmarks import LANDMARKS, TRACKER_FOLDER, FoundFace
from rapport.persona.errors import ComponentError

Floats = NDArray[np.float64]

STABLE = (
    10, 338, 297, 109, 67, 103, 332, 6, 168, 197, 195, 5, 4, 33, 133, 362, 263, 127, 356, 234, 454,
)  # fmt: skip
"""Forehead, bridge and tip of the nose, corners of the eyes, temples: what expressions hardly move."""

EYE_RATIO = {"Right": (33, 160, 158, 133, 153, 144), "Left": (263, 387, 385, 362, 380, 373)}
"""Outer corner, upper lid outside and inside, inner corner, lower lid inside and outside."""
_SIDES = {
    "brow_inner": {"Right": (55, 107), "Left": (285, 336)},
    "brow_middle": {"Right": (52, 105), "Left": (282, 334)},
    "brow_outer": {"Right": (46, 70), "Left": (276, 300)},
    "cheek": {"Right": (50, 205, 101), "Left": (280, 425, 330)},
    "lower_lid": {"Right": (145, 153, 144), "Left": (374, 380, 373)},
    "nose_wing": {"Right": (64, 48, 102), "Left": (294, 278, 331)},
    "upper_lip": {"Right": (37, 39, 40), "Left": (267, 269, 270)},
    "lower_lip": {"Right": (84, 181, 91), "Left": (314, 405, 321)},
    "mouth_corner": {"Right": (61, 57), "Left": (291, 287)},
}
_EYE_CORNERS = {"Right": (33, 133), "Left": (362, 263)}
"""Left and right end of each eye on the picture."""
EYE_WIDTHS_PER_RADIUS = 2.4
"""The opening of the eye is about 29 mm wide, the eyeball's radius about 12 mm."""


def _names() -> tuple[str, ...]:
    paired = ["eye", *(name for name in _SIDES if name != "mouth_corner"), "corner_up", "corner_out"]
    middle = ["brow_gap", "lips_apart", "upper_lip_up", "lower_lip_down", "chin_down", "mouth_width", "upper_thickness",
              "lower_thickness", "lips_forward", "mouth_aside", "chin_aside"]  # fmt: skip
    return tuple([f"{name}{side}" for name in paired for side in ("Left", "Right")] + middle)


MEASURES = _names()
"""Heights count upwards from the line between the eyes; `Left` is the person's left."""
MEASURE_INDEX = {name: i for i, name in enumerate(MEASURES)}


@dataclass(frozen=True, eq=False)
class FaceReading:
    """One face of one picture, without memory of others."""

    measures: Floats
    """As MEASURES, in distances between the outer corners of the eyes; `eye` is a ratio. (M,)"""
    head_pose: Floats
    """Pitch, yaw, roll in radians as in `FaceTrack`, (3,)."""
    gaze: Floats
    """Yaw and pitch of the eyes in radians relative to the head as in `FaceTrack`, (2,); NaN without irises."""
    scale_px: float
    """Pixels between the outer corners of the eyes, were the face seen from the front."""


def read_face(face: FoundFace) -> FaceReading:
    """Measures, pose and gaze of a found face."""
    rotation, scale, middle = _laid_over(face.landmarks.astype(np.float64))
    points = (face.landmarks - middle) @ rotation / scale
    irises = (face.irises.astype(np.float64) - middle) @ rotation / scale
    return FaceReading(measures_of(points), _angles(rotation), _gaze(points, irises), scale)


def measures_of(points: Floats) -> Floats:
    """MEASURES of landmarks (468, 3) in the common frame, (M,)."""
    x, y, z = points.T
    found: dict[str, float] = {}
    for side, (outer, up_outer, up_inner, inner, down_inner, down_outer) in EYE_RATIO.items():
        gaps = [np.linalg.norm(points[a] - points[b]) for a, b in ((up_outer, down_outer), (up_inner, down_inner))]
        width = max(float(np.linalg.norm(points[outer] - points[inner])), 1e-6)
        found[f"eye{side}"] = float(sum(gaps)) / (2 * width)
        line = y[[outer, inner]].mean()
        for name, sides in _SIDES.items():
            if name == "mouth_corner":
                found[f"corner_up{side}"] = -float(y[list(sides[side])].mean())
                found[f"corner_out{side}"] = float(x[list(sides[side])].mean()) * (1 if side == "Left" else -1)
            else:
                found[f"{name}{side}"] = float(line - y[list(sides[side])].mean())
    found["brow_gap"] = float(x[[285, 336]].mean() - x[[55, 107]].mean())
    found["lips_apart"] = float(y[[14, 87, 317]].mean() - y[[13, 82, 312]].mean())
    found["upper_lip_up"] = -float(y[[0, 13]].mean())
    found["lower_lip_down"] = float(y[[17, 14]].mean())
    found["chin_down"] = float(y[[152, 175, 199]].mean())
    found["mouth_width"] = float(x[291] - x[61])
    found["upper_thickness"] = float(y[13] - y[0])
    found["lower_thickness"] = float(y[17] - y[14])
    found["lips_forward"] = -float(z[[0, 13, 14, 17]].mean())
    found["mouth_aside"] = float(x[[0, 13, 14, 17, 61, 291]].mean())
    found["chin_aside"] = float(x[[152, 175, 199, 148, 377]].mean())
    return np.array([found[name] for name in MEASURES])


@lru_cache(maxsize=1)
def neutral_face() -> Floats:
    """The mean neutral face (468, 3) in the common frame: centred on its stable points, symmetric, seen from the front.

    Raises:
        ComponentError: the file is missing or damaged.
    """
    try:
        with np.load(TRACKER_FOLDER / "neutral_face.npz", allow_pickle=False) as arrays:
            face = np.asarray(arrays["landmarks"], np.float64)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ComponentError(f"neutral_face.npz of the face tracker cannot be read ({error}); reinstall") from None
    if face.shape != (LANDMARKS, 3):
        raise ComponentError("neutral_face.npz of the face tracker has another form; reinstall")
    return face


def laid_over(landmarks: Floats, reference: Floats) -> tuple[Floats, float, Floats]:
    """Rotation (3, 3), scale and middle (3,) that lay a reference (468, 3) over landmarks, by the stable points."""
    stable = list(STABLE)
    target, source = landmarks[stable], reference[stable]
    middle, own_middle = target.mean(axis=0), source.mean(axis=0)
    target, source = target - middle, source - own_middle
    u, singular, vt = np.linalg.svd(target.T @ source)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / max((source**2).sum(), 1e-12))
    scale = max(scale, 1e-6)
    return rotation, scale, middle - scale * (rotation @ own_middle)


def _laid_over(landmarks: Floats) -> tuple[Floats, float, Floats]:
    return laid_over(landmarks, neutral_face())


def _angles(rotation: Floats) -> Floats:
    """Pitch, yaw, roll of a rotation of the picture's frame, as the renderer composes them: yaw, then pitch, then roll.

    FaceTrack's frame has y up and z towards the camera.
    """
    flip = np.array([1.0, -1.0, -1.0])
    r = rotation * flip[:, None] * flip
    pitch = -np.arcsin(np.clip(r[1, 2], -1.0, 1.0))
    return np.array([pitch, np.arctan2(r[0, 2], r[2, 2]), np.arctan2(-r[1, 0], r[1, 1])])


def _gaze(points: Floats, irises: Floats) -> Floats:
    """Yaw to the person's left and pitch upwards, the mean of both eyes, from where the iris lies between the corners.

    The vertical zero is the neutral height of the iris over the corners; lids that hide the iris make pitch unsure.
    """
    angles: list[Floats] = []
    for eye, corners in zip(irises, _EYE_CORNERS.values(), strict=True):
        a, b = points[list(corners)]
        width = max(float(np.linalg.norm(b[:2] - a[:2])), 1e-6)
        offset = (eye[0, :2] - (a[:2] + b[:2]) / 2) / width * EYE_WIDTHS_PER_RADIUS
        angles.append(np.arcsin(np.clip(np.array([offset[0], -offset[1]]), -1.0, 1.0)))
    return np.mean(angles, axis=0)
