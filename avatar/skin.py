"""What skin needs besides its mesh: the light scattered below it, the grain on it, and where it is oily and curved."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.head import Head, Material

GRAIN_TEXELS = 256
GREATEST_CURVATURE = 0.25
"""1 / mm; the wings of the nose. What is more curved is lit as this is."""

_VARIANCES_MM2 = np.array([0.0064, 0.0484, 0.187, 0.567, 1.99, 7.41])
_WEIGHTS = np.array(
    [
        [0.233, 0.100, 0.118, 0.113, 0.358, 0.078],
        [0.455, 0.336, 0.198, 0.007, 0.004, 0.0],
        [0.649, 0.344, 0, 0.007, 0, 0],
    ]
)
"""Red, green, blue: d'Eon & Luebke, Advanced Techniques for Realistic Real-Time Skin Rendering (GPU Gems 3, 2007)."""


@lru_cache(maxsize=1)
def scattering_table(cosines: int = 64, curvatures: int = 16) -> NDArray[np.uint8]:
    """(curvatures, cosines, 4): square root of the diffuse light on a ball, RGB, by the light's cosine from -1 to 1 and
    by curvature from 0 to GREATEST_CURVATURE (Penner, Pre-Integrated Skin Shading, 2011)."""
    # Where the light meets the surface at angle theta, light that entered at theta + x comes out.
    x = np.linspace(-np.pi, np.pi, 721)
    theta = np.arccos(np.linspace(-1, 1, cosines))
    entering = np.maximum(np.cos(theta[:, None] + x), 0)
    table = np.empty((curvatures, cosines, 4))
    table[..., 3] = 1
    for i, curvature in enumerate(np.linspace(0, GREATEST_CURVATURE, curvatures)):
        chord_mm = 2 * np.sin(np.abs(x) / 2) / max(float(curvature), 1e-3)
        # A band of light, not a point, falls on every angle: the profile's integral across it.
        gauss = np.exp(-(chord_mm**2) / (2 * _VARIANCES_MM2[:, None])) / np.sqrt(_VARIANCES_MM2[:, None])
        profile = _WEIGHTS @ gauss
        table[i, :, :3] = entering @ (profile / profile.sum(1, keepdims=True)).T
    return np.round(255 * np.sqrt(np.clip(table, 0, 1))).astype(np.uint8)


@lru_cache(maxsize=1)
def grain_texture() -> NDArray[np.uint8]:
    """(n, n, 4), repeating: slope across and up (128 is flat), depth of pores, mottling (128 is even)."""
    rng = np.random.default_rng(7)
    n = GRAIN_TEXELS
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None, :]) * n

    def noise(lowest: float, highest: float) -> NDArray[np.float64]:
        band = np.exp(-((frequency / highest) ** 2)) * (1 - np.exp(-((frequency / lowest) ** 2)))
        field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((n, n))) * band).real
        return field / field.std()

    bumps = noise(30, 70)
    pores = np.clip(-bumps - 1.1, 0, 1.4) / 1.4
    relief = 0.55 * bumps + 0.35 * noise(8, 28) - 0.8 * pores
    slopes = [(np.roll(relief, 1, axis) - np.roll(relief, -1, axis)) / 2 for axis in (1, 0)]
    mottling = 0.6 * noise(4, 14) + 0.4 * noise(12, 40)
    layers = [0.5 + 0.10 * slopes[0], 0.5 + 0.10 * slopes[1], pores, 0.5 + 0.16 * mottling]
    return np.round(255 * np.clip(np.stack(layers, -1), 0, 1)).astype(np.uint8)


def skin_marks(head: Head) -> NDArray[np.uint8]:
    """(V, 3): oil (nose, forehead, chin), curvature as a part of GREATEST_CURVATURE, and how plain the pores are."""
    x, y, z = (head.positions - head.eyes.mean(0)).T
    face = np.clip((z + 0.55) / 0.4, 0, 1)

    def spot(cx: float, cy: float, wide: float, high: float) -> NDArray[np.float32]:
        return np.exp(-(((x - cx) / wide) ** 2) - ((y - cy) / high) ** 2)

    oil = face * np.maximum.reduce(
        [spot(0, -0.28, 0.13, 0.30), 0.85 * spot(0, 0.48, 0.42, 0.22), 0.5 * spot(0, -1.05, 0.2, 0.14),
         0.45 * spot(0.38, -0.25, 0.2, 0.16), 0.45 * spot(-0.38, -0.25, 0.2, 0.16)]
    )  # fmt: skip
    # Lids and lips are finer than cheeks; the neck is smooth.
    lids = np.maximum(spot(0.31, 0, 0.22, 0.12), spot(-0.31, 0, 0.22, 0.12))
    pores = (0.35 + 0.65 * face) * (1 - 0.75 * lids)

    of_skin = head.triangles[head.materials[head.triangles[:, 0]] == Material.SKIN]
    edges = np.concatenate([of_skin[:, [0, 1]], of_skin[:, [1, 2]], of_skin[:, [2, 0]]])
    a, b = edges.T
    length_mm = 100 * np.linalg.norm(head.positions[a] - head.positions[b], axis=1)
    bend = np.linalg.norm(head.normals[a] - head.normals[b], axis=1) / np.maximum(length_mm, 0.1)
    points = head.weld[edges.T.ravel()]
    total = np.bincount(points, np.tile(bend, 2), int(head.weld.max()) + 1)
    count = np.bincount(points, minlength=len(total))
    curvature = (total / np.maximum(count, 1))[head.weld] / GREATEST_CURVATURE
    return np.round(255 * np.clip(np.stack([oil, curvature, pores], 1), 0, 1)).astype(np.uint8)
