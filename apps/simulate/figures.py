"""Figures of the report as SVG: lines with bands, intervals, dots. Pure functions from numbers to text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6b6b")
"""Okabe & Ito's palette, which people with any colour vision tell apart."""


@dataclass(frozen=True)
class Band:
    """One line with a band around it; y values may be NaN, which leaves a gap at the ends."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Dot:
    """A point with a name of its own, such as a published figure."""

    x: float
    y: float
    name: str


@dataclass(frozen=True)
class Interval:
    """One row of a forest plot."""

    label: str
    value: float
    low: float
    high: float
    colour: str
    told: str


@dataclass(frozen=True)
class Frame:
    """The plane of a figure: ranges of data and size in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 640
    height: int = 320
    left: int = 52
    right: int = 16
    top: int = 14
    bottom: int = 44

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the data lies in the picture."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(self.left + across * (self.width - self.left - self.right), 1),
            round(self.height - self.bottom - up * (self.height - self.top - self.bottom), 1),
        )


def lines_svg(
    frame: Frame, bands: Sequence[Band], ticks: Sequence[tuple[float, str]], y_ticks: Sequence[float], x_name: str,
    y_name: str, dots: Sequence[Dot] = (), what: str = "",
) -> str:  # fmt: skip
    """Lines with bands over an axis; the legend is the caller's."""
    parts = [_axes(frame, ticks, y_ticks, x_name, y_name)]
    for band in bands:
        known = [i for i, y in enumerate(band.y) if math.isfinite(y)]
        edge = [frame.at(band.x[i], band.high[i]) for i in known] + [
            frame.at(band.x[i], band.low[i]) for i in reversed(known)
        ]
        if edge and not band.dashed:
            parts.append(f'<polygon points="{_points(edge)}" fill="{band.colour}" opacity="0.15"/>')
        style = ' stroke-dasharray="5 4"' if band.dashed else ""
        line = [frame.at(band.x[i], band.y[i]) for i in known]
        parts.append(
            f'<polyline points="{_points(line)}" fill="none" stroke="{band.colour}" stroke-width="2.2"{style}/>'
        )
        if not band.dashed:
            parts += [
                f'<circle cx="{x}" cy="{y}" r="3.2" fill="{band.colour}">'
                f"<title>{escape(band.name)}: {band.y[i]:.1f} [{band.low[i]:.1f}, {band.high[i]:.1f}]</title></circle>"
                for i, (x, y) in zip(known, line, strict=True)
            ]
    for dot in dots:
        x, y = frame.at(dot.x, dot.y)
        parts.append(
            f'<path d="M{x} {y - 6}L{x + 6} {y}L{x} {y + 6}L{x - 6} {y}Z" class="published">'
            f"<title>{escape(dot.name)}</title></path>"
        )
    return _svg(frame.width, frame.height, parts, what)


def forest_svg(rows: Sequence[Interval], x_name: str, what: str = "", width: int = 640) -> str:
    """Intervals one below the other around zero."""
    reach = max([0.5, *(abs(x) for row in rows for x in (row.low, row.high) if math.isfinite(x))]) * 1.08
    height = 24 * len(rows) + 52
    frame = Frame((-reach, reach), (0, 1), width, height, left=190, right=150, top=6, bottom=40)
    parts: list[str] = []
    bottom = height - frame.bottom
    for tick in _nice(reach):
        x, _ = frame.at(tick, 0)
        parts.append(f'<line x1="{x}" x2="{x}" y1="6" y2="{bottom}" class="{"zero" if tick == 0 else "grid"}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{_minus(f"{tick:g}")}</text>')
    middle, _ = frame.at(0, 0)
    parts.append(f'<text x="{middle}" y="{bottom + 33}" text-anchor="middle" class="name">{escape(x_name)}</text>')
    for i, row in enumerate(rows):
        y = 20 + 24 * i
        (a, _), (b, _), (m, _) = frame.at(row.low, 0), frame.at(row.high, 0), frame.at(row.value, 0)
        parts += [
            f'<text x="182" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>',
            f'<line x1="{a}" x2="{b}" y1="{y}" y2="{y}" stroke="{row.colour}" stroke-width="2.4"/>',
            f'<circle cx="{m}" cy="{y}" r="4.2" fill="{row.colour}"/>',
            f'<text x="{width - 142}" y="{y + 4}" class="told">{escape(_minus(row.told))}</text>',
        ]
    return _svg(width, height, parts, what)


