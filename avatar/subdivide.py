"""Catmull-Clark subdivision (Catmull and Clark 1978) as a linear operator on whatever the points of a mesh carry.

The refined points are, in order: the old points, one per edge, one per quad. So an index into the old mesh still means
the same point in the new one. Open edges and those marked sharp follow the cubic B-spline of the edge alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Subdivision:
    """One refinement of a mesh of P points and Q quads with E edges, to P + E + Q points and 4 Q quads."""

    points: int
    quads: Ints
    """(Q, 4) of the old mesh."""
    edges: Ints
    """(E, 2), lower index first."""
    edge_quads: Ints
    """(E, 2) quads beside an edge; twice the same at an open one."""
    sharp: NDArray[np.bool_]
    """(E,) open edges and creases."""
    fine_quads: Ints
    """(4 Q, 4)."""

    def corners(self) -> Ints:
        """Old edge of each side of each quad, (Q, 4): side i joins corners i and i + 1."""
        return self.fine_quads.reshape(-1, 4, 4)[:, :, 1] - self.points

    def apply(self, values: Floats) -> Floats:
        """What the refined points carry, (P + E + Q, k), from what the points do, (P, k)."""
        centres = _mean(values, self.quads)
        middles = _mean(values, self.edges)
        soft = ~self.sharp
        middles[soft] = 0.5 * (middles[soft] + _mean(centres, self.edge_quads[soft]))
        return np.concatenate([self._smoothed(values, centres), middles, centres])

    def linear(self, values: Floats) -> Floats:
        """The same without smoothing: edges and quads take the mean of their corners, points keep what they carry."""
        return np.concatenate([values, _mean(values, self.edges), _mean(values, self.quads)])

    def _smoothed(self, values: Floats, centres: Floats) -> Floats:
        """Old points moved: (F + 2 R + (n - 3) P) / n inside, 1/8 6/8 1/8 along sharp edges, corners kept. F is the
        mean of the quads about a point, R that of the middles of its edges."""
        quads, n = _table(self.quads, np.arange(len(self.quads)).repeat(4), self.points)
        neighbours, spokes = _table(self.edges, self.edges[:, ::-1].ravel(), self.points)
        rims = self.edges[self.sharp]
        along, on_rim = _table(rims, rims[:, ::-1].ravel(), self.points)
        safe = np.maximum(n, 1).astype(np.float32)[:, None]
        # R is (P + the neighbours' mean) / 2.
        out = _sums(centres, quads) / (safe * safe)
        out += _sums(values, neighbours) / (safe * np.maximum(spokes, 1).astype(np.float32)[:, None])
        out += values * ((safe - 2) / safe)
        kept = (on_rim > 0) | (n == 0)
        out[kept] = values[kept]
        crease = on_rim == 2
        out[crease] = 0.75 * values[crease] + 0.125 * _sums(values, along[crease])
        return out.astype(np.float32)


def _mean(values: Floats, index: Ints) -> Floats:
    """The mean of the rows of `values` (n, k) that each row of `index` (m, j) names, (m, k)."""
    total = values[index[:, 0]]
    for column in index.T[1:]:
        total += values[column]
    return total / np.float32(index.shape[1])


def _table(keys: Ints, of: Ints, count: int) -> tuple[Ints, Ints]:
    """For each key below `count` in `keys` (n, m) the entries of `of` (n m,) that stand at it, as rows padded with -1,
    and how many there are."""
    flat = keys.ravel()
    many = np.bincount(flat, minlength=count)
    order = np.argsort(flat, kind="stable")
    place = np.arange(len(flat)) - np.repeat(np.cumsum(many) - many, many)
    table = np.full((count, max(int(many.max(initial=0)), 1)), -1)
    table[flat[order], place] = of[order]
    return table, many


def _sums(values: Floats, table: Ints) -> Floats:
    """The sum of the rows of `values` that each row of a table names."""
    padded = np.concatenate([values, np.zeros((1, values.shape[1]), np.float32)])
    out = padded[table[:, 0]]
    for column in table.T[1:]:
        some = np.flatnonzero(column >= 0)
        out[some] += padded[column[some]]
    return out


def subdivision(points: int, quads: Ints, creases: Ints | None = None) -> Subdivision:
    """The refinement of `points` points joined by `quads` (Q, 4), with edges `creases` (C, 2) kept sharp."""
    sides = np.stack([quads, np.roll(quads, -1, axis=1)], -1).reshape(-1, 2)
    key = sides.min(1) * points + sides.max(1)
    edge_key, first, inverse, uses = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    owner = np.arange(len(sides)) // 4
    last = np.zeros(len(edge_key), np.int64)
    last[inverse] = owner
    sharp = uses != 2
    if creases is not None and len(creases):
        sharp |= np.isin(edge_key, creases.min(1) * points + creases.max(1))
    edges = np.stack([edge_key // points, edge_key % points], 1)
    edge_of = inverse.reshape(-1, 4) + points
    centre = np.broadcast_to((points + len(edges) + np.arange(len(quads)))[:, None], quads.shape)
    fine = np.stack([quads, edge_of, centre, np.roll(edge_of, 1, axis=1)], -1).reshape(-1, 4)
    return Subdivision(points, quads, edges, np.stack([owner[first], last], 1), sharp, fine)
