"""Compound emotions: two of Ekman's six at once, as C-EXPR (Kollias 2023) annotates faces.

A distribution is read as a compound when no feeling stands out alone: its two most probable classes are both emotions,
have more than half of the mass between them, and the second has at least half as much as the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rapport.agent.perception.knowledge import ekman_probabilities
from rapport.persona.affect import EKMAN7, EmotionDistribution

LEAST_TOGETHER = 0.5
"""The pair's share of the mass."""
LEAST_RATIO = 0.5
"""The second's probability over the first's."""

CEXPR: Mapping[frozenset[str], str] = {
    frozenset({"fear", "surprise"}): "fearfully surprised",
    frozenset({"joy", "surprise"}): "happily surprised",
    frozenset({"sadness", "surprise"}): "sadly surprised",
    frozenset({"disgust", "surprise"}): "disgustedly surprised",
    frozenset({"anger", "surprise"}): "angrily surprised",
    frozenset({"sadness", "fear"}): "sadly fearful",
    frozenset({"sadness", "anger"}): "sadly angry",
}
"""C-EXPR's seven compounds."""

ADVERBS: Mapping[str, str] = {
    "anger": "angrily",
    "disgust": "disgustedly",
    "fear": "fearfully",
    "joy": "happily",
    "sadness": "sadly",
}
ADJECTIVES: Mapping[str, str] = {
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "fearful",
    "joy": "happy",
    "sadness": "sad",
}
"""For the pairs that C-EXPR leaves as *other*; none of those has surprise in it."""


@dataclass(frozen=True)
class Compound:
    """Two emotions at once, the more probable first, with their probabilities among Ekman's seven."""

    name: str
    labels: tuple[str, str]
    probabilities: tuple[float, float]


def compound_of(distribution: EmotionDistribution) -> Compound | None:
    """The compound that a distribution over any taxonomy amounts to, or None when one feeling stands out."""
    p = ekman_probabilities(distribution)
    second, first = (int(i) for i in np.argsort(p, kind="stable")[-2:])
    labels = (EKMAN7.labels[first], EKMAN7.labels[second])
    together, ratio = p[first] + p[second], p[second] / p[first]
    if "neutral" in labels or together <= LEAST_TOGETHER or ratio < LEAST_RATIO:
        return None
    name = CEXPR.get(frozenset(labels)) or f"{ADVERBS[labels[1]]} {ADJECTIVES[labels[0]]}"
    return Compound(name, labels, (float(p[first]), float(p[second])))
