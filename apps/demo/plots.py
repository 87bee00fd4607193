"""Both feelings beside the conversation: the plane, its axes over time, and what the marks mean."""

from __future__ import annotations

from rapport.apps.plot.paths import AffectPaths
from rapport.apps.plot.plane import plane_svg
from rapport.apps.plot.strokes import legend_html
from rapport.apps.plot.timeline import timeline_svg

PLOT_PX = 240
SHOWN_POINTS = 40
"""Older feelings are not drawn."""


def feelings_html(paths: AffectPaths) -> str:
    """The drawings of the last feelings, side by side."""
    shown = paths.latest(SHOWN_POINTS)
    return (
        f'<figure class="rp-feelings">{plane_svg(shown, PLOT_PX)}'
        f"{timeline_svg(shown, ('valence', 'arousal'), PLOT_PX, PLOT_PX)}{legend_html(shown)}</figure>"
    )
