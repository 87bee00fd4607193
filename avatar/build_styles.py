"""The cuts that ship: which way hair grows, how long, and in what layers.

Lengths are decimetres in the head's own axes (x to its left, y up, z forward, origin between the eyes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Vectors = NDArray[np.float64]
Flow = Callable[[Vectors, Vectors, Vectors], Vectors]


@dataclass(frozen=True)
class Layer:
    """Locks of one sort."""

    spacing: float
    """How near each other they are rooted."""
    half_width: float
    lift: tuple[float, float]
    """Height above the skin where they settle, least and most."""
    segments: int
    thinness: float = 1.0
    """0 for closed locks, 1 for locks of single strands at the tip."""
    reach: float = 1.0
    """How much of the style's length they have."""
    where: Callable[[Vectors], NDArray[np.bool_]] | None = None


@dataclass(frozen=True)
class Style:
    """A cut: which way hair grows, how long, and in what layers."""

    flow: Flow
    """(points (n, 3), roots (n, 3), part of the length grown (n,)) to directions (n, 3)."""
    length: Callable[[Vectors], Vectors]
    """Roots (n, 3) to lengths (n,)."""
    layers: tuple[Layer, ...]
    fall: float
    """How heavily it hangs once it has left the skull."""
    wave: float = 0.0
    """How far locks swing from side to side."""
    rise: float = 0.15
    """How far locks stand up from the skin at first."""
    cling: float = 0.8
    """How much of its height above where it settles a lock loses with every step."""
    settled_after: float = 0.22
    """How much of a lock it takes to reach its height."""
    stray: float = 0.05
    """How much directions differ from lock to lock."""
    over_ears: float = 0.0
    """How far hair goes out to pass over the ears."""
    parting: tuple[float, float] | None = None
    """The parting's x, and how far from it locks are drawn onto it."""
    lowest: float = -1.0
    """Nothing grows below."""


def scalp_cover(p: NDArray[np.floating]) -> Floats:
    """How far skin at points (n, 3) belongs to the scalp, in [0, 1], soft at the hairline."""
    y, z = p[:, 1], p[:, 2]
    line = np.interp(
        z,
        [-1.8, -1.25, -0.98, -0.9, -0.84, -0.5, -0.44, -0.38, -0.32, -0.22, -0.1, 0.05, 0.25],
        [-0.72, -0.7, -0.45, -0.1, 0.24, 0.26, 0.1, -0.02, 0.1, 0.4, 0.56, 0.62, 0.66],
    )
    t = np.clip((y - line) / 0.09 + 0.3, 0, 1)
    return (t * t * (3 - 2 * t) * ~on_ear(p)).astype(np.float32)


def on_ear(p: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (n, 3) belong to an ear."""
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    return (x > 0.70) & (z > -0.98) & (z < -0.40) & (y < 0.26) & (y > -0.45)


def near_ear(p: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (n, 3) belong to an ear or lie close behind it; without them the skull is smooth."""
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    return (x > 0.66) & (z > -1.06) & (z < -0.38) & (y < 0.3) & (y > -0.5)


def over_ear(p: Vectors) -> Vectors:
    """1 over the middle of an ear, falling off softly, for points (n, 3)."""
    d = (np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1) - [0.85, -0.05, -0.64]) / [0.5, 0.9, 0.6]
    return np.exp(-(d**2).sum(1))


def unit(v: Vectors) -> Vectors:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def ramp(x: Vectors, low: float, high: float) -> Vectors:
    """0 below `low`, 1 above `high` (or the other way round), smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _parted(parting_x: float, back: float, forwards: float, turned_in: float) -> Flow:
    """Away from a parting, over the sides of the skull and `back`, then down; what hangs in front comes `forwards` over
    the shoulders, and ends turn in by `turned_in`."""

    def flow(p: Vectors, root: Vectors, grown: Vectors) -> Vectors:
        side = np.where(root[:, 0] > parting_x, 1.0, -1.0)
        high = ramp(p[:, 1], 0.15, 0.95)
        behind = ramp(root[:, 2], -0.75, -1.35)
        low = ramp(p[:, 1], -0.35, -0.9)
        # Keeps clear of the face.
        face = ramp(p[:, 2], -0.25, 0.1) * ramp(p[:, 1], 0.75, 0.3) * ramp(np.abs(p[:, 0]), 0.78, 0.55)
        outwards = (0.15 + 1.25 * high) * (1 - 0.8 * behind) + 0.9 * face - turned_in * ramp(grown, 0.66, 1.0)
        backwards = -back * high * (1 - 0.3 * behind) - 0.6 * behind * high - 0.35 * face
        front = ramp(root[:, 2], -0.75, -0.45)
        backwards += low * (forwards * front - 0.25 * (1 - front)) - 0.8 * turned_in * ramp(grown, 0.66, 1.0) * front
        return unit(np.stack([side * outwards, -0.2 - 1.15 * (1 - high) - 0.5 * behind, backwards], 1))

    return flow


def _combed(p: Vectors, root: Vectors, grown: Vectors) -> Vectors:
    """Over the top up, back and to the face's right; at the sides down and back."""
    top = ramp(root[:, 1], 0.45, 0.8)
    front = ramp(root[:, 2], -0.55, 0.05) * top
    return unit(
        np.stack(
            [
                -0.5 * top * (1 - 0.4 * front) + 0.1 * np.sign(root[:, 0]) * (1 - top),
                -0.9 * (1 - top) + (1.1 * front + 0.1) * top * (1 - grown) - 0.35 * top * grown,
                -0.45 * (1 - top) - 0.75 * top + 0.55 * front * (1 - grown),
            ],
            1,
        )
    )


