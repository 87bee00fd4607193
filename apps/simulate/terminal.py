"""A summary as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from rapport.apps.simulate.summary import COMPARED

SHOWN = (
    "turns", "suds_start", "suds_peak", "suds_end", "intensity", "trust", "empathy", "change_talk", "talk_ratio",
)  # fmt: skip


def show(summary: Mapping[str, Any]) -> None:
    """Print the main measures of every therapist, and where therapists differ."""
    console = Console(soft_wrap=True)
    for therapist, sessions in summary["therapists"].items():
        table = Table(title=f"{therapist}: mean ± half of its 95 % interval", title_justify="left")
        table.add_column("", no_wrap=True)
        for key in sessions:
            table.add_column(key or "session", justify="right")
        for name in SHOWN:
            row = [figures.get(name) for figures in sessions.values()]
            if any(row):
                table.add_row(name, *(_cell(figure) for figure in row))
        console.print(table)
    for comparison in summary["comparisons"]:
        apart = {name: row for name, row in comparison["measures"].items() if row["apart"] and name in COMPARED}
        told = ", ".join(f"{name} {row['difference']:+.2f} (d {row['d'] or 0:+.2f})" for name, row in apart.items())
        console.print(
            f"{comparison['session']}: {comparison['of']} - {comparison['with']}: {told or 'no interval lies apart'}",
            highlight=False,
        )
    console.print(summary["notice"], style="dim", highlight=False)


def _cell(row: Mapping[str, float] | None) -> str:
    return "" if row is None else f"{row['mean']:.2f} ±{(row['high'] - row['low']) / 2:.2f}"
