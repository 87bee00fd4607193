"""Where things are in the picture: the camera, the key light's view, the pose, and the bytes that tell the shaders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.head import KEY_LIGHT, Head
from rapport.persona.card import FaceCard

CAMERA = np.array([0.0, 0.0, 9.0])
"""Where pictures are taken from, in decimetres from between the eyes."""
_VIEW_HEIGHT = 3.3
"""What the picture's height covers at the eyes, in decimetres."""
_EYE_LINE = 0.40
"""Where the eyes are, as a part of the height from the top."""
_NEAR, _FAR = 5.0, 14.0
PIVOT = np.array([0.0, -1.05, -0.72])
"""The head turns about this point, in decimetres."""
BUST_FOLLOWS = 0.1
"""The part of a head's pose that the bust follows about the same point."""
_EYE_LIDS_AT_RAD = 0.45
"""Gaze at which the lids have followed all the way."""
_LIT_AROUND, _LIT_REACH = np.array([0.0, -0.45, -0.5]), 2.1
"""Middle and half size of what the key light's shadow map covers, in decimetres."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class FrameSettings:
    """What changes from frame to frame, as the bytes that the shaders read."""

    uniforms: bytes
    weights: bytes


def rotation(pitch: float, yaw: float, roll: float) -> Matrix:
    """Rotation matrix of a pose in radians: pitch nods down, yaw turns to the face's left, roll tips to its left."""
    cp, sp, cy, sy, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    tip = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return turn @ nod @ tip


def view_projection() -> Matrix:
    """World to clip space: a camera at eye level, its picture shifted so that the eyes come to `_EYE_LINE`."""
    scale = 2 * CAMERA[2] / _VIEW_HEIGHT
    depth = _FAR / (_NEAR - _FAR)
    shift = 1 - 2 * _EYE_LINE
    projection = np.array([[scale, 0, 0, 0], [0, scale, -shift, 0], [0, 0, depth, _NEAR * depth], [0, 0, -1, 0]])
    view = np.eye(4)
    view[:3, 3] = -CAMERA
    return projection @ view


def key_projection() -> Matrix:
    """World to the clip space of the key light, which is as far away as the sun: parallel rays."""
    right = np.cross([0.0, 1.0, 0.0], KEY_LIGHT)
    right /= np.linalg.norm(right)
    out = np.eye(4)
    out[:3, :3] = np.stack([right, np.cross(KEY_LIGHT, right), -KEY_LIGHT]) / _LIT_REACH
    out[:3, 3] = -out[:3, :3] @ _LIT_AROUND
    out[2] = 0.5 * (out[2] + out[3])
    return out


def linear_colour(colour: str) -> Matrix:
    """`#rrggbb` as linear light, (3,) in [0, 1], by the pictures' own gamma of 2."""
    return (np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255) ** 2


def grain_repeats(head: Head, size: int, texels: int) -> float:
    """How often a square texture must repeat over the head's atlas for a texel to be a pixel on the face."""
    corners = head.triangles[(head.materials[head.triangles[:, 0]] == 0)]
    x, y, z = head.positions[corners].mean(1).T
    face = corners[(z > -0.3) & (np.abs(x) < 0.6) & (y > -0.9) & (y < 0.5)]

    def area(points: NDArray[np.float32]) -> float:
        edges = points[face[:, 1:]] - points[face[:, :1]]
        gram = np.einsum("tij,tkj->tik", edges, edges)
        return float(np.sqrt(np.maximum(np.linalg.det(gram), 0)).sum())

    texels_per_dm = size / _VIEW_HEIGHT
    return float(texels_per_dm * np.sqrt(area(head.positions) / max(area(head.uvs), 1e-12)) / texels)


def frame_settings(head: Head, track: FaceTrack, face: FaceCard, i: int, grain: float = 1.0) -> FrameSettings:
    """Frame i of a track on a head, for the shaders; `grain` as `grain_repeats`."""
    pitch, yaw, roll = (float(a) for a in track.head_pose[i])
    head_turn, bust_turn = rotation(pitch, yaw, roll), rotation(*(BUST_FOLLOWS * a for a in (pitch, yaw, roll)))
    gaze_yaw, gaze_pitch = (float(a) for a in track.gaze[i])
    eyes = PIVOT + (head.eyes - PIVOT) @ head_turn.T
    looks = np.empty((2, 3))
    for k, eye in enumerate(head.eyes):
        # At rest both eyes meet at the camera, as those of a person in conversation do.
        inwards = np.arctan2(-eye[0], CAMERA[2] - eye[2])
        looks[k] = head_turn @ rotation(-gaze_pitch, gaze_yaw + inwards, 0) @ [0, 0, 1]
    window = head.paint_window
    rows = [
        _VIEW,
        _KEY_VIEW,
        np.append(CAMERA, 0),
        np.append(PIVOT, 0),
        np.pad(head_turn.T, ((0, 0), (0, 1))),
        np.pad(bust_turn.T, ((0, 0), (0, 1))),
        np.pad(eyes, ((0, 0), (0, 1)), constant_values=float(head.eye_radius)),
        np.pad(looks, ((0, 0), (0, 1))),
        np.append(KEY_LIGHT, 0),
        *(np.append(linear_colour(c), 0) for c in (face.skin, face.eyes, face.hair, face.cloth)),
        np.array([window[0], window[1], 1 / (window[2] - window[0]), 1 / (window[3] - window[1])]),
        np.array([grain, 0, 0, 0]),
    ]
    uniforms = np.concatenate([np.ravel(row) for row in rows]).astype(np.float32).tobytes()
    return FrameSettings(uniforms, lids_with_gaze(track.weights[i], gaze_yaw, gaze_pitch).tobytes())


def lids_with_gaze(weights: NDArray[np.float32], yaw: float, pitch: float) -> NDArray[np.float32]:
    """Weights (52,) whose eyeLook shapes are at least what the gaze, in radians, implies: lids follow the eyes."""
    out = weights.copy()
    left, up = yaw / _EYE_LIDS_AT_RAD, pitch / _EYE_LIDS_AT_RAD
    implied = {
        "eyeLookUpLeft": up, "eyeLookUpRight": up, "eyeLookDownLeft": -up, "eyeLookDownRight": -up,
        "eyeLookOutLeft": left, "eyeLookInRight": left, "eyeLookInLeft": -left, "eyeLookOutRight": -left,
    }  # fmt: skip
    for name, value in implied.items():
        k = BLENDSHAPE_INDEX[name]
        out[k] = max(out[k], min(value, 1.0))
    return out


_VIEW, _KEY_VIEW = view_projection().T, key_projection().T
UNIFORM_BYTES = 4 * (16 + 16 + 4 + 4 + 12 + 12 + 8 + 8 + 4 + 16 + 4 + 4)
