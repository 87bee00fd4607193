"""Captions: short enough to read, whole, in time with the words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.speech.audio import Audio, SpokenClause, Word
from rapport.speech.captions import LINE_CHARS, LINES, captions_of

TEXT = st.lists(st.from_regex(r"[a-z]{1,12}[,.]?", fullmatch=True), min_size=1, max_size=60).map(" ".join)


def clause(text: str, length_s: float, *, timed: bool = True) -> SpokenClause:
    tokens = text.split()
    step_s = length_s / len(tokens)
    words = tuple(Word(token.strip(".,"), i * step_s, (i + 1) * step_s) for i, token in enumerate(tokens))
    return SpokenClause(text, Audio.silence(length_s, 8000), words if timed else ())


@given(st.lists(TEXT, min_size=1, max_size=4), st.booleans())
def test_captions_are_whole_readable_and_one_after_another(texts: Sequence[str], timed: bool) -> None:
    captions = captions_of((10.0 * i, clause(text, 9.0, timed=timed)) for i, text in enumerate(texts))
    assert " ".join(caption.text.replace("\n", " ") for caption in captions) == " ".join(texts)
    for caption in captions:
        lines = caption.text.split("\n")
        assert len(lines) <= LINES and max(map(len, lines)) <= LINE_CHARS
        assert caption.start_s < caption.end_s
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(captions))


def test_a_caption_lasts_from_its_first_word_to_its_last() -> None:
    text = "I am sorry that your sister did not call you. Would you like to tell me what you hoped to hear from her?"
    first, second = captions_of([(1.0, clause(text, 12.0))])
    step_s = 12.0 / len(text.split())
    assert first.text.endswith("call you.") and second.text.startswith("Would")
    assert (first.start_s, first.end_s) == (1.0, pytest.approx(1.0 + 10 * step_s))
    assert second.end_s == pytest.approx(13.0)


def test_short_clauses_share_a_caption() -> None:
    (caption,) = captions_of([(0.0, clause("I see.", 0.8)), (0.8, clause("Go on.", 0.9))])
    assert (caption.text, caption.start_s, caption.end_s) == ("I see. Go on.", 0.0, pytest.approx(1.7))
