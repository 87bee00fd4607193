"""The report of a run or of an evaluation: one page without network, with figures, tables and sessions to look into."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.apps.simulate.figures import (
    COLOURS,
    Band,
    Dot,
    Frame,
    Interval,
    forest_svg,
    legend,
    lines_svg,
    pairs_svg,
)
from rapport.apps.simulate.records import SessionRecord
from rapport.apps.simulate.report_judge import judge_html
from rapport.apps.simulate.report_sessions import explorer
from rapport.apps.simulate.report_tables import (
    measures_html,
    personality_html,
    published_html,
    strategies_html,
    trajectory_html,
)
from rapport.apps.simulate.runner import Measured
from rapport.apps.simulate.summary import COMPARED, SUDS_PUBLISHED

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

Floats = NDArray[np.float64]


def report_html(
    summary: Mapping[str, Any], measured: Sequence[Measured], sessions: Path | Iterable[SessionRecord]
) -> str:  # fmt: skip
    """The page of a run or of an evaluation.

    Args:
        sessions: the file of the sessions, of which some can be looked into, or those sessions themselves.
    """
    therapists = list(summary["therapists"])
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(therapists)}
    keys = list(dict.fromkeys(m.session for m in measured))
    title = _title(summary)
    body = [
        f"<header><h1>{escape(title)}</h1>",
        f'<p class="facts">{escape(_facts(summary))}</p>{_sources(summary)}',
        f'<p class="notice">{escape(summary["notice"])} {_caution(summary)}</p></header>',
        _courses(measured, keys, therapists, colours),
        _ratings(measured, therapists, colours, "published" in summary),
        _comparisons(summary, colours),
        measures_html(summary),
        strategies_html(summary),
        published_html(summary),
        _cases(summary),
        personality_html(summary),
        trajectory_html(summary),
        judge_html(summary),
        explorer(sessions),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{_file('report.css')}</style></head>\n<body>"
        + "\n".join(part for part in body if part)
        + f"<script>{_file('report.js')}</script></body></html>\n"
    )


def _title(summary: Mapping[str, Any]) -> str:
    if "script" not in summary:
        return "Sessions measured"
    names = {"pe": "prolonged exposure", "supportive": "supportive listening", "mi": "motivational interviewing"}
    protocol = summary["script"]["protocol"]
    return f"Simulated {names.get(protocol, protocol)}"


def _facts(summary: Mapping[str, Any]) -> str:
    script = summary.get("script")
    what = "" if script is None else f", {script['cases']} cases, seed {script['seed']}"
    words = "" if script is None else f"; words by {_words(script)}"
    read = f"; feelings of words read by {summary['feelings']}" if summary.get("feelings") else ""
    return (
        f"{summary['sessions']} sessions{what}, therapists: {', '.join(summary['therapists'])}{words}{read}. "
        f"Stopped early: {sum(summary['stopped'].values())}. Failed: {summary['failed']}."
    )


def _sources(summary: Mapping[str, Any]) -> str:
    items = "".join(
        f"<li>{escape(source['path'])}: {source['sessions']} sessions, {escape(source['about'])}</li>"
        for source in summary.get("sources", ())
    )
    return f'<ul class="facts">{items}</ul>' if items else ""


def _caution(summary: Mapping[str, Any]) -> str:
    if "script" in summary:
        return (
            "Everything drawn with a line is the output of a model whose constants are assumptions; hollow diamonds "
            "are published figures."
        )
    return (
        "Measures that begin with “model:” are variables of a simulated client, all others are read from words and "
        "times. Intervals are not corrected for how many measures are compared; hollow diamonds are published figures."
    )


def _words(script: Mapping[str, Any]) -> str:
    models = script["models"]
    if models["client"] == models["therapist"]:
        return str(models["client"])
    return f"{models['client']} (client), {models['therapist']} (therapist)"


def _file(name: str) -> str:
    return (resources.files("rapport.apps.simulate") / name).read_text("utf-8")


def _quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the quartiles around it."""
    known = np.array([v for v in values if math.isfinite(v)], np.float64)
    if not len(known):
        return math.nan, math.nan, math.nan
    low, high = np.quantile(known, [0.25, 0.75])
    return float(known.mean()), float(low), float(high)


def _courses(
    measured: Sequence[Measured], keys: Sequence[str], therapists: Sequence[str], colours: Mapping[str, str]
) -> str:  # fmt: skip
    """Intensity over the sessions of a case, where there are several."""
    if len(keys) < 2:
        return ""
    bands: list[Band] = []
    read = False
    for name in therapists:
        mine = [m for m in measured if m.therapist == name]
        stated = any(math.isfinite(m.figures["intensity"]) for m in mine)
        of = "intensity" if stated else "felt_intensity"
        rows = [_quantiles([m.figures[of] for m in mine if m.session == key]) for key in keys]
        if not any(math.isfinite(row[0]) for row in rows):
            continue
        read |= not stated
        mean, low, high = (list(column) for column in zip(*rows, strict=True))
        bands.append(Band(name, list(range(len(keys))), mean, low, high, colours[name]))
    if not bands:
        return ""
    frame = Frame((-0.3, len(keys) - 0.7), (1, 10))
    svg = lines_svg(
        frame, bands, list(enumerate(keys)), (1, 4, 7, 10), "session, in order", "intensity, 1 calm to 10 extreme",
        what="Mean intensity by session",
    )  # fmt: skip
    return (
        f"<h2>Emotional course over the sessions</h2><figure>{legend(colours)}{svg}<figcaption>Mean distress of each "
        "session on the benchmark’s scale of 1 to 10"
        f"{', of transcripts by the feelings of their words' if read else ''}; bands: the middle half of the cases."
        "</figcaption></figure>"
    )


