"""The evaluation of freely worded emotions, from any source, against given ones, as in MER-UniBench."""

from __future__ import annotations

import time
from pathlib import Path

from rapport.apps.evaluate.published import OPENSET
from rapport.apps.evaluate.report import Report
from rapport.apps.evaluate.tables import fault, read_csv
from rapport.apps.evaluate.wheels import Level, listed, own_wheels, read_wheels, set_scores
from rapport.persona.errors import InputError


def openset(file: Path, found: Path, wheels: Path | None, level: Level = "level1") -> Report:
    """Set-level scores of the labels in `found` against those in `file`, both CSV with columns name and openset.

    A sample that `found` does not have counts as nothing found.

    Raises:
        InputError: a name that stands twice, or names of `found` that `file` does not have.
    """
    given, told = _labels(file), _labels(found)
    if unknown := [name for name in told if name not in given]:
        raise InputError(f"{found}: {unknown[0]!r} is no name of {file}; both files must name the same samples")
    chosen = read_wheels(wheels) if wheels is not None else own_wheels()
    began_s = time.perf_counter()
    scores = set_scores(list(given.values()), [told.get(name, []) for name in given], chosen, level)
    notes = [f"{chosen.source}, {level}; {len(given) - len(told)} samples have no labels to judge and count as empty"]
    if wheels is None:
        notes.append("scores on our own wheel compare with each other, not with published ones: give --wheels FOLDER")
    return Report(
        "openset", file, found.name, len(given), time.perf_counter() - began_s, {"set": scores}, {}, notes, OPENSET
    )


def _labels(path: Path) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for line, fields in read_csv(path, ("name", "openset"), "a list of open-set labels"):
        if fields["name"] in out:
            raise fault(path, line, f"the name {fields['name']!r} stands twice")
        out[fields["name"]] = listed(fields["openset"])
    return out
