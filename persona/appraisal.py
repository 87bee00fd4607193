"""Appraisal: what a turn means to the agent that hears it, by rules that can be read.

Feelings follow from how an event is judged, not from the event (Scherer 2001, component process model; Ortony, Clore &
Collins 1988; Smith & Ellsworth 1985). Five judgements are made here, from the words and from the feeling read in them:

- pleasantness: valence, arousal and dominance of the stimulus, as perceived; and how much of it is anger;
- agency: whose doing it is, the person's own, somebody else's, the listener's, or nobody's (circumstances);
- certainty: stated as a fact, or hedged, asked, only possible;
- relevance: which of the persona's goals it touches, being blamed or thanked among them;
- novelty: how much of it has not been said in the last turns.

The rules read English. In another language, or without words, each judgement but the first is its neutral value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapport.persona.affect import EKMAN7, TAXONOMIES, VAD, EmotionDistribution, EmotionEstimate, Taxonomy, ekman_of
from rapport.persona.agency import Agency, agency_of
from rapport.persona.card import Persona

MAX_CHARS = 4000
"""Words beyond are not judged."""
HEDGE = 0.75
"""A hedge or modal verb leaves three quarters of the certainty, another one three quarters of that."""
QUESTION = 0.7
"""What a question leaves of it."""
RECENT_TURNS = 4
"""Turns in which a repetition is looked for."""

_HEDGES = re.compile(
    r"\b(?:maybe|perhaps|possibly|probably|apparently|supposedly|presumably|allegedly|hopefully|might|may|could|would|should"
    r"|i (?:think|guess|suppose|believe|hope|assume|wonder|doubt)|i'm (?:hoping|guessing|worried|afraid)|i feel like"
    r"|no idea|who knows|unsure|uncertain|seems?|seemed|looks like|kind of|sort of"
    r"|kinda|sorta|if|whether|likely|chances are|what if|in case|depends)\b(?!'ve| (?:not )?have\b)"
    r"|(?:\bnot|n't) (?:\w+ )?(?:sure|certain|know)\b"
)
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_FUNCTION_WORDS = """
    a an the and or but so if of in on at to for with from by about as is am are was were be been being do does did have
    has had i me my mine you your he him his she her it its we us our they them their this that these those there here
    what who not no yes very really just too all some any get getting got make making keep keeping i'm it's don't can't
"""
_STOP = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True)
class Appraisal:
    """One turn, judged. The neutral judgement of words that say nothing is the default of each field."""

    stimulus: VAD
    """The feeling that was read in the person."""
    anger: float = 0.0
    """How much of it is anger or disgust, in [0, 1]."""
    agency: Agency = "circumstance"
    certainty: float = 1.0
    """From 0 (nothing is certain) to 1 (stated as a fact)."""
    relevance: float = 0.0
    """0 when no goal is touched, then 1/2, 3/4, 7/8 ... with each goal that is."""
    goals: tuple[str, ...] = ()
    """The goals that are touched."""
    novelty: float = 1.0
    """Share of the content words that none of the last turns had."""


def appraise(text: str, perceived: EmotionEstimate, persona: Persona, context: Sequence[str] = ()) -> Appraisal:
    """Judge what a person said, as this persona hears it. A pure function; `context` holds the turns before, oldest
    first."""
    stimulus, anger = perceived.vad, _anger(perceived.distribution)
    said = _plain(text)
    words = frozenset(_WORD.findall(said)) - _STOP
    if not words:
        return Appraisal(stimulus, anger)
    agency = agency_of(said)
    touched = _touched(persona.goals, frozenset(map(_stem, words))) if persona.goals else ()
    stakes = len(touched) + (agency == "agent")
    return Appraisal(
        stimulus,
        anger,
        agency,
        certainty=HEDGE ** len(_HEDGES.findall(said)) * (QUESTION if "?" in said else 1.0),
        relevance=1.0 - 0.5**stakes,
        goals=touched,
        novelty=_novelty(words, context),
    )


def _plain(text: str) -> str:
    return text[:MAX_CHARS].lower().replace("’", "'")


def _novelty(words: frozenset[str], context: Sequence[str]) -> float:
    most_alike = max(
        (len(words & frozenset(_WORD.findall(_plain(turn)))) for turn in context[-RECENT_TURNS:]), default=0
    )
    return 1.0 - most_alike / len(words)


def _touched(goals: Sequence[str], stems: frozenset[str]) -> tuple[str, ...]:
    return tuple(goal for goal in goals if (needed := _goal_stems(goal)) and needed <= stems)


@lru_cache(maxsize=1024)
def _goal_stems(goal: str) -> frozenset[str]:
    return frozenset(map(_stem, frozenset(_WORD.findall(_plain(goal))) - _STOP))


def _stem(word: str) -> str:
    """A word without its inflection: `promises`, `promised` and `promising` become `promis`."""
    for ending in ("'s", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") else word.removesuffix("e")


def _is_anger(taxonomy: Taxonomy, label: str) -> bool:
    known = taxonomy.name in TAXONOMIES
    return (ekman_of(taxonomy, label) if known else EKMAN7.nearest(taxonomy.points[label])) in {"anger", "disgust"}


_ANGRY = {t.name: tuple(i for i, label in enumerate(t.labels) if _is_anger(t, label)) for t in TAXONOMIES.values()}


def _anger(distribution: EmotionDistribution) -> float:
    taxonomy = distribution.taxonomy
    angry = _ANGRY.get(taxonomy.name)
    if angry is None:
        angry = tuple(i for i, label in enumerate(taxonomy.labels) if _is_anger(taxonomy, label))
    return min(1.0, sum(distribution.probabilities[i] for i in angry))
