"""The valence-arousal plane with the paths of the person and of the agent, as SVG.

It is Russell's circumplex (1980): valence to the right, arousal upwards, with Ekman's emotions as landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rapport.apps.plot.paths import AffectPaths, AffectPoint, Side, vad_text
from rapport.apps.plot.strokes import DETAILED_PX, SEGMENTS, Spot, edges_px, layered, line, moment, ring
from rapport.persona.affect import EKMAN7, VAD

NUMBERED = 24
"""The points of a path of so many or fewer carry the number of their turn."""


def plane_position(vad: VAD, size_px: float) -> Spot:
    """Where a feeling lies in a plane of that width, in pixels from its top left corner."""
    low, high = edges_px(size_px)
    half = (size_px - low - high) / 2
    return low + half * (1 + vad.valence), high + half * (1 - vad.arousal)


def plane_svg(paths: AffectPaths, size_px: float) -> str:
    """The plane, square; the last feeling of each is named."""
    (left, bottom), (right, top) = (plane_position(VAD(x, x), size_px) for x in (-1, 1))
    x, y = plane_position(VAD(), size_px)
    landmarks = {label: plane_position(vad, size_px) for label, vad in EKMAN7.points.items() if label != "neutral"}
    marks = "".join(
        f'<circle class="landmark" cx="{mark_x:.1f}" cy="{mark_y:.1f}" r="2"/>'
        f'<text class="landmark" x="{mark_x:.1f}" y="{mark_y - 5:.1f}" text-anchor="middle">{escape(label)}</text>'
        for label, (mark_x, mark_y) in landmarks.items()
    )
    return (
        f'<svg class="rp-plot rp-plane" viewBox="0 0 {size_px:g} {size_px:g}" role="group" '
        f'aria-label="{escape(_in_words(paths), quote=True)}">'
        f'<rect class="ground" x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}"/>'
        f'<circle class="ring" cx="{x:g}" cy="{y:g}" r="{(right - left) / 4:g}"/>'
        f'<circle class="ring" cx="{x:g}" cy="{y:g}" r="{(right - left) / 2:g}"/>'
        f'<path class="axis" d="M{left:g} {y:g}H{right:g}M{x:g} {top:g}V{bottom:g}"/>'
        f"{_scales(size_px) if size_px >= DETAILED_PX else ''}"
        f'<text x="{left:g}" y="{size_px - 5:g}">unpleasant</text>'
        f'<text x="{right:g}" y="{size_px - 5:g}" text-anchor="end">pleasant</text>'
        f'<text transform="translate(12 {bottom:g}) rotate(-90)">calm</text>'
        f'<text transform="translate(12 {top:g}) rotate(-90)" text-anchor="end">active</text>'
        f"{marks}{''.join(_path(paths, side, size_px) for side in paths.sides)}"
        f"{_names(paths, list(landmarks.values()), size_px)}</svg>"
    )


def _scales(size_px: float) -> str:
    (left, bottom), (right, top) = (plane_position(VAD(x, x), size_px) for x in (-1, 1))
    scales = ""
    for value in (-1, -0.5, 0, 0.5, 1):
        x, y = plane_position(VAD(value, value), size_px)
        text = f"{value:g}".replace("-", "−")
        grid = "" if value == 0 else f"M{x:g} {top:g}V{bottom:g}M{left:g} {y:g}H{right:g}"
        scales += (
            f'<path class="grid" d="{grid}M{x:g} {bottom:g}v4M{left:g} {y:g}h-4"/>'
            f'<text x="{x:g}" y="{bottom + 15:g}" text-anchor="middle">{text}</text>'
            f'<text x="{left - 7:g}" y="{y + 3.5:g}" text-anchor="end">{text}</text>'
        )
    x, y = plane_position(VAD(), size_px)
    return (
        f'{scales}<text class="strong" x="{x:g}" y="{size_px - 5:g}" text-anchor="middle">valence</text>'
        f'<text class="strong" transform="translate(12 {y:g}) rotate(-90)" text-anchor="middle">arousal</text>'
    )


def _path(paths: AffectPaths, side: Side, size_px: float) -> str:
    points, detailed = side.points, size_px >= DETAILED_PX
    focus = ' tabindex="0"' if detailed else ""

    def mood_spot(point: AffectPoint) -> Spot | None:
        return None if point.mood is None else plane_position(point.mood, size_px)

    dots = ""
    for i, point in enumerate(points):
        x, y = spot = plane_position(point.vad, size_px)
        last, numbered = point is points[-1], detailed and len(points) <= NUMBERED
        discs = numbered and bool(point.words)
        radius = 7.5 if discs else 6 if last else 3
        kind = "now" if last else "rest" if point.begins and side.who == "agent" else "past"
        faint = "" if last or numbered else f' opacity="{0.25 + 0.6 * i / len(points):.2f}"'
        number = f'<text x="{x:.1f}" y="{y + 3.1:.1f}" text-anchor="middle">{point.at:g}</text>' if discs else ""
        dots += (
            f'<g class="point"{focus} data-at="{point.at:g}"><title>{escape(_told(paths, side, point))}</title>'
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{faint}/>{number}'
            f"{ring(point, spot, radius)}</g>"
        )
    mood = f'<path class="mood" d="{line(points, mood_spot)}"/>' if detailed else ""
    trail = f'<path class="trail" d="{line(points, lambda point: plane_position(point.vad, size_px))}"/>'
    return layered(side.who, points, mood + trail, dots)


def _names(paths: AffectPaths, landmarks: Sequence[Spot], size_px: float) -> str:
    """The names of the two beside their last points, where the fewest other things lie beneath them."""
    taken = [plane_position(point.vad, size_px) for side in paths.sides for point in side.points[-SEGMENTS:]]
    taken += [(x + dx, y - 8) for x, y in landmarks for dx in (-14, 0, 14)]
    names = ""
    for side in paths.sides:
        if not side.points:
            continue
        text = f"{side.name} · {side.points[-1].label}"
        x, y = plane_position(side.points[-1].vad, size_px)
        near = (x, y - 13, "middle"), (x, y + 21, "middle")
        beside = (x + 12, y + 4, "start"), (x - 12, y + 4, "end")
        far = (x, y - 32, "middle"), (x, y + 40, "middle"), (x + 24, y - 20, "start"), (x - 24, y + 28, "end")
        places = (*(near if side.who == "person" else near[::-1]), *beside, *far)
        boxes = [_box(place, 6.2 * len(text)) for place in places]
        crowds = [_crowd(box, taken, size_px) for box in boxes]
        best = crowds.index(min(crowds))
        left, top, right, bottom = boxes[best]
        taken += [(left + (right - left) * share, (top + bottom) / 2) for share in (0, 0.25, 0.5, 0.75, 1)]
        name_x, name_y, anchor = places[best]
        names += (
            f'<text class="{side.who} now" x="{name_x:.1f}" y="{name_y:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )
    return names


def _box(place: tuple[float, float, str], width: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a text of that width that is anchored there."""
    x, y, anchor = place
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return left, y - 12, left + width, y + 4


def _crowd(box: tuple[float, float, float, float], taken: Sequence[Spot], size_px: float) -> int:
    left, top, right, bottom = box
    outside = left < 16 or right > size_px or top < 0 or bottom > size_px - 16
    return 100 * outside + sum(left - 7 < x < right + 7 and top - 5 < y < bottom + 5 for x, y in taken)


def _told(paths: AffectPaths, side: Side, point: AffectPoint) -> str:
    """Everything about a point, line by line."""
    lines = (
        f"{side.name}, {moment(paths, point)}: {point.label}",
        f"“{point.words}”" if point.words else "",
        vad_text(point.vad),
        *point.reasons,
        f"mood: {vad_text(point.mood)}" if point.mood is not None else "",
    )
    return "\n".join(text for text in lines if text)


def _in_words(paths: AffectPaths) -> str:
    said = [
        f"{side.name}: {side.points[-1].label} ({vad_text(side.points[-1].vad)})" for side in paths.sides if side.points
    ]
    return "Valence-arousal plane. " + "; ".join(said)
