"""Frames to phoneme, pause and word times: they tile the sound, in order, and silence becomes a pause."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.speech.audio import PAUSE
from rapport.speech.timing import Token, align, word_times

FRAME_S = 0.025


def tokens(text: str) -> list[Token]:
    """Letters as phonemes, words counted at spaces."""
    word, out = 0, list[Token]()
    for c in text:
        word += c == " "
        out.append(Token(c, 1, word if c.isalpha() or c in "ˈˌ" else None))
    return out


def mask(text: str) -> np.ndarray:
    """Frames as `#` for sound and `_` for silence."""
    return np.array([c == "_" for c in text])


def run(text: str, slots: list[int], frames: str) -> tuple[list[tuple[str, int, int]], dict[int, tuple[int, int]]]:
    """Phonemes as (symbol, first frame, last frame + 1) and words as their frames."""
    phonemes, words = align(tokens(text), np.array(slots, np.int64), mask(frames), FRAME_S)
    spans = [(p.symbol, round(p.start_s / FRAME_S), round(p.end_s / FRAME_S)) for p in phonemes]
    return spans, {k: (round(a / FRAME_S), round(b / FRAME_S)) for k, (a, b) in words.items()}


def test_a_stress_mark_lengthens_the_vowel_after_it() -> None:
    phonemes, words = run("kˈa", [0, 2, 3, 6], "######")
    assert phonemes == [("k", 0, 2), ("a", 2, 6)]
    assert words == {0: (0, 6)}


def test_words_without_a_pause_meet_halfway_in_the_space() -> None:
    phonemes, words = run("a b", [0, 2, 4, 6], "######")
    assert phonemes == [("a", 0, 3), ("b", 3, 6)]
    assert words == {0: (0, 3), 1: (3, 6)}


def test_silence_after_punctuation_is_a_pause_taken_from_the_last_phoneme() -> None:
    phonemes, words = run("ad, b", [0, 2, 8, 9, 10, 12], "####_____###")
    assert phonemes == [("a", 0, 2), ("d", 2, 4), (PAUSE, 4, 9), ("b", 9, 12)]
    assert words == {0: (0, 4), 1: (9, 12)}


def test_a_closure_between_words_is_no_pause() -> None:
    phonemes, _ = run("at b", [0, 3, 5, 6, 9], "####__###")
    assert PAUSE not in {symbol for symbol, _, _ in phonemes}


def test_silence_at_both_ends_is_a_pause() -> None:
    phonemes, _ = run("ab", [0, 3, 9], "__#####__")
    assert phonemes == [
        (PAUSE, 0, 2),
        ("a", 2, 3),
        ("b", 3, 7),
        (PAUSE, 7, 9),
    ]


def test_words_that_are_not_spoken_have_no_length_and_keep_their_place() -> None:
    words = word_times(["你好", "hi", "…", "you"], {1: (0.1, 0.5), 3: (0.6, 0.9)})
    assert [(w.text, w.start_s, w.end_s) for w in words] == [
        ("你好", 0.1, 0.1), ("hi", 0.1, 0.5), ("…", 0.5, 0.5), ("you", 0.6, 0.9)
    ]  # fmt: skip


def test_more_phonemes_than_frames_is_an_error() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        run("abcd", [0, 0, 1, 1, 2], "##")


@given(st.data())
def test_phonemes_tile_the_sound_in_order(data: st.DataObject) -> None:
    text = data.draw(st.from_regex(r"[ab]{1,3}([,.]? [ˈ]?[ab]{1,3}){0,4}[.]?", fullmatch=True))
    slots = np.cumsum([0, *data.draw(st.lists(st.integers(0, 6), min_size=len(text), max_size=len(text)))])
    frames = int(slots[-1]) + len(text)
    silent = np.array(data.draw(st.lists(st.booleans(), min_size=frames, max_size=frames)))
    phonemes, words = align(tokens(text), slots, silent, 1.0)
    assert phonemes[0].start_s == 0
    assert phonemes[-1].end_s == frames
    assert all(a.end_s == b.start_s for a, b in pairwise(phonemes))
    assert all(p.end_s - p.start_s >= 1 for p in phonemes)
    assert [p.symbol for p in phonemes if p.symbol != PAUSE] == [c for c in text if c in "ab"]
    spans = [words[k] for k in sorted(words)]
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
