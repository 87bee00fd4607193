"""What was heard of a reply that was cut short."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from rapport.agent.events import Spoken
from rapport.agent.heard import heard_part
from rapport.speech.audio import Audio, SpokenClause, Word


def spoken(texts: list[str], word_s: float = 0.5) -> list[Spoken]:
    """Clauses whose words last equally long, with the punctuation stripped from the words as voices do."""
    out: list[Spoken] = []
    start_s = 0.0
    for index, text in enumerate(texts):
        words = text.split()
        times = tuple(Word(word.strip(".,!?"), i * word_s, (i + 1) * word_s) for i, word in enumerate(words))
        audio = Audio.silence(len(words) * word_s, 1000)
        out.append(Spoken(index, SpokenClause(text, audio, times), start_s))
        start_s += audio.duration_s
    return out


def test_nothing_was_heard_before_the_first_word_ended() -> None:
    assert heard_part(spoken(["Hello there."]), 0.49) == ""
    assert heard_part([], 3.0) == ""


def test_the_last_word_played_in_full_is_the_last_one_heard() -> None:
    clauses = spoken(["Well, I am sorry.", "So sorry!"])
    assert heard_part(clauses, 0.5) == "Well"
    assert heard_part(clauses, 1.9) == "Well, I am"
    assert heard_part(clauses, 2.0) == "Well, I am sorry."
    assert heard_part(clauses, 2.6) == "Well, I am sorry. So"
    assert heard_part(clauses, 99.0) == "Well, I am sorry. So sorry!"


def test_a_word_that_stands_twice_is_not_taken_for_its_first_place() -> None:
    assert heard_part(spoken(["no no no no"]), 1.5) == "no no no"


def test_words_that_the_voice_spelt_out_are_given_as_they_were_said() -> None:
    clause = SpokenClause(
        "It is 5.", Audio.silence(1.0), (Word("it", 0, 0.2), Word("is", 0.2, 0.4), Word("five", 0.4, 0.8))
    )
    assert heard_part([Spoken(0, clause, 0.0)], 0.5) == "It is"
    assert heard_part([Spoken(0, clause, 0.0)], 0.9) == "it is five"


def test_a_clause_without_word_times_counts_only_when_it_was_played_to_its_end() -> None:
    clauses = [Spoken(0, SpokenClause("Hello there.", Audio.silence(1.0)), 0.0)]
    assert heard_part(clauses, 0.9) == ""
    assert heard_part(clauses, 1.0) == "Hello there."


WORDS = st.lists(
    st.text(st.characters(whitelist_categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1), min_size=1, max_size=8
)


@given(st.lists(WORDS, min_size=1, max_size=4), st.floats(0.0, 20.0))
@example([["\u0130\u0130", "a"]], 0.6)  # a letter that is longer in lower case
def test_what_was_heard_is_always_the_beginning_of_what_was_said(clauses: list[list[str]], until_s: float) -> None:
    texts = [" ".join(words) for words in clauses]
    heard = heard_part(spoken(texts), until_s)
    assert " ".join(texts).startswith(heard)
    assert len(heard.split()) == min(sum(map(len, clauses)), int((until_s + 1e-6) / 0.5))


@given(WORDS, st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_who_listens_longer_hears_more(words: list[str], one_s: float, other_s: float) -> None:
    clauses = spoken([" ".join(words)])
    less, more = (heard_part(clauses, until_s) for until_s in sorted((one_s, other_s)))
    assert more.startswith(less)
