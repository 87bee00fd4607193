"""What one <emotion> of EmotionML says in our types, and how our numbers stand in it.

VAD stands in the PAD vocabulary. Its scale is [0, 1] with the middle at 0.5, ours is [-1, 1], so x becomes (x + 1) / 2.
The confidence of a dimension is 1 - sd**2: of the variance of an axis that nothing is known of (sd 1), the part that
the estimate takes away. Labels are categories of one of our taxonomies, declared in the document, and their
probabilities are confidences. An agent's state is two annotations, its emotion and its mood. What EmotionML has no
place for (evidence, the parts of a move, turns) stands in <info>, in a namespace of our own.

Numbers have six digits. Reading gives back what was written to that precision, but for a deviation above 1, which is as
good as 1, one below 0.001, and runs of white space in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.emotionml.vocabularies import FSRE, PAD

OWN_NAMESPACE = "urn:x-rapport:affect"
"""Of the elements in <info>: turn, evidence, part and mood."""
DIMENSIONS: Mapping[str, tuple[str, str, str]] = {
    PAD: ("pleasure", "arousal", "dominance"),
    FSRE: ("valence", "arousal", "potency"),
}
"""Vocabularies that have valence, arousal and dominance, and what they call them."""
DEFAULT_SD = EmotionEstimate(EmotionDistribution.certain(EKMAN7, "neutral"), VAD()).vad_sd[0]
"""The deviation that an estimate has when nobody gave one; it stands in the document as no confidence at all."""


@dataclass(frozen=True)
class Annotation:
    """One feeling of one person at one moment."""

    who: str
    """Whose feeling it is; empty when a document does not say."""
    feeling: EmotionEstimate | AffectState
    """What was perceived of somebody, or the state of an agent."""
    words: str = ""
    """What was said with it."""
    turn: int | None = None
    session: str = ""
    at_s: float | None = None
    """Seconds from the start of the conversation, or since 1970 where a document gives absolute times."""
