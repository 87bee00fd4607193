"""Turns what people say about themselves round to face them: "I lost my job" becomes "you lost your job".

Rules only, for English. The grammar they follow: first person singular and plural become second person; second person
becomes first (the listener); verbs that agree with the person they stand by change with it (am, was).
"""

from __future__ import annotations

import re

from rapport.agent.response.words import words

_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,:]\d+)*|\s+|.", re.DOTALL)

_FIRST_TO_SECOND = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "you",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "ourselves": "yourselves",
    "i'm": "you're",
    "im": "you're",
    "i've": "you've",
    "ive": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
    "we're": "you're",
    "we've": "you've",
    "we'd": "you'd",
    "we'll": "you'll",
}
_SECOND_TO_FIRST = {
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
    "you're": "I'm",
    "you've": "I've",
    "you'd": "I'd",
    "you'll": "I'll",
}
_BESIDE_I = {"am": "are", "was": "were", "wasn't": "weren't", "ain't": "aren't"}
_BESIDE_YOU = {"are": "am", "were": "was", "weren't": "wasn't", "aren't": "am not"}


def straighten(text: str) -> str:
    """Typographic apostrophes and quotes made plain, runs of white space made one blank."""
    plain = text.translate({0x2018: "'", 0x2019: "'", 0x02BC: "'", 0x201C: '"', 0x201D: '"', 0x00A0: " "})
    return " ".join(plain.split())


def turn(clause: str) -> str:
    """A clause with first and second person exchanged; everything else stays as it was said."""
    tokens = _TOKEN.findall(straighten(clause))
    spoken = [(k, token.lower()) for k, token in enumerate(tokens) if token[0].isalnum()]
    out = list(tokens)
    for n, (k, word) in enumerate(spoken):
        before = [w for _, w in spoken[max(0, n - 2) : n]]
        after = spoken[n + 1][1] if n + 1 < len(spoken) else ""
        if word in _FIRST_TO_SECOND:
            out[k] = _FIRST_TO_SECOND[word]
        elif word in _SECOND_TO_FIRST:
            out[k] = _SECOND_TO_FIRST[word]
        elif word == "you":
            out[k] = "I" if after in words("subject_verbs") else "me"
        elif word in _BESIDE_I and (_subject_is("i", before) or after == "i"):
            out[k] = _BESIDE_I[word]
        elif word in _BESIDE_YOU and (_subject_is("you", before) or after == "you"):
            out[k] = _BESIDE_YOU[word]
    return "".join(out)


def _subject_is(pronoun: str, before: list[str]) -> bool:
    """Whether a verb's subject, just before it or before one adverb, is this pronoun."""
    return before[-1:] == [pronoun] or (before[:1] == [pronoun] and before[-1] in words("adverbs"))


def mid_sentence(clause: str) -> str:
    """A clause as it is written inside a sentence: its first letter small unless it begins with a name or `I`."""
    head, space, rest = clause.partition(" ")
    bare = head.lower().split("'")[0]
    first_person = bare == "i" and head[:1] == "I"
    if first_person or (bare not in words("opens_small") and not bare.endswith("ing")):
        return clause
    return head[:1].lower() + head[1:] + space + rest


def capitalised(sentence: str) -> str:
    """The first letter made large, the rest untouched."""
    return sentence[:1].upper() + sentence[1:]
