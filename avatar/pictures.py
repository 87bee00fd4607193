"""Pictures as arrays: checked, shrunk, and sampled along any rotated square."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

LARGEST_SIDE = 2048
"""Pixels. Larger pictures are shrunk before anything is looked for, so that the work is bounded."""
_SAMPLES = 3
"""Of each block of pixels that becomes one, at most so many rows and columns are averaged."""


def rgb_of(picture: NDArray[Any]) -> Picture:
    """A picture (h, w, 3), from that, from grey (h, w) or from one with alpha (h, w, 4), which is left out.

    Raises:
        InputError: another shape, no pixel, or not uint8.
    """
    if picture.dtype != np.uint8:
        raise InputError(f"a picture must be uint8 with values from 0 to 255, got {picture.dtype}")
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    if picture.ndim != 3 or picture.shape[2] not in (3, 4) or 0 in picture.shape:
        raise InputError(f"a picture must have shape (height, width, 3), got {picture.shape}")
    return picture[..., :3]


def shrunk(picture: Picture, largest_side: int = LARGEST_SIDE) -> tuple[Picture, int]:
    """The picture with every block of k x k pixels as one, k the least that makes its sides fit, and k.

    The work is bounded by `largest_side`, not by the picture: of large blocks an even choice of pixels is averaged.
    """
    block = -(-max(picture.shape[:2]) // largest_side)
    if block == 1:
        return picture, 1
    height, width = (max(n // block, 1) for n in picture.shape[:2])
    count = min(block, _SAMPLES)
    offsets = [(2 * k + 1) * block // (2 * count) for k in range(count)]
    total = np.zeros((height, width, picture.shape[2]), np.uint16)
    parts = 0
    for dy in offsets:
        for dx in offsets:
            part = picture[dy::block, dx::block][:height, :width]
            if part.shape == total.shape:
                total += part
                parts += 1
    if not parts:  # one side is shorter than a block
        part = picture[::block, ::block][:height, :width]
        return np.ascontiguousarray(part), block
    return (total // parts).astype(np.uint8), block


def square_sample(picture: Picture, centre: tuple[float, float], side: float, roll_rad: float, size: int) -> Floats:
    """A square of a picture as (size, size, channels) float32 in [0, 255], bilinear; black outside of the picture.

    Args:
        centre: x and y in pixels, of the square's middle.
        side: length of the square's sides in pixels.
        roll_rad: how far the square is turned clockwise as seen on the picture.
    """
    x, y = square_points(grid(size), centre, side, roll_rad, size)
    return bilinear(picture, x, y)


def grid(size: int) -> Floats:
    """The middles of the pixels of a (size, size) square, (size, size, 2), x first."""
    axis = np.arange(size, dtype=np.float32) + 0.5
    return np.stack(np.meshgrid(axis, axis), axis=-1)


def square_points(
    points: Floats, centre: tuple[float, float], side: float, roll_rad: float, size: int
) -> tuple[Floats, Floats]:
    """Where points (..., 2) of a sampled square lie on the picture: x and y, each (...)."""
    scale = np.float32(side / size)
    u, v = (points[..., 0] - size / 2) * scale, (points[..., 1] - size / 2) * scale
    cos, sin = np.float32(np.cos(roll_rad)), np.float32(np.sin(roll_rad))
    x, y = centre[0] + cos * u - sin * v, centre[1] + sin * u + cos * v
    return x.astype(np.float32), y.astype(np.float32)


def bilinear(picture: Picture, x: Floats, y: Floats) -> Floats:
    """The picture at places x, y (...), pixel k covering [k, k + 1]: (..., channels) float32, black outside."""
    height, width = picture.shape[:2]
    # Where nothing is seen of the picture all is black; clipping keeps the integers small there.
    x = np.clip(x - np.float32(0.5), -1, width).astype(np.float32)
    y = np.clip(y - np.float32(0.5), -1, height).astype(np.float32)
    left, top = np.floor(x), np.floor(y)
    u, v = x - left, y - top
    # Only what is sampled is copied, with a black border of a pixel, so that no place needs to be checked.
    column, row = int(left.min()), int(top.min())
    part = _with_border(picture, row, column, int(top.max()) + 2 - row, int(left.max()) + 2 - column)
    flat, across = part.reshape(-1, part.shape[2]), part.shape[1]
    place = ((top - row) * across + (left - column)).astype(np.int64)
    above = _mixed(flat, place, u)
    below = _mixed(flat, place + across, u)
    return (above + (below - above) * v[..., None]).astype(np.float32)


def _mixed(flat: Floats, place: NDArray[np.int64], u: Floats) -> Floats:
    first = flat.take(place, axis=0)
    return (first + (flat.take(place + 1, axis=0) - first) * u[..., None]).astype(np.float32)


def _with_border(picture: Picture, row: int, column: int, rows: int, columns: int) -> Floats:
    """Rows and columns from a place that may lie outside of the picture, where it is black; as floats."""
    height, width = picture.shape[:2]
    part = np.zeros((rows, columns, picture.shape[2]), np.float32)
    y0, y1, x0, x1 = max(row, 0), min(row + rows, height), max(column, 0), min(column + columns, width)
    if y1 > y0 and x1 > x0:
        part[y0 - row : y1 - row, x0 - column : x1 - column] = picture[y0:y1, x0:x1]
    return part
