"""`rapport eval safety`: how well the guard finds danger in cases of {text, level}."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rapport.agent.safety.guard import Guard
from rapport.agent.safety.levels import Level
from rapport.apps.train.safety import figures
from rapport.apps.train.safety_data import Case, read_cases
from rapport.persona.errors import InputError


@dataclass(frozen=True)
class SafetyReport:
    """Figures of the guard on a file of cases."""

    file: Path
    figures: dict[str, float]
    errors: list[dict[str, Any]]
    """Every case that was read as another level: its text, both levels, and what decided."""
    milliseconds: float
    """Median time of one text."""
    milliseconds_p95: float
    """The time that one text in twenty takes longer than."""

    def as_dict(self) -> dict[str, Any]:
        """`concern_recall` counts concerns read as a concern or more; a false alarm is nothing read as something."""
        told = {key: None if np.isnan(value) else value for key, value in self.figures.items()}
        return {
            "task": "safety",
            "file": str(self.file),
            **told,
            "milliseconds": self.milliseconds,
            "milliseconds_p95": self.milliseconds_p95,
            "errors": self.errors,
        }

    def write(self, path: Path) -> None:
        try:
            path.write_text(json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None

    def show(self) -> None:
        table = Table("", "", box=None, pad_edge=False, show_header=False)
        for name, value in self.as_dict().items():
            if isinstance(value, (int, float)):
                table.add_row(name, f"{value:.4g}")
        console = Console(soft_wrap=True)
        console.print(table)
        for error in self.errors:
            line = f"{error['level']} read as {error['found']} ({error['rule'] or 'nothing'}): {error['text']}"
            console.print(line, highlight=False, markup=False)


def safety(file: Path, part: str | None = None, guard: Guard | None = None) -> SafetyReport:
    """Judge the guard on the cases of a file, or on those of one `part` of it.

    Raises:
        InputError: the file cannot be read, a line is no case, or no case is of that part.
    """
    cases: list[Case] = [case for case in read_cases(file) if part is None or case.part == part]
    if not cases:
        raise InputError(f"{file}: has no case of the part {part!r}")
    guard = guard or Guard.shipped()
    guard.read("Hello.")
    levels: list[Level] = []
    errors: list[dict[str, Any]] = []
    times_s: list[float] = []
    for case in track(cases, "reading", transient=True):
        began_s = time.perf_counter()
        found = guard.read(case.text)
        times_s.append(time.perf_counter() - began_s)
        levels.append(found.level)
        if found.level != case.level:
            errors.append(
                {
                    "text": case.text,
                    "level": case.level.word,
                    "found": found.level.word,
                    "rule": found.rule,
                    "probability": round(found.probability, 4),
                }
            )
    median_ms, p95_ms = (1e3 * np.percentile(times_s, [50, 95])).tolist()
    return SafetyReport(file, figures(cases, levels), errors, median_ms, p95_ms)
