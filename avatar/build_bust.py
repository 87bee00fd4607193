"""Cuts the bust out of MakeHuman's base mesh: skin, eyes, lashes, mouth, and teeth, gums and tear lines made anew.

Everything new is a fixed mixture of base vertices, so that it follows every identity and every expression by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.build_source import BaseMesh
from rapport.avatar.head import Material

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

BUST_BOTTOM = -3.3
BUST_HALF_WIDTH = 2.9
LEFT_EYE, RIGHT_EYE = slice(14598, 14670), slice(14670, 14742)
UPPER_LIP = (474, 520, 537)
"""Mid-line vertices about the lower edge of the upper lip, and below about the upper edge of the lower lip."""
LOWER_LIP = (494, 493, 523, 540)
MOUTH_CORNERS = (7184, 424)
_MOUTH_ISLAND_V = 0.145
"""Below this v the base mesh's texture atlas holds the inside of the mouth."""
FACE_ISLAND_U = 0.7
"""Above this u it holds the face and the inside of the mouth."""
_LOWER_LASHES_V = 0.96
"""Above this v it holds the lashes of the lower lids, below it those of the upper."""
_TEETH = 16
"""Teeth in a row."""
_UPPER_TEETH_MOVED, _LOWER_TEETH_MOVED = (0.0, -0.035, 0.0), (0.0, 0.0, -0.02)
"""The base mesh has the upper row so high that it never shows, and the lower one not behind it."""

_GROUPS = {
    "body": Material.SKIN,
    "helper-l-eye": Material.EYE,
    "helper-r-eye": Material.EYE,
    "helper-tongue": Material.MOUTH,
    "helper-l-eyelashes-1": Material.LASHES,
    "helper-l-eyelashes-2": Material.LASHES,
    "helper-r-eyelashes-1": Material.LASHES,
    "helper-r-eyelashes-2": Material.LASHES,
}

_LOWER_LID = (
    (7780, 7754, 13377), (7781, 7755, 13376), (7782, 7756, 13375), (11718, 11716, 13379), (7783, 7757, 13366),
    (7784, 7758, 13374), (7785, 7759, 13373), (7786, 7760, 13372), (7787, 7761, 13370), (7788, 7762, 13368),
    (7789, 7763, 13367), (11719, 11717, 13378), (7790, 7764, 13362), (7797, 7771, 13361), (7796, 7770, 13360),
)  # fmt: skip
"""The left eye's lower lid from the outer to the inner corner: a vertex behind its margin, one on its inner edge, one
in its middle."""


@dataclass(frozen=True)
class Mixtures:
    """P points, each the sum of a few base vertices with weights."""

    rows: Ints
    columns: Ints
    weights: Floats
    count: int

    def of(self, values: Floats) -> Floats:
        """(P, k) from what the base vertices carry, (N, k)."""
        out = np.empty((self.count, values.shape[1]))
        for i in range(values.shape[1]):
            out[:, i] = np.bincount(self.rows, self.weights * values[self.columns, i], self.count)
        return out.astype(np.float32)


@dataclass
class _Parts:
    """A mesh in the making."""

    rows: list[tuple[int, int, float]] = field(default_factory=list[tuple[int, int, float]])
    points: int = 0
    moved: dict[int, tuple[float, float, float]] = field(default_factory=dict[int, tuple[float, float, float]])
    index: dict[tuple[int, tuple[float, float], Material], int] = field(
        default_factory=dict[tuple[int, tuple[float, float], Material], int]
    )
    quads: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])

    def point(self, mixture: dict[int, float]) -> int:
        self.rows += [(self.points, vertex, weight) for vertex, weight in mixture.items()]
        self.points += 1
        return self.points - 1

    def quad(self, points: list[int], uvs: list[tuple[float, float]], material: Material) -> None:
        keys = [(p, uv, material) for p, uv in zip(points, uvs, strict=True)]
        self.quads.append(tuple(self.index.setdefault(key, len(self.index)) for key in keys))

    def sheet(
        self, grid: list[list[dict[int, float]]], uv: Callable[[int, int], tuple[float, float]],
        material: Callable[[int], Material],
    ) -> None:  # fmt: skip
        """Quads between rows of points; `uv` by row and column, `material` by row."""
        points = [[self.point(mixture) for mixture in row] for row in grid]
        for r in range(len(grid) - 1):
            for c in range(len(grid[0]) - 1):
                places = [(r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c)]
                self.quad([points[i][j] for i, j in places], [uv(i, j) for i, j in places], material(r))


