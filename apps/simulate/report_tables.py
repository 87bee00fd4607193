"""The tables of the report: measures, strategies, traits, and the benchmark's figures. From the summary to HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, cast

from rapport.apps.simulate.acts import STRATEGIES
from rapport.apps.simulate.measures import MEASURES

TABLE = (
    "turns", "minutes", "suds_start", "suds_peak", "suds_end", "suds_slope", "suds_n", "intensity", "end_distress",
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


def strategies_html(summary: Mapping[str, Any]) -> str:
    """What therapists do, as shares of ESConv's strategies."""
    parts: list[str] = []
    for therapist, sessions in summary["acts"].items():
        known = {key: found["strategies"] for key, found in sessions.items() if found["strategies"]}
        head = "".join(f"<th>{escape(key)}</th>" for key in known)
        rows = "".join(
            f"<tr><td>{escape(name)}</td>" + "".join(_figure(found[name]) for found in known.values()) + "</tr>"
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
    """The benchmark's scores of simulated clients, and apart from them the published models'."""
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


def _figure(found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "<td></td>"
    mean = cast("float", found["mean"])
    digits = 1 if abs(mean) >= 10 else 2
    low, high = (f"{found[end]:.{digits}f}" if found[end] is not None else "" for end in ("low", "high"))
    return f"<td>{mean:.{digits}f} <small>[{low}, {high}]</small></td>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}".replace("-", "−")
