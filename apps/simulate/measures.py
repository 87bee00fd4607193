"""What is measured of one session: distress, course, talk, strategies, empathy, repetition, rapport.

Measures of our own sessions read the model's state where there is one (marked "model:" in MEASURES), all others read
words, acts and times, so that imported transcripts have them too. A measure that a session does not have is NaN.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rapport.apps.evaluate.metrics import pearson
from rapport.apps.simulate.acts import ESCONV_STRATEGIES, OARS, OTHER_STRATEGY, THERAPIST_ACTS
from rapport.apps.simulate.empathy import empathy_of
from rapport.apps.simulate.feeling import CALM, FEAR
from rapport.apps.simulate.ratings import find_ratings
from rapport.apps.simulate.records import SessionRecord, Turn
from rapport.apps.simulate.words import Said

MEASURES: Mapping[str, str] = {
    "suds_start": "first rating, 0-100", "suds_peak": "highest rating", "suds_end": "last rating",
    "suds_peak_at": "place of the peak among the ratings, 0-1", "suds_slope": "rating points per 10 minutes",
    "suds_n": "number of ratings", "intensity": "model: mean distress on the benchmark's scale of 1-10",
    "felt_intensity": "1-10: the client's feelings on the way from calm to fear; the model's, or read from the words",
    "end_distress": "model: distress at the end, 0-100", "trust": "model: trust at the end, 0-1",
    "disclosure": "model: mean disclosure, 0-1", "avoidance": "model: mean avoidance, 0-1",
    "dissociation": "model: highest dissociation, 0-1", "readiness": "model: readiness to change at the end, 0-1",
    "fear": "model: strength of the fear at the end, 0-1",
    "minutes": "length, virtual minutes", "turns": "turns of both sides",
    "talk_ratio": "therapist's share of all words", "switch_ratio": "turns whose speaker differs from the one before",
    "questions": "share of therapist turns with a question", "open_questions": "share of open questions by act",
    "reflections": "share of reflections by act", "empathy": "EPITOME by rules: mean of the three levels' sum, 0-6",
    "emotional_reactions": "EPITOME by rules, 0-2", "interpretations": "EPITOME by rules, 0-2",
    "explorations": "EPITOME by rules, 0-2", "repetition": "share of the therapist's word triples said before",
    "deep_breath": "how often a deep breath is asked for", "faults": "share of therapist turns with a faulty act",
    "lexical_rapport": "content words shared by a turn and the one before, share",
    "affective_rapport": "correlation of both sides' valence", "agreement": "share of client turns that go along",
    "change_talk": "change talk among change and sustain talk", "reflections_per_question": "MITI's ratio",
}  # fmt: skip

_FAULTS = frozenset(THERAPIST_ACTS[THERAPIST_ACTS.index("reassure") :])
_AGAINST = frozenset({"avoid", "withdraw", "protest", "refuse_rating", "sustain_talk"})
_WORD = re.compile(r"[a-z']+")
_BREATH = re.compile(r"\bdeep breath", re.IGNORECASE)
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "so",
        "if",
        "of",
        "in",
        "on",
        "at",
        "to",
        "for",
        "with",
        "from",
        "by",
        "about",
        "as",
        "is",
        "am",
        "are",
        "was",
        "were",
        "be",
        "been",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "i",
        "me",
        "my",
        "you",
        "your",
        "he",
        "him",
        "his",
        "she",
        "her",
        "it",
        "its",
        "we",
        "us",
        "our",
        "they",
        "them",
        "their",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "what",
        "who",
        "not",
        "no",
        "yes",
        "very",
        "just",
        "too",
        "all",
        "any",
        "get",
        "got",
        "i'm",
        "it's",
        "don't",
        "can't",
        "will",
        "would",
        "could",
        "should",
        "when",
        "how",
        "then",
        "than",
    ]
)
Floats = NDArray[np.float64]


def measure(session: SessionRecord) -> dict[str, float]:
    """Every measure of MEASURES; NaN where the session does not have it."""
    therapist = [turn for turn in session.turns if turn.who == "therapist"]
    client = [turn for turn in session.turns if turn.who == "client"]
    found = dict.fromkeys(MEASURES, math.nan)
    found |= _suds(ratings_of(session))
    found |= _states(client)
    found["felt_intensity"] = felt_intensity(client)
    found |= _talk(session.turns, therapist, client)
    found |= _acts(therapist, client)
    return found


def ratings_of(session: SessionRecord) -> list[tuple[float, float]]:
    """Minute and rating (0 to 100): as recorded, or found in the words of a transcript that does not mark them."""
    if session.ratings or any(turn.state is not None for turn in session.turns):
        return list(session.ratings)
    found = find_ratings([Said(turn.who, turn.text) for turn in session.turns])
    return [(session.turns[i].end_s / 60.0, value) for i, value in found.values]


def acts_of(session: SessionRecord) -> Counter[str]:
    """How often the therapist does what; empty where a foreign record does not say."""
    return Counter(act for turn in session.turns if turn.who == "therapist" for act in turn.acts)


def strategies_in(acts: Mapping[str, int]) -> Counter[str]:
    """How often each of ESConv's eight strategies is used, from the counts of acts."""
    known: dict[str, str] = {name: strategy for name, strategy in ESCONV_STRATEGIES.items()}
    used: Counter[str] = Counter()
    for act, count in acts.items():
        used[known.get(act, OTHER_STRATEGY)] += count
    return used


