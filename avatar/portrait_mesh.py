"""What is drawn of a photograph: its skin as a mesh that the 52 weights move, the mouth behind it, and its colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.head import Head, Material
from rapport.avatar.pictures import bilinear
from rapport.avatar.portrait_field import Field, field, hair_ring
from rapport.avatar.portrait_fit import (
    LEFT_EYE,
    LOWER_INNER_LIP,
    OVAL,
    PIVOT,
    RIGHT_EYE,
    UPPER_INNER_LIP,
    Fit,
    Places,
    face_skin,
    fit_head,
    inside_oval,
    inside_polygon,
    places_on,
)
from rapport.avatar.portrait_paint import Eye, bare_skin, eyes_of
from rapport.avatar.portrait_photo import Cutout

Floats = NDArray[np.float64]

_EDGE = 0.05
"""Of the face's height: within so much of its outline, the mesh passes into the picture around it."""
_INNER_RING = (0.03, 0.10)
"""Of the face's height: landmarks so far inside the outline move the picture around, too: nothing is seen twice."""
_FACING = 0.3
"""Skin by the outline that faces the camera less than this passes into the picture around it."""
_HAIR_DEPTH = -0.75
"""Of hair and ears, in decimetres from the eyes."""
_HAIR_SHARE = 0.35
"""How much of the outline's own expression the hair around follows; the head's turning it follows all the way."""
_LEAST_MOVE_PX = 0.02
_PATCH = 0.06
"""Of the mouth's width: how far the photograph's own teeth are drawn under the lips."""
_OPENING_MARGIN = 0.05
"""Of an opening's width: how far beyond lips and lids, which cover it, what lies behind them is drawn."""
_ASIDE, _TONGUE = 0.95, 0.45
"""How much less light reaches the corners of the mouth, and the least that reaches the tongue."""
_LASH_ABOVE, _LASH_BELOW = 0.03, 0.055
"""Of the eye's width: thickness of the lash line over and under the edge of the lid."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """A photograph ready to be drawn: S skin vertices, M in the mouth, O on openings, K ring points.

    Positions are pixels of the picture, z towards the camera.
    """

    cutout: Cutout
    fit: Fit
    field: Field
    eyes: tuple[Eye, Eye]
    """Right, left."""
    points: NDArray[np.float32]
    """(S + M + O + K, 3) at rest: skin, mouth, openings, rings."""
    shapes: NDArray[np.float32]
    """(53, S + M + O + K, 3)."""
    skin: NDArray[np.uint32]
    """(T, 3) triangles."""
    skin_marks: NDArray[np.float32]
    """(S, 4): opacity, and how near it is to the right eye, the left eye and the mouth."""
    mouth: NDArray[np.uint32]
    """(T, 3) triangles of the mouth's own vertices."""
    mouth_marks: NDArray[np.float32]
    """(M, 8): light that reaches in, whether a tooth, the tooth's u and v as `Head.uvs`; normal, whether tongue."""
    openings: NDArray[np.uint32]
    """(T, 3) triangles over the mouth's opening and the eyes'."""
    lashes: NDArray[np.uint32]
    """(T, 3) triangles along the upper lids; of the same vertices as `openings`."""
    lash_marks: NDArray[np.float32]
    """(O, 4): the eye (0 right, 1 left), pixels downwards from the lid's edge, -1 to 1 across the line, strength."""
    patch: NDArray[np.float32]
    """(P, 3) a strip over the open mouth of the photograph, two points for each column; empty where it is shut."""
    texels: NDArray[np.uint8]
    """(2 size, 2 size, 4) the photograph; alpha is 255 inside its open mouth."""
    bare: NDArray[np.uint8]
    """As `bare_skin`."""
    white: Floats
    """(3,) what is white in the light of the photograph, in [0, 1]."""
    lash: Floats
    """(3,) the dark of the lash line."""


