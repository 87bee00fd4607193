"""Feelings as pictures: the valence-arousal plane with both paths, and both axes over time. Inline SVG, no scripts.

Colours are CSS classes of `style.css`, so that the same drawing serves a light and a dark page. The plane is Russell's
circumplex (1980): valence to the right, arousal upwards, with Ekman's emotions as landmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from rapport.apps.demo.conversation import AffectPaths, AffectPoint
from rapport.persona.affect import EKMAN7, VAD

PLANE_PX = 240
_MARGIN_PX = 20
SHOWN_POINTS = 40
"""Older feelings are not drawn."""


def plane_position(vad: VAD) -> tuple[float, float]:
    """Where a feeling lies in the drawing of the plane, in pixels from its top left corner."""
    half = PLANE_PX / 2 - _MARGIN_PX
    return PLANE_PX / 2 + half * vad.valence, PLANE_PX / 2 - half * vad.arousal


def plane_svg(paths: AffectPaths) -> str:
    """The valence-arousal plane with the paths of the person and of the agent; the last feeling of each is named."""
    low, high, mid = _MARGIN_PX, PLANE_PX - _MARGIN_PX, PLANE_PX / 2
    marks = "".join(
        f'<circle class="landmark" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
        f'<text class="landmark" x="{x:.1f}" y="{y - 5:.1f}" text-anchor="middle">{escape(label)}</text>'
        for label, (x, y) in ((label, plane_position(vad)) for label, vad in EKMAN7.points.items())
        if label != "neutral"
    )
    return (
        f'<svg class="rp-plot rp-plane" viewBox="0 0 {PLANE_PX} {PLANE_PX}" role="img" '
        f'aria-label="{escape(_in_words(paths), quote=True)}">'
        f'<rect class="ground" x="{low}" y="{low}" width="{high - low}" height="{high - low}" rx="10"/>'
        f'<circle class="ring" cx="{mid}" cy="{mid}" r="{(high - low) / 4}"/>'
        f'<circle class="ring" cx="{mid}" cy="{mid}" r="{(high - low) / 2}"/>'
        f'<path class="axis" d="M{low} {mid}H{high}M{mid} {low}V{high}"/>'
        f'<text class="name" x="{low}" y="{PLANE_PX - 5}">unpleasant</text>'
        f'<text class="name" x="{high}" y="{PLANE_PX - 5}" text-anchor="end">pleasant</text>'
        f'<text class="name" transform="translate(12 {high}) rotate(-90)">calm</text>'
        f'<text class="name" transform="translate(12 {low}) rotate(-90)" text-anchor="end">active</text>'
        f"{marks}{_plane_path(paths.person, 'person', 'you')}{_plane_path(paths.agent, 'agent', 'agent')}</svg>"
    )


def _plane_path(points: Sequence[AffectPoint], who: str, name: str) -> str:
    points = points[-SHOWN_POINTS:]
    if not points:
        return ""
    spots = [plane_position(point.vad) for point in points]
    line = "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(spots))
    past = "".join(
        f'<circle class="{who} past" cx="{x:.1f}" cy="{y:.1f}" r="3" opacity="{0.25 + 0.6 * i / len(spots):.2f}">'
        f"<title>{escape(name)}: {escape(_describe(point))}</title></circle>"
        for i, ((x, y), point) in enumerate(zip(spots[:-1], points[:-1], strict=True))
    )
    x, y = spots[-1]
    # The two names part upwards and downwards, so that equal feelings stay readable.
    label_y = y + 18 if who == "agent" else y - 10
    anchor = "end" if x > PLANE_PX * 0.72 else "start" if x < PLANE_PX * 0.28 else "middle"
    return (
        f'<g class="{who}"><path class="trail" d="{line}"/>{past}'
        f'<circle class="now" cx="{x:.1f}" cy="{y:.1f}" r="6"><title>{escape(name)}: {escape(_describe(points[-1]))}'
        f'</title></circle><text class="now" x="{x:.1f}" y="{label_y:.1f}" text-anchor="{anchor}">'
        f"{escape(name)} · {escape(points[-1].label)}</text></g>"
    )


def timeline_svg(paths: AffectPaths) -> str:
    """Valence (above) and arousal (below) of both over the time of the conversation."""
    left, right, row = 24, PLANE_PX - 8, (PLANE_PX - 2 * _MARGIN_PX) / 2
    shown = [point.time_s for points in (paths.person, paths.agent) for point in points[-SHOWN_POINTS:]]
    begin_s, end_s = min(shown, default=0.0), max(shown, default=0.0)
    span_s = max(end_s - begin_s, 10.0)

    def x_of(time_s: float) -> float:
        return left + (right - left) * (time_s - begin_s) / span_s

    def rows(name: str, top: float, axis: Callable[[VAD], float]) -> str:
        middle = top + row / 2

        def y_of(point: AffectPoint) -> float:
            return middle - axis(point.vad) * (row / 2 - 6)

        lines = "".join(_timeline_path(points[-SHOWN_POINTS:], who, x_of, y_of) for points, who in (
            (paths.person, "person"), (paths.agent, "agent"),
        ))  # fmt: skip
        return (
            f'<rect class="ground" x="{left}" y="{top + 2:.1f}" width="{right - left}" height="{row - 4:.1f}" rx="6"/>'
            f'<path class="axis" d="M{left} {middle:.1f}H{right}"/>'
            f'<text class="name" transform="translate(14 {middle:.1f}) rotate(-90)" text-anchor="middle">{name}</text>'
            f"{lines}"
        )

    return (
        f'<svg class="rp-plot rp-timeline" viewBox="0 0 {PLANE_PX} {PLANE_PX}" role="img" '
        'aria-label="valence and arousal of both over time">'
        f"{rows('valence', _MARGIN_PX, lambda vad: vad.valence)}"
        f"{rows('arousal', _MARGIN_PX + row, lambda vad: vad.arousal)}"
        f'<text class="name" x="{left}" y="{PLANE_PX - 5}">{clock_time(begin_s)}</text>'
        f'<text class="name" x="{right}" y="{PLANE_PX - 5}" text-anchor="end">{clock_time(begin_s + span_s)}</text>'
        "</svg>"
    )


def _timeline_path(
    points: Sequence[AffectPoint], who: str, x_of: Callable[[float], float], y_of: Callable[[AffectPoint], float]
) -> str:
    if not points:
        return ""
    spots = [(x_of(point.time_s), y_of(point)) for point in points]
    line = "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(spots))
    dots = "".join(
        f'<circle class="past" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{escape(_describe(point))}</title></circle>'
        for (x, y), point in zip(spots, points, strict=True)
    )
    return f'<g class="{who}"><path class="trail" d="{line}"/>{dots}</g>'


def feelings_html(paths: AffectPaths) -> str:
    """Both drawings side by side, and whose colour is whose."""
    legend = '<p class="rp-legend"><span class="person">you</span><span class="agent">agent</span></p>'
    return f'<figure class="rp-feelings">{plane_svg(paths)}{timeline_svg(paths)}{legend}</figure>'


def clock_time(time_s: float) -> str:
    """Seconds as minutes and seconds: 75 becomes 1:15."""
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


def _describe(point: AffectPoint) -> str:
    vad = point.vad
    return (
        f"{point.label} at {clock_time(point.time_s)} "
        f"(valence {vad.valence:+.2f}, arousal {vad.arousal:+.2f}, dominance {vad.dominance:+.2f})"
    )


def _in_words(paths: AffectPaths) -> str:
    said = [
        f"{name}: {_describe(points[-1])}" for name, points in (("you", paths.person), ("agent", paths.agent)) if points
    ]
    return "Valence-arousal plane. " + "; ".join(said)
