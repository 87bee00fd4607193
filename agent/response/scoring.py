"""What a candidate reply is worth: seven criteria, each in [0, 1], and their weights, all in this one place.

Faults that must not be spoken at all are no matter of weight: `filters.objection` has taken them out before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from rapport.agent.response.clauses import is_finished
from rapport.agent.response.empathy import EmpathyScores
from rapport.agent.response.filters import GLADNESS, SYMPATHY
from rapport.agent.response.plan import Reading
from rapport.agent.response.style import fit, questions_in, style_of
from rapport.agent.response.words import stem, words
from rapport.agent.stages import ReplyRequest
from rapport.memory.embedding import Embedder

WEIGHTS: Mapping[str, float] = {
    "empathy": 0.30,  # EPITOME's three mechanisms, as the strategy weighs them
    "relevance": 0.20,  # how near the meaning is to what was just said
    "fit": 0.15,  # sympathy for the sad, gladness for the glad, none that the agent itself does not feel
    "fresh": 0.12,  # no words again from this reply or the last turns
    "manner": 0.10,  # the length and the questions of the persona's style
    "truth": 0.08,  # how little had to be taken out for inventing, drifting or breaking off
    "finished": 0.05,  # ended sentences
}
"""They add up to 1. Set by hand before any evaluation: what the reply is for comes first, manners last."""

_MECHANISMS: Mapping[str, tuple[float, float, float]] = {
    # strategy: weights of reactions, interpretations, explorations
    "question": (0.3, 0.2, 0.5),
    "reflection": (0.35, 0.4, 0.25),
    "restatement": (0.25, 0.5, 0.25),
    "affirmation": (0.5, 0.2, 0.3),
}
_EVEN = (0.4, 0.3, 0.3)
_LIKE = 0.6
"""MiniLM's cosine of a reply that speaks of just what was said; more counts no more, or parrots would win."""
_RUN = 3
"""Runs of this many words that come again count as repetition."""


class EmpathyJudge(Protocol):
    """See `rapport.agent.response.empathy.EmpathyScorer`."""

    def score(self, seeker: str, responses: Sequence[str]) -> EmpathyScores: ...


class Scorer:
    """Scores whole replies. Without a judge or an embedder, cruder stand-ins that read words alone take their place."""

    def __init__(self, judge: EmpathyJudge | None = None, embedder: Embedder | None = None) -> None:
        self._judge, self._embedder = judge, embedder

    def scores(
        self, request: ReplyRequest, reading: Reading, replies: Sequence[str], faults: Sequence[int]
    ) -> list[dict[str, float]]:
        """Every criterion of WEIGHTS for each reply; `faults` counts the sentences that were taken out of it."""
        empathy = self._empathy(request, reading, replies)
        relevance = self._relevance(request.text, replies)
        style = style_of(request.persona)
        said = [exchange.agent for exchange in list(request.history)[-4:]]
        most = max(1.0, style.questions_per_turn)
        return [
            {
                "empathy": empathy[k],
                "relevance": relevance[k],
                "fit": emotional_fit(reply, reading, request),
                "fresh": freshness(reply, said),
                "manner": fit(len(reply.split()), style) * (1.0 if questions_in(reply) <= most else 0.5),
                "truth": 1.0 / (1.0 + faults[k]),
                "finished": float(is_finished(reply)),
            }
            for k, reply in enumerate(replies)
        ]

    def _empathy(self, request: ReplyRequest, reading: Reading, replies: Sequence[str]) -> list[float]:
        parts = np.asarray(_MECHANISMS.get(reading.plan.strategy, _EVEN))
        if self._judge is None:
            told = {stem(word) for word in re.findall(r"[\w']+", request.text.lower())} - words("everywhere")
            levels = np.array([_levels_by_words(reply, told) for reply in replies])
        else:
            found = self._judge.score(request.text, replies)
            levels = np.stack([found.reactions, found.interpretations, found.explorations], axis=1)
        return [float(value) for value in np.clip(levels / 2.0 @ parts, 0.0, 1.0)]

    def _relevance(self, text: str, replies: Sequence[str]) -> list[float]:
        if self._embedder is None or not text.strip():
            told = {stem(word) for word in re.findall(r"[\w']+", text.lower())} - words("everywhere")
            return [min(1.0, len(told & _stems(reply)) / max(1, min(4, len(told)))) for reply in replies]
        vectors = self._embedder.embed([text[:1000], *replies])
        return [float(value) for value in np.clip(vectors[1:] @ vectors[0] / _LIKE, 0.0, 1.0)]


def total(scores: Mapping[str, float]) -> float:
    """The weighted mean of a reply's scores, in [0, 1]."""
    return sum(weight * scores[name] for name, weight in WEIGHTS.items())


def emotional_fit(reply: str, reading: Reading, request: ReplyRequest) -> float:
    """How well the feeling of a reply's words goes with the person's and with the agent's own."""
    glad, sorry = GLADNESS.search(reply) is not None, SYMPATHY.search(reply) is not None
    if reading.tone == "plain":
        return 0.8 if glad or sorry else 1.0
    wanted, unwanted = (sorry, glad) if reading.tone == "bad" else (glad, sorry)
    value = 0.5 + 0.5 * wanted - 0.5 * (unwanted and not wanted)
    # An agent that feels low itself is not delighted, and one that is glad does not lament.
    valence = request.felt.emotion.valence
    return value * (0.7 if (glad and valence < -0.3) or (sorry and valence > 0.5) else 1.0)


def freshness(reply: str, said: Sequence[str]) -> float:
    """1 less the share of a reply's runs of three words that stand twice in it or in the agent's last turns."""
    spoken = re.findall(r"[\w']+", reply.lower())
    runs = [tuple(spoken[k : k + _RUN]) for k in range(len(spoken) - _RUN + 1)]
    if not runs:
        return 1.0
    old: set[tuple[str, ...]] = set()
    for text in said:
        again = re.findall(r"[\w']+", text.lower())
        old |= {tuple(again[k : k + _RUN]) for k in range(len(again) - _RUN + 1)}
    repeated = 0
    for run in runs:
        repeated += run in old
        old.add(run)
    return 1.0 - repeated / len(runs)


def _stems(text: str) -> set[str]:
    return {stem(word) for word in re.findall(r"[\w']+", text.lower())}


def _levels_by_words(reply: str, told: set[str]) -> tuple[float, float, float]:
    """Reactions, interpretations and explorations as far as words alone show them."""
    about = bool(_stems(reply) & told)
    reacts = bool(SYMPATHY.search(reply) or GLADNESS.search(reply))
    return 1.0 * reacts + 0.5 * about * reacts, 1.0 * about, 2.0 * ("?" in reply) * (0.5 + 0.5 * about)