def _ratings(
    measured: Sequence[Measured], therapists: Sequence[str], colours: Mapping[str, str], exposure: bool
) -> str:  # fmt: skip
    """Ratings over time within sessions that have them."""
    keys = [key for key in dict.fromkeys(m.session for m in measured if m.ratings) if key]
    figures: list[str] = []
    for key in keys:
        mine = [m for m in measured if m.session == key and len(m.ratings) > 1]
        if not mine:
            continue
        grid = np.linspace(0.0, 1.0, 11)
        bands: list[Band] = []
        for name in therapists:
            curves = np.array([_resampled(m.ratings, grid) for m in mine if m.therapist == name], np.float64)
            if len(curves):
                low, high = np.quantile(curves, [0.25, 0.75], axis=0)
                bands.append(
                    Band(name, grid.tolist(), curves.mean(axis=0).tolist(), low.tolist(), high.tolist(), colours[name])
                )
        dots: list[Dot] = []
        if exposure and key == "P10":
            told = SUDS_PUBLISHED
            dots = [
                Dot(0.0, told["suds_start"], "published: first rating 62.3"),
                Dot(told["suds_peak_at"], told["suds_peak"], "published: mean of the peaks 89.7, at 0.41"),
                Dot(1.0, told["suds_end"], "published: last rating 53.8"),
            ]
        svg = lines_svg(
            Frame((-0.03, 1.03), (0, 100), width=500, height=300), bands,
            [(0, "first"), (0.5, "middle"), (1, "last")], (0, 25, 50, 75, 100), "place among the session’s ratings",
            "SUDS, 0 to 100", dots, f"Ratings in {key}",
        )  # fmt: skip
        figures.append(f'<figure>{svg}<figcaption class="small">{escape(key)}</figcaption></figure>')
    if not figures:
        return ""
    diamond = '<span class="diamond">published (P10, mean start, peak, end)</span>' if exposure else ""
    return (
        f'<h2>Distress ratings within sessions</h2>{legend(colours, diamond)}<div class="two">{"".join(figures)}</div>'
        '<p class="small">Mean and middle half of the ratings told. The published peak is a mean of each session’s own '
        "highest rating and lies above a mean curve, whose peaks fall at different times.</p>"
    )


def _resampled(ratings: Sequence[tuple[float, float]], grid: Floats) -> Floats:
    places = np.linspace(0.0, 1.0, len(ratings))
    return np.interp(grid, places, [value for _, value in ratings])


def _comparisons(summary: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    if not summary["comparisons"]:
        return ""
    parts: list[str] = []
    shown: dict[str, Mapping[str, Any]] = {}
    for row in summary["comparisons"]:
        # The first session with ratings tells most; where none has any, the last session.
        if "suds_end" not in shown.get(row["with"], {"measures": {}})["measures"]:
            shown[row["with"]] = row
    for other, row in shown.items():
        intervals: list[Interval] = []
        for name in COMPARED:
            found = row["measures"].get(name)
            if found is None or found["d"] is None or not found["difference"]:
                continue
            scale = found["d"] / found["difference"]
            ends = sorted((scale * found["low"], scale * found["high"]))
            told = f"{found['mean']:.2f} against {found['other']:.2f}"
            intervals.append(Interval(name, found["d"], ends[0], ends[1], colours[other], told))
        svg = forest_svg(intervals, f"Cohen’s d, {row['of']} minus {other}", f"{row['of']} against {other}")
        n, m = (max((found[of] for found in row["measures"].values()), default=0) for of in ("n", "n_other"))
        luck = " and the same luck" if "script" in summary else ""
        who = f"{n} pairs with the same client{luck}" if row["paired"] else f"{n} and {m} sessions, different clients"
        parts.append(
            f"<figure>{svg}<figcaption>{escape(row['of'])} against {escape(other)} in {escape(row['session'])}, {who}; "
            "95 % bootstrap intervals.</figcaption></figure>"
        )
    return f"<h2>Therapists compared</h2><div class='two'>{''.join(parts)}</div>"


def _cases(summary: Mapping[str, Any]) -> str:
    if not summary["cases"]:
        return ""
    figures = [
        f"<figure>{pairs_svg([(n, v['published'], v['drawn']) for n, v in shares.items()], field)}"
        f"<figcaption>{escape(field.replace('_', ' '))}, percent</figcaption></figure>"
        for field, shares in summary["cases"].items()
    ]
    more = '<span class="diamond">published</span>'
    return f'<h2>Who the clients are</h2>{legend({"drawn": COLOURS[0]}, more)}<div class="two">{"".join(figures)}</div>'
