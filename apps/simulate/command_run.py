"""`rapport simulate run`: a script to a folder with sessions, summary, report, media; or one case to the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from rapport.apps.simulate.media import Kind, Media, Studio

MEDIA = "media"
"""The folder of sound and video in a run's folder."""
SHOWN = (
    "turns", "suds_start", "suds_peak", "suds_end", "intensity", "trust", "empathy", "change_talk", "talk_ratio",
)  # fmt: skip


def script_from(path: Path | None, given: Mapping[str, Any]) -> SimulationScript:
    """A file's script with what the options say put over it."""
    if path is None:
        return script_of(dict(given), "the options")
    keys = read_script(path).model_dump(exclude_unset=True)
    for key, value in given.items():
        # Of a part with keys of its own, only those that were given change.
        keys[key] = {**keys.get(key, {}), **value} if isinstance(value, Mapping) else value
    return script_of(keys, str(path))


def run_command(
    path: Path | None, given: Mapping[str, Any], out: Path | None, workers: int | None, as_json: bool,
    media: Kind | None = None,
) -> None:  # fmt: skip
    """Run and tell."""
    script = script_from(path, given)
    if out is None:
        if script.cases > 1 or len(script.therapists) > 1 or media is not None:
            raise InputError("say with --out DIR where the sessions are to be written")
        _print_case(script, as_json)
        return
    studio = None if media is None else _opened(media, quiet=as_json)  # what is missing is told before the work
    summary = run_to(script, out, workers, quiet=as_json)
    if not as_json:
        _show(summary)
        typer.echo(f"{summary['sessions']} sessions in {out}: sessions.jsonl, summary.json, report.html")
    if studio is not None:
        summary[MEDIA] = [
            {"path": str(one.path), "duration_s": one.duration_s, "turns": one.turns, "heard": one.heard}
            for one in media_to(out, studio, quiet=as_json)
        ]
    if as_json:
        typer.echo(json.dumps(summary, indent=2))


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


def media_to(out: Path, studio: Studio, quiet: bool = True) -> list[Media]:
    """Sound or video of every session of a run, below its folder; what is there already is left as it is.

    Raises:
        StageError: voice or face failed.
        StorageError: the folder cannot be written.
    """
    from rapport.apps.simulate.media import make_media

    console = Console(stderr=True, quiet=quiet, highlight=False)
    sessions = list(read_sessions(out / SESSIONS))
    made: list[Media] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=None)

        def told(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        for one in make_media(sessions, studio, out / MEDIA, told):
            made.append(one)
            console.print(f"{one.path}: {one.duration_s:.0f} s, {one.turns} turns{_heard(one.heard)}", soft_wrap=True)
    console.print(f"{len(made)} of {len(sessions)} sessions performed; the others were there already")
    return made


def _opened(kind: Kind, quiet: bool) -> Studio:
    from rapport.apps.simulate.media import open_studio

    console = Console(stderr=True, quiet=quiet, highlight=False)
    with console.status("waking up voices and faces"):
        studio = open_studio(kind)
    if studio.ears is None:
        console.print("nothing here recognises speech and the feeling in it, so neither is measured", style="yellow")
    return studio


def _heard(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    told = (("wer", "word error rate"), ("arousal_r", "arousal asked and heard r"))
    return "".join(f", {name} {figures[key]:.2f}" for key, name in told if figures[key] is not None)


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
