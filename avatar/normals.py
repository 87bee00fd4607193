"""Normals of triangle meshes, weighted by area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def face_normals(corners: Floats) -> Floats:
    """Normals of triangles (n, 3, 3), as long as twice their area."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float32)


def gathered(corners: NDArray[np.int64], faces: Floats, count: int) -> Floats:
    """Sums (count, 3) of what the triangles `corners` (n, 3) carry, (n, 3), over those about each point."""
    points = corners.ravel()
    sums = [np.bincount(points, np.repeat(faces[:, i], 3), count).astype(np.float32) for i in range(3)]
    return np.stack(sums, 1)


def unit(vectors: Floats) -> Floats:
    """Vectors (n, 3) at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12).astype(np.float32)


def vertex_normals(positions: Floats, triangles: NDArray[np.integer], weld: NDArray[np.integer]) -> Floats:
    """Unit normals (V, 3), shared between vertices that `weld` (V,) gives the same number."""
    corners = weld[triangles].astype(np.int64)
    return unit(gathered(corners, face_normals(positions[triangles]), int(weld.max()) + 1))[weld]
