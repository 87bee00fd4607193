"""What an evaluation says, with the same keys for every task: as JSON for programs, as tables for people."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from rapport.apps.evaluate.metrics import (
    Flags,
    Floats,
    Ints,
    accuracy,
    bootstrap,
    concordance,
    interval,
    macro_f1,
    macro_f1_of_occurring,
    mean_f1_by_support,
    micro_f1,
    pearson,
    per_class,
)
from rapport.persona.errors import InputError

AXES = ("V", "A", "D")
F1S = ("accuracy", "macro_f1", "micro_f1", "weighted_f1")
SEED = 0


@dataclass(frozen=True)
class Report:
    """The figures of one task on one file. A figure that a task does not have is None."""

    task: str
    file: Path
    component: str
    n: int
    """How many texts, turns or triples were judged."""
    seconds: float
    """Time that the component took for them, without loading it."""
    figures: Mapping[str, Any]
    baselines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    notes: Sequence[str] = ()
    published: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Figures of others, each with its source."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: every task has all of the keys below, floats are rounded to six digits, NaN becomes None."""
        empty: dict[str, Any] = dict.fromkeys(F1S) | {"pearson": dict.fromkeys(AXES), "per_class": {}, "intervals": {}}
        return _plain(
            {"task": self.task, "file": str(self.file), "component": self.component}
            | {"n": self.n, "seconds": self.seconds}
            | empty
            | dict(self.figures)
            | {"baselines": {"hold": None, "majority": None, "mirror": None} | dict(self.baselines)}
            | {"notes": list(self.notes), "published": dict(self.published)}
        )

    def write(self, path: Path) -> None:
        try:
            path.write_text(json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None

    def show(self, console: Console | None = None) -> None:
        """Print tables: ours with intervals and baselines, per class, then theirs."""
        console = console or Console(soft_wrap=True)
        told = self.as_dict()
        console.print(
            f"{self.task}: {self.component} on {self.file}, n = {self.n}, {self.seconds:.1f} s", highlight=False
        )
        table = Table(box=None, pad_edge=False)
        table.add_column("")
        columns = [(self.component, told)] + [(k, b) for k, b in told["baselines"].items() if b is not None]
        for name, _ in columns:
            table.add_column(name, justify="right")
        for name in _rows(told):
            span = told["intervals"].get(name)
            cells = [_cell(_at(column, name)) for _, column in columns]
            if span:
                cells[0] += f" [{_cell(span[0])}, {_cell(span[1])}]"
            table.add_row(name, *(cell.replace("[", r"\[") for cell in cells))
        console.print(table)
        if told["per_class"]:
            console.print(_class_table(told["per_class"]))
        for name, figures in told["published"].items():
            said = ", ".join(f"{key} {_cell(value)}" for key, value in figures.items() if key != "source")
            console.print(rf"published, {name}: {said} ({figures['source']})", highlight=False, markup=False)
        for note in told["notes"]:
            console.print(f"note: {note}", highlight=False, markup=False)


def label_figures(
    found: Flags, given: Flags, labels: Sequence[str], units: int | Ints, *, every_label: bool = False
) -> dict[str, Any]:
    """Accuracy, the three F1, their 95 % intervals and the scores per class of labels found and given, (n, labels).

    Args:
        units: for the bootstrap, see `metrics.bootstrap`.
        every_label: whether labels that never occur count as 0 in macro F1, as it is for several labels per text.
    """
    samples = bootstrap(lambda rows: _f1s(found[rows], given[rows], every_label), units, SEED)
    return {
        **dict(zip(F1S, _f1s(found, given, every_label), strict=True)),
        "per_class": per_class(found, given, labels),
        "intervals": {name: interval(samples[:, k]) for k, name in enumerate(F1S)},
    }


def flags(names: Sequence[str], labels: Sequence[str]) -> Flags:
    """One label per text by its name as (n, labels); a name that is none of them finds nothing."""
    place = {label: k for k, label in enumerate(labels)}
    out = np.zeros((len(names), len(labels)), np.bool_)
    for row, name in enumerate(names):
        if name in place:
            out[row, place[name]] = True
    return out


def majority(given: Flags) -> Flags:
    """The label that is given most often, found in every text; both (n, labels)."""
    out = np.zeros_like(given)
    out[:, int(given.sum(axis=0).argmax())] = True
    return out


def f1_figures(found: Flags, given: Flags, *, every_label: bool = False) -> dict[str, float]:
    """Accuracy and the three F1 alone, as baselines have them."""
    return dict(zip(F1S, _f1s(found, given, every_label), strict=True))


def axis_figures(found: Floats, given: Floats, units: int | Ints) -> dict[str, Any]:
    """Pearson's r and Lin's concordance on V, A and D, both (n, 3), with the intervals of r."""

    def correlations(rows: Ints) -> list[float]:
        return [pearson(found[rows, k], given[rows, k]) for k in range(3)]

    samples = bootstrap(correlations, units, SEED)
    return {
        "pearson": dict(zip(AXES, correlations(np.arange(len(found))), strict=True)),
        "ccc": {axis: concordance(found[:, k], given[:, k]) for k, axis in enumerate(AXES)},
        "intervals": {f"pearson.{axis}": interval(samples[:, k]) for k, axis in enumerate(AXES)},
    }


def writable(path: Path | None) -> None:
    """Raise InputError now, rather than after the work, when a report cannot be written there."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise InputError(f"{path}: cannot be written; name a file in a folder that exists")


@contextmanager
def progress_of(description: str, total: int) -> Generator[Callable[[int], None]]:
    """A bar on standard error; what it yields is called with the number of items done since the last call."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.advance(task, done)


def _f1s(found: Flags, given: Flags, every_label: bool) -> list[float]:
    macro = macro_f1 if every_label else macro_f1_of_occurring
    return [score(found, given) for score in (accuracy, macro, micro_f1, mean_f1_by_support)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _rows(told: Mapping[str, Any]) -> list[str]:
    """The dotted names of all numbers, without those that tables of their own show."""
    apart = {"n", "seconds", "per_class", "intervals", "baselines", "published", "notes"}
    names: list[str] = []
    for key, value in told.items():
        if key in apart or isinstance(value, (str, list)):
            continue
        if isinstance(value, dict):
            names += [f"{key}.{inner}" for inner, x in cast("dict[str, Any]", value).items() if _is_number(x)]
        elif _is_number(value):
            names.append(key)
    return names


def _at(figures: Mapping[str, Any], name: str) -> Any:
    value: Any = figures
    for key in name.split(".", 1):
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


def _class_table(classes: Mapping[str, Mapping[str, Any]]) -> Table:
    names = list(next(iter(classes.values())))
    table = Table("class", *names, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for label, scores in classes.items():
        table.add_row(label, *(_cell(scores[name]) for name in names))
    return table
