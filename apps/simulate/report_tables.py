"""The tables of the report: measures, strategies, traits, and the benchmark's figures. From the summary to HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, cast

from rapport.apps.simulate.acts import STRATEGIES
from rapport.apps.simulate.measures import MEASURES

SCORES = {"pearson": "Pearson", "dtw": "DTW", "rmse": "RMSE", "s_abs": "S<sub>abs</sub>"}
MEASURED_AS = {"intensity": "the client’s state", "felt_intensity": "feelings of the words", "judge": "the judge"}
TABLE = (
    "turns", "minutes", "suds_start", "suds_peak", "suds_end", "suds_slope", "suds_n", "intensity", "felt_intensity",
    "end_distress",
    "fear", "trust", "disclosure", "avoidance", "dissociation", "readiness", "change_talk", "talk_ratio", "questions",
    "open_questions", "reflections", "reflections_per_question", "empathy", "repetition", "deep_breath",
    "lexical_rapport", "affective_rapport", "agreement", "switch_ratio",
)  # fmt: skip


def measures_html(summary: Mapping[str, Any]) -> str:
    """Every measure of every therapist by session, with what each is."""
    parts: list[str] = []
    for therapist, sessions in summary["therapists"].items():
        names = [name for name in TABLE if any(name in figures for figures in sessions.values())]
        head = "".join(f"<th>{escape(key)}</th>" for key in sessions)
        rows = "".join(
            f'<tr><td title="{escape(MEASURES[name])}">{escape(name)}</td>'
            + "".join(_cell(figures.get(name)) for figures in sessions.values())
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


def strategies_html(summary: Mapping[str, Any]) -> str:
    """What therapists do, as shares of ESConv's strategies."""
    parts: list[str] = []
    for therapist, sessions in summary["acts"].items():
        known = {key: found["strategies"] for key, found in sessions.items() if found["strategies"]}
        head = "".join(f"<th>{escape(key)}</th>" for key in known)
        rows = "".join(
            f"<tr><td>{escape(name)}</td>" + "".join(_cell(found[name]) for found in known.values()) + "</tr>"
            for name in STRATEGIES
        )
        if known:
            parts.append(
                f"<h3>{escape(therapist)}</h3><div class='scroll'><table class='strategies'><thead><tr><th>mean share "
                f"[95 % interval]</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
            )
    if not parts:
        return ""
    told = "<p class='small'>Share of a session’s acts, by ESConv’s eight strategies (arXiv 2106.01144).</p>"
    return f"<h2>What the therapists do</h2>{told}{''.join(parts)}"


def personality_html(summary: Mapping[str, Any]) -> str:
    """Effects of traits beside what the literature expects; empty with too few cases."""
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


def trajectory_html(summary: Mapping[str, Any]) -> str:
    """The benchmark's scores of these clients, and apart from them the published models'."""
    found = summary.get("trajectory")
    if found is None:
        return ""
    published = [
        [escape(name), *(f"{figures[n]:.2f}" for n in SCORES)] for name, figures in found["published_models"].items()
    ]
    return (
        "<h2>Beside the emotional-trajectory benchmark</h2><p class='small'>Above: these clients against a shape that "
        "we wrote down, or a file that was given. Below: published models that read transcripts, against another model "
        "(arXiv 2504.13955, table 1). The two are not the same task, and their numbers are not to be ranked against "
        "each other.</p>" + trajectory_table(found["rows"]) + table(["published model", *SCORES.values()], published)
    )


def trajectory_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Scores of trajectories with their intervals, one row for each therapist and reference."""
    cells = [
        [escape(row["therapist"]), escape(MEASURED_AS[row["of"]]), escape(row["against"]), str(row["n"]),
         *(_score(row, name) for name in SCORES)]
        for row in rows
    ]  # fmt: skip
    return table(["therapist", "intensity by", "against", "n", *SCORES.values()], cells)


def published_html(summary: Mapping[str, Any]) -> str:
    """What is published of such sessions beside these; empty where nothing is."""
    found = summary.get("published")
    if not found:
        return ""
    first = next(iter(found.values()))
    rows = [
        [escape(f"{name} in P10"), f"{row['published']:g}",
         *(_plain(of["suds_in_imaginal_exposure"][name]["simulated"]) for of in found.values())]
        for name, row in first["suds_in_imaginal_exposure"].items()
    ] + [
        [escape(f"turns in {session}"), f"{row['published']:g}",
         *(_plain(of["turns"][session]["simulated"]) for of in found.values())]
        for session, row in first["turns"].items()
    ]  # fmt: skip
    switch = [_mean(of["switch_ratio"]["here"].values()) for of in found.values()]
    rows.append(["switch ratio", f"{first['switch_ratio']['real']:g} real, {first['switch_ratio']['synthetic']:g} "
                 "generated", *map(_plain, switch)])  # fmt: skip
    told = (
        "<h2>Beside published sessions</h2><p class='small'>Means of the released files of Thousand Voices of Trauma; "
        "switch ratio: arXiv 2504.21800. Agreement in means is not realism, but disagreement is a fault.</p>"
    )
    return told + table(["mean", "published", *map(escape, found)], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table from HTML cells."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def figure_cell(found: Mapping[str, float | None] | None) -> str:
    """A mean with its interval; empty for None."""
    if found is None:
        return ""
    mean = cast("float", found["mean"])
    digits = 1 if abs(mean) >= 10 else 2
    low, high = (f"{found[end]:.{digits}f}" if found[end] is not None else "" for end in ("low", "high"))
    return f"{mean:.{digits}f} <small>[{low}, {high}]</small>".replace("-", "−")


def _score(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    low, high = row["intervals"][name]
    return figure_cell({"mean": row[name], "low": low, "high": high})


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _cell(found: Mapping[str, float | None] | None) -> str:
    return f"<td>{figure_cell(found)}</td>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}".replace("-", "−")
