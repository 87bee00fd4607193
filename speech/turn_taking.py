"""Whether somebody who has fallen silent has finished: what the words say, what the melody says, how long to wait.

    words of the utterance       -> completeness
    the end of its sound         -> final_fall
    both, and the policy's times -> silence_needed_s

A pause alone does not tell: people pause within a sentence for as long as between two. Words that hang in the air tell
most, pitch and energy at the end some (Gravano & Hirschberg 2011, "Turn-taking cues in task-oriented dialogue"; Skantze
2021, "Turn-taking in conversational systems and human-robot interaction: a review").
"""

from __future__ import annotations

import math
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rapport.speech.endpointing import EndpointingPolicy

Floats = NDArray[np.floating]

CANNOT_TELL = 0.5
"""The value of either cue where there is nothing to go by: no words yet, no voiced sound."""
FALL_WEIGHT = 0.6
"""How much the melody counts against the words, whose weight is 1, in log-odds."""
CAUTION = 1.5
"""Power of how sure the end is: above 1 only the surest ends are answered at once."""

FINAL_S = 0.2
FALL_ST, FALL_DB = 3.0, 4.5
"""Between what ends of sentences and held ends fall by in the project's own voice."""
RISE_ST = 2.0
VOICED_PERIODICITY = 0.5
MIN_VOICED_FRAMES = 5
MIN_F0_HZ, MAX_F0_HZ = 60.0, 400.0
FRAME_S, HOP_S = 0.04, 0.01
UNKNOWN = "?"
"""The ending that stands for all words that are not in the table."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_FILLERS = frozenset(("um", "umm", "uh", "uhh", "er", "erm", "hmm", "mm"))
_WHOLE_ANSWERS = (
    "yes yeah yep no nope okay ok sure right really exactly maybe never nothing please sorry thanks hello hi hey bye "
    "what why when where who how good fine great"
)
"""Words that mostly stand alone when nothing else has been said."""
_HANGS = 0.03
"""Completeness of what ends in a filler, or where the recogniser wrote that it breaks off."""
_STANDS_ALONE = 0.75
_PUNCTUATION = {
    **dict.fromkeys("?!？！", 1.0),
    **dict.fromkeys(".。", 0.5),
    **dict.fromkeys(",;:，；：", -1.0),
}
"""What the last sign adds in log-odds. A full stop counts little: recognisers put one after half a sentence, too."""


def completeness(text: str) -> float:
    """How finished an utterance sounds by its words: 0 hangs in the air ("because I"), 1 is a finished sentence.

    By how often its last two words, or else the last one, end what English-speaking people write (`data/turn_ends.npz`,
    made by `rapport train turn-ends`), and a little by its last sign. In other languages only the sign tells. 0.5
    without words.
    """
    text = text.strip()
    words = words_of(text)
    if not words:
        return CANNOT_TELL
    if words[-1] in _FILLERS or text.endswith(("...", "…", "-", "–", "—")):
        return _HANGS
    table = _endings()
    pair = " ".join(words[-2:])
    by_words = table.get(pair, table.get(words[-1], table[UNKNOWN]))
    if len(words) == 1 and words[0] in words_of(_WHOLE_ANSWERS):
        by_words = max(by_words, _STANDS_ALONE)
    return 1.0 / (1.0 + math.exp(-(_log_odds(by_words) + _PUNCTUATION.get(text[-1], 0.0))))


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


@cache
def _endings() -> dict[str, float]:
    """Last words, and pairs of them with a space between, with the share of texts that they end."""
    with (resources.files("rapport.speech") / "data" / "turn_ends.npz").open("rb") as file, np.load(file) as stored:
        return dict(zip(stored["endings"].tolist(), stored["finished"].astype(float).tolist(), strict=True))


def final_fall(samples: Floats, sample_rate_hz: int) -> float:
    """How much pitch and energy fall at the end of speech: 1 a clear fall, 0 a level, held end, 0.5 cannot tell.

    Takes the speech up to where the silence begins, mono in [-1, 1]; 1.5 s are looked at. The last FINAL_S of voiced
    sound are compared with the voiced sound before. A rise is 0.5: it may be a question or a list that goes on.
    """
    samples = np.asarray(samples[-round(1.5 * sample_rate_hz) :], np.float64)
    if len(samples) < round(2 * FRAME_S * sample_rate_hz):
        return CANNOT_TELL
    pitch_st, periodicity, energy_db = _melody(samples, sample_rate_hz)
    voiced = np.flatnonzero((periodicity > VOICED_PERIODICITY) & (energy_db > energy_db.max() - 30.0))
    count = round(FINAL_S / HOP_S)
    last = voiced[voiced > (voiced[-1] - count if len(voiced) else 0)]
    before = voiced[: len(voiced) - len(last)]
    if min(len(last), len(before)) < MIN_VOICED_FRAMES:
        return CANNOT_TELL
    fall_st = float(np.median(pitch_st[before]) - np.median(pitch_st[last]))
    fall_db = float(energy_db[before].mean() - energy_db[last].mean())
    if fall_st < -RISE_ST:
        return CANNOT_TELL
    return 1.0 / (1.0 + math.exp(-((fall_st - FALL_ST) / 1.5 + (fall_db - FALL_DB) / 3.0)))


def _melody(samples: NDArray[np.float64], sample_rate_hz: int) -> tuple[NDArray[np.float64], ...]:
    """Pitch in semitones, periodicity in [0, 1], energy in dB, for a frame every HOP_S.

    By the autocorrelation of the frame over that of its window (Boersma 1993, "Accurate short-term analysis of the
    fundamental frequency"), without a search for the best path.
    """
    length, hop = round(FRAME_S * sample_rate_hz), round(HOP_S * sample_rate_hz)
    window = np.hanning(length)
    size = 1 << (2 * length - 1).bit_length()
    pieces = np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]
    frames = (pieces - pieces.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(np.vstack([frames, window]), size)) ** 2
    correlation = np.fft.irfft(power)[:, : round(sample_rate_hz / MIN_F0_HZ)]
    correlation /= np.maximum(correlation[:, :1], 1e-9)
    shortest = round(sample_rate_hz / MAX_F0_HZ)
    normal = correlation[:-1, shortest:] / np.maximum(correlation[-1, shortest:], 1e-3)
    lags = normal.argmax(axis=1)
    energy_db = 10.0 * np.log10(np.mean(np.square(frames), axis=1) + 1e-10)
    periodicity = normal[np.arange(len(lags)), lags]
    return 12.0 * np.log2(sample_rate_hz / (lags + shortest)), periodicity, energy_db


def silence_needed_s(policy: EndpointingPolicy, completeness: float, fall: float) -> float:
    """Silence after which an utterance counts as over, between the policy's `min_silence_s` and `max_silence_s`.

    The two cues add up in log-odds, as independent evidence would, the melody with FALL_WEIGHT; the wait is
    interpolated geometrically, since waits are judged by their ratio, with CAUTION: cutting somebody off is worse than
    answering late.
    """
    finished = 1.0 / (1.0 + math.exp(-(_log_odds(completeness) + FALL_WEIGHT * _log_odds(fall))))
    return policy.max_silence_s * (policy.min_silence_s / policy.max_silence_s) ** finished**CAUTION


def _log_odds(probability: float) -> float:
    p = min(0.98, max(0.02, probability))
    return math.log(p / (1.0 - p))
