"""Which words are the cause of a feeling (RECCON: Poria et al. 2021, arXiv 2012.11820).

Every clause of the utterance and every sentence of the last turns is a candidate; a logistic regression over its words
and its form (how far back, whose, how long, where in its turn) says how likely it is a cause.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.hashed import Floats, LinearHeads, sentences, tokens
from rapport.agent.response.strategy import feeling_class
from rapport.persona.affect import EKMAN7
from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "models" / "cause"
TURNS_BACK = 6
"""How many turns before the utterance are read."""
LONG_SENTENCE_WORDS = 12
"""A longer sentence is cut into clauses."""
MOST_PER_TURN = 20
"""Sentences of one turn that are read, the last ones."""
_CLAUSE = re.compile(r"\s*[,;:]\s+|\s+(?=(?:but|because|so|and|when|since|that)\s)", re.I)
_FIRST = frozenset(["i", "i'm", "i've", "i'd", "i'll", "my", "me", "we", "our", "us"])
_SECOND = frozenset(["you", "your", "you're", "you've", "you'll"])
_BECAUSE = frozenset(["because", "since", "cause", "due", "after", "when"])


@dataclass(frozen=True)
class Cause:
    """The words that are the likeliest cause of the feeling of an utterance."""

    text: str
    """A clause or a sentence, as it was said; empty where there are no words."""
    turn: int
    """How many turns back it was said: 0 is the utterance itself, 1 the last turn of the context."""
    confidence: float
    """Probability that these words are a cause, in [0, 1]."""


@dataclass(frozen=True)
class Candidate:
    """Words that may be a cause."""

    text: str
    turn: int
    """Turns back; 0 is the utterance."""
    same_speaker: bool
    place: int
    """Number within its turn."""
    of: int
    """Candidates of its turn."""


class CauseExtractor:
    """Finds the cause of the feeling of an utterance. The model loads when first used; safe from several threads.

    Raises:
        ComponentError: when first used, if the folder holds no such model.
    """

    def __init__(self, folder: Path = MODEL_FOLDER) -> None:
        self._folder = folder

    def extract(self, utterance: str, emotion: str, context: Sequence[ContextTurn] = ()) -> Cause:
        """The likeliest cause.

        Args:
            utterance: what was just said with the feeling.
            emotion: its feeling, a label of any taxonomy of `rapport.persona.affect`.
            context: the turns before, oldest first; `same_speaker` marks those of who said the utterance.
        """
        found = candidates(utterance, context)
        if not found:
            return Cause("", 0, 0.0)
        heads, weights = _model(self._folder)
        said = tokens(utterance)
        margins = [
            float(heads.margins(cues(candidate, emotion))[0] + form(candidate, emotion, said) @ weights)
            for candidate in found
        ]
        best = int(np.argmax(margins))
        return Cause(found[best].text, found[best].turn, 1 / (1 + float(np.exp(-margins[best]))))


def candidates(utterance: str, context: Sequence[ContextTurn]) -> list[Candidate]:
    """The clauses of the utterance, then those of the turns before, the latest first; only what holds words."""
    turns = [ContextTurn(utterance, True), *reversed(list(context)[-TURNS_BACK:])]
    found: list[Candidate] = []
    for back, turn in enumerate(turns):
        parts = [clause for sentence in sentences(turn.text)[-MOST_PER_TURN:] for clause in clauses(sentence)]
        parts = [part for part in parts if tokens(part)]
        found += [Candidate(part, back, turn.same_speaker, k, len(parts)) for k, part in enumerate(parts)]
    return found


def clauses(sentence: str) -> list[str]:
    """The clauses of a long sentence, each of at least four words; a short sentence as it is."""
    if len(sentence.split()) <= LONG_SENTENCE_WORDS:
        return [sentence]
    found: list[str] = []
    begin = 0
    for cut in _CLAUSE.finditer(sentence):
        if len(sentence[begin : cut.start()].split()) >= 4 and len(sentence[cut.end() :].split()) >= 4:
            found.append(sentence[begin : cut.start()].strip())
            begin = cut.end()
    return [*found, sentence[begin:].strip()]


def cues(candidate: Candidate, emotion: str) -> list[str]:
    """Its words and pairs of words, alone and marked by the feeling and by where they were said."""
    words = tokens(candidate.text)[:60]
    where = "u" if candidate.turn == 0 else "s" if candidate.same_speaker else "o"
    feeling = feeling_class(emotion)
    pairs = [f"{one} {two}" for one, two in itertools.pairwise(words)]
    return [*words, *pairs, *(f"{where}|{word}" for word in words), *(f"{feeling}|{word}" for word in words)]


def form(candidate: Candidate, emotion: str, said: Sequence[str]) -> Floats:
    """Where it stands, whose it is, how long it is, what it shares with the utterance's words `said`; (41,)."""
    words = tokens(candidate.text)
    n = len(words)
    back = np.zeros(TURNS_BACK + 1)
    back[candidate.turn] = 1.0
    feeling = np.zeros(len(EKMAN7.labels))
    feeling[EKMAN7.labels.index(feeling_class(emotion))] = 1.0
    in_utterance = candidate.turn == 0
    shape = [
        candidate.same_speaker and not in_utterance,
        np.log1p(n) / 2,
        n <= 3,
        candidate.place == 0,
        candidate.place == candidate.of - 1,
        candidate.of == 1,
        in_utterance and candidate.of == 1,
        in_utterance and candidate.place == candidate.of - 1,
        in_utterance and n <= 3,
        in_utterance and len(said) <= 6,
        in_utterance * np.log1p(n) / 2,
        "?" in words,
        "!" in words,
        not _FIRST.isdisjoint(words),
        not _SECOND.isdisjoint(words),
        not _BECAUSE.isdisjoint(words),
        0.0 if in_utterance else len(set(words) & set(said)) / max(len(set(words)), 1),
        np.log1p(len(said)) / 2,
        candidate.turn == 1 and len(said) <= 6,
        candidate.turn == 1 and candidate.place == candidate.of - 1,
    ]
    return np.concatenate([shape, back, feeling * in_utterance, feeling * (candidate.turn == 1)])


@cache
def _model(folder: Path) -> tuple[LinearHeads, Floats]:
    """Head over words (1), weights over form (41,)."""
    try:
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            arrays = dict(stored)
        return LinearHeads.of(arrays, "words"), arrays["form"].astype(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise ComponentError(
            f"{folder} holds no finder of causes ({error}); make it with `rapport train cause`"
        ) from None
