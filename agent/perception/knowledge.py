"""What an estimate knows of a person's feeling: its precision on each axis, and its mass on each of Ekman's seven.

By convention an axis that a modality cannot read has a standard deviation of about 1, the spread of the whole space.
What an estimate knows of an axis is therefore 1 / sd**2 - 1, its precision beyond that of this prior: 0 where it is
blind, and it adds up over independent estimates.

Words can leave a feeling unsaid; in a voice and a face it shows all the same (leakage, Ekman & Friesen 1969). So words
count by the share of a feeling that they tell: with p the probability of the likeliest emotion and n that of neutral,
((p - n) / (p + n))**2, and nothing while neutral outweighs every emotion. The form was chosen on MELD's training lines
and RAVDESS's actors 13 to 18: there, fusing with voices gains over counting every line in full, and sentences that say
nothing of a feeling do not talk the voice out of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import EKMAN7, TAXONOMIES, EmotionDistribution, EmotionEstimate, Modality, ekman_of

LEAST_SD = 0.01
"""Nobody is surer than this, whatever they say."""

NEUTRAL = EKMAN7.index("neutral")
Floats = NDArray[np.float64]


def knowledge(estimates: Sequence[EmotionEstimate], least_share: float = 0.0) -> Floats:
    """Precision beyond that of knowing nothing, per estimate and axis (n, 3), >= 0.

    Words count by at least `least_share`, however little they tell.
    """
    sd = np.maximum([e.vad_sd for e in estimates], LEAST_SD)
    share = np.array([max(least_share, share_told(e.distribution)) if e.modality == "text" else 1.0 for e in estimates])
    return share[:, None] * np.maximum(sd**-2.0 - 1.0, 0.0)


def sd_of(known: Floats) -> tuple[float, float, float]:
    """The standard deviation per axis that so much knowledge (3,) leaves, at most 1."""
    v, a, d = (1.0 / np.sqrt(1.0 + known)).tolist()
    return (v, a, d)


def share_told(distribution: EmotionDistribution) -> float:
    """How much of a feeling words tell that read so, in [0, 1]."""
    p = ekman_probabilities(distribution)
    neutral, emotion = p[NEUTRAL], np.delete(p, NEUTRAL).max()
    return float(max(0.0, (emotion - neutral) / (emotion + neutral)) ** 2)


def ekman_probabilities(distribution: EmotionDistribution) -> Floats:
    """The distribution over EKMAN7, (7,): each label's mass goes to its class, as `convert` does it."""
    p = np.bincount(ekman_classes(distribution.taxonomy.name), np.asarray(distribution.probabilities), len(EKMAN7))
    return p / p.sum()


@lru_cache(maxsize=len(TAXONOMIES))
def ekman_classes(taxonomy_name: str) -> NDArray[np.int64]:
    """The place in EKMAN7 of each label's class, (labels,)."""
    taxonomy = TAXONOMIES[taxonomy_name]
    return np.array([EKMAN7.index(ekman_of(taxonomy, label)) for label in taxonomy.labels], np.int64)


def of_each_modality(estimates: Sequence[EmotionEstimate]) -> Mapping[Modality, list[EmotionEstimate]]:
    """The estimates by modality, in the order text, voice, face; those of no modality are left out."""
    order: tuple[Modality, ...] = ("text", "voice", "face")
    found: dict[Modality, list[EmotionEstimate]] = {}
    for modality in order:
        if several := [e for e in estimates if e.modality == modality]:
            found[modality] = several
    return found
