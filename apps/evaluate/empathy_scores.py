"""`rapport eval epitome`: how well the scorer of empathy finds the levels of EPITOME's pairs."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rapport.agent.response.empathy import LEVELS, SCALES, EmpathyScorer
from rapport.persona.errors import InputError

FILES = {
    "reactions": "emotional-reactions.csv",
    "interpretations": "interpretations.csv",
    "explorations": "explorations.csv",
}
"""EPITOME's files, by scale."""
RESAMPLES = 500

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """A response to somebody who seeks support."""

    seeker_id: str
    """Of the seeker's post; the row's own number where the file gives none."""
    seeker: str
    response: str
    level: int
    rationales: tuple[str, ...]


@dataclass(frozen=True)
class EpitomeReport:
    """Figures of the scorer on one scale."""

    file: Path
    scale: str
    figures: dict[str, Any]
    milliseconds: float
    """Median time of one pair."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "task": "epitome",
            "file": str(self.file),
            "scale": self.scale,
            **self.figures,
            "milliseconds": self.milliseconds,
        }

    def write(self, path: Path) -> None:
        try:
            path.write_text(json.dumps(self.as_dict(), indent=2) + "\n", "utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None

    def show(self) -> None:
        table = Table("", "", box=None, pad_edge=False, show_header=False)
        for name, value in self.as_dict().items():
            table.add_row(name, f"{value:.4g}" if isinstance(value, (int, float)) else str(value))
        Console(soft_wrap=True).print(table)


def epitome(file: Path, scale: str | None = None, scorer: EmpathyScorer | None = None) -> EpitomeReport:
    """Judge the shipped scorer on a file of pairs; the scale is told by the file's name where it is not given.

    Raises:
        InputError: the file cannot be read or is malformed, or its name tells no scale.
    """
    scale = scale or scale_of(file)
    pairs = read_pairs(file)
    scorer = scorer or EmpathyScorer()
    scorer.score("", ["Hello."])
    found, times_s = np.zeros((len(pairs), LEVELS)), np.zeros(len(pairs))
    for k, pair in enumerate(track(pairs, "scoring", transient=True)):
        began_s = time.perf_counter()
        found[k] = scorer.probabilities([(pair.seeker, pair.response)])[SCALES.index(scale), 0]
        times_s[k] = time.perf_counter() - began_s
    levels = np.array([pair.level for pair in pairs])
    figures = classification(found, levels, [pair.seeker_id for pair in pairs], 0)
    return EpitomeReport(file, scale, figures, 1e3 * float(np.median(times_s)))


def scale_of(file: Path) -> str:
    """The scale that a file's name tells.

    Raises:
        InputError: it tells none or several.
    """
    named = [scale for scale, stem in zip(SCALES, ("react", "interpret", "explor"), strict=True) if stem in file.name]
    if len(named) != 1:
        raise InputError(f"{file}: the name does not tell the scale; give --scale {'|'.join(SCALES)}")
    return named[0]


def read_pairs(file: Path) -> list[Pair]:
    """The rows of a file of EPITOME: seeker_post, response_post, level, and where given sp_id and rationales.

    Raises:
        InputError: the file cannot be read, lacks a column, or a level is not 0, 1 or 2.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read ({error})") from None
    if not rows:
        raise InputError(f"{file}: holds no pair")
    missing = {"seeker_post", "response_post", "level"} - rows[0].keys()
    if missing:
        raise InputError(f"{file}: lacks the column {sorted(missing)[0]!r}")
    pairs: list[Pair] = []
    for number, row in enumerate(rows, 2):
        level = (row["level"] or "").strip()
        if level not in ("0", "1", "2"):
            raise InputError(f"{file}: row {number}: level {level!r} is not 0, 1 or 2")
        marked = tuple(part for part in (row.get("rationales") or "").split("|") if part.strip())
        post = row.get("sp_id") or (row.get("id") or str(number)).split("_")[0]
        pairs.append(Pair(post, row["seeker_post"] or "", row["response_post"] or "", int(level), marked))
    return pairs


def classification(p: Floats, given: Ints, groups: Sequence[str], seed: int) -> dict[str, Any]:
    """Macro F1 (levels that occur), F1 of each level, accuracy, an interval over groups, and the majority's figure.

    Args:
        p: probabilities of the levels, (n, 3).
        given: the annotators' levels, (n,).
        groups: rows of one group are drawn together by the bootstrap.
        seed: of the bootstrap.
    """
    found = p.argmax(axis=1)
    table = _confusion(found, given)
    _, group = np.unique(np.array(groups), return_inverse=True)
    tables = np.zeros((group.max() + 1, LEVELS, LEVELS))
    np.add.at(tables, (group, given, found), 1)
    random = np.random.default_rng(seed)
    drawn = [
        _f1(np.tensordot(np.bincount(random.integers(0, len(tables), len(tables)), minlength=len(tables)), tables, 1))
        for _ in range(RESAMPLES)
    ]
    macro = [float(np.nanmean(f1)) for f1 in drawn]
    most = np.full_like(given, np.bincount(given, minlength=LEVELS).argmax())
    return {
        "n": len(given),
        "macro_f1": float(np.nanmean(_f1(table))),
        "macro_f1_interval": [float(x) for x in np.quantile(macro, (0.025, 0.975))],
        "per_class": {str(k): None if np.isnan(f1) else float(f1) for k, f1 in enumerate(_f1(table))},
        "accuracy": float((found == given).mean()),
        "confusion": table.astype(int).tolist(),
        "majority_macro_f1": float(np.nanmean(_f1(_confusion(most, given)))),
    }


def _confusion(found: Ints, given: Ints) -> Floats:
    """Counts, rows as given, columns as found, (3, 3)."""
    table = np.zeros((LEVELS, LEVELS))
    np.add.at(table, (given, found), 1)
    return table


def _f1(table: Floats) -> Floats:
    """Of each level, (3,); NaN for a level that was neither given nor found."""
    total = table.sum(axis=0) + table.sum(axis=1)
    return np.where(total > 0, 2 * np.diag(table) / np.maximum(total, 1), np.nan)
