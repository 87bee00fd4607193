"""Word error rate: the words a recogniser got wrong over the words that were said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rapport.speech.markup import speakable
from rapport.speech.normalize import spoken_words


def plain_words(text: str) -> list[str]:
    """Lower-case words as they are said, without punctuation: "9" and "nine", "I'm" and "Im" count alike."""
    return [word.lower().replace("'", "") for token in spoken_words(speakable(text)) for word in token.words]


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Substitutions, deletions and insertions over all words said.

    Pairs are (said, heard). NaN when nothing was said.
    """
    wrong = said = 0
    for reference, heard in pairs:
        words = plain_words(reference)
        said += len(words)
        wrong += edits(words, plain_words(heard))
    return wrong / said if said else float("nan")


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Levenshtein's distance: words to substitute, delete and insert."""
    row = np.arange(len(heard) + 1)
    for i, word in enumerate(said, 1):
        above, row = row, np.empty_like(row)
        row[0] = i
        for j, other in enumerate(heard, 1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != other))
    return int(row[-1])
