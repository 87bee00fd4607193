"""Grows hair on a head: locks that start on the scalp, follow a style's flow over the skull, and fall.

Every lock is a band that lies on the head like a shingle; the shader draws strands on it. Lengths are decimetres in the
head's own axes (x to its left, y up, z forward, origin between the eyes). Growth is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class HairStyle:
    """A cut. `long` falls to the shoulders from a side parting, `bob` ends at the chin, `short` is
    combed up and back."""

    cut: Literal["long", "bob", "short"]
    seed: int = 3


@dataclass(frozen=True)
class Hair:
    """Locks as a mesh; see `rapport.avatar.head.Head` for the arrays' meaning."""

    positions: Floats
    normals: Floats
    tangents: Floats
    uvs: Floats
    tones: Floats
    triangles: NDArray[np.int64]


@dataclass(frozen=True)
class _Cut:
    locks: int
    steps: int
    width: float
    volume: float
    """Height above the scalp at which locks settle."""
    gravity: float
    flow: Callable[[Vectors, Vectors], Vectors]
    """(points (n, 3), roots (n, 3)) to directions (n, 3)."""
    length: Callable[[Vectors], Vectors]
    """Roots (n, 3) to lengths (n,)."""
    over_ears: float
    """How far hair goes out to pass over the ears."""
    parting_x: float | None = None


def fibonacci_sphere(count: int) -> Vectors:
    """`count` unit vectors spread evenly over the sphere (González 2010), shape (count, 3)."""
    i = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(azimuth) * np.sin(polar), np.cos(polar), np.sin(azimuth) * np.sin(polar)], 1)


def scalp_cover(p: NDArray[np.floating]) -> Floats:
    """How far skin at points (n, 3) belongs to the scalp, in [0, 1], soft at the hairline."""
    y, z = p[:, 1], p[:, 2]
    line = np.interp(
        z,
        [-1.8, -1.25, -0.98, -0.9, -0.84, -0.5, -0.44, -0.38, -0.32, -0.22, -0.1, 0.05, 0.25],
        [-0.72, -0.7, -0.45, -0.1, 0.24, 0.26, 0.1, -0.02, 0.1, 0.4, 0.56, 0.62, 0.66],
    )
    t = np.clip((y - line) / 0.09 + 0.3, 0, 1)
    return (t * t * (3 - 2 * t) * ~_on_ear(p)).astype(np.float32)


def _on_ear(p: NDArray[np.floating]) -> NDArray[np.bool_]:
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    return (x > 0.70) & (z > -0.98) & (z < -0.40) & (y < 0.26) & (y > -0.45)


def _over_ear(p: Vectors) -> Vectors:
    """1 over the middle of an ear, falling off softly, for points (n, 3)."""
    d = (np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1) - [0.85, -0.05, -0.66]) / [0.35, 0.45, 0.42]
    return np.exp(-(d**2).sum(1))


def _unit(v: Vectors) -> Vectors:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def _parted(parting_x: float, back: float, turned_in: float) -> Callable[[Vectors, Vectors], Vectors]:
    """Away from a parting, over the sides of the skull and `back`, then down, with ends `turned_in` to the neck."""

    def flow(p: Vectors, root: Vectors) -> Vectors:
        side = np.where(root[:, 0] > parting_x, 1.0, -1.0)
        high = np.clip((p[:, 1] - 0.1) / 0.8, 0, 1)
        behind = np.clip((-0.9 - root[:, 2]) / 0.6, 0, 1)
        low = np.clip((-0.25 - p[:, 1]) / 0.5, 0, 1)
        outwards = side * ((0.1 + 1.15 * high) * (1 - 0.75 * behind) - turned_in * low)
        backwards = -back * high * (1 - behind) - 0.5 * behind * high
        return _unit(np.stack([outwards, -0.25 - 1.1 * (1 - high) - 0.4 * behind, backwards], 1))

    return flow


