"""The table of shapes and the draws made of a head."""

from __future__ import annotations

import numpy as np

from rapport.avatar.bust import casters, parts_of, seen
from rapport.avatar.camera import rotation, view_projection
from rapport.avatar.face import ARKIT_BLENDSHAPES
from rapport.avatar.head import KEY_LIGHT, Head, Material, head_of, vertex_normals
from rapport.avatar.morphs import shape_table
from rapport.persona.card import FaceCard


def summed(head: Head, weights: np.ndarray) -> np.ndarray:
    """Changes of position and normal (V, 6) that the table gives."""
    offsets, entries = shape_table(head)
    changes = entries[:, 1:].copy().view(np.float16).astype(np.float32) * weights[entries[:, 0]][:, None]
    vertex = np.repeat(np.arange(len(head.positions)), np.diff(offsets))
    return np.stack([np.bincount(vertex, changes[:, i], len(head.positions)) for i in range(6)], 1)


def test_the_shape_table_gives_what_the_shapes_give():
    head = head_of(FaceCard())
    weights = np.random.default_rng(1).random(len(ARKIT_BLENDSHAPES)).astype(np.float32)
    every = np.arange(len(head.positions))
    assert np.allclose(
        head.positions + summed(head, weights)[:, :3], head.vertices_at(weights[None], every)[0], atol=2e-3
    )


def test_normals_tilt_as_those_of_the_moved_surface():
    head = head_of(FaceCard())
    for name in ("jawOpen", "browInnerUp", "mouthSmileLeft"):
        weights = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
        weights[ARKIT_BLENDSHAPES.index(name)] = 1
        tilted = head.normals + summed(head, weights)[:, 3:]
        moved = vertex_normals(head.positions + head.shape(name), head.triangles, head.weld)
        assert np.abs(tilted - moved).max() < 0.03


def test_only_the_shirt_below_its_neckline_is_drawn_and_its_edge_apart():
    head = head_of(FaceCard())
    parts = parts_of(head)
    assert (head.uvs[parts[Material.CLOTH], 1] <= 0).all()
    above = head.uvs[parts["cut cloth"], 1] > 0
    assert (above.any(1) & ~above.all(1)).all()


def test_what_is_left_out_cannot_be_seen_in_a_conversation():
    head = head_of(FaceCard())
    hidden = head.triangles[~seen(head.positions, head.triangles)]
    assert len(hidden) > 500
    for yaw in (-0.5, 0.0, 0.5):
        turned = np.column_stack([head.positions @ rotation(0, yaw, 0).T, np.ones(len(head.positions))])
        clip = turned @ view_projection().T
        x, y = (clip[:, :2] / clip[:, 3:]).T
        a, b, c = hidden.T
        facing = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
        below = (y[hidden] < -1).all(1)
        away = facing <= 0
        assert (away | below).mean() > 0.99


def test_what_faces_the_light_casts_the_shadow():
    head = head_of(FaceCard())
    skin = head.triangles[head.materials[head.triangles[:, 0]] == Material.SKIN]
    casting = casters(head.positions, skin, KEY_LIGHT)
    assert len(skin) / 3 < len(casting) < len(skin)
