"""The shapes of a head as a table by vertex, for the compute shader that adds them up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES
from rapport.avatar.head import Head

_LEAST_TILT = 0.01
"""Changes of a unit normal that are left out."""


def shape_table(head: Head) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """(offsets (V + 1,), entries (E, 4)): for each vertex the shapes that move or tilt it.

    An entry is the shape's number and six 16-bit floats: the change of position and of normal at weight 1.
    """
    triangles, weld = head.triangles.astype(np.int64), head.weld.astype(np.int64)
    points = int(weld.max()) + 1
    facing = _facing(head.positions[triangles])
    total = _gathered(facing, weld[triangles], points)
    by_weld = np.argsort(weld, kind="stable")
    copies = np.searchsorted(weld[by_weld], np.arange(points + 1))
    vertices: list[NDArray[np.int64]] = []
    entries: list[NDArray[np.uint32]] = []
    for k in range(len(ARKIT_BLENDSHAPES)):
        part = slice(int(head.shape_offsets[k]), int(head.shape_offsets[k + 1]))
        moved = np.zeros((len(weld), 3), np.float32)
        moved[head.shape_vertices[part]] = head.shape_deltas[part]
        touched = np.zeros(len(weld), bool)
        touched[head.shape_vertices[part]] = True
        # Only the triangles that the shape moves tilt anything.
        bent = np.nonzero(touched[triangles].any(1))[0]
        corners = triangles[bent]
        change = _facing(head.positions[corners] + moved[corners]) - facing[bent]
        at = np.unique(weld[corners])
        renumbered = np.searchsorted(at, weld[corners])
        tilted = total[at] + _gathered(change, renumbered, len(at))
        tilt = np.zeros((points, 3), np.float32)
        tilt[at] = _unit(tilted) - _unit(total[at])
        counts = copies[at + 1] - copies[at]
        near = by_weld[
            np.repeat(copies[at] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(counts.sum())
        ]
        both = np.concatenate([moved[near], tilt[weld[near]]], 1)
        kept = touched[near] | (np.abs(both[:, 3:]).max(1, initial=0) > _LEAST_TILT)
        chosen = near[kept]
        packed = np.ascontiguousarray(both[kept].astype(np.float16)).view(np.uint32)
        vertices.append(chosen)
        entries.append(np.column_stack([np.full(len(chosen), k, np.uint32), packed]))
    vertex = np.concatenate(vertices)
    order = np.argsort(vertex, kind="stable")
    counts = np.bincount(vertex, minlength=len(weld))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    return offsets, np.concatenate(entries)[order]


def _facing(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normals of triangles (T, 3, 3), as long as twice their area."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _gathered(facing: NDArray[np.float32], corners: NDArray[np.int64], points: int) -> NDArray[np.float64]:
    """Sum of the normals of the triangles about each point, (points, 3)."""
    at = corners.T.ravel()
    return np.stack([np.bincount(at, np.tile(facing[:, i], 3), points) for i in range(3)], 1).astype(np.float64)


def _unit(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
