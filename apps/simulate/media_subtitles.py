"""Subtitles of a performed session, in time with its sound: as cues, SubRip (.srt) and WebVTT (.vtt).

Cues follow what broadcasters ask for: at most two lines of 42 characters, cut where a sentence or a phrase ends, and
never two people in one cue (Netflix Timed Text Style Guide; EBU N19 has 40 to 42).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from rapport.apps.simulate.media_cast import Who
from rapport.apps.simulate.media_stage import Line, Performance
from rapport.apps.simulate.records import NOTICE
from rapport.speech.audio import SpokenClause

LINE_CHARS, LINES = 42, 2
LINGER_S = 0.3
"""A cue stays for so long after its last word, where nobody speaks."""

_PHRASE_END = re.compile(r"[.?!,;:]$")


@dataclass(frozen=True)
class Cue:
    """What is read from `start_s` to `end_s` of the sound, as one or two lines."""

    start_s: float
    end_s: float
    who: Who
    text: str


@dataclass(frozen=True)
class _Piece:
    start_s: float
    end_s: float
    text: str


def cues_of(performance: Performance) -> list[Cue]:
    """Every cue, in order; none overlaps the next."""
    pieces: list[tuple[Who, _Piece]] = [(line.who, piece) for line in performance.lines for piece in _gathered(line)]
    cues: list[Cue] = []
    for i, (who, piece) in enumerate(pieces):
        next_s = pieces[i + 1][1].start_s if i + 1 < len(pieces) else performance.audio.duration_s
        end_s = min(piece.end_s + LINGER_S, max(next_s, piece.end_s))
        cues.append(Cue(piece.start_s, end_s, who, "\n".join(_balanced(piece.text))))
    return cues


def srt(cues: Sequence[Cue]) -> str:
    """As SubRip; a cue in which the speaker changes names them."""
    blocks = [
        f"{i}\n{_time(cue.start_s, ',')} --> {_time(cue.end_s, ',')}\n{_named(cues, i - 1)}{cue.text}\n"
        for i, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def vtt(cues: Sequence[Cue]) -> str:
    """As WebVTT, whose voice tags name the speaker."""
    blocks = [
        f"{_time(cue.start_s, '.')} --> {_time(cue.end_s, '.')}\n"
        f"<v {cue.who.capitalize()}>{escape(cue.text, quote=False)}\n"
        for cue in cues
    ]
    return "\n".join(["WEBVTT\n", f"NOTE {NOTICE}\n", *blocks])


def _named(cues: Sequence[Cue], i: int) -> str:
    return f"{cues[i].who.capitalize()}: " if i == 0 or cues[i].who != cues[i - 1].who else ""


def _time(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{point}{ms % 1000:03d}"


def _gathered(line: Line) -> list[_Piece]:
    """Short sentences of one turn that fit together become one cue."""
    gathered: list[_Piece] = []
    for start_s, clause in line.clauses:
        for piece in _pieces(start_s, clause):
            last = gathered[-1] if gathered else None
            if last is not None and _fits(together := f"{last.text} {piece.text}"):
                gathered[-1] = _Piece(last.start_s, piece.end_s, together)
            else:
                gathered.append(piece)
    return gathered


def _pieces(start_s: float, clause: SpokenClause) -> Iterator[_Piece]:
    """A sentence, cut where it is too long, with the times of its own words."""
    tokens = clause.text.split()
    times_s = _token_times(tokens, clause)
    end_s = max((word.end_s for word in clause.words), default=clause.audio.duration_s)
    begin = 0
    while begin < len(tokens):
        end = _cut(tokens, begin)
        until_s = times_s[end] if end < len(tokens) else end_s
        yield _Piece(start_s + times_s[begin], start_s + until_s, " ".join(tokens[begin:end]))
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
    """Where a cue that begins here ends: as late as it fits, at a phrase's end where one is not too early."""
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
