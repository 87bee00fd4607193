"""The policy over support strategies: a distribution whatever the talk, aware of its phase."""

from __future__ import annotations

from pathlib import Path

import pytest

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.strategy import PHASES, STRATEGIES, StrategyPolicy, cues, feeling_class, form
from rapport.persona.errors import ComponentError, InputError

TROUBLE = [
    ContextTurn("Hi, I could use somebody to talk to.", True),
    ContextTurn("Hello! I am here.", False),
    ContextTurn("I lost my job and I am scared that I cannot pay the rent.", True),
]


def test_probabilities_add_up_for_any_talk() -> None:
    policy = StrategyPolicy()
    for turns, emotion, previous in (
        ([], "neutral", []),
        (TROUBLE, "fear", ["others"]),
        ([ContextTurn("🙂", True)], "no such feeling", []),
        (TROUBLE * 50, "sadness", list(STRATEGIES) * 10),
        ([ContextTurn("word " * 50_000, True)], "joy", []),
    ):
        found = policy.distribution(turns, emotion=emotion, previous=previous)
        assert tuple(found) == STRATEGIES
        assert sum(found.values()) == pytest.approx(1)
        assert min(found.values()) > 0


def test_early_in_a_talk_it_asks_and_later_it_advises() -> None:
    policy = StrategyPolicy()
    early = policy.distribution(TROUBLE, emotion="fear", previous=["others"])
    asked = ["others", "question", "question", "reflection", "question", "affirmation", "question", "reflection"]
    talk = [t for k in range(8) for t in (ContextTurn("It is hard.", True), ContextTurn("I see.", False))]
    late = policy.distribution([*talk, TROUBLE[-1]], emotion="fear", previous=asked)
    assert early["question"] > late["question"]
    assert late["suggestions"] > early["suggestions"]


def test_an_unknown_strategy_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"hugging.*question"):
        StrategyPolicy().distribution(TROUBLE, emotion="fear", previous=["hugging"])


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="rapport train strategy"):
        StrategyPolicy(tmp_path).distribution([], emotion="fear", previous=[])


def test_words_are_marked_by_who_said_them() -> None:
    found = cues(TROUBLE)
    assert {"p|job", "p|lost my", "a|hello", "h|somebody"} <= set(found)
    assert "h|job" not in found


def test_the_phase_is_that_of_the_supporters_turns() -> None:
    one, other = (form([], "fear", ["question"] * n) for n in (PHASES[-1], PHASES[-1] + 50))
    assert (one[8 : 8 + len(PHASES)] == other[8 : 8 + len(PHASES)]).all()
    assert (one[8 : 8 + len(PHASES)] != form([], "fear", [])[8 : 8 + len(PHASES)]).any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("anxious", "fear"), ("Depression", "sadness"), ("remorse", "sadness"), ("joy", "joy"), ("quux", "neutral")],
)
def test_names_of_feelings_have_a_class(name: str, expected: str) -> None:
    assert feeling_class(name) == expected
