"""What a recogniser needs to hear of sound that is there as a whole: the parts with speech, none too long."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.speech.voice_activity import FRAME_S, FRAME_SAMPLES

MAX_WINDOW_S = 28.0
"""Longest part that `speech_windows` gives: a little less than the 30 s that Whisper has positions for."""
MAX_PAUSE_S = 2.0
"""A longer pause is left out between two windows: recognising silence costs time and invites invented words."""
SPEECH_PAD_S = 0.25
"""Kept around what voice activity marks: soft first and last consonants lie outside."""
MAX_GAP_S = 0.5
"""A shorter gap belongs to the speech around it."""
SURE_SPEECH = 0.5
MIN_SURE_FRAMES = 3
"""There is speech where so many frames have at least this probability; white noise reaches 0.48."""
MAYBE_SPEECH = 0.15
"""Around sure speech, frames of at least this probability belong to it."""


def speech_windows(samples: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Sample ranges at 16 kHz, in order and none longer than MAX_WINDOW_S, that hold all speech and little else."""
    if len(samples) < FRAME_SAMPLES:
        return []
    vad: Any = import_module("faster_whisper.vad")
    padded = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES))
    probabilities: NDArray[np.float32] = vad.get_vad_model()(padded).reshape(-1)
    return [
        (start * FRAME_SAMPLES, min(end * FRAME_SAMPLES, len(samples)))
        for start, end in windows_of_frames(probabilities)
    ]


def windows_of_frames(probabilities: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Frame ranges [start, end) of speech by two thresholds, padded, joined over pauses, none too long.

    A range is every frame that may be speech (MAYBE_SPEECH), provided that some of them surely are (SURE_SPEECH): a
    scream or a sob looks like speech to the model only here and there, and still all of it must be heard.
    """
    pad, pause, most = (round(s / FRAME_S) for s in (SPEECH_PAD_S, MAX_PAUSE_S, MAX_WINDOW_S))
    windows: list[tuple[int, int]] = []
    for first, last in _runs(probabilities >= MAYBE_SPEECH, max_gap=round(MAX_GAP_S / FRAME_S)):
        if np.count_nonzero(probabilities[first:last] >= SURE_SPEECH) < MIN_SURE_FRAMES:
            continue
        before = windows[-1] if windows else (0, 0)
        start, end = max(0, first - pad), min(len(probabilities), last + pad)
        if windows and start - before[1] <= pause and end - before[0] <= most:
            windows[-1] = (before[0], end)
            continue
        start = max(start, before[1])
        while end - start > most:
            # Split where a word is least likely to be cut: the quietest frame of the window's second half.
            split = start + most // 2 + int(np.argmin(probabilities[start + most // 2 : start + most])) + 1
            windows.append((start, split))
            start = split
        windows.append((start, end))
    return windows


def _runs(flags: NDArray[np.bool_], max_gap: int) -> list[tuple[int, int]]:
    """Ranges [start, end) of true values, joined over at most `max_gap` false ones."""
    runs: list[tuple[int, int]] = []
    for i in np.flatnonzero(flags).tolist():
        if runs and i - runs[-1][1] <= max_gap:
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
    return runs
