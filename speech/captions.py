"""Captions: what is said, cut into what can be read at a glance, in time with its words.

At most two lines of 42 characters, cut where a sentence or a phrase ends, as broadcasters ask for (Netflix Timed Text
Style Guide; EBU N19 has 40 to 42).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapport.speech.audio import SpokenClause

LINE_CHARS, LINES = 42, 2

_PHRASE_END = re.compile(r"[.?!,;:]$")


@dataclass(frozen=True)
class Caption:
    """One or two lines, and when their words are spoken, in seconds."""

    start_s: float
    end_s: float
    text: str


def captions_of(clauses: Iterable[tuple[float, SpokenClause]]) -> list[Caption]:
    """The captions of one speaker's clauses, each given with the moment at which it begins, in order.

    Long clauses are cut, short ones that fit together share a caption.
    """
    gathered: list[Caption] = []
    for start_s, clause in clauses:
        for piece in _pieces(start_s, clause):
            last = gathered[-1] if gathered else None
            if last is not None and _fits(together := f"{last.text} {piece.text}"):
                gathered[-1] = Caption(last.start_s, piece.end_s, together)
            else:
                gathered.append(piece)
    return [Caption(each.start_s, each.end_s, "\n".join(_balanced(each.text))) for each in gathered]


def _pieces(start_s: float, clause: SpokenClause) -> Iterator[Caption]:
    """A clause, cut where it is too long, with the times of its own words."""
    tokens = clause.text.split()
    times_s = _token_times(tokens, clause)
    end_s = max((word.end_s for word in clause.words), default=clause.audio.duration_s)
    begin = 0
    while begin < len(tokens):
        end = _cut(tokens, begin)
        until_s = times_s[end] if end < len(tokens) else end_s
        yield Caption(start_s + times_s[begin], start_s + until_s, " ".join(tokens[begin:end]))
        begin = end


def _token_times(tokens: Sequence[str], clause: SpokenClause) -> list[float]:
    """When each token begins: by its word where words and tokens agree, else by its place in the text."""
    if len(clause.words) == len(tokens):
        return [word.start_s for word in clause.words]
    whole, done = sum(map(len, tokens)) or 1, 0
    places: list[float] = []
    begin_s = clause.words[0].start_s if clause.words else 0.0
    for token in tokens:
        places.append(begin_s + (clause.audio.duration_s - begin_s) * done / whole)
        done += len(token)
    return places


def _cut(tokens: Sequence[str], begin: int) -> int:
    """Where a caption that begins here ends: as late as it fits, at a phrase's end where one is not too early."""
    end = begin + 1
    while end < len(tokens) and _fits(" ".join(tokens[begin : end + 1])):
        end += 1
    if end == len(tokens):
        return end
    least = begin + max(1, (end - begin) // 2)
    return next((i for i in range(end, least, -1) if _PHRASE_END.search(tokens[i - 1])), end)


def _fits(text: str) -> bool:
    return len(_wrapped(text, LINE_CHARS)) <= LINES


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _balanced(text: str) -> list[str]:
    """One line, or two that are about equally long."""
    lines = _wrapped(text, LINE_CHARS)
    if len(lines) < 2:
        return lines
    for width in range(len(text) // 2, LINE_CHARS):
        narrow = _wrapped(text, width)
        if len(narrow) == len(lines):
            return narrow
    return lines
