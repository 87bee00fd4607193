"""Readers of public corpora of single texts, in the files that their authors release."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rapport.apps.evaluate.tables import fault, label_in, read_csv, read_lines
from rapport.persona.errors import InputError

Part = Literal["train", "dev", "test", "all"]

MAHA_LABELS = (
    "anger", "anger/disgust", "disgust", "excitement", "fear", "happiness", "neutral", "pride", "respect", "sadness",
    "sarcasm", "surprise",
)  # fmt: skip
"""MahaEmotions' labels in lower case: its main files merge anger and disgust, another folder keeps them apart."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with their targets: float32 (n, k), one row per text."""

    texts: list[str]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.texts)


def read_goemotions(path: Path, labels: tuple[str, ...]) -> LabelledTexts:
    """A split of GoEmotions (Demszky et al. 2020, arXiv 2005.00547): text, comma-separated label ids, id, by tabs.

    Targets are many-hot over `labels`, in the order of the release's labels file.
    """
    texts: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for line, content in read_lines(path):
        fields = content.split("\t")
        try:
            ids = [int(i) for i in fields[1].split(",")]
        except (IndexError, ValueError):
            ids = []
        if not ids or not all(0 <= i < len(labels) for i in ids):
            raise fault(path, line, f"expected text, label ids 0-{len(labels) - 1} and an id, by tabs")
        row = np.zeros(len(labels), np.float32)
        row[ids] = 1.0
        texts.append(fields[0])
        rows.append(row)
    return LabelledTexts(texts, np.array(rows))


def read_emobank(path: Path, part: Part = "all") -> LabelledTexts:
    """EmoBank (Buechel & Hahn 2017): CSV with columns V, A, D (1-5, 3 is neutral) and text.

    The released emobank.csv holds every sentence and names its part in the column `split`; `part` picks by it.

    Raises:
        InputError: a rating is no number from 1 to 5, or the file does not have that part.
    """
    texts: list[str] = []
    rows: list[list[float]] = []
    for line, fields in read_csv(path, ("V", "A", "D", "text"), "EmoBank"):
        if part != "all":
            if "split" not in fields:
                raise fault(path, 1, f"no column split to pick the {part} part by; EmoBank's emobank.csv has one")
            if label_in(("train", "dev", "test"), fields["split"], path, line, "split") != part:
                continue
        try:
            ratings = [float(fields[axis]) for axis in "VAD"]
        except ValueError:
            ratings = []
        if not ratings or not all(1.0 <= rating <= 5.0 for rating in ratings):
            raise fault(path, line, "V, A and D must be numbers from 1 to 5")
        texts.append(fields["text"])
        rows.append(ratings)
    if not texts:
        raise InputError(f"{path} has no rows whose split is {part}")
    return LabelledTexts(texts, np.array(rows, np.float32))


def has_parts(path: Path) -> bool:
    """Whether a CSV of EmoBank names the part of each sentence, as the released emobank.csv does."""
    return any("split" in row.fields for row in islice(read_csv(path, ("V", "A", "D", "text"), "EmoBank"), 1))


def read_mahaemotions(path: Path) -> list[tuple[str, str]]:
    """A split of MahaEmotions (arXiv 2506.00863), Marathi: CSV with columns Tweet and Label; the latter in lower case.

    Labels are matched whatever their case: the released validation file mixes "Respect" and "respect".
    """
    return [
        (fields["Tweet"], label_in(MAHA_LABELS, fields["Label"], path, line, "Label"))
        for line, fields in read_csv(path, ("Tweet", "Label"), "MahaEmotions")
    ]
