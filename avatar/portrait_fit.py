"""Our own head laid over the face of a photograph, with its ARKit shapes.

`landmarks.npz` says where the tracker's landmarks lie on our own heads' mesh. That mesh is carried to the photograph by
a smooth map of space that takes every landmark on the head to the same landmark on the photograph (a biharmonic spline
with a little smoothing; Carr et al. 2001). Shapes are carried by the same map: a point moved by a shape goes to where
the map takes the moved point, as in expression cloning (Noh & Neumann 2001). So lips and lids that meet on the head
meet on the photograph, whatever its proportions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.face_measures import laid_over
from rapport.avatar.head import Head, Material
from rapport.avatar.landmarks import LANDMARKS
from rapport.avatar.portrait_photo import Cutout
from rapport.persona.errors import ComponentError

Floats = NDArray[np.float64]

PLACES_FILE = Path(__file__).parent / "heads" / "landmarks.npz"

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The face's outline from the middle of the forehead, clockwise as the picture shows it."""
UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""The edges of the opening of the mouth, from the person's right corner to the left one."""
UPPER_OUTER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_OUTER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375)
_BETWEEN = (
    76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306, 77, 90, 180, 85, 16, 315, 404, 320, 307,
    62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 96, 89, 179, 86, 15, 316, 403, 319, 325,
)  # fmt: skip
LIPS = tuple(sorted({*UPPER_INNER_LIP, *LOWER_INNER_LIP, *UPPER_OUTER_LIP, *LOWER_OUTER_LIP, *_BETWEEN}))
RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
"""The opening of each eye from its left end as the picture shows it, over the upper lid, and back along the lower."""
_BACK = -0.85
"""Decimetres from the eyes backwards: what lies farther is hair, ears and neck."""
_POCKET, _POCKET_DEPTH = 1.5, 0.03
"""Skin within so many radii of an eye's middle and less than so far in front of it, in decimetres, is its socket."""

PIVOT: Floats = np.array([0.0, -1.05, -0.72])
"""Where our own heads turn on their necks, in decimetres."""
CLOSURE = len(ARKIT_BLENDSHAPES)
"""The shape after ARKit's: brings lips together that are apart on the photograph."""
_SMOOTHING = 2e-3
_OWN_DEPTH = 0.6
"""How much of the depth is the landmarks'; the rest is our own head's, since a single view shows little of it."""
_PARTING = (("mouthUpperUpLeft", "mouthUpperUpRight"), ("mouthLowerDownLeft", "mouthLowerDownRight"), ("jawOpen",))
_LEAST_GAP = 0.02
"""Of the mouth's width: lips that are less apart count as closed."""