def portrait_of(cutout: Cutout, head: Head) -> Portrait:
    """A cut-out photograph with the head that will move it."""
    places = places_on(head)
    skin = _skin_within(head, places, cutout)
    inside = np.isin(head.materials, (Material.TEETH, Material.MOUTH))
    edge = _edge_landmarks(cutout)
    opened, openings, lashes, lash_marks, margins = _openings(cutout)
    used = inside.copy()
    used[skin] = True
    used[places.corners[np.concatenate([OVAL, edge, opened])]] = True
    fit = fit_head(head, places, cutout, used)
    eyes = eyes_of(cutout)

    skin_vertices, skin_triangles = np.unique(skin, return_inverse=True)
    mouth = head.triangles[inside[head.triangles[:, 0]]].astype(np.int64)
    mouth_vertices, mouth_triangles = np.unique(mouth, return_inverse=True)
    landmarks, moves = places.on(fit.points), places.on(fit.shapes)
    outline = landmarks[list(OVAL)]
    depth = float(fit.pivot[2] + (_HAIR_DEPTH - PIVOT[2]) * fit.px_per_dm)
    hair, behind = hair_ring(outline, depth, cutout.size)
    ring = np.concatenate([outline, landmarks[edge], hair])
    points = [fit.points[skin_vertices], fit.points[mouth_vertices], landmarks[opened] + margins, ring]
    along = [moves[:, list(OVAL)], moves[:, edge], _HAIR_SHARE * moves[:, list(OVAL)][:, behind]]
    shapes = np.concatenate(
        [fit.shapes[:, skin_vertices], fit.shapes[:, mouth_vertices], moves[:, opened], *along], axis=1
    )
    shapes[np.abs(shapes).max(-1) < _LEAST_MOVE_PX] = 0
    return Portrait(
        cutout=cutout,
        fit=fit,
        field=field(ring[:, :2], cutout.size),
        eyes=eyes,
        points=np.concatenate(points).astype(np.float32),
        shapes=shapes.astype(np.float32),
        skin=skin_triangles.reshape(-1, 3).astype(np.uint32),
        skin_marks=_skin_marks(fit, skin, skin_vertices, cutout),
        mouth=mouth_triangles.reshape(-1, 3).astype(np.uint32),
        mouth_marks=_mouth_marks(head, fit, mouth_vertices),
        openings=openings,
        lashes=lashes,
        lash_marks=lash_marks,
        patch=_patch(cutout, fit),
        texels=_with_mouth(cutout, fit.lips_apart),
        bare=bare_skin(cutout),
        white=_white(cutout, eyes, fit.lips_apart),
        lash=_lash(cutout),
    )


def _skin_within(head: Head, places: Places, cutout: Cutout) -> NDArray[np.int64]:
    """Triangles of the face's skin that reach into its outline, judged on the head itself."""
    triangles = face_skin(head)
    inside = inside_oval(head.positions[:, :2] * [1.0, -1.0], places.on(head.positions) * [1.0, -1.0, 1.0])
    return triangles[(inside[triangles] > 0).any(1)]