def pairs_svg(rows: Sequence[tuple[str, float, float]], what: str = "", width: int = 420) -> str:
    """Drawn shares (dots) beside published ones (diamonds), in percent."""
    reach = max([10.0, *(max(a, b) for _, a, b in rows)]) * 1.05
    height = 20 * len(rows) + 44
    frame = Frame((0, reach), (0, 1), width, height, left=165, right=56, top=4, bottom=34)
    bottom = height - frame.bottom
    parts: list[str] = []
    for tick in (t for t in _nice(reach) if t >= 0):
        x, _ = frame.at(tick, 0)
        parts.append(f'<line x1="{x}" x2="{x}" y1="4" y2="{bottom}" class="grid"/>')
        parts.append(f'<text x="{x}" y="{bottom + 15}" text-anchor="middle">{tick:g}</text>')
    for i, (name, published, drawn) in enumerate(rows):
        y = 15 + 20 * i
        (p, _), (d, _) = frame.at(published, 0), frame.at(drawn, 0)
        parts += [
            f'<text x="157" y="{y + 4}" text-anchor="end">{escape(name)}</text>',
            f'<path d="M{p} {y - 5}L{p + 5} {y}L{p} {y + 5}L{p - 5} {y}Z" class="published"/>',
            f'<circle cx="{d}" cy="{y}" r="3.6" fill="{COLOURS[0]}"/>',
            f'<text x="{width - 50}" y="{y + 4}" class="told">{drawn:.1f} %</text>',
        ]
    return _svg(width, height, parts, what)


def _axes(
    frame: Frame, ticks: Sequence[tuple[float, str]], y_ticks: Sequence[float], x_name: str, y_name: str
) -> str:  # fmt: skip
    bottom, parts = frame.height - frame.bottom, list[str]()
    for tick in y_ticks:
        _, y = frame.at(frame.x[0], tick)
        parts.append(f'<line x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y}" y2="{y}" class="grid"/>')
        parts.append(f'<text x="{frame.left - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for place, label in ticks:
        x, _ = frame.at(place, frame.y[0])
        parts.append(f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{escape(label)}</text>')
    middle = (frame.left + frame.width - frame.right) / 2
    parts.append(f'<text x="{middle}" y="{frame.height - 6}" text-anchor="middle" class="name">{escape(x_name)}</text>')
    half = (frame.top + bottom) / 2
    parts.append(
        f'<text x="14" y="{half}" text-anchor="middle" class="name" transform="rotate(-90 14 {half})">'
        f"{escape(y_name)}</text>"
    )
    return "".join(parts)


def _svg(width: int, height: int, parts: Sequence[str], what: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(what)}" style="max-width:{width}px">'
        f"{''.join(parts)}</svg>"
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _nice(reach: float) -> list[float]:
    """Round numbers from -reach to reach, about nine of them."""
    step = 10 ** math.floor(math.log10(reach))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if reach / s <= 5)
    n = int(reach / step)
    return [round(i * step, 6) for i in range(-n, n + 1)]


def legend(colours: Mapping[str, str], more: str = "") -> str:
    """Names and their colours, and what else is told in HTML."""
    spans = "".join(f'<span style="--c:{colour}">{escape(name)}</span>' for name, colour in colours.items())
    return f'<div class="legend">{spans}{more}</div>'