def _to(height: float, more: float) -> Callable[[Vectors], Vectors]:
    """The length that lets a lock from anywhere end at about y = `height`."""

    def length(root: Vectors) -> Vectors:
        return np.maximum(root[:, 1] - height, 0.3) + more * ramp(root[:, 1], 0.3, 1.0)

    return length


def _cropped(root: Vectors) -> Vectors:
    top = ramp(root[:, 1], 0.42, 0.85)
    return 0.13 + top * (0.24 + 0.12 * ramp(root[:, 2], -0.6, 0.1))


def _near_hairline(root: Vectors) -> NDArray[np.bool_]:
    """The hairline and a finger's breadth above it."""
    return scalp_cover(root - np.array([0.0, 0.12, 0.0])) < 0.97


def _well_inside(root: Vectors) -> NDArray[np.bool_]:
    return scalp_cover(root) > 0.98


def _beside(x: float) -> Callable[[Vectors], NDArray[np.bool_]]:
    """Close to a parting at `x`."""

    def near(root: Vectors) -> NDArray[np.bool_]:
        return (np.abs(root[:, 0] - x) < 0.1) & (root[:, 1] > 0.5)

    return near


STYLES: dict[str, Style] = {
    "long": Style(
        flow=_parted(0.13, 0.8, 0.9, 0.0),
        length=_to(-1.9, 0.42),
        layers=(
            Layer(0.17, 0.15, (0.03, 0.06), 13, thinness=0.25, reach=0.93, where=_well_inside),
            Layer(0.055, 0.045, (0.03, 0.09), 13, thinness=0.7, where=_beside(0.13)),
            Layer(0.115, 0.062, (0.06, 0.13), 13, thinness=0.8),
            Layer(0.17, 0.036, (0.09, 0.135), 13),
            Layer(
                0.05,
                0.03,
                (0.03, 0.09),
                9,
                thinness=0.8,
                where=lambda r: _near_hairline(r) & (r[:, 2] > -0.5),
                reach=0.8,
            ),
        ),
        fall=0.9,
        wave=0.035,
        over_ears=0.06,
        parting=(0.13, 0.22),
    ),
    "bob": Style(
        flow=_parted(-0.14, 0.55, 0.1, 1.1),
        length=_to(-0.66, 0.5),
        layers=(
            Layer(0.16, 0.14, (0.03, 0.06), 10, thinness=0.1, reach=0.97, where=_well_inside),
            Layer(0.055, 0.045, (0.03, 0.08), 10, thinness=0.5, where=_beside(-0.14)),
            Layer(0.105, 0.06, (0.06, 0.12), 10, thinness=0.35),
            Layer(0.16, 0.035, (0.085, 0.125), 10, thinness=0.6),
            Layer(
                0.05,
                0.03,
                (0.03, 0.08),
                7,
                thinness=0.6,
                where=lambda r: _near_hairline(r) & (r[:, 2] > -0.5),
                reach=0.85,
            ),
        ),
        fall=0.9,
        wave=0.008,
        over_ears=0.06,
        parting=(-0.14, 0.22),
    ),
    "short": Style(
        flow=_combed,
        length=_cropped,
        layers=(
            Layer(0.10, 0.075, (0.02, 0.05), 4, thinness=0.5, reach=0.8),
            Layer(0.050, 0.026, (0.03, 0.09), 4),
            Layer(0.062, 0.022, (0.06, 0.13), 5, where=lambda r: r[:, 1] > 0.5),
        ),
        fall=0.0,
        wave=0.012,
        rise=0.9,
        cling=0.1,
        settled_after=0.16,
        stray=0.12,
        lowest=-0.6,
    ),
}