@dataclass(frozen=True)
class Bust:
    """V vertices (split at texture seams) on P points, and Q quads of vertices."""

    mixtures: Mixtures
    uvs: Floats
    materials: NDArray[np.uint8]
    weld: Ints
    quads: Ints
    base_points: dict[int, int]
    """Which point a vertex of the base mesh is."""
    offsets: Floats
    """(P, 3) what is added to the base mesh's points for everybody."""


def cut_bust(base: BaseMesh, vertices: Floats) -> Bust:
    """Head, neck and shoulders of a person, `vertices` (N, 3) with the origin between the eyes."""
    parts = _Parts()
    base_points: dict[int, int] = {}

    def point(vertex: int) -> int:
        if vertex not in base_points:
            base_points[vertex] = parts.point({vertex: 1.0})
        return base_points[vertex]

    lashes = {side: _lash_uvs(base, side) for side in ("l", "r")}
    for quad, texture_quad, group in zip(base.quads.tolist(), base.texture_quads.tolist(), base.groups, strict=True):
        material = _GROUPS.get(str(group))
        if material is None:
            continue
        uvs = [(float(u), float(v)) for u, v in base.texture[texture_quad]]
        if material is Material.SKIN:
            centre = vertices[quad].mean(0)
            if centre[1] < BUST_BOTTOM or abs(centre[0]) > BUST_HALF_WIDTH:
                continue
            u, v = base.texture[texture_quad].mean(0)
            if v < _MOUTH_ISLAND_V and u > FACE_ISLAND_U:
                material = Material.MOUTH
        elif material is Material.LASHES:
            uvs = [lashes[str(group)[7]][t] for t in texture_quad]
        parts.quad([point(v) for v in quad], uvs, material)
    _smooth_rim(parts, base_points)
    for group, lower in (("helper-upper-teeth", False), ("helper-lower-teeth", True)):
        _teeth(parts, base.quads[base.groups == group], vertices, lower)
    mirror = mirror_of(base.vertices)
    _tear_line(parts, _LOWER_LID[::-1])
    _tear_line(parts, tuple(tuple(mirror(v) for v in column) for column in _LOWER_LID))
    rows = np.array([(r, c) for r, c, _ in parts.rows], np.int64)
    weights = np.array([w for _, _, w in parts.rows], np.float32)
    keys = list(parts.index)
    offsets = np.zeros((parts.points, 3), np.float32)
    offsets[list(parts.moved)] = np.array(list(parts.moved.values()), np.float32)
    return Bust(
        Mixtures(rows[:, 0], rows[:, 1], weights, parts.points),
        np.array([uv for _, uv, _ in keys], np.float32),
        np.array([m for _, _, m in keys], np.uint8),
        np.array([p for p, _, _ in keys], np.int64),
        np.array(parts.quads, np.int64),
        base_points,
        offsets,
    )


def mirror_of(vertices: Floats) -> Callable[[int], int]:
    """Finds the vertex on the other side of the body."""

    def other(vertex: int) -> int:
        return int(np.argmin(np.abs(vertices - vertices[vertex] * np.array([-1, 1, 1], np.float32)).sum(1)))

    return other


