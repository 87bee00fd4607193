"""How the picture around a face follows it: hair and neck nearly all the way, the borders not at all.

The picture is a grid of points. Rings along the face's edge and around it tell how far it moves; between them and the
border, which stays, the grid is the membrane that is stretched least. That is linear, so it is solved once, for a move
of each ring point: in sines, which diagonalise the membrane (Buneman 1969 and others), corrected for the rings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS = 32
"""Cells of the grid along each side of the picture."""
_HOLD = 30.0
"""How strongly the grid is held at the rings, against the membrane's own stiffness."""
_HAIR_RING = 1.3
"""Where hair and ears are, in distances of the face's outline from its middle."""


@dataclass(frozen=True, eq=False)
class Field:
    """N grid points and K ring points."""

    grid: NDArray[np.float32]
    """(N, 2) pixels, rows of CELLS + 1."""
    follow: NDArray[np.float32]
    """(N, K): how far a grid point moves when a ring point moves by 1."""
    triangles: NDArray[np.uint32]
    """(T, 3) of the grid."""


def hair_ring(outline: Floats, depth: float, size: int) -> tuple[Floats, NDArray[np.int64]]:
    """Points (k, 3) on the hair around the upper part of a face's outline (36, 3), and the outline point of each, (k,).

    Points beside the picture are left out. The number is a multiple of four.
    """
    middle = outline.mean(0)
    out = middle + (outline - middle) * _HAIR_RING
    out[:, 2] = depth
    margin = size / 16
    kept = (outline[:, 1] < middle[1] + 0.25 * np.ptp(outline[:, 1])) & (out[:, :2] > margin).all(1)
    kept &= (out[:, :2] < size - margin).all(1)
    which = np.flatnonzero(kept)
    which = which[: len(which) // 4 * 4]
    return out[which], which


def field(ring: Floats, size: int) -> Field:
    """The grid of a picture of `size` around ring points (K, 2)."""
    n = CELLS + 1
    axis = np.linspace(0, size, n)
    x, y = np.meshgrid(axis, axis)
    index = np.arange(n * n).reshape(n, n)
    held = _between(ring / (size / CELLS), n).reshape(-1, n, n)[:, 1:-1, 1:-1]
    k = np.arange(1, n - 1)
    sines = np.sqrt(2 / (n - 1)) * np.sin(np.pi * np.outer(k, k) / (n - 1))
    stiffness = 2 - 2 * np.cos(np.pi * k / (n - 1))
    free: Floats = sines @ ((sines @ held @ sines) / (stiffness[:, None] + stiffness)) @ sines
    count = len(ring)
    between_rings: Floats = np.einsum("kij,lij->kl", free, held)
    inner = np.asarray(np.linalg.solve(np.eye(count) / _HOLD + between_rings, free.reshape(count, -1)), np.float64).T
    follow = np.zeros((n, n, count))
    follow[1:-1, 1:-1] = inner.reshape(n - 2, n - 2, count)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    triangles = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    grid = np.stack([x, y], -1).reshape(-1, 2)
    return Field(grid.astype(np.float32), follow.reshape(n * n, count).astype(np.float32), triangles.astype(np.uint32))


def _between(ring: Floats, n: int) -> Floats:
    """Bilinear shares (K, n * n) of the grid points around ring points in cells."""
    p = np.clip(ring, 0, n - 1 - 1e-6)
    corner, part = np.floor(p).astype(np.int64), p - np.floor(p)
    shares = np.zeros((len(p), n * n))
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
        shares[np.arange(len(p)), (corner[:, 1] + dy) * n + corner[:, 0] + dx] = share
    return shares