def _edge_landmarks(cutout: Cutout) -> NDArray[np.int64]:
    """Landmarks a little inside the face's outline, a multiple of four."""
    inside = inside_oval(cutout.landmarks[:, :2], cutout.landmarks)
    low, high = (k * float(np.ptp(cutout.landmarks[list(OVAL), 1])) for k in _INNER_RING)
    which = np.flatnonzero((inside > low) & (inside < high))
    return which[: len(which) // 4 * 4]


def _openings(
    cutout: Cutout,
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32], Floats]:
    """Landmarks (O,), triangles over the openings and along the lashes, marks (O, 4), and margins (O, 3) in pixels."""
    which: list[int] = []
    openings: list[NDArray[np.int64]] = []
    lashes: list[NDArray[np.int64]] = []
    marks: list[tuple[float, float, float, float]] = []
    margins: list[Floats] = []

    def strip(pairs: list[tuple[int, int]], into: list[NDArray[np.int64]]) -> None:
        k = len(which) + 2 * np.arange(len(pairs) - 1)[:, None]
        into += [k + np.array([0, 1, 2]), k + np.array([2, 1, 3])]
        which.extend(landmark for pair in pairs for landmark in pair)

    def opening(upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
        p = cutout.landmarks[:, :2]
        right, left = p[upper[0]], p[upper[-1]]
        width = float(np.linalg.norm(left - right))
        along = (left - right) / max(width, 1e-6)
        down = np.array([-along[1], along[0]])
        strip(list(zip(upper, lower, strict=True)), openings)
        for _ in upper:
            margins.extend(np.append(sign * _OPENING_MARGIN * width * down, 0.0) for sign in (-1, 1))
            marks.extend([(0, 0, 0, 0)] * 2)
        return width

    opening(UPPER_INNER_LIP, LOWER_INNER_LIP)
    for side, eye in enumerate((RIGHT_EYE, LEFT_EYE)):
        upper, lower = eye[:9], (eye[0], *eye[:8:-1], eye[8])
        width = opening(upper, lower)
        strip([(landmark, landmark) for landmark in upper], lashes)
        # Lashes are thinner at the nose.
        to_nose = np.linspace(0, 1, 9) if side == 0 else np.linspace(1, 0, 9)
        strength = np.sqrt(np.sin(np.pi * np.clip(to_nose, 0.02, 0.98))) * (1 - 0.5 * to_nose)
        for k in strength:
            marks += [(side, -_LASH_ABOVE * width * k, -1, k), (side, _LASH_BELOW * width * k, 1, k)]
            margins += [np.zeros(3), np.zeros(3)]
    triangles = [np.concatenate(part).astype(np.uint32) for part in (openings, lashes)]
    return np.array(which), triangles[0], triangles[1], np.array(marks, np.float32), np.array(margins)


def _facing(points: NDArray[np.float32], triangles: NDArray[np.int64]) -> Floats:
    """Of each vertex (V,) by how much its normal points at the camera, from -1 to 1."""
    a, b, c = (points[triangles[:, k]].astype(np.float64) for k in range(3))
    cross = np.cross(c - a, b - a)  # y points down
    normals = np.zeros((len(points), 3))
    for k in range(3):
        np.add.at(normals, triangles[:, k], cross)
    return normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)


def _skin_marks(
    fit: Fit, triangles: NDArray[np.int64], vertices: NDArray[np.int64], cutout: Cutout
) -> NDArray[np.float32]:
    points = fit.points[vertices, :2]
    height = float(np.ptp(cutout.landmarks[list(OVAL), 1]))
    inside = inside_oval(points, cutout.landmarks) / height
    opacity = np.clip(inside / _EDGE, 0, 1)
    facing = np.clip(_facing(fit.points, triangles)[vertices] / _FACING, 0, 1)
    facing = np.maximum(facing, np.clip(inside / _EDGE - 2, 0, 1))
    marks = [opacity * opacity * (3 - 2 * opacity) * facing]
    for a, b in ((33, 133), (362, 263), (78, 308)):
        right, left = cutout.landmarks[a, :2], cutout.landmarks[b, :2]
        distance = np.linalg.norm(points - (right + left) / 2, axis=1) / np.linalg.norm(left - right)
        marks.append(np.clip((1.2 - distance) / 0.2, 0, 1))
    return np.column_stack(marks).astype(np.float32)


def _mouth_marks(head: Head, fit: Fit, vertices: NDArray[np.int64]) -> NDArray[np.float32]:
    teeth = head.materials[vertices] == Material.TEETH
    tongue = np.abs(head.shape("tongueOut")[vertices]).max(1) > 0
    normals = head.normals[vertices] @ fit.turned.T * [1.0, -1.0, 1.0]
    # Beside the front teeth the cheeks lie in the way of the light.
    corners = head.positions[head.mouth_corners, 0]
    aside = np.abs(head.positions[vertices, 0] - corners.mean()) / (np.ptp(corners) / 2)
    light: Floats = head.cover[vertices] / 255 * (1 - _ASIDE * np.clip((aside - 0.5) / 0.5, 0, 1))
    light = np.where(tongue, np.maximum(light, _TONGUE), light)
    return np.column_stack([light, teeth, head.uvs[vertices], normals, tongue]).astype(np.float32)


