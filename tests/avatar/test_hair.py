"""Hair: grown the same way every time, in layers, on the scalp, within what a slow computer can draw."""

from __future__ import annotations

import numpy as np
import pytest

from rapport.avatar.build_cut import bound, spread, turned_to_camera
from rapport.avatar.build_hair import grow_hair, scattered
from rapport.avatar.build_light import fibonacci_sphere
from rapport.avatar.build_styles import STYLES, Layer, Style, on_ear, scalp_cover
from rapport.avatar.identity import hair_kit
from rapport.avatar.normals import vertex_normals


def skull() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A round head about the place of ours: vertices, normals, triangles."""
    rows, columns = 24, 32
    polar, azimuth = np.meshgrid(
        np.linspace(0.05, np.pi - 0.05, rows), np.arange(columns) / columns * 2 * np.pi, indexing="ij"
    )
    unit = np.stack([np.sin(polar) * np.cos(azimuth), np.cos(polar), np.sin(polar) * np.sin(azimuth)], -1).reshape(
        -1, 3
    )
    points = (unit * [0.78, 0.95, 0.95] + [0, 0.15, -0.7]).astype(np.float32)
    r, c = (a.ravel() for a in np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij"))
    a, b = r * columns + c, r * columns + (c + 1) % columns
    triangles = np.concatenate([np.stack([a, b, a + columns], 1), np.stack([b, b + columns, a + columns], 1)])
    normals = vertex_normals(points, triangles, np.arange(len(points)))
    return points, normals, triangles


def down(p: np.ndarray, root: np.ndarray, grown: np.ndarray) -> np.ndarray:
    return np.tile([0.0, -1.0, 0.0], (len(p), 1))


PLAIN = Style(
    flow=down, length=lambda root: np.full(len(root), 0.5), layers=(Layer(0.2, 0.03, (0.04, 0.06), 5),), fall=0.5
)


def test_hair_grows_the_same_way_twice():
    head = skull()
    one, two = (grow_hair(PLAIN, *head) for _ in range(2))
    for name in ("positions", "normals", "tangents", "uvs", "tones", "triangles"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert not np.array_equal(one.positions[:50], grow_hair(PLAIN, *head, seed=4).positions[:50])


def test_locks_have_the_length_of_the_style_and_keep_off_the_skin():
    points, normals, triangles = skull()
    hair = grow_hair(PLAIN, points, normals, triangles)
    assert hair.triangles.max() < len(hair.positions)
    assert np.allclose(np.linalg.norm(hair.normals, axis=1), 1, atol=1e-4)
    path = hair.positions.reshape(-1, 6, 2, 3).mean(2)
    length = np.linalg.norm(np.diff(path, axis=1), axis=2).sum(1)
    assert 0.38 < np.median(length) < 0.6
    outwards = np.linalg.norm((path[:, 1:] - [0, 0.15, -0.7]) / [0.78, 0.95, 0.95], axis=2)
    away_from_ears = np.abs(path[:, 1:, 0]) < 0.55
    assert outwards[away_from_ears].min() > 0.99
    assert (hair.uvs[:, 1] >= 0).all() and (hair.uvs[:, 1] <= 1).all()


def test_locks_taper_to_their_tips():
    hair = grow_hair(PLAIN, *skull())
    edges = hair.positions.reshape(-1, 6, 2, 3)
    width = np.linalg.norm(edges[:, :, 0] - edges[:, :, 1], axis=2).mean(0)
    assert width[-1] < 0.35 * width.max()


def test_roots_are_scattered_evenly():
    points, _, triangles = skull()
    roots = scattered(points.astype(float), triangles, 0.2, np.random.default_rng(1))
    distance = np.linalg.norm(roots[:, None] - roots[None], axis=2) + 9 * np.eye(len(roots))
    assert distance.min() >= 0.2
    assert distance.min(1).max() < 0.4


def test_the_scalp_leaves_face_and_ears_bare():
    face = np.array([[0, 0, 0.3], [0.3, -0.3, 0.2], [0, 0.4, 0.27], [0.85, 0.0, -0.6]])
    crown = np.array([[0, 1.0, -0.3], [0.3, 0.9, -0.8]])
    assert scalp_cover(face).max() == 0
    assert scalp_cover(crown).min() == 1
    assert on_ear(face).tolist() == [False, False, False, True]


def test_hair_hangs_on_its_nearest_handles():
    handles = np.array([[i, 0, 0] for i in range(8)], np.float32)
    bind, weights = bound(np.array([[2.0, 0.1, 0], [4.4, 0, 0]], np.float32), handles)
    assert (weights.sum(1) == 255).all()
    assert bind[0, 0] == 2
    assert (weights[:, 0] >= weights[:, 1]).all()
    middle = (handles[bind, 0] * weights / 255).sum(1)
    assert np.allclose(middle, [2.0, 4.4], atol=0.2)


def test_light_spreads_without_getting_lost():
    positions = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    assert np.allclose(spread(np.full(200, 0.3, np.float32), positions), 0.3)


def test_a_sphere_of_directions_is_even():
    directions = fibonacci_sphere(200)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.abs(directions.mean(0)).max() < 0.02


def test_triangles_that_never_face_the_camera_are_dropped():
    away = np.array([[0, 1, 0], [1, 1, 0], [0, 2, 0]], np.float32)
    assert len(turned_to_camera(away, np.array([[0, 1, 2]]))) == 1
    assert len(turned_to_camera(away, np.array([[0, 2, 1]]))) == 0


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_shipped_cut_is_light_enough_and_whole(style: str):
    hair = hair_kit(style)
    assert 3000 < len(hair.triangles) <= 14_000
    thinness = hair.shading[:, 3]
    assert thinness.min() < 130, "closed locks below"
    assert thinness.max() > 150, "loose ones above"
    assert np.ptp(hair.shading[:, 2].astype(int)) > 200, "every lock has its own tone"
    assert (hair.bind_weights.sum(1, dtype=int) == 255).all()
    across = np.abs(hair.positions[:, 0])
    assert across.max() < 1.6
    lowest = {"long": -2.1, "bob": -1.15, "short": -0.75}[style]
    assert lowest < hair.positions[:, 1].min() < lowest + 0.6
