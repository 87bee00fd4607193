"""`rapport train turn-ends`: which last words end what somebody says, counted in GoEmotions.

Every comment is one example of something finished; cut at a random word, it is one of something unfinished. A table of
the last word and the last two words, each with the share of finished examples, is all there is to the model. Cuts leave
two words at least: who says just "yes" mostly means it.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console

from rapport.persona.errors import InputError
from rapport.speech.turn_taking import UNKNOWN, words_of

CUTS = 4
"""Random cuts of each text; the whole text counts as often."""
MIN_WORDS = 2
MIN_COUNT = 6
"""Rarer words share one entry, rarer pairs have none."""
PRIOR_COUNT = 6.0
"""Examples that the last word alone is worth when the last two words are judged."""
_SENTENCE_END = re.compile(r"[.!?]\W*$")
_MASK = re.compile(r"\[[A-Z]+\]")

Example = tuple[list[str], bool]
"""Words without punctuation, and whether they are finished."""


def train_turn_ends(data: Path, out: Path, *, seed: int = 0) -> None:
    """Count in `data`/goemotions/train.tsv, write `out`/turn_ends.npz, and tell the AUC on dev.tsv beside it.

    Raises:
        InputError: a file is missing.
    """
    examples = list(cut_texts(read_texts(data / "goemotions" / "train.tsv"), seed))
    table = count(examples)
    held_out = list(cut_texts(read_texts(data / "goemotions" / "dev.tsv"), seed))
    scores = np.array([_look_up(table, words) for words, _ in held_out])
    finished = np.array([done for _, done in held_out])
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "turn_ends.npz",
        endings=np.array(list(table)),
        finished=np.array(list(table.values()), np.float16),
    )
    line = f"{len(table)} endings; AUC on GoEmotions dev {auc(scores, finished):.3f} (n = {len(finished)})"
    Console().print(line, highlight=False)


def read_texts(path: Path) -> list[str]:
    """The comments of a GoEmotions file, names that were masked in it replaced by "him"."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); --data wants a folder with goemotions/") from None
    return [_MASK.sub("him", line.split("\t")[0]) for line in lines]


def cut_texts(texts: Iterable[str], seed: int) -> Iterator[Example]:
    """Whole texts and texts cut at random, equally many; cuts behind a sentence are left out."""
    draw = random.Random(seed)
    for text in texts:
        parts = text.split()
        for _ in range(CUTS if len(parts) > MIN_WORDS else 0):
            cut = " ".join(parts[: draw.randrange(MIN_WORDS, len(parts))])
            if not _SENTENCE_END.search(cut) and words_of(cut):
                yield words_of(text), True
                yield words_of(cut), False


def count(examples: Iterable[Example]) -> dict[str, float]:
    """Probability of being finished by the last word, and by the last two; both kinds equally frequent before."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for words, finished in examples:
        for length in {1, min(2, len(words))}:
            counts[" ".join(words[-length:])][finished] += 1
    single = {ending: n for ending, n in counts.items() if " " not in ending}
    rare = [n for n in single.values() if sum(n) < MIN_COUNT]
    table = {UNKNOWN: _share(sum(n[0] for n in rare), sum(n[1] for n in rare), 0.5)}
    table |= {ending: _share(n[0], n[1], table[UNKNOWN]) for ending, n in single.items() if sum(n) >= MIN_COUNT}
    for ending, n in counts.items():
        if ending not in single and sum(n) >= MIN_COUNT:
            table[ending] = _share(n[0], n[1], table.get(ending.split(" ")[-1], table[UNKNOWN]))
    return table


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counting half (Mann & Whitney 1947)."""
    order = np.sort(scores[~positive])
    below = np.searchsorted(order, scores[positive], "left")
    above = np.searchsorted(order, scores[positive], "right")
    return float((below + above).mean() / (2 * len(order)))


def _share(unfinished: int, finished: int, prior: float) -> float:
    return (finished + PRIOR_COUNT * prior) / (unfinished + finished + PRIOR_COUNT)


def _look_up(table: dict[str, float], words: list[str]) -> float:
    pair = " ".join(words[-2:])
    return table.get(pair, table.get(words[-1], table[UNKNOWN]))
