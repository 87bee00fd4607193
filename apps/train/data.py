"""Readers of the public corpora that the shipped weights are trained on, in the formats their authors release."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with their targets: float32 (n, k), one row per text."""

    texts: list[str]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.texts)


def read_goemotions(path: Path, labels: tuple[str, ...]) -> LabelledTexts:
    """A split of GoEmotions (Demszky et al. 2020) as released: text, comma-separated label ids, comment id, by tabs.

    Targets are many-hot over `labels`, in the order of the release's labels file.
    """
    texts: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for number, line in enumerate(_lines(path), start=1):
        fields = line.split("\t")
        try:
            ids = [int(i) for i in fields[1].split(",")]
        except (IndexError, ValueError):
            ids = []
        if not ids or not all(0 <= i < len(labels) for i in ids):
            raise InputError(f"{path}, line {number}: expected text, label ids 0-{len(labels) - 1} and an id, by tabs")
        row = np.zeros(len(labels), np.float32)
        row[ids] = 1.0
        texts.append(fields[0])
        rows.append(row)
    return LabelledTexts(texts, np.array(rows))


def read_emobank(path: Path) -> LabelledTexts:
    """A split of EmoBank (Buechel & Hahn 2017) as CSV with columns V, A, D (1-5, 3 is neutral) and text."""
    require(path)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"V", "A", "D", "text"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"{path} has no column {', '.join(sorted(missing))}; EmoBank's CSV was expected")
        texts: list[str] = []
        rows: list[list[float]] = []
        for row in reader:
            try:
                rows.append([float(row[axis]) for axis in "VAD"])
            except (TypeError, ValueError):
                raise InputError(f"{path}, line {reader.line_num}: V, A and D must be numbers") from None
            texts.append(row["text"] or "")
    if not texts:
        raise InputError(f"{path} is empty")
    return LabelledTexts(texts, np.array(rows, np.float32))


def require(path: Path) -> None:
    """Raise InputError that names the file which was expected, unless it is there."""
    if not path.is_file():
        raise InputError(f"{path} was expected and is not there; put the released data into that folder")


def _lines(path: Path) -> list[str]:
    require(path)
    # Only the newline ends a line here: str.splitlines would also split at the odd control character in a comment.
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    if not lines:
        raise InputError(f"{path} is empty")
    return [line.rstrip("\r") for line in lines]
