"""A person's surface between identity and mesh: points with shapes and light, dressed, and refined once if asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.identity import HairKit, Kit, closed_lips, fit_blinks, mixed, shapes_of
from rapport.avatar.normals import vertex_normals
from rapport.avatar.subdivide import Subdivision, subdivision
from rapport.persona.card import FaceCard

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

CLOTH_OFFSET = 0.055
"""How far the shirt lies above the skin, in decimetres."""
_LEAST_MOVE = 5e-4
"""Shapes leave alone what they would move by less, in decimetres."""


@dataclass(frozen=True)
class Surface:
    """P points, and V vertices on them joined by Q quads."""

    points: Floats
    """(P, 3)."""
    shapes: Floats
    """(52, P, 3)."""
    light: Floats
    """(P, 6) in [0, 1]: the four of `Head.shading`, then `Head.cover` for skin and for the other materials."""
    uvs: Floats
    """(V, 2)."""
    weld: Ints
    """(V,) points."""
    materials: NDArray[np.uint8]
    """(V,)."""
    quads: Ints
    """(Q, 4) vertices."""

    @property
    def triangles(self) -> Ints:
        """(2 Q, 3) vertices."""
        return np.concatenate([self.quads[:, [0, 1, 2]], self.quads[:, [0, 2, 3]]])


def surface_of(kit: Kit, hair: HairKit, face: FaceCard) -> Surface:
    """The surface of a card's person, dressed, lips and lids fitted."""
    shapes = shapes_of(kit)
    points = closed_lips(mixed(kit, face), shapes[BLENDSHAPE_INDEX["jawOpen"]], kit.upper_lip, kit.lower_lip)
    fit_blinks(kit, points, shapes)
    still = np.zeros((len(shapes), len(kit.cloth_points), 3), np.float32)
    return Surface(
        _dressed(kit, points),
        np.concatenate([shapes, still], 1),
        _light(kit, hair, face),
        kit.uvs,
        kit.weld.astype(np.int64),
        kit.materials,
        kit.quads.astype(np.int64),
    )


def _dressed(kit: Kit, points: Floats) -> Floats:
    """The points of the body and of the shirt, which is the skin below it moved outwards."""
    of_body = (kit.weld < len(points))[kit.quads].all(1)
    quads = kit.weld[kit.quads[of_body]].astype(np.int64)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    normals = vertex_normals(points, triangles, np.arange(len(points)))
    shirt = points[kit.cloth_points] + np.float32(CLOTH_OFFSET) * normals[kit.cloth_points]
    return np.concatenate([points, shirt]).astype(np.float32)


def _light(kit: Kit, hair: HairKit, face: FaceCard) -> Floats:
    """`Surface.light` by the card's age, gender and stubble."""
    skin, light = kit.skin / np.float32(255), hair.light / np.float32(255)
    years = min(max((face.age - 28) / 45, 0.0), 1.0)
    dark = np.maximum.reduce([skin[:, 1], 0.55 * face.stubble * skin[:, 2], 0.5 * years * skin[:, 3]])
    rosy = (1 - 0.25 * face.gender) * skin[:, 0]
    of_body = np.stack([rosy, dark, kit.reach / np.float32(255)], 1)
    marks = np.concatenate([of_body, np.zeros((len(kit.cloth_points), 3), np.float32)])
    return np.column_stack([light[:, :2], marks[:, :2], light[:, 2], marks[:, 2]]).astype(np.float32)


def hung(kit: Kit, hair: HairKit, points: Floats) -> Floats:
    """Hair (H, 3) moved by what this person's skull, neck and shoulders differ from the mean person's."""
    moved = (points[kit.handles] - kit.handles_at)[hair.bind]
    shares = (hair.bind_weights / np.float32(255))[..., None]
    return (hair.positions + (moved * shares).sum(1)).astype(np.float32)


