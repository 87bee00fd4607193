"""From the frames that a network gives each symbol to the times of phonemes, pauses and words.

The symbols of a phrase are phonemes, stress marks, spaces and punctuation, and each has a slot of frames. What is heard
differs in two ways: marks and spaces make no sound of their own, and the last phoneme before a pause keeps its slot
until the next word begins. So a stress mark's time goes to its vowel, a space is shared by its neighbours unless it is
silent, and silence becomes a phoneme of its own, PAUSE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.speech.audio import PAUSE, Phoneme, Word
from rapport.speech.g2p import phonemize
from rapport.speech.normalize import spoken_words

SILENT_SYMBOLS = frozenset(' ,.;:!?…—"()“”')
STRESS_SYMBOLS = frozenset("ˈˌ")
EDGE = "|"
"""Stands for the beginning and the end of a sentence."""

_PAUSE_AT_MARK_S, _PAUSE_AT_SPACE_S = 0.05, 0.125
"""Shortest silence that is a pause after punctuation, and between words. Closures of p, t and k last up to 0.1 s."""


@dataclass(frozen=True)
class Token:
    """One symbol that the network reads, its number, and the index of the word it belongs to (None between words)."""

    symbol: str
    id: int
    word: int | None


@dataclass
class _Span:
    symbol: str
    word: int
    start: int
    end: int
    gap: bool = False
    """Whether a space or punctuation follows."""
    mark: bool = False
    """Whether punctuation follows."""


def align(
    tokens: Sequence[Token], slots: NDArray[np.int64], silent: NDArray[np.bool_], frame_s: float
) -> tuple[tuple[Phoneme, ...], dict[int, tuple[float, float]]]:
    """Phonemes and pauses that tile the sound from 0 to its end, and for each word its start and end, in seconds.

    slots: (tokens + 1,) the frame at which each token begins, and the end of the last; not decreasing.
    silent: (frames,) which frames are silent.
    """
    spans = _spans(tokens, slots)
    frames = len(silent)
    if not spans:
        return ((Phoneme(PAUSE, 0.0, frames * frame_s),) if frames else ()), {}
    for here, following in pairwise(spans):
        if here.gap:
            _meet(here, following, silent, frame_s)
    heard = np.flatnonzero(~silent)
    if len(heard):
        spans[0].start = min(max(spans[0].start, int(heard[0])), spans[0].end - 1)
        spans[-1].end = max(int(heard[-1]) + 1, spans[-1].start + 1)
    _make_room(spans, frames)
    phonemes: list[Phoneme] = []
    now = 0
    for span in spans:
        if span.start > now:
            phonemes.append(Phoneme(PAUSE, now * frame_s, span.start * frame_s))
        phonemes.append(Phoneme(span.symbol, span.start * frame_s, span.end * frame_s))
        now = span.end
    if frames > now:
        phonemes.append(Phoneme(PAUSE, now * frame_s, frames * frame_s))
    words: dict[int, tuple[float, float]] = {}
    for span in spans:
        start, _ = words.get(span.word, (span.start * frame_s, 0.0))
        words[span.word] = (start, span.end * frame_s)
    return tuple(phonemes), words


def word_times(texts: Sequence[str], times: dict[int, tuple[float, float]]) -> tuple[Word, ...]:
    """Every written word with its times; one that is not spoken (another script) has no length."""
    words: list[Word] = []
    now = min((start for start, _ in times.values()), default=0.0)
    for i, text in enumerate(texts):
        start, now = times.get(i, (now, now))
        words.append(Word(text, start, now))
    return tuple(words)


def tokens_of(symbols: Sequence[str]) -> list[Token]:
    """Symbols with the number of their word; spaces, punctuation and edges belong to none and end one."""
    tokens: list[Token] = []
    word = 0
    for symbol in symbols:
        outside = symbol == EDGE or symbol in SILENT_SYMBOLS
        if outside and tokens and tokens[-1].word is not None:
            word += 1
        tokens.append(Token(" " if symbol == EDGE else symbol, 0, None if outside else word))
    return tokens


def written_words(text: str, groups: Sequence[tuple[float, float]]) -> tuple[Word, ...]:
    """Written words with the times of their spoken ones.

    groups: (start, end) of each spoken word, in seconds, at least one. espeak joins some words ("of the"); then the
    spoken time is shared out by how many sounds each written word has.
    """
    tokens = spoken_words(text)
    if sum(len(t.words) for t in tokens) == len(groups):
        times: dict[int, tuple[float, float]] = {}
        taken = 0
        for i, token in enumerate(tokens):
            if token.words:
                times[i] = (groups[taken][0], groups[taken + len(token.words) - 1][1])
                taken += len(token.words)
        return word_times([t.text for t in tokens], times)
    spoken = phonemize(text)
    shares = np.cumsum([0, *(len(w.phonemes) for w in spoken)])
    lengths = np.cumsum([0.0, *(end - start for start, end in groups)])
    heard = np.ravel(np.array(groups, np.float64))
    at = shares * (lengths[-1] / max(int(shares[-1]), 1))
    bounds: list[float] = cast("Any", np.interp(at, np.repeat(lengths, 2)[1:-1], heard)).tolist()
    return tuple(Word(w.text, a, b) for w, (a, b) in zip(spoken, pairwise(bounds), strict=True))


def _spans(tokens: Sequence[Token], slots: NDArray[np.int64]) -> list[_Span]:
    spans: list[_Span] = []
    pending: int | None = None
    for token, begin, end in zip(tokens, slots[:-1].tolist(), slots[1:].tolist(), strict=True):
        if token.symbol in STRESS_SYMBOLS:
            pending = begin if pending is None else pending
        elif token.symbol in SILENT_SYMBOLS or token.word is None:
            if spans:
                spans[-1].gap = True
                spans[-1].mark |= token.symbol != " "
        else:
            spans.append(_Span(token.symbol, token.word, begin if pending is None else pending, end))
            pending = None
    return spans


def _meet(here: _Span, following: _Span, silent: NDArray[np.bool_], frame_s: float) -> None:
    """Set where one word ends and the next begins: around the silence between them, or halfway."""
    run = _longest_run(silent, here.start + 1, following.end - 1)
    shortest_s = _PAUSE_AT_MARK_S if here.mark else _PAUSE_AT_SPACE_S
    if run is not None and (run[1] - run[0]) * frame_s > shortest_s - frame_s / 2:
        here.end, following.start = run
    else:
        here.end = following.start = (here.end + following.start + 1) // 2


def _longest_run(flags: NDArray[np.bool_], start: int, end: int) -> tuple[int, int] | None:
    """The longest run of true frames within start..end (end exclusive), the first of equals."""
    best: tuple[int, int] | None = None
    begin: int | None = None
    for i in range(max(start, 0), min(end, len(flags)) + 1):
        if i < min(end, len(flags)) and flags[i]:
            begin = i if begin is None else begin
        elif begin is not None:
            if best is None or i - begin > best[1] - best[0]:
                best = (begin, i)
            begin = None
    return best


def _make_room(spans: list[_Span], frames: int) -> None:
    """Give every phoneme at least a frame, in order, inside the sound."""
    now = 0
    for span in spans:
        span.start = max(span.start, now)
        span.end = now = max(span.end, span.start + 1)
    limit = frames
    for span in reversed(spans):
        span.end = min(span.end, limit)
        span.start = limit = min(span.start, span.end - 1)
    if spans[0].start < 0:
        raise ValueError(f"{len(spans)} phonemes do not fit into {frames} frames")
