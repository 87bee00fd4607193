"""Catmull-Clark refinement: linear, smooth, faithful to rims and creases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar.subdivide import subdivision

CUBE = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and quads of a flat square of n x n quads."""
    y, x = np.divmod(np.arange((n + 1) ** 2), n + 1)
    first = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    quads = np.stack([first, first + 1, first + n + 2, first + n + 1], 1)
    return np.stack([x, y, 0 * x], 1).astype(np.float32), quads


def test_a_cube_becomes_what_the_rule_says():
    fine = subdivision(8, CUBE)
    points = fine.apply(CORNERS)
    assert len(points) == 8 + 12 + 6
    assert np.allclose(np.abs(points[:8]), 5 / 9)
    assert np.allclose(np.sort(np.abs(points[8:20]), axis=1), [0, 0.75, 0.75])
    assert np.allclose(np.sort(np.abs(points[20:]), axis=1), [0, 0, 1])
    assert len(fine.fine_quads) == 24
    assert set(fine.fine_quads.ravel()) == set(range(26))


def test_quads_keep_their_winding():
    points, quads = grid(3)
    fine = subdivision(len(points), quads)
    a, b, c = (fine.apply(points)[fine.fine_quads[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_a_flat_square_stays_flat_and_keeps_its_corners():
    points, quads = grid(4)
    fine = subdivision(len(points), quads).apply(points)
    assert np.ptp(fine[:, 2]) == 0
    for corner in ((0, 0, 0), (4, 0, 0), (0, 4, 0), (4, 4, 0)):
        assert np.abs(fine - corner).sum(1).min() < 0.5


def test_a_crease_stays_where_it_is():
    points, quads = grid(4)
    points[:, 2] = np.abs(points[:, 0] - 2)
    ridge = np.array([[2 + 5 * i, 7 + 5 * i] for i in range(4)])
    soft, sharp = (subdivision(len(points), quads, c).apply(points)[12, 2] for c in (None, ridge))
    assert soft > 0.1
    assert sharp == 0


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_refining_is_linear_and_keeps_constants(seed: int, scale: float):
    fine = subdivision(8, CUBE)
    one, two = np.random.default_rng(seed).normal(size=(2, 8, 4)).astype(np.float32)
    for refine in (fine.apply, fine.linear):
        both = refine(one + np.float32(scale) * two)
        assert np.allclose(both, refine(one) + np.float32(scale) * refine(two), atol=1e-4)
        assert np.allclose(refine(np.ones((8, 2), np.float32)), 1, atol=1e-6)


def test_linear_refinement_takes_means():
    out = subdivision(4, np.array([[0, 1, 2, 3]])).linear(np.array([[0.0], [2], [4], [6]], np.float32))[:, 0]
    assert out[:4].tolist() == [0, 2, 4, 6]
    assert sorted(out[4:8].tolist()) == [1, 3, 3, 5]
    assert out[8] == pytest.approx(3)
