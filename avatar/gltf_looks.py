"""What each part of a head looks like in a GLB: vertex colours by the rules of our shaders, and its picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.camera import linear_colour
from rapport.avatar.gltf_file import GlbFile
from rapport.avatar.gltf_pictures import (
    BRIGHTEST_STRAND,
    HAIR_LOCKS,
    NECKLINE_DM,
    neckline_picture,
    paint_picture,
    strand_picture,
    tooth_picture,
)
from rapport.avatar.head import Head, Material
from rapport.avatar.skin import skin_marks
from rapport.persona.card import FaceCard

_IRIS, _PUPIL = 0.43, 0.17
"""Radii in radii of the ball, as the shaders have them."""
_LOCKS = 32
"""Locks are numbered below this."""

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Surface:
    """What a part of the mesh looks like. `colours` (n, 3 or 4) are linear, `shading` (n, up to 4) in [0, 1]."""

    name: str
    roughness: float
    colours: Floats
    both_sides: bool = True
    alpha: str = "OPAQUE"
    shading: Floats | None = None
    texture: int | None = None
    uvs: Floats | None = None
    uv_scale: float = 1.0
    own_colour: Floats | None = None
    """The persona's own, before light is baked in, for shaders that work it out themselves."""


def surface_of(file: GlbFile, head: Head, face: FaceCard, material: Material, which: NDArray[np.int64]) -> Surface:
    """The vertices `which`, all of one material, by the rules of the shaders; its picture goes into the file."""
    shading, cover = head.shading[which] / 255.0, head.cover[which, None] / 255.0
    sky, uvs = shading[:, :1], head.uvs[which]
    match material:
        case Material.SKIN:
            hair, skin = linear_colour(face.hair), linear_colour(face.skin)
            colours = skin * (1 + shading[:, 2:3] * (np.array([1.06, 0.80, 0.77]) - 1))
            colours = colours * (1 + shading[:, 3:] * (np.array([0.46, 0.43, 0.45]) - 1))
            colours = (colours + cover * (hair * 0.4 - colours)) * (0.55 + 0.45 * sky)
            oil, curved, _ = (skin_marks(head)[which] / 255.0).T[:, :, None]
            u0, v0, u1, v1 = head.paint_window
            window = np.clip((uvs - [u0, v0]) / [u1 - u0, v1 - v0], 0, 1)
            baked = np.concatenate([shading[:, :2], curved, oil * (1 - cover)], 1)
            texture = file.texture(paint_picture(head, face))
            return Surface(
                "skin", 0.5, colours, both_sides=False, shading=baked, texture=texture, uvs=window
            )  # fmt: skip
        case Material.MOUTH:
            colours = np.array([0.36, 0.10, 0.10]) * (0.25 + 0.75 * cover)
            return Surface("mouth", 0.35, colours, shading=cover)
        case Material.TEETH:
            texture = file.texture(tooth_picture(), repeat=(True, False))
            return Surface("teeth", 0.25, 0.35 + 0.65 * cover * np.ones(3), shading=cover, texture=texture, uvs=uvs)
        case Material.LASHES:
            colours = np.concatenate([np.tile(linear_colour(face.hair) * 0.08 + 0.0025, (len(cover), 1)), cover], 1)
            return Surface("lashes", 0.9, colours, alpha="BLEND")
        case Material.TEAR:
            film = 0.3 * 4 * uvs[:, 1:] * (1 - uvs[:, 1:])
            colours = np.concatenate([np.tile([0.96, 0.93, 0.91], (len(film), 1)), film], 1)
            return Surface("tear", 0.05, colours, alpha="BLEND")
        case _:
            low, high = NECKLINE_DM
            colours = linear_colour(face.cloth) * (0.5 + 0.5 * sky)
            height = np.stack([np.full(len(uvs), 0.5), (uvs[:, 1] - low) / (high - low)], 1)
            texture = file.texture(neckline_picture())
            return Surface(
                "cloth", 0.9, colours, alpha="MASK", shading=shading[:, :2], texture=texture, uvs=height
            )  # fmt: skip


def hair_surface(file: GlbFile, head: Head, face: FaceCard) -> Surface:
    """The hair's; its picture goes into the file."""
    shading, own = head.hair_shading / 255.0, linear_colour(face.hair)
    sky, tone, thin = shading[:, :1], shading[:, 2:3], shading[:, 3:]
    colours = own * (0.35 + 0.65 * sky) * (0.7 + 0.6 * tone) * BRIGHTEST_STRAND
    return Surface(
        "hair", 0.55, np.concatenate([colours, 1 - 0.5 * thin], 1), alpha="MASK", shading=shading[:, :3],
        texture=file.texture(strand_picture(), repeat=(True, False)),
        uvs=head.hair_uvs.astype(np.float32) / [_LOCKS, 1], uv_scale=_LOCKS / HAIR_LOCKS, own_colour=own,
    )  # fmt: skip


def eye_ball(iris: Floats, around: int = 32) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """A ball of radius 1 that looks along z, in rings of pupil, iris and white; `iris` is a linear colour.

    Its normals (n, 3), which are its points, linear colours (n, 3), and triangles (m, 3).
    """
    white, red = np.array([0.60, 0.575, 0.56]), np.array([0.50, 0.36, 0.33])
    rings = [
        (0.0, 0 * iris + 0.004), (_PUPIL, 0 * iris + 0.004), (_PUPIL + 0.02, iris * 1.3), (0.30, iris),
        (_IRIS - 0.06, iris * 0.8), (_IRIS - 0.01, iris * 0.25), (_IRIS + 0.03, white * 0.85), (0.6, white),
        (0.85, (white + red) / 2), (1.0, red), (0.7, red), (0.0, red),
    ]  # fmt: skip
    sines = np.array([r for r, _ in rings])
    cosines = np.sqrt(1 - sines**2) * np.where(np.arange(len(rings)) < 9, 1, -1)
    angle = 2 * np.pi * np.arange(around) / around
    normals = np.stack(
        [np.outer(sines, np.cos(angle)), np.outer(sines, np.sin(angle)), np.repeat(cosines[:, None], around, 1)], -1
    ).reshape(-1, 3)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    ring, i = (a.ravel() for a in np.mgrid[: len(rings) - 1, :around])
    a, b = ring * around + i, ring * around + (i + 1) % around
    c, d = a + around, b + around
    triangles = np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
    points = normals[triangles]
    flat = np.linalg.norm(np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1) < 1e-6
    return normals, np.clip(np.repeat(np.array([c for _, c in rings]), around, 0), 0, 1), triangles[~flat]
