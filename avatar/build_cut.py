"""Bakes a cut: hair grown on the mean person, what of it a viewer can see, how it hangs on every other skull, and the
light that it leaves to itself and to the skin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.build_hair import Hair, grow_hair
from rapport.avatar.build_light import bake_light, seen_triangles, smooth, splat_points
from rapport.avatar.build_styles import STYLES, scalp_cover
from rapport.avatar.face import ARKIT_BLENDSHAPES
from rapport.avatar.head import Material
from rapport.avatar.identity import Kit, closed_lips, mixed
from rapport.avatar.normals import vertex_normals
from rapport.avatar.surface import CLOTH_OFFSET
from rapport.persona.card import Ancestry, FaceCard

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

MEAN_PERSON = FaceCard(age=36, gender=0.5, ancestry=Ancestry(african=1, asian=1, european=1))
"""Cloth, paint, hair and light are made on this person and worn by all."""

_BEHIND_THE_NECK_Z = -0.75


def as_bytes(x: NDArray[np.floating]) -> NDArray[np.uint8]:
    """[0, 1] as 0 to 255."""
    return np.round(255 * np.clip(x, 0, 1)).astype(np.uint8)


def hair_arrays(kit: Kit, style: str) -> dict[str, NDArray[Any]]:
    """What `hair_STYLE.npz` holds."""
    jaw = np.zeros_like(kit.base)
    part = slice(*(int(o) for o in kit.shape_offsets[ARKIT_BLENDSHAPES.index("jawOpen") :][:2]))
    jaw[kit.shape_points[part]] = kit.shape_deltas[part]
    points = closed_lips(mixed(kit, MEAN_PERSON), jaw, kit.upper_lip, kit.lower_lip)
    weld, quads = kit.weld.astype(np.int64), kit.quads.astype(np.int64)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    material = kit.materials[triangles[:, 0]]
    body = weld[triangles[material != Material.CLOTH]]
    normals = vertex_normals(points, body, np.arange(len(points)))
    shirt = points[kit.cloth_points] + CLOTH_OFFSET * normals[kit.cloth_points]
    points = np.concatenate([points, shirt]).astype(np.float32)
    normals = np.concatenate([normals, normals[kit.cloth_points]])
    solid = splat_points(points, weld[triangles[~np.isin(material, (Material.LASHES, Material.TEAR))]], 0.036)
    if style == "bald":
        hair = _no_hair()
    else:
        outside = weld[triangles[np.isin(material, (Material.SKIN, Material.CLOTH))]]
        used, local = np.unique(outside, return_inverse=True)
        hair = grow_hair(STYLES[style], points[used], normals[used], local.reshape(-1, 3))
        solid = np.concatenate([solid, splat_points(hair.positions, hair.triangles, 0.036)])
    count = len(points)
    lit = bake_light(solid, np.concatenate([points, hair.positions]), np.concatenate([normals, hair.normals]))
    whole = np.arange(count)
    sky, key = (smooth(light[:count], weld[triangles], whole, 2) for light in lit)
    scalp = np.zeros(count, np.float32)
    skin = np.unique(weld[triangles[material == Material.SKIN]])
    scalp[skin] = scalp_cover(points[skin])
    if style == "bald":
        scalp[:] = 0
    shown = seen_triangles(solid, hair.positions, hair.triangles) if style != "bald" else np.ones(1, bool)
    used, hair_triangles = np.unique(turned_to_camera(hair.positions, hair.triangles[shown]), return_inverse=True)
    bind, bind_weights = bound(hair.positions[used], kit.handles_at)
    light = [spread(values[count:], hair.positions) for values in lit]
    shading = np.column_stack([*light, hair.tones, hair.thinness])
    return {
        "positions": hair.positions[used],
        "normals": np.round(hair.normals[used] * 127).astype(np.int8),
        "tangents": np.round(hair.tangents[used] * 127).astype(np.int8),
        "uvs": hair.uvs[used].astype(np.float16),
        "shading": as_bytes(shading[used]),
        "triangles": hair_triangles.reshape(-1, 3).astype(np.uint16),
        "bind": bind,
        "bind_weights": bind_weights,
        "light": as_bytes(np.stack([sky, key, scalp], 1)),
    }


def _no_hair() -> Hair:
    """One triangle without size inside the skull, so that nobody who draws meets an empty buffer."""
    middle = np.tile(np.array([0.0, 0.2, -0.7], np.float32), (3, 1))
    up = np.tile(np.array([0.0, 1.0, 0.0], np.float32), (3, 1))
    none = np.zeros((3, 1), np.float32)
    return Hair(middle, up, up, np.zeros((3, 2), np.float32), none, none, np.array([[0, 1, 2]]))


def spread(values: Floats, positions: Floats) -> Floats:
    """Each value as the mean over the nearest positions: light that reached a lock reaches its neighbours."""
    out = np.empty_like(values)
    for part in np.array_split(np.arange(len(values)), max(len(values) // 500, 1)):
        squared = (positions[part] ** 2).sum(1)[:, None] - 2 * positions[part] @ positions.T + (positions**2).sum(1)
        near = np.argpartition(squared, min(32, len(values) - 1), axis=1)[:, :32]
        out[part] = values[near].mean(1)
    return out


def bound(positions: Floats, handles: Floats) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(handles (n, 4), weights (n, 4) of 255 in sum) for points to hang on; weights fade to 0 where handles change."""
    distance = np.linalg.norm(positions[:, None] - handles[None], axis=2)
    near = np.argsort(distance, axis=1, kind="stable")[:, :5]
    d = np.take_along_axis(distance, near, 1)
    weights = (1 - np.minimum(d[:, :4] / d[:, 4:], 1) ** 2) ** 2 + 1e-6
    shares = np.floor(255 * weights / weights.sum(1, keepdims=True))
    shares[:, 0] += 255 - shares.sum(1)
    return near[:, :4].astype(np.uint8), shares.astype(np.uint8)


def turned_to_camera(positions: Floats, triangles: Ints) -> Ints:
    """Triangles of hair for a renderer that skips those that face away. The inside of the hair shows only behind the
    neck: there triangles are turned round; elsewhere those that face away for good are dropped."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    forwards = normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    centres = (a + b + c) / 3
    behind = (centres[:, 2] < _BEHIND_THE_NECK_Z) & (centres[:, 1] < 0) & (np.abs(centres[:, 0]) < 0.75)
    turned = np.where((behind & (forwards < 0))[:, None], triangles[:, ::-1], triangles)
    return turned[behind | (forwards > -0.6)]
