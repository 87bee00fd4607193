"""Grows hair on a head: locks that start on the scalp, follow a style's flow over the skull, and fall.

A cut is grown in layers: a closed undercoat of broad locks that hides the scalp, slender locks over it, and fine ones
along the hairline and the parting. Every lock is a ribbon; the shader draws strands on it and thins them out at the
tips. Growth is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.build_styles import Layer, Style, near_ear, over_ear, ramp, scalp_cover, unit

Floats = NDArray[np.float32]
Vectors = NDArray[np.float64]

_STEP = 0.05
"""How far a growing lock advances at a time."""


@dataclass(frozen=True)
class Hair:
    """Locks as a mesh; see `rapport.avatar.head.Head` for the arrays' meaning. `tones` and `thinness` are (H, 1)."""

    positions: Floats
    normals: Floats
    tangents: Floats
    uvs: Floats
    tones: Floats
    thinness: Floats
    triangles: NDArray[np.int64]


@dataclass(frozen=True)
class _Skin:
    """Points of smooth skin without ears, with their unit normals, both (n, 3)."""

    points: Vectors
    normals: Vectors

    def height(self, q: Vectors) -> tuple[Vectors, Vectors]:
        """Smooth height of points q over the skin, (k,), and its normals, (k, 3), from the eight nearest vertices."""
        squared = (q**2).sum(1)[:, None] - 2 * q @ self.points.T + (self.points**2).sum(1)
        near = np.argpartition(squared, 8, axis=1)[:, :8]
        weights = 1 / (np.maximum(np.take_along_axis(squared, near, 1), 0) + 0.004)
        weights /= weights.sum(1, keepdims=True)
        height = np.einsum("kj,kjc,kjc->k", weights, q[:, None] - self.points[near], self.normals[near])
        return height, unit(np.einsum("kj,kjc->kc", weights, self.normals[near]))


def _smooth_skin(positions: Vectors, normals: Vectors) -> _Skin:
    """The skin with a smooth patch in the place of each ear."""
    smooth = ~near_ear(positions)
    y, z = (a.ravel() for a in np.meshgrid(np.arange(-0.5, 0.35, 0.08), np.arange(-1.06, -0.35, 0.08)))
    x = np.interp(y, [-0.5, 0.3], [0.62, 0.72])
    patches = [np.stack([side * x, y, z], 1) for side in (-1, 1)]
    outwards = [np.tile([side, 0.0, 0.0], (len(x), 1)) for side in (-1.0, 1.0)]
    return _Skin(np.concatenate([positions[smooth], *patches]), np.concatenate([normals[smooth], *outwards]))


