"""Bakes light: how much sky and how much of the key light reaches each point of a bust, and what hair hides.

Sockets, nostrils, the space under the chin and under hair then read as hollow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.head import KEY_LIGHT

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_BAKE_RADIUS = 6.0
"""Farther than this from the origin nothing casts a shadow."""


def fibonacci_sphere(count: int) -> NDArray[np.float64]:
    """`count` unit vectors spread evenly over the sphere (González 2010), shape (count, 3)."""
    i = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(azimuth) * np.sin(polar), np.cos(polar), np.sin(azimuth) * np.sin(polar)], 1)


def grid(x0: int, y0: int, x1: int, y1: int) -> tuple[Ints, Ints]:
    """Columns and rows of every cell of a rectangle whose corners both belong to it, row by row."""
    wide, high = int(x1) - int(x0) + 1, int(y1) - int(y0) + 1
    return np.tile(np.arange(wide), high) + int(x0), np.repeat(np.arange(high), wide) + int(y0)


def splat_points(positions: Floats, triangles: Ints, spacing: float) -> Floats:
    """Points that cover triangles no farther than about `spacing` apart."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    longest = np.max([np.linalg.norm(b - a, axis=1), np.linalg.norm(c - a, axis=1), np.linalg.norm(c - b, axis=1)], 0)
    steps = np.clip(np.ceil(longest / spacing).astype(np.int64), 1, 24)
    points: list[Floats] = []
    for n in np.unique(steps):
        j, i = grid(0, 0, int(n), int(n))
        keep = i + j <= n
        u, v = (i[keep] / n)[None, :, None], (j[keep] / n)[None, :, None]
        chosen = steps == n
        a_, b_, c_ = (x[chosen][:, None, :] for x in (a, b, c))
        points.append((a_ + u * (b_ - a_) + v * (c_ - a_)).reshape(-1, 3).astype(np.float32))
    return np.concatenate(points)


def visibility(
    points: Floats, receivers: Floats, direction: NDArray[np.float64], texel: float, bias: float
) -> NDArray[np.bool_]:
    """Which receivers see out along `direction`, past an orthographic depth map of `points`."""
    side = np.cross(direction, [0.0, 0.0, 1.0] if abs(direction[1]) > 0.9 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    frame = np.stack([side / texel, np.cross(direction, side) / texel, direction], 1).astype(np.float32)
    half = int(_BAKE_RADIUS / texel)
    local, seen = points @ frame, receivers @ frame
    depth = np.full((2 * half) ** 2, -np.inf, np.float32)
    np.maximum.at(depth, _cell(local, half), local[:, 2])
    nearest: Floats = depth[_cell(seen, half)]
    return np.array(seen[:, 2] + bias >= nearest, np.bool_)


def _cell(local: Floats, half: int) -> Ints:
    column, row = (np.clip(local[:, i].astype(np.int64) + half, 0, 2 * half - 1) for i in range(2))
    return column * 2 * half + row


def bake_light(points: Floats, receivers: Floats, normals: Floats) -> tuple[Floats, Floats]:
    """(ambient, key) for each receiver, both in [0, 1]: the cosine-weighted part of the sky that it sees, and how much
    of a soft key light reaches it."""
    lifted = (receivers + 0.02 * normals).astype(np.float32)
    open_sky, whole_sky = np.zeros(len(receivers)), np.zeros(len(receivers))
    for direction in fibonacci_sphere(90):
        cosine = np.clip(normals @ direction, 0.0, None)
        whole_sky += cosine
        open_sky += cosine * visibility(points, lifted, direction, 0.04, 0.05)
    key = np.zeros(len(receivers))
    around = [d for d in fibonacci_sphere(700) if d @ KEY_LIGHT > 0.955]
    for direction in around:
        key += visibility(points, lifted, direction, 0.04, 0.06)
    return (open_sky / np.maximum(whole_sky, 1e-6)).astype(np.float32), (key / len(around)).astype(np.float32)


def seen_triangles(points: Floats, positions: Floats, triangles: Ints) -> NDArray[np.bool_]:
    """Which triangles a camera in front could see past `points`, for a head turned up to 50 degrees and nodding 25,
    and their neighbours."""
    seen = np.zeros(len(positions), bool)
    centre_seen = np.zeros(len(triangles), bool)
    centres = positions[triangles].mean(1)
    for yaw in np.radians(np.linspace(-50, 50, 9)):
        for pitch in np.radians((-25, 0, 25)):
            direction = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
            centre_seen |= visibility(points, centres, direction, 0.04, 0.12)
            seen |= visibility(points, positions, direction, 0.04, 0.12)
    seen[triangles[centre_seen]] = True
    return np.asarray(seen[triangles].any(1), np.bool_)


def smooth(values: Floats, triangles: Ints, weld: Ints, rounds: int) -> Floats:
    """Average each vertex with its neighbours, `rounds` times."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = weld[np.concatenate([edges, edges[:, ::-1]])]
    count = int(weld.max()) + 1
    degree = np.maximum(np.bincount(edges[:, 0], minlength=count), 1)
    shared = np.zeros(count)
    shared[weld] = values
    for _ in range(rounds):
        shared = 0.5 * shared + 0.5 * np.bincount(edges[:, 0], shared[edges[:, 1]], count) / degree
    return shared[weld].astype(np.float32)
