"""`rapport evaluate-sessions`: sessions that are there to figures and a report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rapport.apps.evaluate.report import writable
from rapport.apps.simulate.evaluation import Evaluated, evaluate, numbered
from rapport.apps.simulate.terminal import show
from rapport.apps.simulate.trajectory import read_reference
from rapport.persona.errors import StorageError


def evaluate_command(
    sources: Sequence[Path], baseline: str | None, emotion: str | None, reference: Path | None,
    judge: tuple[str | None, int], json_path: Path | None, html: Path | None,
) -> None:  # fmt: skip
    """Read, measure, judge where asked, write and tell. What cannot work is told before the work."""
    writable(json_path)
    writable(html)
    known = None if reference is None else read_reference(reference)
    model, name = None, judge[0]
    if name is not None:
        from rapport.apps.simulate.judge import load_judge

        model = load_judge(name)
    feelings = None
    if emotion is not None:
        from rapport.apps.simulate.words_read import WordsReader

        feelings = WordsReader(emotion)
    with Console(stderr=True).status("reading sessions") as status:
        found = evaluate(sources, feelings, lambda n: status.update(f"{n} sessions read"))
    summary = found.summary(baseline, known)
    summary["feelings"] = emotion
    if model is not None and name is not None:
        summary["judge"] = _judged(model, name, judge[1], sources, found, summary["baseline"], known)
    show(summary)
    if json_path is not None:
        _write(json_path, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    if html is not None:
        from rapport.apps.simulate.report import report_html

        _write(html, report_html(summary, found.measured, found.to_look_into()))
    for path in (json_path, html):
        if path is not None:
            typer.echo(str(path))


def _judged(
    model: Any, name: str, most: int, sources: Sequence[Path], found: Evaluated, baseline: str,
    reference: Mapping[str, Sequence[float]] | None,
) -> dict[str, Any]:  # fmt: skip
    from rapport.apps.simulate.judge import judge_sessions, judge_summary

    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        told: Callable[[int, int], None] = lambda done, of: bar.update(task, completed=done, total=of)  # noqa: E731
        again = (session for _, session in numbered(sources))
        judged = judge_sessions(model, again, found.measured, most, told)
    return judge_summary(judged, name, baseline, reference)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); make room or name another file") from None
