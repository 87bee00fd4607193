"""Whether what is said and how it is said disagree: "I'm fine", in a broken voice.

Words stand against voice, and words against face. They disagree when both hold:

- Opposition: with p the mass on joy and q that on anger, disgust, fear and sadness, one is pleasant and the other
  unpleasant with probability p * q' + q * p', which is at least LEAST_OPPOSITION. Neutral words are on no side: a sad
  voice that talks of the weather contradicts nothing. Surprise in words is pleasant as far as their valence is; in a
  voice or a face it is on no side. Words that claim to be well count as pleasant, however little of it can be read in
  them (see `reassurance`).
- Distance: their valences lie at least LEAST_DISTANCE_SD of their combined standard deviations apart (of what each
  reads itself: the prior is taken out, see `knowledge`). A voice model that cannot tell valence is never in conflict.

The opposition was chosen on lines of GoEmotions (development) and MELD (training), each joined with a made voice of the
feeling that it is labelled with, right always or four times in five: of .3, .35 ... .5, the smallest at which less than
5 % of these pairs are flagged on the mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rapport.agent.perception.knowledge import LEAST_SD, ekman_probabilities
from rapport.agent.perception.reassurance import claims_to_be_well
from rapport.persona.affect import EKMAN7, EmotionEstimate, Modality

LEAST_OPPOSITION = 0.45
LEAST_DISTANCE_SD = 1.0
CLAIMED = 0.8
"""Mass on joy that words have at least which claim to be well."""
CLAIMED_VALENCE = 0.35
"""And their valence."""

PLEASANT, SURPRISE = EKMAN7.index("joy"), EKMAN7.index("surprise")
SURPRISED_VALENCE = EKMAN7.points["surprise"].valence
UNPLEASANT = [EKMAN7.index(label) for label in ("anger", "disgust", "fear", "sadness")]


@dataclass(frozen=True)
class Conflict:
    """Words against a voice or a face."""

    shown: Modality
    """The modality that the words disagree with."""
    words: Literal["pleasant", "unpleasant", "reassuring"]
    """What the words are; the other is unpleasant, pleasant, unpleasant."""
    opposition: float
    """Probability that the one is pleasant and the other unpleasant, in [0, 1]."""
    distance_sd: float
    """How far apart their valences lie, in units of their combined standard deviation."""

    @property
    def description(self) -> str:
        """In words, as a clause."""
        says = "say that all is well" if self.words == "reassuring" else f"are {self.words}"
        return f"the words {says}, but the {self.shown} is {'pleasant' if self.words == 'unpleasant' else 'unpleasant'}"


def find_conflict(modalities: Mapping[Modality, EmotionEstimate], said: str = "") -> Conflict | None:
    """The strongest disagreement of the words with voice or face, or None. `said` is what was said, word for word."""
    words = modalities.get("text")
    if words is None:
        return None
    shown: tuple[Modality, ...] = ("voice", "face")
    compared = [
        _compare(words, modalities[name], name, claims_to_be_well(said)) for name in shown if name in modalities
    ]
    found = [c for c in compared if c.opposition >= LEAST_OPPOSITION and c.distance_sd >= LEAST_DISTANCE_SD]
    return max(found, key=lambda c: c.opposition, default=None)


def _compare(words: EmotionEstimate, other: EmotionEstimate, shown: Modality, claims: bool) -> Conflict:
    pleasant, unpleasant = _sides(words)
    valence = words.vad.valence
    pleasant += max(0.0, min(1.0, valence / SURPRISED_VALENCE)) * float(
        ekman_probabilities(words.distribution)[SURPRISE]
    )
    reassuring = claims and pleasant < CLAIMED
    if reassuring:
        pleasant, unpleasant, valence = CLAIMED, 0.0, max(valence, CLAIMED_VALENCE)
    other_pleasant, other_unpleasant = _sides(other)
    masked, mocked = pleasant * other_unpleasant, unpleasant * other_pleasant
    # The gap is signed towards the side that the labels are on: words that are on different sides by label and by
    # valence are no conflict that could be told.
    gap = (valence - other.vad.valence) * (1 if masked >= mocked else -1)
    distance_sd = max(0.0, gap) / math.sqrt(_variance(words) + _variance(other))
    kind = "unpleasant" if masked < mocked else "reassuring" if reassuring else "pleasant"
    return Conflict(shown, kind, masked + mocked, distance_sd)


def _sides(estimate: EmotionEstimate) -> tuple[float, float]:
    """Mass on pleasant and on unpleasant feelings."""
    p = ekman_probabilities(estimate.distribution)
    return float(p[PLEASANT]), float(p[UNPLEASANT].sum())


def _variance(estimate: EmotionEstimate) -> float:
    """Of what the modality itself reads of valence; infinite where it is blind."""
    known = max(estimate.vad_sd[0], LEAST_SD) ** -2.0 - 1.0
    return 1.0 / known if known > 0 else math.inf
