"""The scorer of empathy: what the shipped one prefers, what it does with odd input, and that its parts add up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.response.empathy import EmpathyScorer, ordinal
from rapport.agent.response.hashed import LinearHeads, counted, pieces, sentences, tokens
from rapport.persona.errors import ComponentError

SEEKER = "My mother died last month and I cannot sleep. I feel so alone with it."


def test_warmth_understanding_and_interest_are_told_from_their_absence() -> None:
    scores = EmpathyScorer().score(
        SEEKER,
        [
            "I am so sorry for your loss, I really hope you feel better soon. Sending hugs.",
            "When my father died I felt just as alone, I could not sleep for weeks because I missed him.",
            "What do you miss most about her? How have you been feeling since?",
            "The shop opens at nine.",
        ],
    )
    assert scores.reactions.argmax() == 0
    assert scores.interpretations.argmax() == 1
    assert scores.explorations.argmax() == 2
    assert max(scores.reactions[3], scores.explorations[3]) < 0.5


def test_expected_levels_follow_from_the_probabilities() -> None:
    scores = EmpathyScorer().score(SEEKER, ["I know how you feel.", "ok"])
    assert scores.probabilities.shape == (3, 2, 3)
    assert scores.probabilities.sum(axis=-1) == pytest.approx(np.ones((3, 2)))
    assert scores.explorations == pytest.approx(scores.probabilities[2] @ [0, 1, 2])


def test_a_score_does_not_depend_on_its_neighbours_nor_on_the_thread() -> None:
    scorer = EmpathyScorer()
    texts = ["I understand.", "Why do you think so?", "Take care of yourself!"]
    together = scorer.score(SEEKER, texts).reactions
    with ThreadPoolExecutor(4) as pool:
        apart = list(pool.map(lambda text: scorer.score(SEEKER, [text]).reactions[0], texts * 4))
    assert apart == pytest.approx([*together] * 4)


@pytest.mark.parametrize("text", ["", "   ", "...", "🙂🙂", "\n\n"])
def test_a_response_without_words_shows_no_empathy(text: str) -> None:
    scores = EmpathyScorer().score(SEEKER, [text])
    assert [scores.reactions[0], scores.interpretations[0], scores.explorations[0]] == [0, 0, 0]


@pytest.mark.parametrize("text", ["a" * 100_000, "sorry " * 100_000, "Мне очень жаль", "\x00 hello", "?!" * 5_000])
def test_odd_responses_get_levels_within_range(text: str) -> None:
    scores = EmpathyScorer().score(text, [text])
    assert ((scores.probabilities >= 0) & (scores.probabilities <= 1)).all()


def test_nothing_to_score_is_nothing() -> None:
    assert EmpathyScorer().score(SEEKER, []).reactions.shape == (0,)


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="rapport train empathy"):
        EmpathyScorer(tmp_path).score("", ["Hello."])


@given(st.lists(st.floats(-30, 30), min_size=6, max_size=6))
def test_ordinal_readings_are_probabilities(margins: list[float]) -> None:
    p = ordinal(np.array(margins))
    assert (p >= 0).all()
    assert p.sum(axis=1) == pytest.approx(np.ones(3))


@given(st.text(max_size=60))
def test_sentences_lose_no_words(text: str) -> None:
    assert [word for part in sentences(text) for word in tokens(part)] == tokens(text)


def test_heads_read_what_their_arrays_hold() -> None:
    columns, counts = counted(["a", "b", "a"], 64)
    heads = LinearHeads(
        np.ones(64, np.float16), np.full((64, 2), [1, -2], np.int8), np.array([0.5, 0.5]), np.array([0.0, 1.0])
    )
    expected = (counts / np.linalg.norm(counts)).sum()
    assert len(columns) == 2
    assert heads.margins(["a", "b", "a"]) == pytest.approx([expected / 2, 1 - expected])
    assert heads.margins([]) == pytest.approx([0, 1])
    again = LinearHeads.of(heads.arrays("x"), "x")
    assert again.margins(["a"]) == pytest.approx(heads.margins(["a"]))


def test_pieces_hold_runs_of_words_and_of_letters() -> None:
    found = pieces(tokens("So sorry!"))
    assert {"so", "so sorry", "so sorry !", "#_so_", "#rry_"} <= set(found)