def _combed(p: Vectors, root: Vectors) -> Vectors:
    """From the crown forwards and sideways over the top with a lift at the front; down and back at the sides."""
    top = np.clip((root[:, 1] - 0.45) / 0.4, 0, 1)
    front = np.clip((root[:, 2] + 0.35) / 0.5, 0, 1) * top
    flow = np.stack(
        [
            np.sign(root[:, 0]) * 0.12 * (1 - top) - 0.75 * top,
            -1.0 * (1 - top) + 0.9 * front,
            -0.35 * (1 - top) - 0.55 * top - 0.15 * front,
        ],
        1,
    )
    return _unit(flow)


_CUTS: dict[str, _Cut] = {
    "long": _Cut(
        150, 11, 0.15, 0.15, 0.9, _parted(0.16, 0.75, 0.12), lambda r: 2.2 + 0.3 * np.clip(-r[:, 2], 0, 1), 0.15, 0.16
    ),
    "bob": _Cut(
        150, 9, 0.15, 0.12, 0.9, _parted(-0.1, 0.55, 1.1), lambda r: 0.85 + 0.95 * np.clip(r[:, 1], -0.4, 1), 0.06, -0.1
    ),
    "short": _Cut(
        260, 5, 0.085, 0.08, 0.15, _combed, lambda r: 0.13 + 0.3 * np.clip((r[:, 1] - 0.4) / 0.35, 0, 1), 0.0
    ),
}


def _roots(p: Vectors, n: Vectors, count: int, lowest: float, random: np.random.Generator) -> tuple[Vectors, Vectors]:
    """Evenly spread points of the scalp and their normals, by shooting at the skull from its centre's sphere."""
    centre = np.array([0.0, 0.2, -0.7])
    directions = fibonacci_sphere(count * 3)
    skull = (p[:, 1] > -0.9) & (n * _unit(p - centre)).sum(1).__gt__(0.3)
    points, normals = p[skull], n[skull]
    near = np.argsort(-(directions @ _unit(points - centre).T), axis=1)[:, :4]
    weights = _unit(random.random((len(directions), 4)) + 0.2) ** 2
    roots = np.einsum("rk,rkc->rc", weights / weights.sum(1, keepdims=True), points[near])
    keep = (scalp_cover(roots) > 0.55) & (roots[:, 1] > lowest)
    return roots[keep], _unit(normals[near[keep, 0]])


def _surface(q: Vectors, p: Vectors, n: Vectors) -> tuple[Vectors, Vectors]:
    """Smooth height of points q over the skin, (k,), and its normals, (k, 3), from the eight nearest vertices."""
    squared = (q**2).sum(1)[:, None] - 2 * q @ p.T + (p**2).sum(1)
    near = np.argpartition(squared, 8, axis=1)[:, :8]
    weights = 1 / (np.take_along_axis(squared, near, 1) + 0.004)
    weights /= weights.sum(1, keepdims=True)
    height = np.einsum("kj,kjc,kjc->k", weights, q[:, None] - p[near], n[near])
    return height, _unit(np.einsum("kj,kjc->kc", weights, n[near]))