@dataclass(frozen=True, eq=False)
class Places:
    """Each landmark as a point of a triangle of the control mesh."""

    corners: NDArray[np.int64]
    """(468, 3) vertices."""
    shares: NDArray[np.float64]
    """(468, 3), summing to 1."""

    def on(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Landmarks (..., 468, 3) on vertices (..., V, 3)."""
        return np.einsum("...lkc,lk->...lc", np.asarray(points, np.float64)[..., self.corners, :], self.shares)


def face_skin(head: Head) -> NDArray[np.int64]:
    """Triangles (n, 3) of skin that can be seen from the front: not the back of the head, nor the eyes' sockets."""
    skin = head.triangles[head.materials[head.triangles[:, 0]] == Material.SKIN].astype(np.int64)
    p = head.positions
    hidden = p[:, 2] < _BACK
    for eye in head.eyes:
        around = np.hypot(*(p - eye)[:, :2].T) < _POCKET * float(head.eye_radius)
        hidden |= around & (p[:, 2] - eye[2] < _POCKET_DEPTH)
    return skin[~hidden[skin].any(1)]


@lru_cache(maxsize=1)
def _read() -> tuple[Places, int]:
    try:
        with np.load(PLACES_FILE, allow_pickle=False) as arrays:
            corners, shares = arrays["corners"].astype(np.int64), arrays["shares"].astype(np.float64)
            vertices = int(arrays["vertices"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ComponentError(f"{PLACES_FILE.name} of the portrait cannot be read ({error}); reinstall") from None
    if corners.shape != (LANDMARKS, 3) or shares.shape != (LANDMARKS, 3) or corners.max() >= vertices:
        raise ComponentError(f"{PLACES_FILE.name} of the portrait has another form; reinstall")
    return Places(corners, shares), vertices


def places_on(head: Head) -> Places:
    """The landmarks' places on a head's control mesh.

    Raises:
        ComponentError: the file is missing or damaged, or was made for another mesh.
    """
    places, vertices = _read()
    if vertices != len(head.positions):
        raise ComponentError(f"{PLACES_FILE.name} is of another head; run: python -m rapport.avatar.build_portrait")
    return places


@dataclass(frozen=True, eq=False)
class Fit:
    """A head on the photograph: x right, y down, z towards the camera, in pixels of the picture."""

    points: NDArray[np.float32]
    """(V, 3) at rest, that is as photographed."""
    shapes: NDArray[np.float32]
    """(53, V, 3): ARKIT_BLENDSHAPES and CLOSURE."""
    turned: Floats
    """(3, 3): the face's frame (x to its left, y up, z forward) in the picture's."""
    pivot: Floats
    """(3,) where the head turns on the neck."""
    px_per_dm: float
    lips_apart: bool
    """Whether the photograph shows the mouth open."""


class SpaceMap:
    """A smooth map of space that takes points (n, 3) to others; between them it bends as little as it can."""

    def __init__(self, sources: Floats, targets: Floats, smoothing: float = _SMOOTHING) -> None:
        n = len(sources)
        self._sources = sources.astype(np.float32)
        system = np.zeros((n + 4, n + 4))
        system[:n, :n] = -_distances(sources, sources) + smoothing * np.eye(n)
        system[:n, n:], system[n:, :n] = _affine(sources), _affine(sources).T
        weights = np.linalg.solve(system, np.concatenate([targets - sources, np.zeros((4, 3))]))
        self._bends, self._affine = weights[:n].astype(np.float32), weights[n:]

    def __call__(self, points: NDArray[np.floating]) -> Floats:
        """Where points (n, 3) go."""
        p = np.asarray(points, np.float64)
        out = p + _affine(p) @ self._affine
        for part in range(0, len(p), 4096):
            out[part : part + 4096] -= _distances(p[part : part + 4096].astype(np.float32), self._sources) @ self._bends
        return out


def _distances(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


def _affine(points: Floats) -> Floats:
    return np.column_stack([points, np.ones(len(points))])


def fit_head(head: Head, places: Places, cutout: Cutout, used: NDArray[np.bool_]) -> Fit:
    """A head carried to the face of a photograph.

    Args:
        used: the vertices that are wanted, (V,); others have no shapes.
    """
    landmarks = cutout.landmarks * [1.0, -1.0, -1.0]
    at_rest = places.on(head.positions)
    turned, scale, middle = laid_over(landmarks, at_rest)
    local = (landmarks - middle) @ turned / scale
    dense = np.stack([head.shape(name) for name in ARKIT_BLENDSHAPES]).astype(np.float64)
    parted = parting(at_rest, places.on(dense), local)
    base = head.positions + np.einsum("k,kvc->vc", parted, dense)
    sources = places.on(base)
    targets = local.copy()
    targets[:, 2] = _OWN_DEPTH * local[:, 2] + (1 - _OWN_DEPTH) * sources[:, 2]
    carried = SpaceMap(sources, targets)
    points = carried(base)
    shapes = np.zeros((CLOSURE + 1, *points.shape))
    for k, delta in enumerate(dense):
        moved = np.flatnonzero(used & (np.abs(delta).max(1) > 0))
        shapes[k, moved] = carried(base[moved] + delta[moved]) - points[moved]
    if parted.any():
        moved = np.flatnonzero(used & (np.abs(base - head.positions).max(1) > 0))
        shapes[CLOSURE, moved] = carried(head.positions[moved]) - points[moved]
    to_picture = (turned * scale).T * [1.0, -1.0, 1.0]
    origin = middle * [1.0, -1.0, 1.0]
    return Fit(
        (points @ to_picture + origin).astype(np.float32),
        (shapes @ to_picture).astype(np.float32),
        turned,
        PIVOT @ to_picture + origin,
        scale,
        bool(parted.any()),
    )


def parting(at_rest: Floats, moves: Floats, face: Floats) -> Floats:
    """The weights (52,) that part a head's lips as they are apart on a face; all 0 where its mouth is closed.

    Args:
        at_rest: the head's landmarks (468, 3).
        moves: how each weight moves them (52, 468, 3).
        face: the face's landmarks in the head's frame, (468, 3).
    """
    upper, lower = np.array(UPPER_INNER_LIP[2:-2]), np.array(LOWER_INNER_LIP[2:-2])
    width = float(np.linalg.norm(face[308] - face[78]))
    weights = np.zeros(len(ARKIT_BLENDSHAPES))
    gap = face[upper, 1] - face[lower, 1]
    if gap.max() < _LEAST_GAP * width:
        return weights
    columns = [[BLENDSHAPE_INDEX[name] for name in names] for names in _PARTING]
    opened = moves[:, upper, 1] - moves[:, lower, 1]
    system = np.stack([opened[which].sum(0) for which in columns], 1)
    # The jaw opens last: a smile that shows teeth does not.
    ridge = np.diag([0.02, 0.02, 0.3]) * float((system**2).sum()) / 3
    wanted = gap - (at_rest[upper, 1] - at_rest[lower, 1])
    gram, seen = system.T @ system + ridge * 0.05, system.T @ wanted
    amounts = np.zeros(len(columns))
    for _ in range(400):  # projected gradient; three unknowns
        amounts = np.clip(amounts - (gram @ amounts - seen) / np.trace(gram), 0, 1)
    for which, amount in zip(columns, amounts, strict=True):
        weights[which] = amount
    return weights


def inside_oval(points: NDArray[np.floating], landmarks: Floats) -> Floats:
    """How far points (n, 2) lie inside the face's outline, in pixels; negative outside."""
    return inside_polygon(points, landmarks[list(OVAL), :2])


def inside_polygon(points: NDArray[np.floating], outline: Floats) -> Floats:
    """How far points (n, 2) lie inside a closed outline (m, 2); negative outside."""
    x, y = np.ascontiguousarray(np.asarray(points, np.float32).T)
    nearest = np.full(len(x), np.inf, np.float32)
    inside = np.zeros(len(x), np.bool_)
    edges = np.concatenate([outline, np.roll(outline, -1, axis=0)], axis=1).tolist()
    for ax, ay, bx, by in edges:
        along_x, along_y = bx - ax, by - ay
        from_x, from_y = x - np.float32(ax), y - np.float32(ay)
        length = max(along_x**2 + along_y**2, 1e-12)
        share = np.clip((from_x * np.float32(along_x) + from_y * np.float32(along_y)) / np.float32(length), 0, 1)
        from_edge = (from_x - share * np.float32(along_x)) ** 2 + (from_y - share * np.float32(along_y)) ** 2
        nearest = np.minimum(nearest, from_edge)
        # Of a ray to the right it is inside that crosses an odd number of edges.
        if along_y != 0:
            inside ^= ((from_y < 0) != (y < by)) & (from_x < from_y * np.float32(along_x / along_y))
    return np.where(inside, 1.0, -1.0) * np.sqrt(nearest, dtype=np.float64)