def above_neckline(kit: Kit, points: Floats, p: Floats) -> Floats:
    """How far points of the shirt (n, 3) lie above its neckline, in decimetres, on the person of `points`."""
    neck = points[kit.neck_points]
    wide = np.array([np.ptp(neck[:, 0]), kit.neck_size[0], np.ptp(neck[:, 2])]) / kit.neck_size[[0, 0, 1]]
    return neckline((p - neck.mean(0)) / wide.astype(np.float32) + kit.neck_at)


def neckline(p: Floats) -> Floats:
    """The same about the mean person's neck: an oval, and nothing below the chin is shirt."""
    oval = np.hypot(p[:, 0] / 0.61, (p[:, 2] + 0.86) / 0.55)
    top = -1.4 + 0.5 * np.clip((np.abs(p[:, 0]) - 0.3) / 0.3, 0, 1)
    return (0.61 * (1 - oval) + np.clip((p[:, 1] - top) / 0.15, 0, 2)).astype(np.float32)


def refined(surface: Surface, kit: Kit) -> Surface:
    """The surface subdivided once; eyeballs keep their size, lips and lids the places where they meet."""
    count, vertices = len(surface.points), len(surface.uvs)
    by_point = subdivision(count, surface.weld[surface.quads])
    by_vertex = subdivision(vertices, surface.quads)
    points = by_point.apply(surface.points)
    shapes = _refined_shapes(surface, len(points), by_point)
    for eye in kit.eye_points:
        ball = np.zeros((count, 1), np.float32)
        ball[eye] = 1
        of_ball = by_point.linear(ball)[:, 0] == 1
        middle, radii = surface.points[eye].mean(0), np.ptp(surface.points[eye], axis=0) / 2
        out = (points[of_ball] - middle) / radii
        points[of_ball] = middle + out / np.linalg.norm(out, axis=1, keepdims=True) * radii
    points = closed_lips(points, shapes[BLENDSHAPE_INDEX["jawOpen"]], kit.upper_lip, kit.lower_lip)
    fit_blinks(kit, points, shapes)
    edges = _edges_at(by_point, surface.weld[by_vertex.edges])
    quads = count + len(by_point.edges) + np.arange(len(surface.quads), dtype=np.int64)
    first = np.concatenate([np.arange(vertices), by_vertex.edges[:, 0], surface.quads[:, 0]])
    return Surface(
        points,
        shapes,
        by_point.linear(surface.light),
        by_vertex.linear(surface.uvs),
        np.concatenate([surface.weld, edges, quads]),
        surface.materials[first],
        by_vertex.fine_quads,
    )


def _edges_at(fine: Subdivision, ends: Ints) -> Ints:
    """Which refined points lie on edges given by their old ends (n, 2)."""
    keys = fine.edges[:, 0] * fine.points + fine.edges[:, 1]
    return np.asarray(fine.points + np.searchsorted(keys, ends.min(1) * fine.points + ends.max(1)), np.int64)


def moved_by(shapes: Floats) -> NDArray[np.bool_]:
    """Which of the offsets (52, n, 3) are worth keeping, (52, n)."""
    x, y, z = (np.abs(shapes[..., i]) > _LEAST_MOVE for i in range(3))
    return np.asarray(x | y | z, np.bool_)


def _refined_shapes(surface: Surface, count: int, by_point: Subdivision) -> Floats:
    """Shapes of the `count` refined points; only the face's part of the mesh, which they move, is worked on."""
    moved = np.any(moved_by(surface.shapes), axis=0)
    touched = by_point.quads[np.any(moved[by_point.quads], axis=1)]
    near = np.any(np.isin(by_point.quads, touched), axis=1)
    used, local = np.unique(by_point.quads[near], return_inverse=True)
    part = subdivision(len(used), local.reshape(-1, 4))
    columns = part.apply(surface.shapes[:, used].transpose(1, 0, 2).reshape(len(used), -1))
    edges = _edges_at(by_point, used[part.edges])
    quads = by_point.points + len(by_point.edges) + np.flatnonzero(near)
    shapes = np.zeros((count, len(ARKIT_BLENDSHAPES), 3), np.float32)
    shapes[np.concatenate([used, edges, quads])] = columns.reshape(len(columns), -1, 3)
    return shapes.transpose(1, 0, 2)
