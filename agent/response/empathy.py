"""How much empathy a reply shows, on EPITOME's three scales (Sharma et al. 2020, arXiv 2009.08441).

Three readers are put together. Linear readers of the whole response and of each of its sentences (taught by the
rationales that annotators marked) say whether a level is reached; a regression over what they say, over the support
strategies that its sentences resemble (ESConv) and over a few plain measures gives probabilities of the levels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from rapport.agent.perception.links import sigmoid, softmax
from rapport.agent.response.hashed import Floats, LinearHeads, pieces, sentences, tokens
from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "models" / "empathy"
SCALES = ("reactions", "interpretations", "explorations")
LEVELS = 3
STACKED_WEIGHT = 4.0
"""Weight of the regression against the readers of the whole and of the sentences, each with 1."""
FARTHEST = 5.0
"""A measure counts as at most so many standard deviations from its mean."""

_BARE = re.compile(
    r"\b(?:i (?:totally |completely |really |can |do |100% |definitely )*(?:understand|relate|hear you|agree|"
    r"know (?:how|what|that|the|exactly)|feel (?:you|ya|this|the same|like this|your)|get (?:it|you|this|that))|"
    r"same here|me too|(?:i'm|im|i am) (?:in )?the same|same (?:boat|way|thing)|been there|relat(?:e|able))\b"
)
"""Understanding that is claimed, not shown."""
_FIRST = frozenset(["i", "i'm", "im", "i've", "ive", "my", "me", "i'd", "i'll", "myself", "mine"])
_SECOND = frozenset(["you", "your", "you're", "youre", "you've", "yours", "u"])


@dataclass(frozen=True)
class EmpathyScores:
    """Expected levels of n responses, each (n,) in [0, 2]: 0 none, 1 weak, 2 strong."""

    reactions: Floats
    """Warmth, compassion, concern are expressed."""
    interpretations: Floats
    """Understanding of the seeker's feelings and experiences is communicated."""
    explorations: Floats
    """The seeker's feelings and experiences are explored further, gently asked after."""
    probabilities: Floats
    """Of each level, (3 scales, n, 3 levels), scales in the order of SCALES."""


class EmpathyScorer:
    """Scores responses to what a seeker said. The model loads when first used; safe from several threads.

    Raises:
        ComponentError: when first used, if the folder holds no such model.
    """

    def __init__(self, folder: Path = MODEL_FOLDER) -> None:
        self._folder = folder

    def score(self, seeker: str, responses: Sequence[str]) -> EmpathyScores:
        """Expected levels and their probabilities. A response without words is at level 0."""
        return scores_of(self.probabilities([(seeker, response) for response in responses]))

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """Of each level for pairs of (seeker's words, response), (3 scales, n, 3 levels)."""
        model = _model(self._folder)
        found = np.zeros((len(SCALES), len(pairs), LEVELS))
        for k, (seeker, response) in enumerate(pairs):
            found[:, k] = model.probabilities(seeker, response)
        return found


def scores_of(probabilities: Floats) -> EmpathyScores:
    """Expected levels from probabilities (3, n, 3)."""
    levels = probabilities @ np.arange(LEVELS)
    return EmpathyScores(levels[0], levels[1], levels[2], probabilities)


@dataclass(frozen=True)
class EmpathyModel:
    """Readers and regression. Heads come in pairs for each scale: level above 0, level above 1."""

    whole: LinearHeads
    """6 heads over the response."""
    sentence: LinearHeads
    """6 heads over a sentence."""
    strategy: LinearHeads
    """8 heads over a sentence: ESConv's strategies."""
    mean: Floats
    """(measures,)."""
    deviation: Floats
    """(measures,)."""
    weights: Floats
    """(3 scales, measures + 1, 3 levels), intercepts last."""

    def probabilities(self, seeker: str, response: str) -> Floats:
        """(3 scales, 3 levels)."""
        words = tokens(response)
        if not words:
            return np.tile([1.0, 0.0, 0.0], (len(SCALES), 1))
        parts = sentences(response)
        split = [tokens(part) for part in parts]
        found = [pieces(part) for part in split]
        whole = self.whole.margins(pieces(words))
        by_sentence = np.stack([self.sentence.margins(row) for row in found])
        strategies = np.stack([self.strategy.margins(row) for row in found])
        row = measures(whole, by_sentence, strategies, split, words, tokens(seeker))
        return mixed(whole, by_sentence.max(axis=0), self.stacked(row))

    def stacked(self, row: Floats) -> Floats:
        """Probabilities by the regression alone, (3 scales, 3 levels), of one row of measures."""
        standard = ((row - self.mean) / self.deviation).clip(-FARTHEST, FARTHEST)
        return softmax(np.einsum("m,smk->sk", standard, self.weights[:, :-1]) + self.weights[:, -1])