def scattered(positions: Vectors, triangles: NDArray[np.int64], spacing: float, random: np.random.Generator) -> Vectors:
    """Points on triangles, no two nearer than `spacing` (dart throwing, Cook 1986)."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    count = int(8 * area.sum() / spacing**2) + 1
    chosen = random.choice(len(area), count, p=area / area.sum())
    u: Vectors = random.random((count, 1))
    v: Vectors = random.random((count, 1))
    beyond = u + v > 1
    u, v = np.where(beyond, 1 - u, u), np.where(beyond, 1 - v, v)
    thrown: Vectors = a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]
    kept: list[int] = []
    for i in range(count):
        if not kept or float(((thrown[kept] - thrown[i]) ** 2).sum(1).min()) >= spacing**2:
            kept.append(i)
    return thrown[kept]


def grow_hair(style: Style, positions: Floats, normals: Floats, triangles: NDArray[np.int64], seed: int = 3) -> Hair:
    """Hair in a style over skin given by its vertices, their unit normals, both (n, 3), and triangles."""
    skin = _smooth_skin(positions.astype(np.float64), normals.astype(np.float64))
    scalp = triangles[(scalp_cover(positions) > 0.02)[triangles].any(1)]
    parts: list[Hair] = []
    for i, layer in enumerate(style.layers):
        random = np.random.default_rng([seed, i])
        roots = scattered(positions.astype(np.float64), scalp, layer.spacing, random)
        keep = (scalp_cover(roots) > 0.35) & (roots[:, 1] > style.lowest) & ~(near_ear(roots) & (style.fall > 0))
        if layer.where is not None:
            keep &= layer.where(roots)
        parts.append(_layer(style, layer, skin, roots[keep], random))
    return _joined(parts)


def _layer(style: Style, layer: Layer, skin: _Skin, roots: Vectors, random: np.random.Generator) -> Hair:
    count = len(roots)
    raised = np.zeros(count)
    if style.parting is not None:
        # Locks beside the parting start on it, or it would gape.
        x, reach = style.parting
        beside = roots[:, 0] - x
        drawn = 0.97 * beside * (np.abs(beside) < reach) * ramp(roots[:, 1], 0.5, 0.6)
        roots = roots - drawn[:, None] * [1, 0, 0]
        height, up = skin.height(roots)
        roots = roots - height[:, None] * up
        # Their beginnings show: beneath the skin they would leave a bare strip and end bluntly beside it.
        raised = 0.035 * (drawn != 0.0)
    _, up = skin.height(roots)
    lengths = style.length(roots) * layer.reach * random.uniform(0.9, 1.06, count)
    settle = random.uniform(*layer.lift, count)
    # Near the parting hair lies flatter, or two humps would stand beside it.
    near_parting = np.ones(count)
    if style.parting is not None:
        x = style.parting[0]
        near_parting = 0.6 + 0.4 * ramp(np.abs(roots[:, 0] - x) + np.where(roots[:, 1] < 0.5, 2.0, 0.0), 0.05, 0.4)
    stray = random.normal(0, style.stray, (count, 3)) * layer.thinness
    grown = np.zeros(count)
    at = roots + (raised - 0.01)[:, None] * up
    way = unit(style.flow(roots, roots, grown) + style.rise * up)
    path, ups = [at], [up]
    steps = int(np.ceil(lengths.max() / _STEP))
    for i in range(1, steps + 1):
        step = np.minimum(lengths, i * _STEP) - np.minimum(lengths, (i - 1) * _STEP)
        grown = np.minimum(i * _STEP / lengths, 1.0)
        free = ramp(at[:, 1], 0.1, -0.3) * min(style.fall, 1.0)
        wanted = style.flow(at, roots, grown) + stray + np.array([0, -style.fall, 0]) * free[:, None]
        tangent = wanted - (wanted * up).sum(1, keepdims=True) * up * (1 - 0.8 * free[:, None])
        way = unit(0.72 * way + 0.28 * unit(tangent))
        at = at + way * step[:, None]
        height, up = skin.height(at)
        lifted = settle * near_parting * ramp(np.full(count, i * _STEP), 0, style.settled_after)
        lifted = np.maximum(lifted, 0.02) + style.over_ears * over_ear(at)
        # On the skull a lock lies at its height; where it hangs free nothing pulls it in.
        push = np.where(height < lifted, lifted - height, -style.cling * (height - lifted) * (1 - free))
        at = at + up * np.clip(push, -0.05, 0.05)[:, None]
        path.append(at)
        ups.append(up)
    paths, faces = _resampled(np.stack(path, 1), np.stack(ups, 1), lengths, layer.segments)
    along = _places(layer.segments)
    swing = np.sin(
        2 * np.pi * lengths[:, None] * along / 0.85
        + (2.5 * roots[:, 2] + 1.5 * roots[:, 1] + random.normal(0, 0.5, count))[:, None]
    )
    side = unit(np.cross(unit(np.gradient(paths, axis=1)), faces))
    paths = paths + style.wave * (swing * ramp(along, 0.2, 0.7))[..., None] * side
    return _ribbons(paths, faces, layer, layer.half_width * random.uniform(0.75, 1.2, count), random)


def _places(segments: int) -> Vectors:
    """Where along a lock its vertices are, from 0 to 1: closer together near the root, where it bends most."""
    return np.linspace(0, 1, segments + 1) ** 1.35


def _resampled(paths: Vectors, ups: Vectors, lengths: Vectors, segments: int) -> tuple[Vectors, Vectors]:
    """Paths (n, m, 3), grown in equal steps up to their lengths, smoothed, at segments + 1 places, and their faces."""
    places = _places(segments)[None, :] * lengths[:, None] / _STEP
    low = np.minimum(places.astype(int), paths.shape[1] - 2)
    t = (places - low)[..., None]
    # The last step of a lock is shorter than the others.
    last = np.floor(lengths / _STEP)[:, None]
    t = np.where(
        (low >= last)[..., None], np.minimum(t / np.maximum(lengths[:, None] / _STEP - last, 1e-6)[..., None], 1), t
    )
    rows = np.arange(len(paths))[:, None]
    at = paths[rows, low] * (1 - t) + paths[rows, low + 1] * t
    at[:, 1:-1] = 0.25 * at[:, :-2] + 0.5 * at[:, 1:-1] + 0.25 * at[:, 2:]
    return at, unit(ups[rows, low] * (1 - t) + ups[rows, low + 1] * t)


def _ribbons(path: Vectors, up: Vectors, layer: Layer, width: Vectors, random: np.random.Generator) -> Hair:
    """Ribbons of half width `width` (n,) about paths (n, steps, 3), facing `up` (n, steps, 3), drawn to a point."""
    count, steps = path.shape[:2]
    tangent = unit(np.gradient(path, axis=1))
    # Turned a little to the viewer, or they would be thin lines at the sides.
    up = unit(up + 0.7 * np.abs(up[..., :1]) * np.array([0.0, 0.0, 1.0]))
    side = unit(np.cross(tangent, up))
    face = unit(np.cross(side, tangent))
    t = _places(steps - 1)
    tip = 0.85 - 0.7 * layer.thinness
    reach = width[:, None] * np.interp(t, [0, 0.1, 0.22, 0.6, 0.85, 1], [0.6, 0.9, 1.0, 1.0, 0.75, tip])
    across = np.array([-1.0, 0.0, 1.0]) if layer.half_width > 0.1 else np.array([-1.0, 1.0])
    wide = len(across)
    offset = (
        across[None, None, :, None] * side[:, :, None] - 0.3 * np.abs(across)[None, None, :, None] * face[:, :, None]
    )
    positions = path[:, :, None] + reach[..., None, None] * offset
    # Ribbons are lit half as the whole of the hair is, half as round locks.
    normals = unit(face[:, :, None] + 0.6 * across[None, None, :, None] * side[:, :, None] + 0.4 * up[:, :, None])
    uvs = np.empty((count, steps, wide, 2))
    uvs[..., 0] = (np.arange(count) % 32)[:, None, None] + 0.5 + 0.49 * across
    uvs[..., 1] = t[None, :, None]
    tones: Vectors = np.broadcast_to(random.random((count, 1, 1, 1)), (count, steps, wide, 1))
    thinness = np.full((count, steps, wide, 1), layer.thinness)
    start = wide * np.arange(count * steps, dtype=np.int64).reshape(count, steps)[:, :-1]
    first: NDArray[np.int64] = np.add.outer(start, np.arange(wide - 1, dtype=np.int64))
    quads = np.stack([first, first + 1, first + wide, first + 1, first + wide + 1, first + wide], -1).reshape(-1, 3)
    tangents = np.broadcast_to(tangent[:, :, None], positions.shape)
    flat = [x.reshape(-1, x.shape[-1]).astype(np.float32) for x in (positions, normals, tangents, uvs, tones, thinness)]
    return Hair(*flat, triangles=quads.astype(np.int64))


def _joined(parts: list[Hair]) -> Hair:
    """All layers as one mesh, the outermost first, so that they hide the rest early."""
    parts = parts[::-1]
    starts = np.cumsum([0] + [len(part.positions) for part in parts])
    arrays = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("positions", "normals", "tangents", "uvs", "tones", "thinness")
    ]
    triangles = np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=False)])
    return Hair(*arrays, triangles=triangles)
