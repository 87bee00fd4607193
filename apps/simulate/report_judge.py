"""The part of the report with a language model's ratings: apart, marked, with all that is needed to doubt them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from rapport.apps.simulate.report_tables import figure_cell, table, trajectory_table


def judge_html(summary: Mapping[str, Any]) -> str:
    """The section; empty without a judge."""
    found = summary.get("judge")
    if found is None:
        return ""
    unread = ", ".join(f"{name} {n}" for name, n in found["unread"].items() if n) or "none"
    failures = f" ({escape('; '.join(found['failures']))})" if found["failures"] else ""
    return (
        f"<section class='judge'><h2>Judged by a model: {escape(found['model'])}</h2><p class='notice'>"
        f"{escape(found['notice'])} It read {found['sessions']} sessions, each twice, the second time with the "
        f"questions in reverse order; a rating is the mean of both. Failed: {found['failed']}{failures}. Ratings that "
        f"could not be read: {escape(unread)}.</p>"
        + "".join(_means(therapist, sessions) for therapist, sessions in found["therapists"].items())
        + _differences(found)
        + _agreement(found)
        + _trajectory(found)
        + _asked(found)
        + "</section>"
    )


def _means(therapist: str, sessions: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(name for figures in sessions.values() for name in figures))
    rows = [[escape(name), *(figure_cell(figures.get(name)) for figures in sessions.values())] for name in names]
    return f"<h3>{escape(therapist)}</h3>" + table(["mean rating [95 % interval]", *map(escape, sessions)], rows)


def _differences(found: Mapping[str, Any]) -> str:
    by: dict[str, dict[str, Mapping[str, Any]]] = {}
    for c in found["comparisons"]:
        by.setdefault(f"{c['of']} − {c['with']}", {})[c["session"]] = c
    parts: list[str] = []
    for pair, sessions in by.items():
        of = list(dict.fromkeys(name for c in sessions.values() for name in c["measures"]))
        rows = [[escape(name), *(_difference(c["measures"].get(name)) for c in sessions.values())] for name in of]
        who = "case by case" if all(c["paired"] for c in sessions.values()) else "different clients"
        if rows:
            told = f"<p>{escape(pair)}, {who}:</p>"
            parts.append(told + table(["difference [95 % interval]", *map(escape, sessions)], rows))
    return f"<h3>Differences of mean ratings</h3>{''.join(parts)}" if parts else ""


def _difference(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else figure_cell({"mean": row["difference"], "low": row["low"], "high": row["high"]})


def _agreement(found: Mapping[str, Any]) -> str:
    own = [
        [escape(name), _bounded(row, "alpha"), _percent(row["equal"]), str(row["n"])]
        for name, row in found["agreement"].items()
    ]
    beside = [
        [escape(row["item"]), escape(row["measure"]), row["expected"], _bounded(row, "r"), str(row["n"])]
        for row in found["beside"]
    ]
    told = (
        "<h3>How far to trust it</h3><p class='small'>With itself: Krippendorff’s α for interval data between the two "
        "passes; below about .67 its authors draw no conclusions. With what is measured without it: Pearson’s r.</p>"
    )
    parts = [told, table(["rating", "α [95 % interval]", "equal", "sessions"], own)]
    if beside:
        parts.append(table(["rating", "measure", "expected", "r [95 % interval]", "sessions"], beside))
    return "".join(parts)


def _trajectory(found: Mapping[str, Any]) -> str:
    if not found["trajectory"]:
        return ""
    return "<h3>Its reading of the emotional trajectory</h3>" + trajectory_table(found["trajectory"])


def _asked(found: Mapping[str, Any]) -> str:
    rows = [
        [escape(name), f"{item['low']} {escape(item['low_word'])} – {item['high']} {escape(item['high_word'])}",
         escape(item["question"])]
        for name, item in found["scale"].items()
    ]  # fmt: skip
    return (
        "<details><summary>Prompt and scale</summary>"
        + table(["rating", "scale", "question"], rows)
        + f"<pre>{escape(found['system'])}\n\n{escape(found['prompt'])}</pre></details>"
    )


def _bounded(row: Mapping[str, float | None], name: str) -> str:
    if row[name] is None:
        return "not defined"
    return figure_cell({"mean": row[name], "low": row["low"], "high": row["high"]})


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"
