"""Poses, gaze and projections go the way that a face track says."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar.camera import (
    UNIFORM_BYTES,
    frame_settings,
    key_projection,
    lids_with_gaze,
    linear_colour,
    rotation,
    view_projection,
)
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.head import KEY_LIGHT, head_of
from rapport.persona.card import FaceCard

ANGLE = st.floats(-0.6, 0.6)


@given(ANGLE, ANGLE, ANGLE)
def test_rotations_are_rotations(pitch: float, yaw: float, roll: float):
    r = rotation(pitch, yaw, roll)
    assert np.allclose(r @ r.T, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(r), 1)


def test_rotations_go_the_way_a_face_track_says():
    forwards, upwards = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    assert (rotation(0.3, 0, 0) @ forwards)[1] < 0, "positive pitch nods down"
    assert (rotation(0, 0.3, 0) @ forwards)[0] > 0, "positive yaw turns to the face's left"
    assert (rotation(0, 0, 0.3) @ upwards)[0] > 0, "positive roll tips the crown to the face's left"


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_lids_follow_the_gaze_and_nothing_else_changes(yaw: float, pitch: float):
    rest = np.full(len(ARKIT_BLENDSHAPES), 0.25, np.float32)
    out = lids_with_gaze(rest, yaw, pitch)
    assert (out >= rest).all()
    assert (out <= 1).all()
    changed = {ARKIT_BLENDSHAPES[i] for i in np.nonzero(out != rest)[0]}
    assert all(name.startswith("eyeLook") for name in changed)
    if pitch < -0.3:
        assert out[BLENDSHAPE_INDEX["eyeLookDownLeft"]] > 0.25 == out[BLENDSHAPE_INDEX["eyeLookUpLeft"]]


def test_uniforms_fill_the_shaders_struct():
    settings = frame_settings(head_of(FaceCard()), FaceTrack.neutral(1, 25), FaceCard(), 0)
    assert len(settings.uniforms) == UNIFORM_BYTES
    assert len(settings.weights) == 4 * len(ARKIT_BLENDSHAPES)


def test_what_is_nearer_to_a_camera_or_a_lamp_has_less_depth():
    head = head_of(FaceCard())
    points = np.column_stack([head.positions, np.ones(len(head.positions))])
    for projection, towards in ((view_projection(), np.array([0, 0, 1.0])), (key_projection(), KEY_LIGHT)):
        near, far = (projection @ np.append(step * towards, 1) for step in (0.5, -0.5))
        assert near[2] / near[3] < far[2] / far[3]
    lit = points @ key_projection().T
    face = head.positions[:, 1] > -1.2
    assert (np.abs(lit[face, :2]) < 1).all()
    assert ((lit[face, 2] > 0) & (lit[face, 2] < 1)).all()


def test_colours_are_linear_light():
    assert np.allclose(linear_colour("#ff8000"), [1, (128 / 255) ** 2, 0])
