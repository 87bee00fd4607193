"""Paints skin: lips and two sorts of brows as a picture over the atlas, and what single points of the skin carry.

Painting is done on the mean identity; every person wears it where their own skin is. Heights and places are in
decimetres from the midpoint of the eyes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rapport.avatar.build_light import grid
from rapport.avatar.build_source import Source

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Window = tuple[float, float, float, float]

PAINT_SIZE = 512
"""Texels along a side of the picture that holds lips and brows."""


@dataclass(frozen=True)
class BrowStyle:
    """One brow over the left eye; the other mirrors it. Heights are above the eye's centre."""

    inner_height: float
    peak_height: float
    outer_height: float
    thickness: float
    hairs: int


THIN_BROWS = BrowStyle(inner_height=0.178, peak_height=0.232, outer_height=0.16, thickness=0.040, hairs=300)
THICK_BROWS = BrowStyle(inner_height=0.166, peak_height=0.206, outer_height=0.148, thickness=0.066, hairs=430)


def _spot(p: Floats, centre: Sequence[float], radius: Sequence[float]) -> Floats:
    """A soft spot on both sides of the face: 1 at `centre`, 0.37 at `radius` from it along each axis."""
    d = (np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1) - centre) / radius
    return np.exp(-(d**2).sum(1)).astype(np.float32)


def blood(p: Floats) -> Floats:
    """Where skin is rosier, in [0, 1]: cheeks, nose, ears, chin."""
    total = 0.9 * _spot(p, (0.42, -0.33, 0.15), (0.2, 0.16, 0.4)) + 0.8 * _spot(p, (0, -0.32, 0.46), (0.13, 0.12, 0.16))
    total += 0.8 * _spot(p, (0.78, -0.1, -0.55), (0.12, 0.35, 0.3)) + 0.4 * _spot(p, (0, -0.93, 0.2), (0.22, 0.1, 0.3))
    return np.clip(total, 0, 1).astype(np.float32)


def lid_shade(p: Floats, eyes: Floats, eye_radius: float) -> Floats:
    """How much darker skin is at the margin of the lids, in [0, 1]."""
    nearest = np.min([np.linalg.norm(p - eye, axis=1) for eye in eyes], 0)
    upper = np.clip(p[:, 1] / 0.05, 0.25, 1)
    return (0.8 * upper * np.clip(1.0 - (nearest - eye_radius) / 0.02, 0, 1) * (p[:, 2] > eyes[0, 2])).astype(
        np.float32
    )


def beard(p: Floats) -> Floats:
    """Where a beard would grow, in [0, 1]."""
    x = np.abs(p[:, 0])
    jaw = np.clip((-0.46 - 0.35 * np.clip(0.35 - x, 0, 1) - p[:, 1]) / 0.2, 0, 1)
    moustache = _spot(p, (0.12, -0.5, 0.32), (0.16, 0.055, 0.2))
    front = np.clip((p[:, 2] + 0.5 + 0.25 * (x > 0.5)) / 0.3, 0, 1) * np.clip((p[:, 1] + 1.3) / 0.3, 0, 1)
    return np.clip(np.maximum(jaw * front, moustache), 0, 1).astype(np.float32)


def age_marks(p: Floats) -> Floats:
    """Where years show first, in [0, 1]: beside the nose and mouth, at the outer corners of the eyes, under them."""
    x, y = np.abs(p[:, 0]), p[:, 1]
    front = np.clip((p[:, 2] + 0.1) / 0.2, 0, 1)
    t = np.clip((-0.33 - y) / 0.35, 0, 1)
    fold = 0.20 + 0.14 * np.sqrt(t) + 0.03 * t
    nasolabial = (
        np.exp(-(((x - fold) / 0.035) ** 2)) * np.clip((y + 0.72) / 0.1, 0, 1) * np.clip((-0.3 - y) / 0.06, 0, 1)
    )
    feet = _spot(p, (0.54, 0.0, 0.0), (0.055, 0.075, 0.2))
    bags = 0.8 * _spot(p, (0.27, -0.155, 0.2), (0.15, 0.04, 0.2))
    frown = 0.5 * _spot(p, (0.045, 0.2, 0.3), (0.018, 0.07, 0.2))
    return np.clip(np.maximum.reduce([0.9 * nasolabial * front, feet, bags, frown]), 0, 1).astype(np.float32)


