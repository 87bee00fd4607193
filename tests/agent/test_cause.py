"""The finder of causes: it points at what was said, and at nothing where nothing was."""

from __future__ import annotations

from pathlib import Path

import pytest

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.cause import MOST_PER_TURN, TURNS_BACK, CauseExtractor, candidates, clauses
from rapport.persona.errors import ComponentError


def test_the_event_is_preferred_to_the_greeting() -> None:
    found = CauseExtractor().extract("Hi there. I lost my job today. Yeah.", "sadness")
    assert found.text == "I lost my job today."
    assert found.turn == 0
    assert 0 < found.confidence < 1


def test_a_bare_feeling_has_its_cause_in_the_turn_before() -> None:
    context = [ContextTurn("Your exam is over!"), ContextTurn("We won two tickets to the concert tonight!")]
    found = CauseExtractor().extract("Wow!", "joy", context)
    assert (found.text, found.turn) == ("We won two tickets to the concert tonight!", 1)


@pytest.mark.parametrize("text", ["", "  ", "...", "🙂"])
def test_no_words_no_cause(text: str) -> None:
    found = CauseExtractor().extract(text, "joy", [ContextTurn(text, True)])
    assert (found.text, found.turn, found.confidence) == ("", 0, 0.0)


def test_candidates_are_as_they_were_said_and_bounded() -> None:
    long = "He shouted at me. " * 200
    found = candidates(long, [ContextTurn(long)] * 100)
    assert len(found) == MOST_PER_TURN * (TURNS_BACK + 1)
    assert all(candidate.text == "He shouted at me." for candidate in found)


def test_long_sentences_are_cut_into_clauses_and_lose_no_words() -> None:
    sentence = "I wanted to call you last night, but my phone was broken because the dog had chewed it again"
    found = clauses(sentence)
    assert found == [
        "I wanted to call you last night",
        "but my phone was broken",
        "because the dog had chewed it again",
    ]
    assert clauses("I was sad, but it passed.") == ["I was sad, but it passed."]


def test_unknown_feelings_and_other_scripts_are_no_error() -> None:
    assert CauseExtractor().extract("Я потерял работу, I lost it", "тоска").turn == 0


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="rapport train cause"):
        CauseExtractor(tmp_path).extract("I lost it.", "sadness")
