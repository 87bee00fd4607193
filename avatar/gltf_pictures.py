"""The small pictures in a GLB, by which any viewer shows what our shaders draw: lips and brows, strands, teeth, the
neckline. Each multiplies the colours of the vertices."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rapport.avatar.camera import linear_colour
from rapport.avatar.head import Head
from rapport.persona.card import FaceCard

Floats = NDArray[np.float64]

LIPS = np.array([0.86, 0.47, 0.48])
"""What lips make of the skin's colour."""
HAIR_LOCKS = 8
"""Locks beside each other in the picture of strands, which repeats."""
BRIGHTEST_STRAND = 1.48
NECKLINE_DM = (-0.30, 0.10)
"""Heights above the neckline that the picture of the cloth covers, first row lowest."""


def paint_picture(head: Head, face: FaceCard, texels: int = 512) -> bytes:
    """Lips and brows over the head's `paint_window`, first row at the lowest v."""
    step = len(head.paint) // texels
    values = head.paint.reshape(texels, step, texels, step, 2).mean((1, 3)) / 255
    lips, brows = values[..., :1], values[..., 1:]
    brow = np.minimum((linear_colour(face.hair) * 0.45 + 0.004) / linear_colour(face.skin).clip(1e-3), 1)
    factor = (1 - brows) * (1 + lips * (LIPS - 1)) + brows * brow
    factor[[0, -1], :] = factor[:, [0, -1]] = 1  # the skin around the window goes on as its edge
    return _png(factor)


def strand_picture(across: int = 512, along: int = 64) -> bytes:
    """Strands in tufts on HAIR_LOCKS locks, from root to tip, as the shader `strand` draws them.

    A strand ends the sooner the thinner its lock stands: where alpha times the vertex's `1 - thin / 2` is below .5.
    """
    u = (np.arange(across) + 0.5) / across * HAIR_LOCKS * 11
    v = ((np.arange(along) + 0.5) / along)[:, None]
    which = np.floor(u)
    own, following = _hash(which % (HAIR_LOCKS * 11)), _hash((which + 1) % (HAIR_LOCKS * 11))
    blend = np.clip((u - which - 0.25) / 0.75, 0, 1)
    tone = own + (following - own) * blend * blend * (3 - 2 * blend)
    shade = (0.79 + 0.42 * tone) * (0.72 + 0.28 * np.clip(v / 0.35, 0, 1))
    reach = np.clip((1 - v) / (0.05 + 0.32 * own * own), 0, 1)
    alpha = 0.5 / (1 - 0.5 * reach) + 0.002
    grey = np.clip(shade / BRIGHTEST_STRAND, 0, 1)
    return _png(np.stack([grey, grey, grey, np.clip(alpha, 0, 1)], -1))


def tooth_picture(across: int = 32, along: int = 32) -> bytes:
    """One tooth, from the gum to the edge: yellower at the neck, cool at the edge, dark between it and the next."""
    u, v = ((np.arange(across) + 0.5) / across)[None, :, None], ((np.arange(along) + 0.5) / along)[:, None, None]
    between = _step(0.0, 0.10, 0.5 - np.abs(u - 0.5))
    enamel = _mix([0.58, 0.50, 0.39], [0.68, 0.635, 0.56], _step(0.0, 0.45, v))
    enamel = _mix(enamel, [0.64, 0.63, 0.61], _step(0.75, 1.0, v))
    enamel = _mix([0.46, 0.19, 0.17], enamel, _step(-0.02, 0.06, v + 0.05 * between))
    return _png(enamel * (0.66 + 0.34 * between))


def neckline_picture(along: int = 256) -> bytes:
    """Collar, seam and where the cloth ends, by height above the neckline."""
    low, high = NECKLINE_DM
    height = low + (np.arange(along) + 0.5) / along * (high - low)
    seam = 1 - 0.35 * (1 - _step(0.0, 0.014, np.abs(height + 0.105)))
    shade = seam * np.where(height > -0.105, 0.88, 1.0)
    alpha = np.clip(0.5 - height * 150, 0, 1)
    return _png(np.repeat(np.stack([shade, shade, shade, alpha], -1)[:, None], 4, 1))


def _mix(a: list[float] | Floats, b: list[float] | Floats, share: Floats) -> Floats:
    start, end = np.asarray(a), np.asarray(b)
    return start + (end - start) * share


def _step(low: float, high: float, x: Floats) -> Floats:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _hash(x: Floats) -> Floats:
    """Hash without sine (Hoskins 2014), as the shader has it."""
    h = ((x + 7) * 0.1031) % 1.0
    h = h * (h + 33.33)
    return (h * (h + h)) % 1.0


def _png(linear: Floats) -> bytes:
    """Linear colour, (h, w, 3 or 4) in [0, 1], alpha as it is, as an sRGB picture (IEC 61966-2-1)."""
    colour = linear[..., :3]
    encoded = np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * np.maximum(colour, 1e-9) ** (1 / 2.4) - 0.055)
    picture = np.round(255 * np.clip(np.concatenate([encoded, linear[..., 3:]], -1), 0, 1)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", optimize=True)
    return out.getvalue()
