"""What the two drawings have in common: lines through feelings, what a mark means, and moments in words.

Colours and strokes are classes of `plot.css`, so that one drawing serves a page in light or dark and a printed figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from importlib import resources

from rapport.apps.plot.paths import AffectPaths, AffectPoint

Spot = tuple[float, float]
"""Pixels to the right and down."""

DETAILED_PX = 320
"""Drawings of this width or more get scales."""
SEGMENTS = 60
"""A line through more than twice as many feelings goes through the means of that many blocks; the dots stay."""


def plot_style() -> str:
    """The classes of the drawings as CSS. Their colours are custom properties of the page: `--rp-person` and so on."""
    return (resources.files("rapport.apps.plot") / "plot.css").read_text("utf-8")


def edges_px(width_px: float) -> tuple[float, float]:
    """Room to the left and below, and to the right and above."""
    return (40, 8) if width_px >= DETAILED_PX else (20, 20)


def is_dense(points: Sequence[AffectPoint]) -> bool:
    """Whether there are too many feelings to follow one by one."""
    return len(points) > 2 * SEGMENTS


def line(points: Sequence[AffectPoint], spot: Callable[[AffectPoint], Spot | None]) -> str:
    """The `d` of a path along the points that have a spot; it is interrupted where a conversation begins."""
    stride = math.ceil(len(points) / SEGMENTS) if is_dense(points) else 1
    blocks: list[list[Spot]] = []
    starts: set[int] = set()
    for point in points:
        where = spot(point)
        if point.begins or not blocks:
            starts.add(len(blocks))
            blocks.append([])
        elif len(blocks[-1]) == stride:
            blocks.append([])
        if where is not None:
            blocks[-1].append(where)
    pieces = ""
    for i, block in enumerate(blocks):
        if block:
            x, y = (sum(axis) / len(block) for axis in zip(*block, strict=True))
            pieces += f"{'M' if i in starts or not pieces else 'L'}{x:.1f} {y:.1f}"
    return pieces


def layered(who: str, points: Sequence[AffectPoint], lines: str, dots: str) -> str:
    """Dots over the lines; under them where there are so many dots that they would hide the lines."""
    return f'<g class="{who} dense">{dots}{lines}</g>' if is_dense(points) else f'<g class="{who}">{lines}{dots}</g>'


def ring(point: AffectPoint, spot: Spot, radius: float) -> str:
    """The mark of a conflict around a point."""
    x, y = spot
    return f'<circle class="conflict" cx="{x:.1f}" cy="{y:.1f}" r="{radius + 3:g}"/>' if point.conflict else ""


def legend(paths: AffectPaths) -> list[tuple[str, str, str]]:
    """What the marks mean: for each whose it is (a class), a drawing of 24 by 12 pixels, and the words."""
    person, agent = paths.names
    dotted = '<path class="trail" d="M1 6H21"/><circle class="past" cx="11" cy="6" r="4"/>'
    entries = [("person", dotted, person), ("agent", dotted, agent)]
    if any(point.mood is not None for point in paths.agent):
        entries.append(("agent", '<path class="mood" d="M1 6H21"/>', f"{agent}’s mood"))
    if any(point.smoothed is not None for point in paths.person):
        band = '<path class="band" d="M1 1H21V11H1Z"/><path class="smooth" d="M1 6H21"/>'
        entries.append(("person", band, "smoothed ± 1 SD"))
    if any(point.conflict for point in paths.person):
        ringed = '<circle class="past" cx="11" cy="6" r="2.5"/><circle class="conflict" cx="11" cy="6" r="5.5"/>'
        entries.append(("person", ringed, "words and voice or face disagree"))
    return entries


def legend_html(paths: AffectPaths) -> str:
    """The legend as a line of HTML."""
    entries = "".join(
        '<span><svg class="rp-plot" viewBox="0 0 24 12" aria-hidden="true">'
        f'<g class="{who}">{mark}</g></svg>{escape(text)}</span>'
        for who, mark, text in legend(paths)
    )
    return f'<p class="rp-legend">{entries}</p>'


def clock_time(time_s: float) -> str:
    """Seconds as minutes and seconds: 75 becomes 1:15."""
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


def moment(paths: AffectPaths, point: AffectPoint) -> str:
    """When a point was felt, in words."""
    if paths.unit == "second":
        return clock_time(point.at)
    return f"turn {point.at:g}" if point.at == int(point.at) else "at first"
