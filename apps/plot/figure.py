"""The figure of a trace: both drawings side by side with what was said, as one SVG for a paper, or as PNG."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from html import escape

from rapport.apps.plot.paths import AXES, AffectPaths, paths_of
from rapport.apps.plot.plane import plane_svg
from rapport.apps.plot.strokes import legend, plot_style
from rapport.apps.plot.timeline import timeline_svg
from rapport.apps.traces import TurnSeen
from rapport.persona.affect import VAD
from rapport.persona.errors import ComponentError

PLANE_PX, TIME_PX = 440, 490
LIGHT = {
    "person": "#0e7c86",
    "agent": "#b4540a",
    "ink": "#1c2127",
    "faint": "#5f6975",
    "line": "#d3d9e0",
    "ground": "#f7f8fa",
    "paper": "#ffffff",
}
DARK = {
    "person": "#56c5cf",
    "agent": "#f0a45d",
    "ink": "#e6e9ed",
    "faint": "#97a2ae",
    "line": "#333c46",
    "ground": "#181d23",
    "paper": "#11151a",
}
MOST_WORDS = 12
"""The figure quotes so many turns; of a longer conversation those in which the agent's feeling moved furthest."""
PNG_ZOOM = 2.0
_FONTS = "Helvetica Neue, Arial, Liberation Sans, DejaVu Sans, Noto Sans, sans-serif"
_WIDTH_PX, _EDGE_PX, _HEAD_PX, _ROW_PX = 1000, 24, 74, 19
_QUOTE_CHARACTERS = 84


def heading(turns: Sequence[TurnSeen]) -> tuple[str, str]:
    """Title and subtitle: with whom, how long, which conversations."""
    personas = list(dict.fromkeys(turn.persona.capitalize() for turn in turns))
    sessions = list(dict.fromkeys(turn.session for turn in turns))
    count = f"{len(turns)} turn{'s' * (len(turns) != 1)}"
    named = ", ".join(sessions) if len(sessions) <= 3 else f"{len(sessions)} conversations"
    return f"Two feelings in conversation: a person and {' and '.join(personas)}", f"{count} · {named}"


def figure_svg(turns: Sequence[TurnSeen]) -> str:
    """The whole figure as one SVG document that needs nothing else."""
    paths = paths_of(turns)
    title, subtitle = heading(turns)
    quoted = _moved_most(turns)
    table = _HEAD_PX + PLANE_PX + 30
    height = table + (len(quoted) + 1) * _ROW_PX + _EDGE_PX
    rows = "".join(_quote(number, turn, table + (i + 1) * _ROW_PX) for i, (number, turn) in enumerate(quoted))
    half = _WIDTH_PX / 2
    names = (
        f'<text class="strong" x="{_EDGE_PX + 24}" y="{table}">{escape(paths.names[0])}</text>'
        f'<text class="strong" x="{half + 24:g}" y="{table}">{escape(paths.names[1])}</text>'
        f'<path class="axis" d="M{_EDGE_PX} {table + 6}H{_WIDTH_PX - _EDGE_PX}"/>'
    )
    css = re.sub(r"var\(--rp-(\w+)\)", lambda found: LIGHT[found[1]], plot_style())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rp-plot" width="{_WIDTH_PX}" height="{height}" '
        f'viewBox="0 0 {_WIDTH_PX} {height}" font-family="{_FONTS}"><title>{escape(title)}</title><style>{css}</style>'
        f'<rect width="{_WIDTH_PX}" height="{height}" fill="{LIGHT["paper"]}"/>'
        f'<text x="{_EDGE_PX}" y="34" class="title">{escape(title)}</text>'
        f'<text x="{_EDGE_PX}" y="54" class="subtitle">{escape(subtitle)}</text>'
        f"{_legend(paths)}"
        f"{_placed(plane_svg(paths, PLANE_PX), _EDGE_PX - 4, _HEAD_PX, PLANE_PX, PLANE_PX)}"
        f"{_placed(timeline_svg(paths, AXES, TIME_PX, PLANE_PX), 490, _HEAD_PX, TIME_PX, PLANE_PX)}"
        f"{names}{rows}</svg>\n"
    )


def figure_png(turns: Sequence[TurnSeen]) -> bytes:
    """The figure as PNG, 2000 pixels wide. Raises ComponentError when this machine has no font to write it with."""
    import resvg_py

    letter = f'<text y="16" font-family="{_FONTS}">A</text>'
    probe = f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{letter}</svg>'
    if resvg_py.svg_to_bytes(svg_string=probe) == resvg_py.svg_to_bytes(svg_string=probe, skip_system_fonts=True):
        raise ComponentError(
            "there is no font to write in a PNG; install one (fonts-dejavu-core) or write .html or .svg"
        )
    return resvg_py.svg_to_bytes(svg_string=figure_svg(turns), zoom=PNG_ZOOM)


def _placed(svg: str, x: float, y: float, width: float, height: float) -> str:
    return svg.replace("<svg ", f'<svg x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" ', 1)


def _legend(paths: AffectPaths) -> str:
    """Right-aligned on the line of the subtitle; widths are estimated."""
    entries = legend(paths)
    x = _WIDTH_PX - _EDGE_PX
    drawn = ""
    for who, mark, text in reversed(entries):
        x -= 44 + 5.6 * len(text)
        drawn += (
            f'<g class="{who}" transform="translate({x:.0f} 44)">{mark}'
            f'<text class="subtitle" x="27" y="10">{escape(text)}</text></g>'
        )
    return drawn


def _moved_most(turns: Sequence[TurnSeen]) -> list[tuple[int, TurnSeen]]:
    numbers = [int(point.at) for point in paths_of(turns).person]
    counted = list(zip(numbers, turns, strict=True))
    if len(counted) <= MOST_WORDS:
        return counted

    def move(item: tuple[int, TurnSeen]) -> float:
        felt = item[1].felt
        return VAD.distance(felt.before.vad.vad, felt.after.vad.vad)

    return sorted(sorted(counted, key=move, reverse=True)[:MOST_WORDS], key=lambda item: item[0])


def _quote(number: int, turn: TurnSeen, y: float) -> str:
    half = _WIDTH_PX / 2
    return "".join(
        f'<text x="{x:g}" y="{y:g}" class="quote">{text}</text>'
        for x, text in (
            (_EDGE_PX, str(number)),
            (_EDGE_PX + 24, _line(turn.heard.text, turn.perceived.fused.label, "person")),
            (half + 24, _line(turn.reply.text, turn.felt.after.label, "agent")),
        )
    )


def _line(words: str, label: str, who: str) -> str:
    room = _QUOTE_CHARACTERS - len(label)
    text = textwrap.shorten(words, room, placeholder="…")
    return f'“{escape(text)}” <tspan class="{who}">{escape(label)}</tspan>'