def _suds(ratings: Sequence[tuple[float, float]]) -> dict[str, float]:
    found: dict[str, float] = {"suds_n": float(len(ratings))}
    if not ratings:
        return found
    values = [value for _, value in ratings]
    found |= {"suds_start": values[0], "suds_peak": max(values), "suds_end": values[-1]}
    if len(values) > 1:
        found["suds_peak_at"] = values.index(max(values)) / (len(values) - 1)
        minutes = np.array([minute for minute, _ in ratings], np.float64)
        spread = minutes - minutes.mean()
        if spread @ spread > 1e-9:
            found["suds_slope"] = float(10.0 * (spread @ np.array(values)) / (spread @ spread))
    return found


def _states(client: Sequence[Turn]) -> dict[str, float]:
    states = [turn.state for turn in client if turn.state is not None]
    if not states:
        return {}
    last, n = states[-1], len(states)
    return {
        "intensity": 1.0 + 0.09 * sum(state.suds for state in states) / n,
        "end_distress": last.suds,
        "trust": last.trust,
        "readiness": last.readiness,
        "fear": last.fear,
        "disclosure": sum(state.disclosure for state in states) / n,
        "avoidance": sum(state.avoidance for state in states) / n,
        "dissociation": max(state.dissociation for state in states),
    }


def felt_intensity(client: Sequence[Turn]) -> float:
    """Mean place of a client's feelings between calm (1) and the greatest distress (10), each feeling projected on the
    line between the two in VAD. NaN where a transcript has no feelings."""
    vads = np.array([turn.vad for turn in client], np.float64).reshape(-1, 3)
    if not vads.any():
        return math.nan
    way = FEAR - CALM
    shares = np.clip((vads - CALM) @ way / (way @ way), 0.0, 1.0)
    return float(1.0 + 9.0 * shares.mean())


def _talk(turns: Sequence[Turn], therapist: Sequence[Turn], client: Sequence[Turn]) -> dict[str, float]:
    found: dict[str, float] = {"turns": float(len(turns))}
    if not turns:
        return found
    words = [frozenset(_WORD.findall(turn.text.lower())) - _STOP for turn in turns]
    sizes = {who: sum(len(turn.text.split()) for turn in side) for who, side in (("t", therapist), ("c", client))}
    if turns[-1].end_s > 0:
        found["minutes"] = turns[-1].end_s / 60.0
    if sum(sizes.values()):
        found["talk_ratio"] = sizes["t"] / sum(sizes.values())
    if len(turns) > 1:
        pairs = list(pairwise(turns))
        found["switch_ratio"] = sum(a.who != b.who for a, b in pairs) / len(pairs)
        shared = [len(a & b) / min(len(a), len(b)) for a, b in pairwise(words) if a and b]
        if shared:
            found["lexical_rapport"] = sum(shared) / len(shared)
        valences = [(a.vad[0], b.vad[0]) for a, b in pairs if a.who == "client" and b.who == "therapist"]
        if len(valences) > 2:
            both = np.array(valences, np.float64)
            found["affective_rapport"] = pearson(both[:, 0], both[:, 1])
    if therapist:
        n = len(therapist)
        levels = [empathy_of(turn.text) for turn in therapist]
        found |= {
            "questions": sum("?" in turn.text for turn in therapist) / n,
            "empathy": sum(level.total for level in levels) / n,
            "emotional_reactions": sum(level.reaction for level in levels) / n,
            "interpretations": sum(level.interpretation for level in levels) / n,
            "explorations": sum(level.exploration for level in levels) / n,
            "repetition": repetition([turn.text for turn in therapist]),
            "deep_breath": float(sum(len(_BREATH.findall(turn.text)) for turn in therapist)),
        }
    return found


def repetition(texts: Sequence[str]) -> float:
    """Share of word triples that occurred in an earlier text, in [0, 1]; 0 where there are none."""
    seen: set[tuple[str, ...]] = set()
    again = total = 0
    for text in texts:
        words = _WORD.findall(text.lower())
        triples = set(zip(words, words[1:], words[2:], strict=False))
        again += len(triples & seen)
        total += len(triples)
        seen |= triples
    return again / total if total else 0.0


def _acts(therapist: Sequence[Turn], client: Sequence[Turn]) -> dict[str, float]:
    used: list[str] = [act for turn in therapist for act in turn.acts]
    if not used:
        return {}
    oars: dict[str, str] = {name: skill for name, skill in OARS.items()}
    skills = Counter(oars.get(act, "") for act in used)
    asked = skills["open question"] + used.count("closed_question") + used.count("scale_question")
    answers = [set(turn.acts) for turn in client]
    change = sum(bool({"change_talk", "commit"} & acts) for acts in answers)
    sustain = sum("sustain_talk" in acts for acts in answers)
    found = {
        "open_questions": skills["open question"] / len(used),
        "reflections": skills["reflection"] / len(used),
        "faults": sum(act in _FAULTS for act in used) / len(used),
    }
    if asked:
        found["reflections_per_question"] = skills["reflection"] / asked
    if answers:
        found["agreement"] = sum(not _AGAINST & acts for acts in answers) / len(answers)
    if change + sustain:
        found["change_talk"] = change / (change + sustain)
    return found
