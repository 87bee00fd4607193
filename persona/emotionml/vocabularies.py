"""The vocabularies that W3C published for EmotionML, by their addresses (https://www.w3.org/TR/emotion-voc/)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

URI = "http://www.w3.org/TR/emotion-voc/xml"
KINDS = ("category", "dimension", "appraisal", "action-tendency")
BIG6 = f"{URI}#big6"
PAD = f"{URI}#pad-dimensions"
FSRE = f"{URI}#fsre-dimensions"


class Vocabulary(NamedTuple):
    """What a set of names describes (one of `KINDS`), and the names."""

    kind: str
    names: tuple[str, ...]


_NAMES = {
    "big6": (
        "category",
        """
        anger disgust fear happiness sadness surprise
        """,
    ),
    "everyday-categories": (
        "category",
        """
        affectionate afraid amused angry bored confident content disappointed excited happy
        interested loving pleased relaxed sad satisfied worried
        """,
    ),
    "occ-categories": (
        "category",
        """
        admiration anger disappointment distress fear fears-confirmed gloating gratification
        gratitude happy-for hate hope joy love pity pride relief remorse reproach resentment
        satisfaction shame
        """,
    ),
    "fsre-categories": (
        "category",
        """
        anger anxiety being-hurt compassion contempt contentment despair disappointment disgust fear
        guilt happiness hate interest irritation jealousy joy love pleasure pride sadness shame
        stress surprise
        """,
    ),
    "frijda-categories": (
        "category",
        """
        anger arrogance desire disgust enjoyment fear humility indifference interest resignation
        shock surprise
        """,
    ),
    "pad-dimensions": (
        "dimension",
        """
        pleasure arousal dominance
        """,
    ),
    "fsre-dimensions": (
        "dimension",
        """
        valence potency arousal unpredictability
        """,
    ),
    "intensity-dimension": (
        "dimension",
        """
        intensity
        """,
    ),
    "occ-appraisals": (
        "appraisal",
        """
        desirability praiseworthiness appealingness desirability-for-other deservingness liking
        likelihood effort strength-of-identification expectation-of-deviation familiarity
        """,
    ),
    "scherer-appraisals": (
        "appraisal",
        """
        suddenness familiarity predictability intrinsic-pleasantness relevance-person
        relevance-relationship relevance-social-order outcome-probability consonant-with-expectation
        goal-conduciveness urgency agent-self agent-other agent-nature cause-intentional control
        power adjustment-possible norm-compatibility self-compatibility
        """,
    ),
    "ema-appraisals": (
        "appraisal",
        """
        relevance desirability agency blame likelihood unexpectedness urgency ego-involvement
        controllability changeability power adaptability
        """,
    ),
    "frijda-action-tendencies": (
        "action-tendency",
        """
        approach avoidance being-with attending rejecting nonattending agonistic interrupting
        dominating submitting
        """,
    ),
}

PUBLISHED: Mapping[str, Vocabulary] = {
    f"{URI}#{name}": Vocabulary(kind, tuple(names.split())) for name, (kind, names) in _NAMES.items()
}