def brow_arch(style: BrowStyle, along: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """(height of the brow's middle, its thickness) at places from its inner end, 0, to its outer end, 1."""
    inner, peak, outer = style.inner_height, style.peak_height, style.outer_height
    # A parabola through the three, steeper past the peak.
    rise = inner + (peak - inner) * (1 - np.clip(1 - along / 0.66, 0, 1) ** 1.8)
    height = np.where(along < 0.66, rise, peak - (peak - outer) * np.clip((along - 0.66) / 0.34, 0, 1) ** 1.6)
    thickness = style.thickness * np.interp(along, [0, 0.12, 0.45, 0.75, 1], [0.8, 1.0, 0.9, 0.6, 0.18])
    return height, thickness


def brow_strokes(style: BrowStyle) -> NDArray[np.float64]:
    """Hairs of the left brow as (n, 5): start x y, end x y, half width."""
    random = np.random.default_rng(7)
    along = np.sort(random.random(style.hairs)) ** 0.95
    across = random.uniform(-0.5, 0.5, style.hairs)
    x = 0.105 + 0.405 * along
    arch, thickness = brow_arch(style, along)
    y = arch + across * thickness
    # Hairs stand up at the inner end and lie along the arch towards the temple; the lower ones lean up, the upper down.
    angle = np.interp(along, [0, 0.2, 0.6, 1], [1.2, 0.65, 0.1, -0.45]) - across * 0.9
    angle += random.normal(0, 0.12, style.hairs)
    length = random.uniform(0.05, 0.085, style.hairs) * np.interp(along, [0, 0.2, 1], [0.6, 1.0, 0.7])
    length *= 0.55 + 0.45 * style.thickness / 0.06
    ends = np.stack([x + np.cos(angle) * length, y + np.sin(angle) * length], 1)
    starts = [x - 0.3 * (ends[:, 0] - x), y - 0.3 * (ends[:, 1] - y)]
    return np.column_stack([*starts, ends, random.uniform(0.0022, 0.0045, style.hairs)])


def paint_brows(p: Floats, style: BrowStyle) -> Floats:
    """Coverage by brow hair at points of the face, in [0, 1]."""
    flat = np.stack([np.abs(p[:, 0]), p[:, 1]], 1).astype(np.float64)
    bare = np.ones(len(flat))
    for x0, y0, x1, y1, half_width in brow_strokes(style):
        near = np.nonzero((np.abs(flat[:, 0] - (x0 + x1) / 2) < 0.12) & (np.abs(flat[:, 1] - (y0 + y1) / 2) < 0.12))[0]
        start, way = np.array([x0, y0]), np.array([x1 - x0, y1 - y0])
        offset = flat[near] - start
        t = np.clip(offset @ way / (way @ way), 0, 1)
        distance = np.linalg.norm(offset - t[:, None] * way, axis=1)
        bare[near] *= 1 - 0.5 * np.clip(1.4 - distance / (half_width * (1 - 0.6 * t)), 0, 1)
    t = np.clip((flat[:, 0] - 0.105) / 0.405, 0, 1)
    arch, thickness = brow_arch(style, t)
    ends = np.clip((flat[:, 0] - 0.09) / 0.08, 0, 1) * np.clip((0.53 - flat[:, 0]) / 0.08, 0, 1)
    shade = 0.36 * ends * np.exp(-(((flat[:, 1] - arch) / (0.62 * thickness)) ** 2))
    return (1 - bare * (1 - shade)).astype(np.float32)


def texel_positions(
    uvs: Floats, positions: Floats, triangles: Ints, window: Window
) -> tuple[Floats, NDArray[np.bool_]]:
    """Rest position (n, n, 3) of every texel in a window (u0, v0, u1, v1) of the atlas, and which are covered."""
    u0, v0, u1, v1 = window
    n = PAINT_SIZE
    out, covered = np.zeros((n, n, 3), np.float32), np.zeros((n, n), bool)
    pixels = (uvs - [u0, v0]) / [u1 - u0, v1 - v0] * n - 0.5
    for triangle in triangles:
        corners = pixels[triangle]
        low = np.maximum(np.floor(corners.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(0)).astype(int), n - 1)
        if (low > high).any():
            continue
        edges = np.stack([corners[1] - corners[0], corners[2] - corners[0]], 1)
        if abs(np.linalg.det(edges)) < 1e-9:
            continue
        x, y = grid(*low, *high)
        weights = np.asarray(np.linalg.solve(edges, np.stack([x, y]) - corners[0].reshape(2, 1)), np.float64)
        inside = (weights.min(0) > -0.05) & (weights.sum(0) < 1.05)
        p = positions[triangle]
        out[y[inside], x[inside]] = p[0] + weights.T[inside] @ (p[1:] - p[0])
        covered[y[inside], x[inside]] = True
    return out, covered


def lip_mask(source: Source, window: Window) -> Floats:
    """Vermilion of the lips over a window of the atlas, (n, n) in [0, 1], from the base mesh's own mask."""
    with Image.open(io.BytesIO(source.read("mpfb2/textures/mpfb_lips.jpg"))) as picture:
        mask = np.asarray(picture.convert("L"), np.float32)[::-1] / 255
    u0, v0, u1, v1 = window
    x = (u0 + (np.arange(PAINT_SIZE) + 0.5) / PAINT_SIZE * (u1 - u0)) * mask.shape[1] - 0.5
    y = (v0 + (np.arange(PAINT_SIZE) + 0.5) / PAINT_SIZE * (v1 - v0)) * mask.shape[0] - 0.5
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x0)[None, :], (y - y0)[:, None]
    rows = mask[y0] * (1 - fy) + mask[y0 + 1] * fy
    return (rows[:, x0] * (1 - fx) + rows[:, x0 + 1] * fx).astype(np.float32)


def paint(
    source: Source, uvs: Floats, positions: Floats, triangles: Ints, face: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], Window]:
    """(picture (n, n, 3) uint8 of lips, thin and thick brows, its window (u0, v0, u1, v1) in the atlas).

    `triangles` are those of the skin; `face` marks the vertices that the window spans.
    """
    low, high = uvs[face].min(0) - 0.004, uvs[face].max(0) + 0.004
    window = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    where, covered = texel_positions(uvs, positions, triangles, window)
    on_face = covered & (where[..., 2] > -0.15)
    brows = [
        paint_brows(where.reshape(-1, 3), style).reshape(covered.shape) * on_face for style in (THIN_BROWS, THICK_BROWS)
    ]
    picture = np.stack([lip_mask(source, window), *brows], -1)
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8), window
