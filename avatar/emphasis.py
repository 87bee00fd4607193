"""Beats: the moments of a clause that head and brows underline.

Speakers nod and raise their brows on stressed syllables (Graf, Cosatto, Strom & Huang 2002, "Visual prosody"). Which
syllables are stressed, their loudness and length tell, and the words: negations and intensifiers ask for it, articles
and prepositions do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rapport.speech.audio import Word

Array = NDArray[np.float64]

BEAT_S = 0.44
_APART_S = 0.6
_LIGHT, _HEAVY = 0.6, 1.3
_LIGHT_WORDS = frozenset(
    (
        "a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "from", "with", "and", "or", "as", "if",
        "than", "that", "is", "are", "was", "were", "be", "been", "am", "it", "its", "i", "you", "he", "she",
        "we", "they", "me", "him", "her", "us", "them", "my", "your", "his", "our", "their", "this", "there",
        "do", "does", "did", "have", "has", "had", "will", "would", "can", "could",
    )
)  # fmt: skip
_HEAVY_WORDS = frozenset(
    (
        "not", "no", "never", "nothing", "nobody", "always", "very", "really", "so", "such", "too", "all",
        "every", "everything", "only", "exactly", "absolutely", "completely", "totally", "must",
    )
)  # fmt: skip


def word_weights(times_s: Array, words: Sequence[Word]) -> Array:
    """How much the word spoken at each time asks for a beat, shape (times,): 1 for most, and where no word is known."""
    weights = np.ones(len(times_s))
    for word in words:
        plain = word.text.strip(" .,;:!?\"'()").lower()
        weight = _LIGHT if plain in _LIGHT_WORDS else _HEAVY if plain in _HEAVY_WORDS or "n't" in plain else 1.0
        weights[(times_s >= word.start_s) & (times_s < word.end_s)] = weight
    return weights


def beats(times_s: Array, stress: Array, duration_s: float) -> Array:
    """The beats of a clause: shape (beats, 2), time and strength in (0, 1].

    Of the candidates (ascending times with a stress >= 0 each) those that no other exceeds within 0.6 s, when they
    stand out of the clause's mean; none so near the clause's edges that the movement would be cut.
    """
    if len(times_s) == 0:
        return np.zeros((0, 2))
    from_, to = (np.searchsorted(times_s, times_s + shift) for shift in (-_APART_S, _APART_S))
    mean, most = float(stress.mean()), float(stress.max())
    chosen: list[tuple[float, float]] = []
    for i in np.flatnonzero(stress > 1.1 * mean):
        at_s = float(times_s[i])
        inside = BEAT_S / 2 < at_s < duration_s - BEAT_S / 2
        if inside and i == from_[i] + int(np.argmax(stress[from_[i] : to[i]])):
            chosen.append((at_s, (float(stress[i]) - mean) / (most - mean)))
    return np.array(chosen).reshape(-1, 2)


def beat_curve(times_s: Array, beats: Array) -> Array:
    """How far into a beat each time is, shape (times,): rises before the syllable and is the beat's strength on it."""
    if len(beats) == 0 or len(times_s) == 0:
        return np.zeros(len(times_s))
    near = beats[(beats[:, 0] > times_s[0] - BEAT_S) & (beats[:, 0] < times_s[-1] + BEAT_S)]
    away = np.clip((times_s[:, None] - near[None, :, 0]) / (0.5 * BEAT_S), -1.0, 1.0)
    return (0.5 + 0.5 * np.cos(np.pi * away)) @ near[:, 1]