def grow_hair(style: HairStyle, positions: Floats, normals: Floats) -> Hair:
    """Hair in a style over skin given by its vertices and their unit normals, both (n, 3)."""
    random = np.random.default_rng(style.seed)
    cut = _CUTS[style.cut]
    smooth = ~_on_ear(positions)
    p, n = positions[smooth].astype(np.float64), normals[smooth].astype(np.float64)
    roots, up = _roots(p, n, cut.locks, -0.15 if style.cut == "short" else -1.0, random)
    if cut.parting_x is not None:
        # Locks beside the parting start on it, or it would gape.
        beside = roots[:, 0] - cut.parting_x
        roots[:, 0] -= np.where((np.abs(beside) < 0.3) & (roots[:, 1] > 0.6), 0.8 * beside, 0)
    count = len(roots)
    lengths = cut.length(roots) * random.uniform(0.92, 1.05, count)
    settle = cut.volume * random.uniform(0.45, 1.25, count)
    stray = random.normal(0, 0.10, (count, 3))
    at, way = roots + 0.01 * up, _unit(cut.flow(roots, roots) + 0.5 * up)
    path, ups = [at], [up]
    for i in range(1, cut.steps):
        t = i / (cut.steps - 1)
        free: Vectors = np.clip((0.1 - at[:, 1:2]) / 0.5, 0, 1)
        wanted = cut.flow(at, roots) + stray + np.array([0, -cut.gravity, 0]) * free
        tangent = wanted - (wanted * up).sum(1, keepdims=True) * up * (1 - 0.6 * free)
        way = _unit(0.45 * way + 0.55 * _unit(tangent))
        at = at + way * (lengths / (cut.steps - 1))[:, None]
        height, up = _surface(at, p, n)
        lifted = settle * min(1.0, 2.2 * t) + 0.02 + cut.over_ears * _over_ear(at)
        # A lock rests on the skin at its own height; where it hangs free (below the ears) nothing pulls it in.
        push: Vectors = np.where(height < lifted, lifted - height, -0.35 * (height - lifted) * (1 - free[:, 0]))
        at = at + up * np.clip(push, -0.08, 0.25)[:, None]
        path.append(at)
        ups.append(up)
    paths = np.stack(path, 1)
    for _ in range(2):
        paths[:, 1:-1] = 0.25 * paths[:, :-2] + 0.5 * paths[:, 1:-1] + 0.25 * paths[:, 2:]
    return _locks(paths, np.stack(ups, 1), cut.width * random.uniform(0.7, 1.25, count), random)


def _locks(path: Vectors, up: Vectors, width: Vectors, random: np.random.Generator) -> Hair:
    """Locks of half width `width` (locks,) about paths (locks, steps, 3), facing `up` (locks, steps, 3): three vertices
    across, the middle one raised, ends drawn to a point. The outermost come first, so that they hide the rest early."""
    outermost = np.argsort(-(path[:, :, 2].max(1) + 0.5 * path[:, :, 1].mean(1) + up[:, -1, 2]), kind="stable")
    path, up, width = path[outermost], up[outermost], width[outermost]
    locks, steps = len(width), len(path[0])
    tangent = _unit(np.gradient(path, axis=1))
    side = _unit(np.cross(tangent, up))
    face = _unit(np.cross(side, tangent))
    face *= np.where((face * up).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    t = np.linspace(0, 1, steps)
    reach = (width[:, None] * np.interp(t, [0, 0.12, 0.55, 0.85, 1], [0.7, 1.0, 1.0, 0.7, 0.04]))[..., None, None]
    across = np.array([-1.0, 0.0, 1.0])[None, None, :, None]
    sides, faces = side[:, :, None], face[:, :, None]
    positions = path[:, :, None] + reach * (across * sides - 0.45 * np.abs(across) * faces)
    normals = _unit(faces + 0.55 * across * sides)
    uvs = np.empty((locks, steps, 3, 2))
    uvs[..., 0] = (np.arange(locks) % 64)[:, None, None] + 0.5 + 0.5 * across[..., 0]
    uvs[..., 1] = t[None, :, None]
    tones: Vectors = np.broadcast_to(random.random(locks).reshape(-1, 1, 1, 1), (locks, steps, 3, 1))
    first: NDArray[np.int64] = ((np.arange(locks).reshape(-1, 1) * steps + np.arange(steps - 1)) * 3)[
        ..., None
    ] + np.array([0, 1])
    quads = np.stack([first, first + 1, first + 3, first + 1, first + 4, first + 3], -1).reshape(-1, 3)
    tangents = np.broadcast_to(tangent[:, :, None], positions.shape)
    flat = [x.reshape(-1, x.shape[-1]).astype(np.float32) for x in (positions, normals, tangents, uvs, tones)]
    return Hair(*flat, triangles=quads.astype(np.int64))
