"""Scores of freely worded emotions by emotion wheels, as MER-UniBench has them (Lian et al. 2025, arXiv 2501.16566).

Words that say the same are brought together in three steps, each of which may be ambiguous: another form to its base
("angrily" to "anger"), a synonym to a word of the wheels, and that word to its inner one. Of all words that a label may
stand for, the alphabetically first that is on a wheel decides; a label that leads to none is left out.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

from rapport.apps.evaluate.tables import read_text
from rapport.persona.errors import ComponentError, InputError

Level = Literal["level1", "level2"]
Clusters = Mapping[str, str]
"""A wheel's words, each with the word that stands for its group."""

WHEELS = 5
RUNS = 8


@dataclass(frozen=True)
class Wheels:
    """The three steps as tables, all in lower case."""

    source: str
    """Where they come from, for reports."""
    bases: Mapping[str, tuple[str, ...]]
    """A form of a word to its base words; a base is a form of itself."""
    words: Mapping[str, tuple[str, ...]]
    """A base word to the words of the wheels that it is a synonym of; a word of a wheel is one of itself."""
    level1: tuple[Clusters, ...]
    """The wheels by their innermost words."""
    level2: tuple[Clusters, ...]
    """The wheels by their middle words; an innermost word stands for its alphabetically first middle word."""

    def cluster(self, label: str, clusters: Clusters) -> str | None:
        """The group of a label on one wheel; None where it leads to no word of it."""
        candidates = {word for base in self.bases.get(label, ()) for word in self.words.get(base, ())}
        return next((clusters[word] for word in sorted(candidates) if word in clusters), None)

    def clusters(self, labels: Sequence[str], clusters: Clusters) -> set[str]:
        """The groups of some labels on one wheel."""
        found = (self.cluster(label.lower().strip(), clusters) for label in labels)
        return {group for group in found if group is not None}


def set_scores(
    given: Sequence[Sequence[str]], found: Sequence[Sequence[str]], wheels: Wheels, level: Level = "level1"
) -> dict[str, float]:
    """Set-level precision, recall and F1 of freely worded labels, each the mean over the wheels.

    On one wheel, with the groups Y given and Z found for a sample: precision is the mean of |Y & Z| / |Z| and recall
    of |Y & Z| / |Y|, both 0 where nothing was found; samples whose Y is empty do not count. F1 is the harmonic mean of
    these two means.

    Raises:
        InputError: no given label is on any wheel.
    """
    return _mean_over_wheels(given, found, wheels, level, _set_scores)


def hit_rate(given: Sequence[str], found: Sequence[Sequence[str]], wheels: Wheels, level: Level = "level1") -> float:
    """Share of samples the group of whose one given label is among the groups found; the mean over the wheels.

    Samples whose label is on no wheel ("neutral") do not count.

    Raises:
        InputError: no given label is on any wheel.
    """
    return _mean_over_wheels([[label] for label in given], found, wheels, level, _hits)["hit_rate"]


@cache
def own_wheels() -> Wheels:
    """The small wheel that ships, for use without the official ones. Its scores compare only with each other."""
    data = json.loads((resources.files("rapport.apps.evaluate") / "wheel.json").read_text("utf-8"))
    rows = [
        (inner, middle, outer)
        for inner, middles in data["wheel"].items()
        for middle, outers in middles.items()
        for outer in outers
    ]
    known = {word for row in rows for word in row}
    synonyms = [(word, data["synonyms"].get(word, [])) for word in sorted(known)]
    bases = known | {synonym for _, found in synonyms for synonym in found}
    forms = [(base, data["forms"].get(base, [])) for base in sorted(bases)]
    return _wheels("our own small wheel", forms, synonyms, [rows])


