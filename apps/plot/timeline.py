"""Valence, arousal and dominance of both over the time of a conversation, as SVG.

Lines are emotions, dashes the agent's mood, and the band around the person's smoothed feeling is one standard deviation
wide to either side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rapport.apps.plot.paths import AXES, AffectPaths, AffectPoint, Side, signed
from rapport.apps.plot.strokes import DETAILED_PX, Spot, clock_time, edges_px, is_dense, layered, line, moment, ring
from rapport.persona.affect import VAD


def timeline_svg(paths: AffectPaths, axes: Sequence[str], width_px: float, height_px: float) -> str:
    """A row for each of the axes (some of `AXES`), one above the other, over one scale of time."""
    detailed = width_px >= DETAILED_PX
    low, high = edges_px(width_px)
    height = (height_px - low - high) / len(axes)
    moments = [point.at for side in paths.sides for point in side.points]
    begin = min(moments, default=0.0)
    span = max(max(moments, default=0.0) - begin, 10.0 if paths.unit == "second" else 1.0)
    left, right = (34.0 if detailed else 24.0), width_px - 8
    rows = [
        _Row(AXES.index(axis), high + i * height, height, left, right, begin, span, detailed)
        for i, axis in enumerate(axes)
    ]
    breaks = "".join(
        f'<path class="break" d="M{rows[0].x(point.at):.1f} {high:g}V{height_px - low:g}"/>'
        for point in paths.agent[1:]
        if point.begins
    )
    return (
        f'<svg class="rp-plot rp-timeline" viewBox="0 0 {width_px:g} {height_px:g}" role="group" '
        f'aria-label="{", ".join(axes)} of both over time">{"".join(_row(paths, row) for row in rows)}{breaks}'
        f"{_scale(paths, rows[0], height_px)}</svg>"
    )


@dataclass(frozen=True)
class _Row:
    """Where the row of one axis lies, in pixels, and which time it covers."""

    index: int
    top: float
    height: float
    left: float
    right: float
    begin: float
    span: float
    detailed: bool

    def x(self, at: float) -> float:
        return self.left + 8 + (self.right - self.left - 16) * (at - self.begin) / self.span

    def y(self, value: float) -> float:
        return self.top + self.height / 2 - value * (self.height / 2 - self.gap - 4)

    def value(self, vad: VAD) -> float:
        return vad.as_tuple()[self.index]

    def spot(self, at: float, vad: VAD) -> Spot:
        return self.x(at), self.y(self.value(vad))

    @property
    def gap(self) -> float:
        return 5 if self.detailed else 2


def _row(paths: AffectPaths, row: _Row) -> str:
    scale = "".join(
        f'<path class="grid" d="M{row.left:g} {row.y(value):.1f}h-4"/>'
        f'<text x="{row.left - 6:g}" y="{row.y(value) + 3.5:.1f}" text-anchor="end">{text}</text>'
        for value, text in ((-1, "−1"), (0, "0"), (1, "1"))
        if row.detailed
    )
    return (
        f'<rect class="ground" x="{row.left:g}" y="{row.top + row.gap:.1f}" width="{row.right - row.left:g}" '
        f'height="{row.height - 2 * row.gap:.1f}"/>'
        f'<path class="axis" d="M{row.left:g} {row.y(0):.1f}H{row.right:g}"/>{scale}'
        f'<text class="{"strong" if row.detailed else "name"}" transform="translate(12 {row.y(0):.1f}) rotate(-90)" '
        f'text-anchor="middle">{AXES[row.index]}</text>{"".join(_side(paths, side, row) for side in paths.sides)}'
    )


def _side(paths: AffectPaths, side: Side, row: _Row) -> str:
    points, radius = side.points, 1.5 if is_dense(side.points) else 3

    def mood_spot(point: AffectPoint) -> Spot | None:
        return None if point.mood is None else row.spot(point.at, point.mood)

    dots = ""
    for point in points:
        x, y = spot = row.spot(point.at, point.vad)
        told = f"{side.name}, {moment(paths, point)}: {point.label}, {AXES[row.index]} {signed(row.value(point.vad))}"
        dots += (
            f'<circle class="past" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" data-at="{point.at:g}">'
            f"<title>{escape(told)}</title></circle>{ring(point, spot, radius)}"
        )
    lines = (
        f'{_band(points, row)}<path class="mood" d="{line(points, mood_spot)}"/>'
        f'<path class="trail" d="{line(points, lambda point: row.spot(point.at, point.vad))}"/>'
    )
    return layered(side.who, points, lines, dots)


def _band(points: Sequence[AffectPoint], row: _Row) -> str:
    """The smoothed feeling, give or take a standard deviation, where it is known."""
    runs: list[list[tuple[float, float, float]]] = []
    for point in points:
        if point.begins or not runs:
            runs.append([])
        if point.smoothed is not None:
            vad, deviations = point.smoothed
            runs[-1].append((row.x(point.at), row.value(vad), deviations[row.index]))
    drawn = ""
    for run in filter(None, runs):
        edge = [f"{x:.1f} {row.y(min(1.0, mean + sd)):.1f}" for x, mean, sd in run]
        edge += [f"{x:.1f} {row.y(max(-1.0, mean - sd)):.1f}" for x, mean, sd in reversed(run)]
        middle = [f"{x:.1f} {row.y(mean):.1f}" for x, mean, _ in run]
        drawn += f'<path class="band" d="M{"L".join(edge)}Z"/><path class="smooth" d="M{"L".join(middle)}"/>'
    return drawn


def _scale(paths: AffectPaths, row: _Row, height_px: float) -> str:
    """The time beneath: a clock at both ends, or numbers of turns."""
    y = height_px - 5
    if paths.unit == "second":
        return (
            f'<text x="{row.left:g}" y="{y:g}">{clock_time(row.begin)}</text>'
            f'<text x="{row.right:g}" y="{y:g}" text-anchor="end">{clock_time(row.begin + row.span)}</text>'
        )
    numbers = "".join(
        f'<text x="{row.x(turn):.1f}" y="{y - 20:g}" text-anchor="middle">{turn}</text>'
        for turn in _round_turns(row.begin, row.begin + row.span)
    )
    middle = (row.left + row.right) / 2
    return f'{numbers}<text class="strong" x="{middle:g}" y="{y:g}" text-anchor="middle">turn</text>'


def _round_turns(begin: float, end: float) -> range:
    """Round turn numbers from begin to end, a dozen or fewer."""
    step = next(s for s in (m * 10**e for e in range(12) for m in (1, 2, 5)) if (end - begin) / s <= 12)
    return range(math.ceil(begin / step) * step, math.floor(end) + 1, step)
