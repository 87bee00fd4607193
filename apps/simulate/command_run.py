"""`rapport simulate run`: a script to a folder with sessions, summary and report; or one case to the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from rapport.apps.simulate.layouts import write_layout
from rapport.apps.simulate.records import NOTICE, read_sessions
from rapport.apps.simulate.runner import SESSIONS, Unit, run, run_unit
from rapport.apps.simulate.script import SimulationScript, read_script, script_of
from rapport.apps.simulate.summary import summarise
from rapport.persona.errors import InputError, StorageError

SHOWN = (
    "turns", "suds_start", "suds_peak", "suds_end", "intensity", "trust", "empathy", "change_talk", "talk_ratio",
)  # fmt: skip


def script_from(path: Path | None, given: Mapping[str, Any]) -> SimulationScript:
    """A file's script with what the options say put over it."""
    if path is None:
        return script_of(dict(given), "the options")
    script = read_script(path)
    return script_of({**script.model_dump(exclude_unset=True), **given}, str(path))


def run_command(
    path: Path | None, given: Mapping[str, Any], out: Path | None, workers: int | None, as_json: bool
) -> None:
    """Run and tell."""
    script = script_from(path, given)
    if out is None:
        if script.cases > 1 or len(script.therapists) > 1:
            raise InputError("say with --out DIR where the sessions are to be written")
        _print_case(script, as_json)
        return
    summary = run_to(script, out, workers, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    _show(summary)
    typer.echo(f"{summary['sessions']} sessions in {out}: sessions.jsonl, summary.json, report.html")


def run_to(script: SimulationScript, out: Path, workers: int | None = None, quiet: bool = True) -> dict[str, Any]:
    """Run a script into a folder and write its summary, its report and the layouts that it asks for."""
    from rapport.apps.simulate.report import report_html

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("cases", total=None)

        def told(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        measured = run(script, out, workers, told)
    summary = summarise(measured, script)
    try:
        (out / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", "utf-8")
        (out / "report.html").write_text(report_html(summary, measured, out / SESSIONS), "utf-8")
    except OSError as error:
        raise StorageError(
            f"{out}: cannot be written ({error.strerror}); make room and run the command again"
        ) from None
    for layout in script.record:
        write_layout(layout, read_sessions(out / SESSIONS), out / layout)
    return summary


def _print_case(script: SimulationScript, as_json: bool) -> None:
    writers = None
    if (script.models.client, script.models.therapist) != ("rules", "rules"):
        from rapport.apps.simulate.models import load_writers

        writers = load_writers(script.models.client, script.models.therapist, script.seed)
    for session in run_unit(script, Unit(script.therapists[0], 0), writers):
        if as_json:
            typer.echo(session.line(), nl=False)
            continue
        typer.echo(f"\n{session.title} ({session.session}), {session.therapist} therapist")
        for turn in session.turns:
            minute = f"{int(turn.start_s // 60):02d}:{int(turn.start_s % 60):02d}"
            typer.echo(f"{minute} {turn.who.capitalize()}: {turn.text}")
        if session.stopped or session.failed:
            typer.echo(f"({session.failed or session.stopped})")
    if not as_json:
        typer.echo(f"\n{NOTICE}")


def _show(summary: Mapping[str, Any]) -> None:
    console = Console(soft_wrap=True)
    for therapist, sessions in summary["therapists"].items():
        table = Table(title=f"{therapist}: mean ± half of its 95 % interval", title_justify="left")
        table.add_column("")
        for key in sessions:
            table.add_column(key, justify="right")
        for name in SHOWN:
            row = [figures.get(name) for figures in sessions.values()]
            if any(row):
                table.add_row(name, *(_cell(figure) for figure in row))
        console.print(table)
    for comparison in summary["comparisons"]:
        apart = {name: row for name, row in comparison["measures"].items() if row["apart"]}
        told = ", ".join(f"{name} {row['difference']:+.2f} (d {row['d'] or 0:+.2f})" for name, row in apart.items())
        console.print(
            f"{comparison['session']}: {comparison['of']} - {comparison['with']}: {told or 'no interval lies apart'}",
            highlight=False,
        )
    console.print(NOTICE, style="dim", highlight=False)


def _cell(row: Mapping[str, float] | None) -> str:
    return "" if row is None else f"{row['mean']:.2f} ±{(row['high'] - row['low']) / 2:.2f}"