def mixed(whole: Floats, strongest: Floats, stacked: Floats) -> Floats:
    """The weighted mean of the three readers' probabilities, (3 scales, 3 levels)."""
    return (ordinal(whole) + ordinal(strongest) + STACKED_WEIGHT * stacked) / (2 + STACKED_WEIGHT)


def ordinal(margins: Floats) -> Floats:
    """Probabilities of three levels, (3 scales, 3), from six margins: above 0 and above 1, for each scale."""
    above = sigmoid(margins.reshape(len(SCALES), 2))
    some, strong = above[:, 0], above.min(axis=1)
    return np.stack([1 - some, some - strong, strong], axis=1)


def measures(
    whole: Floats,
    by_sentence: Floats,
    strategies: Floats,
    split: Sequence[Sequence[str]],
    words: Sequence[str],
    seeker: Sequence[str],
) -> Floats:
    """The row that the regression reads, (78,).

    Args:
        whole: margins of the response, (6,).
        by_sentence: margins of its sentences, (sentences, 6).
        strategies: margins of the strategies of its sentences, (sentences, 8).
        split: its sentences as words.
        words: its words.
        seeker: the words that it answers.
    """
    lengths = np.array([len(part) for part in split], np.float64)
    p = sigmoid(by_sentence)
    return np.concatenate(
        [
            whole,
            by_sentence.max(axis=0),
            1 - np.prod(1 - np.minimum(p, 0.999), axis=0),
            p.mean(axis=0),
            by_sentence[0],
            np.log1p(lengths @ p),
            [np.log1p(lengths @ (p[:, 2] > 0.5))],
            _plain_measures(split, words, seeker),
            strategies.max(axis=0),
            strategies[0],
            sigmoid(strategies).mean(axis=0) * 3,
        ]
    )


def _plain_measures(split: Sequence[Sequence[str]], words: Sequence[str], seeker: Sequence[str]) -> Floats:
    """Length, questions, who is spoken of, claims of understanding, words shared with the seeker; (17,)."""
    n = len(words)
    first, second = sum(word in _FIRST for word in words), sum(word in _SECOND for word in words)
    bare = [len(part) for part in split if _BARE.search(" ".join(part))]
    shared = len(set(words) & set(seeker)) / max(len(set(words)), 1)
    return np.array(
        [
            np.log1p(n),
            len(split) ** 0.5,
            np.log1p(words.count("?")),
            10 * first / max(n, 1),
            10 * second / max(n, 1),
            np.log1p(first),
            len(bare) > 0,
            len(bare) > 0 and min(bare) <= 8,
            (len(bare) > 0) * np.log1p(n),
            (len(bare) > 0) * np.log1p(first),
            shared,
            np.log1p(len(seeker)),
            n > 0 and words[-1] == "?",
            first == 0,
            second == 0,
            n <= 8,
            bool(_BARE.search(" ".join(split[0]))),
        ],
        np.float64,
    )


@cache
def _model(folder: Path) -> EmpathyModel:
    try:
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            arrays = dict(stored)
        whole, sentence, strategy = (LinearHeads.of(arrays, name) for name in ("whole", "sentence", "strategy"))
        mean, deviation, weights = (arrays[name].astype(np.float64) for name in ("mean", "deviation", "weights"))
    except (OSError, ValueError, KeyError) as error:
        raise ComponentError(
            f"{folder} holds no empathy model ({error}); make it with `rapport train empathy`"
        ) from None
    return EmpathyModel(whole, sentence, strategy, mean, deviation, weights)