def _lash_uvs(base: BaseMesh, side: str) -> dict[int, tuple[float, float]]:
    """(along the lid, from root 0 to tip 1) of each texture vertex of one eye's lashes; the lower lid's `along` is 1
    more than the upper's. A strip's two rims are told apart by the texture's own rows."""
    out: dict[int, tuple[float, float]] = {}
    for strip, first in (("2", 0.0), ("1", 1.0)):
        chosen = base.groups == f"helper-{side}-eyelashes-{strip}"
        quads, texture_quads = base.quads[chosen], base.texture_quads[chosen]
        ball = base.vertices[LEFT_EYE if side == "l" else RIGHT_EYE].mean(0)
        vertex_of = dict(zip(texture_quads.ravel().tolist(), quads.ravel().tolist(), strict=True))
        along = {t: float(base.texture[t, 0]) for t in vertex_of}
        away = {t: float(np.linalg.norm(base.vertices[v] - ball)) for t, v in vertex_of.items()}
        low, high = min(along.values()), max(along.values())
        near, far = min(away.values()), max(away.values())
        for t in vertex_of:
            out[t] = (first + (along[t] - low) / (high - low) * 0.999, (away[t] - near) / (far - near))
    return out


def _smooth_rim(parts: _Parts, base_points: dict[int, int]) -> None:
    """Rounds the bust's cut edge: each of its points becomes a mean of its neighbours along the rim."""
    points = {vertex: point for vertex, point in base_points.items()}
    keys = list(parts.index)
    uses: dict[tuple[int, int], int] = {}
    for quad in parts.quads:
        if keys[quad[0]][2] is Material.SKIN or keys[quad[0]][2] is Material.MOUTH:
            around = [keys[v][0] for v in quad]
            for a, b in zip(around, around[1:] + around[:1], strict=True):
                uses[min(a, b), max(a, b)] = uses.get((min(a, b), max(a, b)), 0) + 1
    neighbours: dict[int, list[int]] = {}
    for (a, b), count in uses.items():
        if count == 1:
            neighbours.setdefault(a, []).append(b)
            neighbours.setdefault(b, []).append(a)
    vertex_of = {point: vertex for vertex, point in points.items()}
    mixtures = {p: {vertex_of[p]: 1.0} for p in neighbours}
    for _ in range(6):
        mixtures = {p: _mean(mixtures[p], *(mixtures[q] for q in beside)) for p, beside in neighbours.items()}
    kept = [row for row in parts.rows if row[0] not in mixtures]
    parts.rows = kept + [(p, v, w) for p, mixture in mixtures.items() for v, w in mixture.items()]


def _mean(own: dict[int, float], *others: dict[int, float]) -> dict[int, float]:
    out = {v: 0.5 * w for v, w in own.items()}
    for mixture in others:
        for v, w in mixture.items():
            out[v] = out.get(v, 0.0) + 0.5 * w / len(others)
    return out


def _mix(*terms: tuple[dict[int, float], float]) -> dict[int, float]:
    out: dict[int, float] = {}
    for mixture, weight in terms:
        for v, w in mixture.items():
            out[v] = out.get(v, 0.0) + weight * w
    return out


def _grid_of(quads: Ints) -> dict[int, tuple[int, int]]:
    """Row and column of every vertex of a rectangular sheet of quads, by walking from quad to quad."""
    at = {int(v): place for v, place in zip(quads[0], ((0, 0), (0, 1), (1, 1), (1, 0)), strict=True)}
    waiting = [q for q in quads.tolist()[1:]]
    while waiting:
        left: list[list[int]] = []
        for quad in waiting:
            known = [i for i in range(4) if quad[i] in at and quad[(i + 1) % 4] in at]
            if not known:
                left.append(quad)
                continue
            i = known[0]
            p, q = at[quad[i]], at[quad[(i + 1) % 4]]
            # All quads turn the same way round, so the far side lies to the same hand of the near one.
            step = (q[1] - p[1], p[0] - q[0])
            at.setdefault(quad[(i + 2) % 4], (q[0] + step[0], q[1] + step[1]))
            at.setdefault(quad[(i + 3) % 4], (p[0] + step[0], p[1] + step[1]))
        waiting = left
    return at


