"""The report of a run: one page that needs no network, with figures, tables, and single sessions to look into."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.apps.simulate.figures import (
    COLOURS,
    Band,
    Dot,
    Frame,
    Interval,
    forest_svg,
    lines_svg,
    pairs_svg,
)
from rapport.apps.simulate.measures import MEASURES
from rapport.apps.simulate.records import SessionRecord, read_line
from rapport.apps.simulate.runner import Measured
from rapport.apps.simulate.summary import SUDS_PUBLISHED

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
SAMPLES = 36
"""Sessions that can be looked into; all of them would make the page too large."""
TABLE = (
    "turns", "minutes", "suds_start", "suds_peak", "suds_end", "suds_slope", "suds_n", "intensity", "end_distress",
    "fear", "trust", "disclosure", "avoidance", "dissociation", "readiness", "change_talk", "talk_ratio", "questions",
    "open_questions", "reflections", "reflections_per_question", "empathy", "repetition", "deep_breath",
    "lexical_rapport", "affective_rapport", "agreement", "switch_ratio",
)  # fmt: skip

_THERAPIST = re.compile(r'"therapist":"([^"]*)"')

Floats = NDArray[np.float64]


def report_html(summary: Mapping[str, Any], measured: Sequence[Measured], sessions: Path) -> str:
    """The page of a run, from its summary, the measures of its sessions, and the file of the sessions."""
    script = summary["script"]
    therapists = list(summary["therapists"])
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(therapists)}
    keys = list(dict.fromkeys(m.session for m in measured))
    body = [
        f"<header><h1>{escape(_title(script))}</h1>",
        f'<p class="facts">{summary["sessions"]} sessions, {script["cases"]} cases, seed {script["seed"]}, '
        f"therapists: {escape(', '.join(therapists))}; words by {escape(_words(script))}. "
        f"Stopped early: {sum(summary['stopped'].values())}. Failed: {summary['failed']}.</p>",
        f'<p class="notice">{escape(summary["notice"])} Everything drawn with a line is the output of a model whose '
        "constants are assumptions; hollow diamonds are published figures.</p></header>",
        _courses(measured, keys, therapists, colours),
        _ratings(measured, therapists, colours, script["protocol"] == "pe"),
        _comparisons(summary, colours),
        _tables(summary),
        _cases(summary),
        _personality(summary),
        _trajectory(summary),
        _explorer(sessions),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(_title(script))}</title><style>{_file('report.css')}</style></head>\n<body>"
        + "\n".join(part for part in body if part)
        + f"<script>{_file('report.js')}</script></body></html>\n"
    )


def _title(script: Mapping[str, Any]) -> str:
    names = {"pe": "prolonged exposure", "supportive": "supportive listening", "mi": "motivational interviewing"}
    return f"Simulated {names.get(script['protocol'], script['protocol'])}"


def _words(script: Mapping[str, Any]) -> str:
    models = script["models"]
    if models["client"] == models["therapist"]:
        return str(models["client"])
    return f"{models['client']} (client), {models['therapist']} (therapist)"


def _file(name: str) -> str:
    return (resources.files("rapport.apps.simulate") / name).read_text("utf-8")


def _legend(colours: Mapping[str, str], more: str = "") -> str:
    spans = "".join(f'<span style="--c:{colour}">{escape(name)}</span>' for name, colour in colours.items())
    return f'<div class="legend">{spans}{more}</div>'


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
    for name in therapists:
        rows = [
            _quantiles([m.figures["intensity"] for m in measured if m.therapist == name and m.session == key])
            for key in keys
        ]
        mean, low, high = (list(column) for column in zip(*rows, strict=True))
        bands.append(Band(name, list(range(len(keys))), mean, low, high, colours[name]))
    frame = Frame((-0.3, len(keys) - 0.7), (1, 10))
    svg = lines_svg(
        frame, bands, list(enumerate(keys)), (1, 4, 7, 10), "session, in order", "intensity, 1 calm to 10 extreme",
        what="Mean intensity by session",
    )  # fmt: skip
    return (
        f"<h2>Emotional course over the sessions</h2><figure>{_legend(colours)}{svg}<figcaption>Mean distress of each "
        "session on the benchmark’s scale of 1 to 10; bands: the middle half of the cases.</figcaption></figure>"
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
        f'<h2>Distress ratings within sessions</h2>{_legend(colours, diamond)}<div class="two">{"".join(figures)}</div>'
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
        for name, found in row["measures"].items():
            if found["d"] is None or not found["difference"]:
                continue
            scale = found["d"] / found["difference"]
            ends = sorted((scale * found["low"], scale * found["high"]))
            told = f"{found['mean']:.2f} against {found['other']:.2f}"
            intervals.append(Interval(name, found["d"], ends[0], ends[1], colours[other], told))
        svg = forest_svg(intervals, f"Cohen’s d, {row['of']} minus {other}", f"{row['of']} against {other}")
        n = max((found["n"] for found in row["measures"].values()), default=0)
        parts.append(
            f"<figure>{svg}<figcaption>{escape(row['of'])} against {escape(other)} in {escape(row['session'])}, {n} "
            "pairs with the same client and the same luck; 95 % bootstrap intervals.</figcaption></figure>"
        )
    return f"<h2>Therapists compared</h2><div class='two'>{''.join(parts)}</div>"


def _tables(summary: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for therapist, sessions in summary["therapists"].items():
        names = [name for name in TABLE if any(name in figures for figures in sessions.values())]
        head = "".join(f"<th>{escape(key)}</th>" for key in sessions)
        rows = "".join(
            f'<tr><td title="{escape(MEASURES[name])}">{escape(name)}</td>'
            + "".join(_figure(figures.get(name)) for figures in sessions.values())
            + "</tr>"
            for name in names
        )
        parts.append(
            f"<h3>{escape(therapist)}</h3><div class='scroll'><table><thead><tr><th>mean [95 % interval]</th>{head}"
            f"</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    what = "".join(f"<tr><td>{escape(name)}</td><td class='text'>{escape(MEASURES[name])}</td></tr>" for name in TABLE)
    told = f"<details><summary>What each measure is</summary><table>{what}</table></details>"
    return f"<h2>Measures</h2>{''.join(parts)}{told}"


def _figure(found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "<td></td>"
    mean = cast("float", found["mean"])
    digits = 1 if abs(mean) >= 10 else 2
    low, high = (f"{found[end]:.{digits}f}" if found[end] is not None else "" for end in ("low", "high"))
    return f"<td>{mean:.{digits}f} <small>[{low}, {high}]</small></td>"


def _cases(summary: Mapping[str, Any]) -> str:
    figures = [
        f"<figure>{pairs_svg([(n, v['published'], v['drawn']) for n, v in shares.items()], field)}"
        f"<figcaption>{escape(field.replace('_', ' '))}, percent</figcaption></figure>"
        for field, shares in summary["cases"].items()
    ]
    more = '<span class="diamond">published</span>'
    return (
        f'<h2>Who the clients are</h2>{_legend({"drawn": COLOURS[0]}, more)}<div class="two">{"".join(figures)}</div>'
    )


def _personality(summary: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(row['trait'])}</td><td>{escape(row['measure'])}</td><td>{row['expected']}</td>"
        f"<td>{_number(row['d'])}</td><td>{_number(row['r'])}</td><td>{row['n']}</td>"
        f"<td class='text'>{escape(row['source'])}</td></tr>"
        for row in summary["personality"]
    )
    if not rows:
        return ""
    return (
        "<h2>What personality does</h2><p class='small'>Upper against lower third of cases. These effects were built "
        "into the model, with the literature’s direction and sizes of ours: they show that it works, and are no "
        "evidence about people.</p><div class='scroll'><table><thead><tr><th>trait</th><th>measure</th>"
        "<th>expected</th><th>d</th><th>r</th><th>cases</th><th class='text'>literature</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}".replace("-", "−")


def _trajectory(summary: Mapping[str, Any]) -> str:
    found = summary.get("trajectory")
    if found is None:
        return ""
    ours, names = found["against_expected_shape"], ("pearson", "dtw", "rmse", "s_abs")

    def row(label: str, figures: Mapping[str, float | None]) -> str:
        cells = "".join(f"<td>{'' if figures[n] is None else f'{figures[n]:.2f}'}</td>" for n in names)
        return f"<tr><td>{escape(label)}</td>{cells}</tr>"

    published = "".join(row(label, figures) for label, figures in found["published_models"].items())
    head = "<thead><tr><th></th><th>Pearson</th><th>DTW</th><th>RMSE</th><th>S<sub>abs</sub></th></tr></thead>"
    return (
        "<h2>Beside the emotional-trajectory benchmark</h2><p class='small'>Above: simulated clients against a shape "
        "that we wrote down. Below: published models that read transcripts, against another model (arXiv 2504.13955, "
        "table 1). The two are not the same task, and their numbers are not to be ranked against each other.</p>"
        f"<table>{head}<tbody>{row('simulated clients, n = ' + str(ours['n']), ours)}</tbody></table>"
        f"<table>{head}<tbody>{published}</tbody></table>"
    )


def _explorer(path: Path) -> str:
    sessions = list(_samples(path))
    if not sessions:
        return ""
    options = "".join(f"<option>{escape(s['id'])}</option>" for s in sessions)
    data = json.dumps(sessions, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<h2>Single sessions</h2><p class="small">{len(sessions)} of the run; all are in sessions.jsonl. Point at the '
        "drawing, or step with the arrow keys.</p>"
        f'<div class="live"><select id="pick" aria-label="session">{options}</select><p id="who" class="small"></p>'
        '<svg id="timeline" viewBox="0 0 1000 336" tabindex="0" role="img" aria-label="Both over the session"></svg>'
        f"{_legend({'client': '#d55e00', 'therapist': '#0072b2', 'trust': '#009e73'})}"
        '<div id="words"><div id="said-t" style="--c:#0072b2"><b></b><br><span></span></div>'
        '<div id="said-c" style="--c:#d55e00"><b></b><br><span></span></div></div>'
        '<details><summary>The whole transcript</summary><div id="transcript"></div></details></div>'
        f'<script type="application/json" id="sessions">{data}</script>'
    )


def _samples(path: Path) -> Iterator[dict[str, Any]]:
    """The first cases of every therapist, as the page's script reads them."""
    lines: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            match = _THERAPIST.search(line)
            kept = lines.setdefault(match[1] if match else "", [])
            if len(kept) < SAMPLES:
                kept.append(line)
    each = max(1, SAMPLES // max(1, len(lines)))
    for kept in lines.values():
        for line in kept[:each]:
            yield _sample(read_line(line, str(path)))


def _sample(session: SessionRecord) -> dict[str, Any]:
    case = session.profile
    traits = "" if case is None else ", ".join(f"{name} {value:.2f}" for name, value in case.big_five)
    about = "" if case is None else (
        f"{case.age}, {case.gender}, {case.occupation}; "
        f"{case.trauma_type if session.protocol == 'pe' else case.problem}; "
        f"{', '.join(case.exhibited_behaviors)}; {traits}. {session.stopped or session.failed}"
    )  # fmt: skip
    return {
        "id": f"{session.therapist} therapist, case {session.case + 1}, {session.session} {session.title}",
        "about": about,
        "end": max([1.0, *(turn.end_s for turn in session.turns)]),
        "turns": [
            {"w": turn.who[0], "x": turn.text, "s": turn.start_s, "e": turn.end_s, "v": turn.vad[0],
             "a": " + ".join(turn.acts) or turn.feeling, "r": turn.rating,
             "d": None if turn.state is None else turn.state.suds, "u": 0 if turn.state is None else turn.state.trust}
            for turn in session.turns
        ],
    }  # fmt: skip
