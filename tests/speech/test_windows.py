"""Windows of speech, on made probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.speech.voice_activity import FRAME_S
from rapport.speech.windows import windows_of_frames


def frames(*parts: tuple[float, float]) -> np.ndarray:
    """(probability, seconds) one after the other."""
    return np.concatenate([np.full(round(s / FRAME_S), p, np.float32) for p, s in parts])


def in_seconds(windows: list[tuple[int, int]]) -> list[tuple[float, float]]:
    return [(round(start * FRAME_S, 1), round(end * FRAME_S, 1)) for start, end in windows]


def test_a_window_reaches_from_first_to_last_possible_speech_and_a_little_beyond() -> None:
    scream = frames((0.01, 2.0), (0.3, 0.5), (0.6, 0.2), (0.3, 0.8), (0.01, 2.0))
    ((start_s, end_s),) = in_seconds(windows_of_frames(scream))
    assert start_s == pytest.approx(2.0 - 0.25, abs=0.1)
    assert end_s == pytest.approx(3.5 + 0.25, abs=0.1)


def test_what_is_never_surely_speech_has_no_window() -> None:
    assert windows_of_frames(frames((0.01, 1.0), (0.48, 5.0), (0.9, 0.064), (0.01, 1.0))) == []
    assert windows_of_frames(np.zeros(0, np.float32)) == []


def test_a_long_pause_separates_windows_and_a_short_one_does_not() -> None:
    assert len(windows_of_frames(frames((0.9, 1.0), (0.0, 1.0), (0.9, 1.0)))) == 1
    assert len(windows_of_frames(frames((0.9, 1.0), (0.0, 4.0), (0.9, 1.0)))) == 2


def test_endless_speech_is_split_where_it_is_quietest() -> None:
    windows = windows_of_frames(frames((0.9, 20.0), (0.4, 0.1), (0.9, 60.0)))
    assert windows[0][1] * FRAME_S == pytest.approx(20.0, abs=0.1)
    assert len(windows) >= 3


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.6, 1.0]), st.floats(0.1, 35.0)), max_size=8))
def test_windows_are_in_order_within_bounds_and_hold_all_sure_speech(parts: list[tuple[float, float]]) -> None:
    probabilities = np.concatenate([np.zeros(0, np.float32), *(frames(part) for part in parts)])
    windows = windows_of_frames(probabilities)
    edges = [edge for window in windows for edge in window]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(probabilities) for start, end in windows)
    assert all((end - start) * FRAME_S <= 28.0 + FRAME_S for start, end in windows)
    if windows:
        inside = np.concatenate([np.arange(start, end) for start, end in windows])
        outside = np.setdiff1d(np.flatnonzero(probabilities >= 0.5), inside)
        assert len(outside) < 3 * len(parts)
