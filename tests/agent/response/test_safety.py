"""A crisis is met with help before any model is asked; figures of speech are not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.response.safety import crisis_reply, is_crisis

CRISIS = [
    "I want to kill myself",
    "i'm going to kill myself tonight",
    "I want to die.",
    "I just don't want to live anymore",
    "Everyone would be better off without me",
    "I've been thinking about suicide",
    "I cut myself again last night",
    "I wish I was dead",
    "There is no reason to live.",
    "I keep thinking of ending my life",
    "sometimes i want to hurt myself",
    "I tried to take all my pills yesterday",
    "The movie was fine, but I want to kill myself.",
    "I can\u2019t stop thinking about killing myself",
    "im suicidal",
]
EVERYDAY = [
    "this homework is killing me",
    "I could have died of embarrassment",
    "I nearly died laughing",
    "My phone died",
    "I'm dying to see the new film",
    "I cut myself shaving",
    "I would kill for a coffee",
    "My dog died and I miss him",
    "The hero of the novel commits suicide at the end",
    "We watched a documentary about suicide prevention",
    "I'm dead tired",
    "I don't want to be here at this boring party tonight",
    "I burned myself on the oven",
    "I want to die of shame",
    "We killed it on stage!",
    "I am not suicidal, just sad",
    "I'd rather not live with my parents any more",
    "I lost my job today",
]


@pytest.mark.parametrize("text", CRISIS)
def test_crisis_is_recognised(text: str) -> None:
    assert is_crisis(text)


@pytest.mark.parametrize("text", EVERYDAY)
def test_figures_of_speech_pass(text: str) -> None:
    assert not is_crisis(text)


def test_the_answer_names_help_and_invents_no_number() -> None:
    reply = " ".join(crisis_reply())
    assert "emergency" in reply and "someone you trust" in reply
    assert not re.search(r"\d", reply)


@given(st.text())
def test_any_text_can_be_checked(text: str) -> None:
    assert is_crisis(text) in (True, False)
