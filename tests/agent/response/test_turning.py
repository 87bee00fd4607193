"""What a person says of themselves, turned to face them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.response.turning import mid_sentence, turn


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        ("I lost my job", "you lost your job"),
        ("I'm afraid of my father", "you're afraid of your father"),
        ("I am tired and I was ill", "you are tired and you were ill"),
        ("I really was ashamed of myself", "you really were ashamed of yourself"),
        ("am I wrong", "are you wrong"),
        ("my sister was kind to me", "your sister was kind to you"),
        ("we got our puppy", "you got your puppy"),
        ("you are kind to me", "I am kind to you"),
        ("I like you", "you like me"),
        ("he said it wasn't mine", "he said it wasn't yours"),
        ("I\u2019ve had it", "you've had it"),
        ("she is 3.5 miles away", "she is 3.5 miles away"),
    ],
)
def test_persons_and_verbs_are_exchanged(said: str, turned: str) -> None:
    assert turn(said) == turned


def test_names_keep_their_capital_inside_a_sentence() -> None:
    assert mid_sentence("Peter left") == "Peter left"
    assert mid_sentence("My dog died") == "my dog died"
    assert mid_sentence("Losing is hard") == "losing is hard"


@given(st.text())
def test_any_text_can_be_turned(text: str) -> None:
    assert isinstance(turn(text), str)
