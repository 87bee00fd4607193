"""`rapport simulate run`: a script to a folder with sessions, summary, report, media; or one case to the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rapport.apps.simulate.engines import EngineName
from rapport.apps.simulate.layouts import write_layout
from rapport.apps.simulate.records import NOTICE, read_sessions
from rapport.apps.simulate.runner import SESSIONS, Unit, run, run_unit
from rapport.apps.simulate.script import SimulationScript, read_script, script_of
from rapport.apps.simulate.summary import summarise
from rapport.apps.simulate.terminal import show
from rapport.persona.errors import InputError, StorageError


def script_from(path: Path | None, given: Mapping[str, Any]) -> SimulationScript:
    """A file's script with what the options say put over it."""
    if path is None:
        return script_of(dict(given), "the options")
    keys = read_script(path).model_dump(exclude_unset=True)
    for key, value in given.items():
        # Of a part with keys of its own, only those that were given change.
        keys[key] = {**keys.get(key, {}), **value} if isinstance(value, Mapping) else value
    return script_of(keys, str(path))


@dataclass(frozen=True)
class Way:
    """How a run is computed: on which engine, by how many, where the cluster is."""

    workers: int | None = None
    engine: EngineName = "local"
    address: str | None = None


@dataclass(frozen=True)
class Performed:
    """What is to be performed, and of how many sessions at most."""

    kind: Literal["audio", "video"]
    most: int


def run_command(
    path: Path | None, given: Mapping[str, Any], out: Path | None, way: Way, as_json: bool,
    performed: Performed | None = None,
) -> None:  # fmt: skip
    """Run and tell."""
    script = script_from(path, given)
    if way.address is not None and way.engine != "ray":
        raise InputError("--address names a Ray cluster; give --engine ray as well")
    if out is None:
        if script.cases > 1 or len(script.therapists) > 1 or performed is not None:
            raise InputError("say with --out DIR where the sessions are to be written")
        _print_case(script, as_json)
        return
    studio = None
    if performed is not None:
        from rapport.apps.simulate.command_media import opened

        studio = opened(performed.kind, quiet=as_json)  # what is missing is told before the work
    summary = run_to(script, out, way, quiet=as_json)
    if not as_json:
        show(summary)
        typer.echo(f"{summary['sessions']} sessions in {out}: sessions.jsonl, summary.json, report.html")
    if performed is not None and studio is not None:
        from rapport.apps.simulate.command_media import MEDIA, media_to

        summary[MEDIA] = [
            {"path": str(one.path), "duration_s": one.duration_s, "turns": one.turns, "heard": one.heard}
            for one in media_to(out, studio, performed.most, quiet=as_json)
        ]
    if as_json:
        typer.echo(json.dumps(summary, indent=2))


def run_to(script: SimulationScript, out: Path, way: Way | None = None, quiet: bool = True) -> dict[str, Any]:
    """Run a script into a folder and write its summary, its report and the layouts that it asks for."""
    from rapport.apps.simulate.report import report_html

    way = way or Way()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("cases", total=None)

        def told(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        measured = run(script, out, way.workers, told, way.engine, way.address)
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
    if script.models.any:
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