def _patch(cutout: Cutout, fit: Fit) -> NDArray[np.float32]:
    """A strip over the open mouth, somewhat larger than it, at the depth of the teeth."""
    if not fit.lips_apart:
        return np.zeros((0, 3), np.float32)
    upper, lower = cutout.landmarks[list(UPPER_INNER_LIP)], cutout.landmarks[list(LOWER_INNER_LIP)]
    more = _PATCH * float(np.linalg.norm(upper[-1] - upper[0]))
    depth = -float(upper[4:7, 2].mean()) - 0.12 * fit.px_per_dm
    down = np.array([0, more, 0])
    strip = np.stack([upper - down, lower + down], 1)
    strip[..., 2] = depth
    return strip.reshape(-1, 3).astype(np.float32)


def _with_mouth(cutout: Cutout, lips_apart: bool) -> NDArray[np.uint8]:
    size = len(cutout.texels)
    mask = np.zeros((size, size), np.float64)
    if lips_apart:
        outline = 2 * cutout.landmarks[[*UPPER_INNER_LIP, *LOWER_INNER_LIP[-2:0:-1]], :2]
        x0, y0 = (int(v) for v in np.clip(outline.min(0) - 8, 0, size))
        x1, y1 = (int(v) for v in np.clip(outline.max(0) + 8, 0, size))
        x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
        inside = inside_polygon(np.stack([x, y], -1).reshape(-1, 2), outline).reshape(x.shape)
        mask[y0:y1, x0:x1] = np.clip(inside / 4, 0, 1)
    return np.dstack([cutout.texels, np.round(255 * mask).astype(np.uint8)])


def _at(cutout: Cutout, points: Floats) -> Floats:
    """Colours (n, 3) at points (n, 2), each the mean of a few pixels."""
    spread = np.array([(dx, dy) for dx in (-1.5, 0, 1.5) for dy in (-1.5, 0, 1.5)])
    at = (2 * (points[:, None] + spread)).astype(np.float32)
    return bilinear(cutout.texels, at[..., 0], at[..., 1]).mean(1).astype(np.float64)


def _white(cutout: Cutout, eyes: tuple[Eye, Eye], lips_apart: bool) -> Floats:
    """What is white in this light: the teeth that are seen, or else the whites of the eyes."""
    white = np.mean([eye.colour for eye in eyes], axis=0)
    cheeks = _at(cutout, cutout.landmarks[[50, 280, 101, 330, 205, 425], :2])
    light = np.clip(white.mean(), min(1.05 * cheeks.mean(), 235.0), max(1.5 * cheeks.mean(), 120.0))
    if lips_apart:
        between = [
            cutout.landmarks[u, :2] + k * (cutout.landmarks[v, :2] - cutout.landmarks[u, :2])
            for u, v in zip(UPPER_INNER_LIP[2:-2], LOWER_INNER_LIP[2:-2], strict=True)
            for k in (0.3, 0.5, 0.7)
        ]
        seen = _at(cutout, np.array(between))
        bright = seen[np.argsort(seen.mean(1))[-len(seen) // 3 :]].mean(0)
        # A tongue or a dark mouth is no tooth: red, or darker than the cheeks.
        if np.ptp(bright) < 0.35 * bright.max() and bright.mean() > 0.75 * cheeks.mean():
            return np.clip(bright / 255, 0, 1)
    return np.clip(white / max(float(white.mean()), 1.0) * light / 255, 0, 1)


def _lash(cutout: Cutout) -> Floats:
    """The darkest of the lids' edges."""
    edges = _at(cutout, cutout.landmarks[[160, 159, 158, 385, 386, 387], :2])
    return np.clip(edges.min(0) * 0.6 / 255, 0.02, 0.4)