def _teeth(parts: _Parts, quads: Ints, vertices: Floats, lower: bool) -> None:
    """A row of single teeth with their gum, along the plain strip that the base mesh has. For teeth, u counts them from
    the face's right, 16 for the lower row more, and v goes from the gum, 0, to the biting edge, 1."""
    at = _grid_of(quads)
    place = np.array(list(at.values()))
    place -= place.min(0)
    long = int(np.argmax(np.ptp(place, axis=0)))
    table = np.zeros((4, _TEETH + 1), np.int64)
    for vertex, (i, j) in zip(at, place.tolist(), strict=True):
        table[(i, j)[1 - long], (i, j)[long]] = vertex
    if vertices[table[0, 0], 0] > vertices[table[0, -1], 0]:
        table = table[:, ::-1]
    # The rim of the outer face comes first: it is the one that lies farther forward at the middle.
    if vertices[table[0, _TEETH // 2], 2] < vertices[table[-1, _TEETH // 2], 2]:
        table = table[::-1]

    def outer(row: int, column: float) -> dict[int, float]:
        c = min(int(column), _TEETH - 1)
        return _mix(({int(table[row, c]): 1.0}, 1 - (column - c)), ({int(table[row, c + 1]): 1.0}, column - c))

    # Per tooth: its gap, a quarter, the middle, a quarter; how far back and how far from the edge each lies.
    back, papilla, short = (0.20, 0.0, 0.03, 0.0), (0.30, 0.0, -0.12, 0.0), (0.16, 0.02, 0.0, 0.02)
    rows: list[list[dict[int, float]]] = [[] for _ in range(6)]
    for step in range(4 * _TEETH + 1):
        column, k = step / 4, step % 4
        top, middle, edge, inner = (outer(r, column) for r in range(4))
        inwards = [(inner, back[k]), (middle, -back[k])]
        tip = _mix((edge, 1 - short[k]), (middle, short[k]))
        line = 0.78 + papilla[k]
        rows[0].append(_mix((top, 1.0), (inner, 0.1), (middle, -0.1)))
        rows[1].append(_mix((top, 1 - line), (middle, line), (inner, -0.07), (middle, 0.07)))
        rows[2].append(_mix((top, 1 - line - 0.04), (middle, line + 0.04), *inwards))
        rows[3].append(_mix((middle, 0.5), (tip, 0.5), *inwards))
        rows[4].append(_mix((tip, 1.0), *((v, 0.8 * w) for v, w in inwards)))
        rows[5].append(_mix((middle, 0.5), (inner, 0.5)))
    if lower:
        rows = rows[::-1]
    values = [-1.0, -0.02, 0.0, 0.55, 1.0, 1.5]
    values = values[::-1] if lower else values
    first, start = (_TEETH if lower else 0), parts.points
    gum = 4 if lower else 0

    def material(row: int) -> Material:
        return Material.MOUTH if row == gum else Material.TEETH

    parts.sheet([row[::-1] for row in rows], lambda r, c: (first + _TEETH - c / 4, values[r]), material)
    parts.moved |= dict.fromkeys(range(start, parts.points), _LOWER_TEETH_MOVED if lower else _UPPER_TEETH_MOVED)


def _tear_line(parts: _Parts, lid: tuple[tuple[int, ...], ...]) -> None:
    """The film of tears between a lower lid and the ball. v goes from the lid, 0, to the ball, 1; u along the lid."""
    rows: list[list[dict[int, float]]] = [[], [], []]
    for behind, edge, middle in lid:
        rows[0].append({middle: 0.75, edge: 0.25})
        rows[1].append({edge: 1.05, behind: -0.05})
        rows[2].append({edge: 0.55, behind: 0.45})
    parts.sheet(rows, lambda r, c: (c / (len(lid) - 1), r / 2), lambda _: Material.TEAR)
