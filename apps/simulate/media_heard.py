"""What a machine hears in a performed session: its words, and the feeling in its voices beside the one asked for.

The recogniser and the voice-emotion model know nothing of the script. They tell whether words can be understood and
whether a feeling can be heard; they are no listeners, and how a person would judge the voices is another question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rapport.agent.perception.voice_baseline import SpeakerBaseline, VoiceEstimate
from rapport.agent.stages import EmotionRecognizer, PersonTurn, SpeechRecognizer
from rapport.apps.bench.wer import word_error_rate
from rapport.apps.evaluate.metrics import pearson
from rapport.apps.simulate.media_cast import Who
from rapport.apps.simulate.media_stage import Line, Performance, Told
from rapport.apps.simulate.summary import plain
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio
from rapport.speech.files import resample

AXES = ("valence", "arousal", "dominance")
LEAST_TURNS = 3
"""Fewer turns have no correlation worth the name."""


@dataclass(frozen=True)
class Ears:
    """What listens: a recogniser of speech, and of feelings in voices."""

    recogniser: SpeechRecognizer
    feelings: EmotionRecognizer


async def heard(performance: Performance, ears: Ears, told: Told = lambda done, of: None) -> dict[str, Any]:
    """Word error rate, Pearson's r between asked and heard on each axis, the share of equal labels, and every turn.

    Raises:
        StageError: a recogniser failed.
    """
    turns: list[dict[str, Any]] = []
    pairs: list[tuple[str, str]] = []
    habits: dict[Who, SpeakerBaseline] = {}
    for done, line in enumerate(performance.lines, 1):
        sound = resample(sound_of(performance, line), RECOGNITION_RATE_HZ)
        transcript = await ears.recogniser.transcribe(sound)
        estimate = await ears.feelings.estimate(PersonTurn(transcript, sound, voice_baseline=habits.get(line.who)))
        told(done, len(performance.lines))
        if isinstance(estimate, VoiceEstimate) and estimate.baseline is not None:
            habits[line.who] = estimate.baseline
        said = " ".join(clause.text for _, clause in line.clauses)
        pairs.append((said, transcript.text))
        turns.append(
            {
                "turn": line.turn + 1, "who": line.who, "start_s": line.start_s, "end_s": line.end_s, "said": said,
                "heard": transcript.text, "asked_feeling": line.label, "asked_vad": line.felt.emotion.as_tuple(),
                "heard_feeling": None if estimate is None else estimate.label,
                "heard_vad": None if estimate is None else estimate.vad.as_tuple(),
            }
        )  # fmt: skip
    return plain({"wer": word_error_rate(pairs), **_agreement(turns), "turns": turns})


def sound_of(performance: Performance, line: Line) -> Audio:
    """One turn's sound."""
    return performance.audio.between(line.start_s, line.end_s)


def _agreement(turns: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    known = [turn for turn in turns if turn["heard_vad"] is not None]
    found = dict.fromkeys((f"{axis}_r" for axis in AXES), math.nan)
    if len(known) >= LEAST_TURNS:
        asked, told = (np.array([turn[key] for turn in known], np.float64) for key in ("asked_vad", "heard_vad"))
        found = {f"{axis}_r": pearson(asked[:, i], told[:, i]) for i, axis in enumerate(AXES)}
    same = [turn["asked_feeling"] == turn["heard_feeling"] for turn in known]
    return {**found, "labels_agree": sum(same) / len(same) if same else math.nan}
