"""Which small sounds are no turn."""

import pytest

from rapport.speech.backchannels import is_backchannel


@pytest.mark.parametrize(
    "text",
    ["Mm-hm.", "mhm", "Right.", "uh-huh, yeah", "Yeah, right.", "I see.", "Okay, okay.", "Of course!", "Hmm", ""],
)
def test_a_sound_of_listening_is_a_backchannel(text: str) -> None:
    assert is_backchannel(text, 0.6)


@pytest.mark.parametrize(
    "text", ["No.", "What?", "Yes, but wait", "Right now", "Stop", "I see him", "okay let's go", "мм"]
)
def test_words_that_say_something_are_a_turn(text: str) -> None:
    assert not is_backchannel(text, 0.6)


def test_a_long_sound_is_a_turn_whatever_was_recognised() -> None:
    assert not is_backchannel("yeah", 2.5)
