"""Linear readers of hashed text: runs of words and pieces of words, weighted by TF-IDF, times quantised weights.

Columns are hashes (Weinberger et al. 2009, arXiv 0902.2206), so a reader needs no vocabulary, and reads a sentence in a
fraction of a millisecond.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_CHARACTERS = 4_000
"""Longer texts are read by their beginning."""
_TOKEN = re.compile(r"[a-z0-9']+|[?!]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+|\s{2,}|(?<=[.!?])(?=[A-Z])")


def tokens(text: str) -> list[str]:
    """Lower-case words, question marks and exclamation marks."""
    return _TOKEN.findall(text[:MAX_CHARACTERS].lower().replace("’", "'"))


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order. Marks without a letter or digit belong to the sentence before them, and at
    the beginning to the first; a text of nothing else is one sentence."""
    found: list[str] = []
    for part in _SENTENCE_END.split(text[:MAX_CHARACTERS]):
        if found and not (re.search(r"\w", part) and re.search(r"\w", found[-1])):
            found[-1] = f"{found[-1]} {part}".strip()
        else:
            found.append(part.strip())
    return found


def pieces(words: Sequence[str]) -> list[str]:
    """Runs of one to three words, and runs of two to five letters within words."""
    found = [" ".join(words[k : k + n]) for n in (1, 2, 3) for k in range(len(words) - n + 1)]
    for word in words:
        marked = f"_{word}_"
        found += ["#" + marked[k : k + n] for n in (2, 3, 4, 5) for k in range(len(marked) - n + 1)]
    return found


def counted(found: Sequence[str], columns: int) -> tuple[Ints, Floats]:
    """The columns that strings hash to, each once, and the logarithms of their counts plus one; both (k,)."""
    counts = Counter(zlib.crc32(piece.encode()) % columns for piece in found)
    return np.fromiter(counts, np.int64, len(counts)), 1 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))


@dataclass(frozen=True)
class LinearHeads:
    """Weights of several linear outputs over the same hashed columns."""

    idf: NDArray[np.float16]
    """(columns,): 0 for columns too rare to count."""
    weights: NDArray[np.int8]
    """(columns, heads)."""
    scale: Floats
    """(heads,): what one step of a weight is worth."""
    bias: Floats
    """(heads,)."""

    def margins(self, found: Sequence[str]) -> Floats:
        """The outputs for the pieces of one text, (heads,)."""
        columns, counts = counted(found, len(self.idf))
        row = counts * self.idf[columns]
        length = float(np.linalg.norm(row))
        if length == 0:
            return self.bias.copy()
        return (row / length) @ self.weights[columns] * self.scale + self.bias

    def arrays(self, name: str) -> dict[str, NDArray[np.generic]]:
        """For `numpy.savez`, under names that begin with `name`."""
        return {
            f"{name}_idf": self.idf,
            f"{name}_weights": self.weights,
            f"{name}_scale": self.scale,
            f"{name}_bias": self.bias,
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.generic]], name: str) -> LinearHeads:
        """Inverse of `arrays`.

        Raises:
            KeyError: an array is missing.
        """
        return cls(
            arrays[f"{name}_idf"].astype(np.float16),
            arrays[f"{name}_weights"].astype(np.int8),
            arrays[f"{name}_scale"].astype(np.float64),
            arrays[f"{name}_bias"].astype(np.float64),
        )