def read_wheels(folder: Path) -> Wheels:
    """The official wheels from a folder that holds format.csv, synonym.xlsx and wheel1.xlsx to wheel5.xlsx.

    A .csv in the place of an .xlsx will do. The first row names the columns: name and format; word_run1, synonym_run1
    and so on; level1, level2, level3 (an empty cell repeats the one above it).

    Raises:
        InputError: a file is missing or has other columns.
        ComponentError: there is an .xlsx, and openpyxl, which reads it, is not installed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give the one with the emotion wheels of MER-UniBench")
    forms = [(row["name"], listed(row["format"])) for row in _table(folder, "format", ("name", "format"))]
    columns = [(f"word_run{k}", f"synonym_run{k}") for k in range(1, RUNS + 1)]
    synonyms = [
        (row[word], listed(row[synonym]))
        for row in _table(folder, "synonym", [name for pair in columns for name in pair])
        for word, synonym in columns
        if row[word].strip()
    ]
    return _wheels(str(folder), forms, synonyms, [_wheel_rows(folder, f"wheel{k}") for k in range(1, WHEELS + 1)])


def _wheels(
    source: str,
    forms: Sequence[tuple[str, Sequence[str]]],
    synonyms: Sequence[tuple[str, Sequence[str]]],
    wheels: Sequence[Sequence[tuple[str, str, str]]],
) -> Wheels:
    level1: list[dict[str, str]] = []
    level2: list[dict[str, str]] = []
    for rows in wheels:
        tree: dict[str, dict[str, list[str]]] = {}
        for inner, middle, outer in rows:
            tree.setdefault(inner, {}).setdefault(middle, []).append(outer)
        inner_of: dict[str, str] = {}
        middle_of: dict[str, str] = {}
        # Where a word stands in several places of a wheel the last one counts, in this order.
        for inner, middles in tree.items():
            inner_of[inner], middle_of[inner] = inner, min(middles)
            for middle, outers in middles.items():
                inner_of |= dict.fromkeys((middle, *outers), inner)
                middle_of |= dict.fromkeys((middle, *outers), middle)
        level1.append(inner_of)
        level2.append(middle_of)
    return Wheels(source, _reversed(forms), _reversed(synonyms), tuple(level1), tuple(level2))


def _reversed(groups: Sequence[tuple[str, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """Each member of a group, its head among them, with the heads of all groups that have it."""
    heads: dict[str, set[str]] = {}
    for given, members in groups:
        head = given.strip().lower()
        for member in (head, *members):
            heads.setdefault(member.strip().lower(), set()).add(head)
    return {member: tuple(sorted(found)) for member, found in heads.items()}


def _mean_over_wheels(
    given: Sequence[Sequence[str]], found: Sequence[Sequence[str]], wheels: Wheels, level: Level, score: Any
) -> dict[str, float]:
    if len(given) != len(found):
        raise InputError(f"{len(given)} samples were given and {len(found)} found; they must be the same")
    scored: list[dict[str, float]] = []
    for clusters in wheels.level1 if level == "level1" else wheels.level2:
        pairs = [
            (wheels.clusters(y, clusters), wheels.clusters(z, clusters)) for y, z in zip(given, found, strict=True)
        ]
        counted = [pair for pair in pairs if pair[0]]
        if not counted:
            raise InputError(f"none of the given labels is on a wheel of {wheels.source}")
        scored.append(score(counted))
    return {name: sum(s[name] for s in scored) / len(scored) for name in scored[0]}


def _set_scores(pairs: Sequence[tuple[set[str], set[str]]]) -> dict[str, float]:
    precision = sum(len(y & z) / len(z) if z else 0.0 for y, z in pairs) / len(pairs)
    recall = sum(len(y & z) / len(y) for y, z in pairs) / len(pairs)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"f1": f1, "precision": precision, "recall": recall}


def _hits(pairs: Sequence[tuple[set[str], set[str]]]) -> dict[str, float]:
    return {"hit_rate": sum(len(y & z) for y, z in pairs) / len(pairs)}


def _wheel_rows(folder: Path, name: str) -> list[tuple[str, str, str]]:
    here = {"level1": "", "level2": "", "level3": ""}
    rows: list[tuple[str, str, str]] = []
    for row in _table(folder, name, tuple(here)):
        here |= {level: row[level].strip().lower() for level in here if row[level].strip()}
        rows.append((here["level1"], here["level2"], here["level3"]))
    return rows


def listed(cell: str) -> list[str]:
    """The labels of a cell such as "['glad', 'merry']" or "glad,merry"."""
    return [word.strip() for word in re.split(r"""[\[\]'",，]""", cell) if word.strip()]


def _table(folder: Path, name: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    path = next((folder / f"{name}{end}" for end in (".csv", ".xlsx") if (folder / f"{name}{end}").is_file()), None)
    if path is None:
        raise InputError(f"{folder}: has neither {name}.xlsx nor {name}.csv; expected MER-UniBench's emotion wheels")
    rows = _sheet(path) if path.suffix == ".xlsx" else csv.reader(io.StringIO(read_text(path), newline=""))
    header = [cell.strip() for cell in next(rows, cast("list[str]", []))]
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(f"{path}, line 1: no column {', '.join(missing)}; expected {', '.join(columns)}")
    for cells in rows:
        padded = [*cells, *("" for _ in header)]
        yield {column: padded[header.index(column)] for column in columns}


def _sheet(path: Path) -> Iterator[list[str]]:
    try:
        openpyxl: Any = importlib.import_module("openpyxl")
    except ImportError:
        raise ComponentError(f"{path.name} is read with openpyxl: pip install openpyxl, or save it as CSV") from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # noqa: BLE001 - what a broken archive raises comes from several packages
        raise InputError(f"{path}: cannot be read as a workbook ({error})") from None
    for row in book.active.iter_rows(values_only=True):
        yield ["" if cell is None else str(cell) for cell in row]
