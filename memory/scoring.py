"""What comes to mind, and the weights of the five parts that decide it. Every number of recall stands here.

Meaning, recency and importance as in Park et al. 2023 (Generative Agents, arXiv 2304.03442); words by BM25 (Robertson
& Zaragoza 2009); mood congruence after Bower 1981: people recall what they felt as they feel now.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from rapport.persona.affect import VAD

WEIGHTS: Mapping[str, float] = {"meaning": 0.60, "words": 0.20, "importance": 0.08, "recency": 0.06, "mood": 0.06}
"""What each part can add to a score; every part lies in [0, 1]."""
HALF_LIFE_DAYS = 30.0
"""After so long the recency of a memory is half."""
_K1, _B, _USUAL_WORDS = 1.2, 0.75, 12.0
"""BM25's saturation and length normalisation, and the length that counts as usual."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "after",
        "again",
        "all",
        "also",
        "am",
        "an",
        "and",
        "any",
        "are",
        "aren't",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "being",
        "but",
        "by",
        "can",
        "can't",
        "could",
        "did",
        "didn't",
        "do",
        "does",
        "doesn't",
        "doing",
        "don't",
        "down",
        "each",
        "even",
        "ever",
        "every",
        "for",
        "from",
        "get",
        "gets",
        "getting",
        "go",
        "goes",
        "going",
        "gonna",
        "got",
        "had",
        "has",
        "have",
        "having",
        "he",
        "he's",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "i'd",
        "i'll",
        "i'm",
        "i've",
        "if",
        "in",
        "into",
        "is",
        "isn't",
        "it",
        "it's",
        "its",
        "just",
        "kind",
        "know",
        "let",
        "like",
        "lot",
        "made",
        "make",
        "me",
        "maybe",
        "more",
        "most",
        "much",
        "my",
        "myself",
        "never",
        "no",
        "not",
        "now",
        "of",
        "off",
        "oh",
        "ok",
        "okay",
        "on",
        "one",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "please",
        "quite",
        "really",
        "said",
        "same",
        "say",
        "she",
        "she's",
        "should",
        "so",
        "some",
        "still",
        "such",
        "tell",
        "than",
        "that",
        "that's",
        "the",
        "their",
        "them",
        "then",
        "there",
        "there's",
        "these",
        "they",
        "they're",
        "thing",
        "things",
        "think",
        "this",
        "those",
        "though",
        "through",
        "to",
        "told",
        "too",
        "up",
        "us",
        "very",
        "was",
        "wasn't",
        "we",
        "well",
        "went",
        "were",
        "what",
        "what's",
        "when",
        "where",
        "which",
        "while",
        "who",
        "why",
        "will",
        "with",
        "won't",
        "would",
        "yeah",
        "yes",
        "yet",
        "you",
        "you're",
        "your",
    ]
)


def content_words(text: str) -> list[str]:
    """The distinct words of a text that carry meaning, lower case, in order."""
    return list(dict.fromkeys(w for w in _WORD.findall(text.lower().replace("’", "'")) if w not in _STOP_WORDS))


@lru_cache(20_000)
def stem(word: str) -> str:
    """A word without its commonest English endings, so that "exams" meets "exam"."""
    for ending in ("'s", "ies", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def bm25(query: Sequence[str], text: str, idf: Mapping[str, float]) -> float:
    """BM25 of a text for query words, over the most it could be: in [0, 1]. `idf` has a weight for each query word."""
    if not query:
        return 0.0
    words = [stem(word) for word in _WORD.findall(text.lower()[:4_000].replace("’", "'"))]
    length = _K1 * (1 - _B + _B * len(words) / _USUAL_WORDS)
    total = sum(idf[word] * (_K1 + 1) for word in query)
    score = 0.0
    for word in query:
        count = words.count(stem(word))
        score += idf[word] * count * (_K1 + 1) / (count + length)
    return min(1.0, score / total) if total > 0 else 0.0


def inverse_frequency(containing: int, total: int) -> float:
    """BM25's weight of a word that `containing` of `total` texts have; never negative."""
    return math.log1p((max(total, containing) - containing + 0.5) / (containing + 0.5))


def recency(said_at: str, now: datetime) -> float:
    """1 for now, .5 after the half-life; 0 for a time that cannot be read."""
    try:
        then = datetime.fromisoformat(said_at)
    except ValueError:
        return 0.0
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return float(0.5 ** (max(0.0, (now - then).total_seconds()) / 86_400 / HALF_LIFE_DAYS))


def importance(vad: VAD, facts: int, risk: str | None) -> float:
    """How much a turn weighs, in [0, 1]: strong feeling, things said of oneself, and above all danger."""
    if risk is not None:
        return 1.0
    return min(1.0, 0.6 * min(1.0, 1.6 * vad.intensity) + 0.2 * min(2, facts))


def congruence(then: VAD, mood: VAD | None) -> float:
    """How alike a feeling was to the mood now, in [0, 1]; 0 for all memories where no mood is known."""
    return 0.0 if mood is None else 1.0 - math.dist(then.as_tuple(), mood.as_tuple()) / (2 * math.sqrt(3.0))


@dataclass(frozen=True, slots=True)
class Candidate:
    """What scoring needs to know of a memory."""

    cosine: float
    words: float
    said_at: str
    vad: VAD
    importance: float


def parts(candidate: Candidate, mood: VAD | None, now: datetime) -> dict[str, float]:
    """The weighted parts of a score, by the names of `WEIGHTS`; their sum is the score."""
    values = {
        "meaning": min(1.0, max(0.0, candidate.cosine)),
        "words": candidate.words,
        "importance": candidate.importance,
        "recency": recency(candidate.said_at, now),
        "mood": congruence(candidate.vad, mood),
    }
    return {name: WEIGHTS[name] * value for name, value in values.items()}
