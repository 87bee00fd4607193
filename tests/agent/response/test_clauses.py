"""From a stream of tokens to clauses that can be spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.response.clauses import (
    ClauseSplitter,
    clean,
    is_finished,
    same_sentence_key,
    speakable,
    split_opening,
    split_sentences,
)


def streamed(text: str, size: int, **options: object) -> list[str]:
    splitter = ClauseSplitter(**options)  # type: ignore[arg-type]
    clauses = [clause for k in range(0, len(text), size) for clause in splitter.feed(text[k : k + size])]
    return clauses + splitter.finish()


SAMPLE = "well you know Dr. Smith lost 3.5 percent, of it all. Why? So sad! and then; yes a no."
WORDS = st.sampled_from(SAMPLE.split())
PROSE = st.lists(WORDS, min_size=1, max_size=60).map(" ".join)


def test_the_first_clause_comes_at_the_first_comma_after_three_words() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("Oh, that sounds hard, ") == ["Oh, that sounds hard,"]


def test_later_clauses_wait_for_a_fair_length() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("That sounds hard. You lost it, ") == ["That sounds hard."]
    assert splitter.feed("and nobody was there. ") == ["You lost it, and nobody was there."]


def test_numbers_abbreviations_and_initials_are_not_cut() -> None:
    text = "Dr. J. Smith paid 1,200.50 dollars at 3 p.m. today. No. 5 is next."
    assert split_sentences(text) == ["Dr. J. Smith paid 1,200.50 dollars at 3 p.m. today.", "No. 5 is next."]


def test_markup_and_pictures_are_not_spoken() -> None:
    text = "**Assistant:** I *hear* you \U0001f600. <|im_end|>See [this](http://a.b/c).\n- one thing\n- `two`"
    assert clean(text) == "I hear you. See this. one thing two"


def test_a_models_thinking_is_not_spoken() -> None:
    assert speakable("<think>They are sad. I should care.</think>I hear you.") == ["I hear you."]


def test_an_unfinished_last_sentence_is_left_out_unless_it_is_all() -> None:
    assert speakable("I hear you. And now I wo") == ["I hear you."]
    assert speakable("I hear you and I") == ["I hear you and I"]


def test_repetitions_of_this_reply_and_of_earlier_ones_are_left_out() -> None:
    clauses = streamed("I hear you. I hear you! What now? Go on.", 3, said=["Hm. What now?"])
    assert clauses == ["I hear you.", "Go on."]


def test_a_repeated_sentence_is_not_begun_early() -> None:
    splitter = ClauseSplitter(said=["I am so sorry, that is hard."])
    assert splitter.feed("I am so sorry, ") == []
    assert splitter.feed("that is hard. Tell me ") == []


def test_no_more_sentences_than_asked_for() -> None:
    splitter = ClauseSplitter(max_sentences=2)
    assert splitter.feed("One is here. Two is here. Three is here. ") == ["One is here.", "Two is here."]
    assert splitter.full


def test_no_more_questions_than_asked_for() -> None:
    assert streamed("I hear you. Why now? And what then? Go on.", 3, max_questions=1, max_sentences=4) == [
        "I hear you.",
        "Why now?",
        "Go on.",
    ]


def test_without_questions_a_clause_that_may_become_one_waits() -> None:
    splitter = ClauseSplitter(max_questions=0)
    assert splitter.feed("After all of that, ") == []
    assert splitter.feed("what do you want? That is hard. ") == ["That is hard."]


def test_what_would_be_too_many_words_is_left_out_but_never_all() -> None:
    splitter = ClauseSplitter(5, max_words=6)
    assert splitter.feed("One two three four. Five six. Seven. ") == ["One two three four.", "Five six."]
    assert splitter.full
    assert streamed("One two three four five six seven.", 4, max_words=3) == ["One two three four five six seven."]


@given(PROSE, st.integers(1, 9))
def test_clauses_join_to_the_cleaned_text_without_repeated_sentences(text: str, size: int) -> None:
    once: dict[str, str] = {}
    for sentence in split_sentences(clean(f"{text} end.")):
        once.setdefault(same_sentence_key(sentence), sentence)
    assert " ".join(streamed(f"{text} end.", size, max_sentences=10_000)) == " ".join(once.values())


@given(st.text(), st.integers(1, 7))
def test_any_text_is_split_without_failing_or_inventing(text: str, size: int) -> None:
    for clause in streamed(text, size):
        assert clause.strip() == clause and clause


@given(PROSE)
def test_what_is_spoken_ends_finished(text: str) -> None:
    clauses = speakable(f"I hear you. {text}", max_sentences=5)
    assert is_finished(clauses[-1])


@pytest.mark.parametrize(
    ("sentence", "first"),
    [
        ("I hear you: you are scared of what the doctor will say tomorrow.", "I hear you:"),
        ("I'm really glad to hear that you had tea for breakfast.", "I'm really glad to hear"),
        ("I can hear how sad you are.", "I can hear how sad you are."),
        ("One two three four five six seven eight nine.", "One two three four five six seven eight nine."),
    ],
)
def test_a_long_opening_begins_with_a_short_clause(sentence: str, first: str) -> None:
    clauses = split_opening(sentence)
    assert clauses[0] == first
    assert " ".join(clauses) == sentence
