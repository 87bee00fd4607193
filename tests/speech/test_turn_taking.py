"""What words and melody say about the end of a turn, and what that makes of the wait."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.speech.endpointing import EndpointingPolicy
from rapport.speech.turn_taking import CANNOT_TELL, completeness, final_fall, silence_needed_s

HANGING = ["because I", "I went home and", "It was a", "I am going to", "so, um", "and so my...", "I think of my", "if"]
FINISHED = ["I lost my job.", "Yes.", "No", "Can you help me?", "I feel much better now", "Thank you so much!", "Okay."]


@pytest.mark.parametrize("hanging", HANGING)
def test_what_hangs_in_the_air_is_unfinished(hanging: str) -> None:
    assert completeness(hanging) < 0.25


@pytest.mark.parametrize("finished", FINISHED)
def test_a_whole_sentence_is_finished(finished: str) -> None:
    assert completeness(finished) > 0.6


def test_a_full_stop_does_not_finish_half_a_sentence() -> None:
    assert completeness("because I.") < 0.25
    assert completeness("I lost my job,") < completeness("I lost my job") < completeness("I lost my job.")


@pytest.mark.parametrize("nothing", ["", "   ", "...!?", "🙂"])
def test_without_words_it_cannot_be_told(nothing: str) -> None:
    assert completeness(nothing) == CANNOT_TELL


@given(st.text(max_size=60))
def test_any_text_has_a_completeness(text: str) -> None:
    assert 0.0 <= completeness(text) <= 1.0


def tone(f0_hz: np.ndarray, level: np.ndarray) -> np.ndarray:
    """A voice-like sound: ten harmonics over a pitch contour, at 16 kHz."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / 16_000
    return level * sum(np.sin(k * phase) / k for k in range(1, 11)) / 4


def spoken(final_f0_hz: float, final_level: float) -> np.ndarray:
    body, end = np.full(16_000, 180.0), np.linspace(180.0, final_f0_hz, 4_000)
    return tone(
        np.concatenate([body, end]), np.concatenate([np.full(16_000, 0.3), np.linspace(0.3, final_level, 4_000)])
    )


def test_a_falling_end_is_told_from_a_level_one() -> None:
    falling, level, rising = (final_fall(spoken(*end), 16_000) for end in ((90.0, 0.03), (180.0, 0.3), (300.0, 0.3)))
    assert falling > 0.8
    assert level < 0.2
    assert rising == CANNOT_TELL


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(1), np.zeros(20_000), np.full(30_000, 0.5)])
def test_without_a_voice_the_melody_tells_nothing(samples: np.ndarray) -> None:
    assert final_fall(samples, 16_000) == CANNOT_TELL


unit = st.floats(0.0, 1.0)


@given(unit, unit, unit)
def test_the_wait_stays_within_the_policy_and_shrinks_with_either_cue(a: float, b: float, other: float) -> None:
    policy = EndpointingPolicy()
    low, high = sorted((a, b))
    for cues in ((low, other), (other, low), (high, other), (other, high)):
        assert policy.min_silence_s <= silence_needed_s(policy, *cues) <= policy.max_silence_s
    assert silence_needed_s(policy, low, other) >= silence_needed_s(policy, high, other) - 1e-9
    assert silence_needed_s(policy, other, low) >= silence_needed_s(policy, other, high) - 1e-9
