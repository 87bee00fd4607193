"""Readers of acted speech: RAVDESS and EmoDB as their authors name the files, and what is heard in every clip.

- RAVDESS (Livingstone & Russo 2018): 03-01-06-01-02-01-12.wav is speech of feeling 06, intensity 01, actor 12.
- EmoDB (Burkhardt et al. 2005): 03a01Fa.wav is speaker 03, text a01, feeling F (German *Freude*).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.voice_emotion import features_of
from rapport.agent.perception.voice_measures import measure
from rapport.agent.perception.voice_model import ENCODER, LABELS
from rapport.apps.evaluate.tables import read_csv
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio
from rapport.speech.files import read_audio
from rapport.speech.whisper_model import shared_whisper

RAVDESS_NAME = re.compile(r"03-01-0([1-8])-0([12])-0[12]-0[12]-(\d\d)\.(?:flac|wav)")
RAVDESS_FEELINGS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
EMODB_NAME = re.compile(r"(\d\d)[ab]\d\d([WLEAFTN])[a-z]?\.(?:flac|wav)")
EMODB_FEELINGS = {
    "W": "angry", "L": "bored", "E": "disgust", "A": "fearful", "F": "happy", "T": "sad", "N": "neutral",
}  # fmt: skip

PIECE_S = 2.5
"""About as long as the clips of acted speech."""

Floats = NDArray[np.float64]
Change = Callable[[Audio], Audio]


@dataclass(frozen=True)
class VoiceClip:
    """A clip with its label: one of `voice_model.LABELS`, or `bored`, which only EmoDB has."""

    path: Path
    corpus: Literal["ravdess", "emodb"]
    speaker: int
    label: str
    strong: bool = True
    """RAVDESS's strong intensity; EmoDB has one only."""


def read_ravdess(folder: Path) -> list[VoiceClip]:
    """The clips of speech below a folder by their official names; or, where no file has one, those of its labels.csv.

    Raises:
        InputError: neither is there.
    """
    clips: list[VoiceClip] = []
    for path in sorted(folder.rglob("03-01-*")):
        if (fields := RAVDESS_NAME.fullmatch(path.name)) is not None:
            emotion, intensity, actor = (int(field) for field in fields.groups())
            clips.append(VoiceClip(path, "ravdess", actor, RAVDESS_FEELINGS[emotion - 1], intensity == 2))
    if not clips and (folder / "labels.csv").is_file():
        clips = [
            VoiceClip(folder / row["path"], "ravdess", int(row["actor"]), row["emotion"], row["intensity"] == "strong")
            for _, row in read_csv(folder / "labels.csv", ("path", "actor", "emotion", "intensity"), "RAVDESS")
        ]
        if unknown := {clip.label for clip in clips} - set(LABELS):
            raise InputError(f"{folder / 'labels.csv'}: unknown emotion {min(unknown)!r}; one of {', '.join(LABELS)}")
    if not clips:
        raise InputError(f"{folder} was expected to hold RAVDESS's speech (03-01-*.wav or .flac) and does not")
    return clips


def read_emodb(folder: Path) -> list[VoiceClip]:
    """The clips below a folder by their official names.

    Raises:
        InputError: there is none.
    """
    clips = [
        VoiceClip(path, "emodb", int(fields[1]), EMODB_FEELINGS[fields[2]])
        for path in sorted(folder.rglob("*"))
        if (fields := EMODB_NAME.fullmatch(path.name)) is not None
    ]
    if not clips:
        raise InputError(f"{folder} was expected to hold EmoDB's clips (such as 03a01Fa.wav) and does not")
    return clips


def read_aloud(folder: Path) -> list[Audio]:
    """Pieces of PIECE_S seconds of what one reader reads, LJ Speech's clips (Ito & Johnson 2017) below a folder.

    Raises:
        InputError: there is none.
    """
    files = sorted(folder.rglob("LJ*-*.wav"))
    if not files:
        raise InputError(f"{folder} was expected to hold clips of LJ Speech (such as LJ001-0001.wav) and does not")
    read = [read_audio(path) for path in files]
    return [
        audio.between(k * PIECE_S, (k + 1) * PIECE_S)
        for audio in read
        for k in range(round(audio.duration_s / PIECE_S))
    ]


def read_features(
    clips: Sequence[VoiceClip], tick: Callable[[int], None], change: Change | None = None
) -> list[Floats | None]:
    """The features of each clip, see `voice_emotion.features_of`; None where nobody is heard to speak."""
    whisper = shared_whisper(ENCODER)
    found: list[Floats | None] = []
    for clip in clips:
        audio = read_audio(clip.path)
        audio = change(audio) if change is not None else audio
        found.append(features_of(audio, measure(audio), None, whisper))
        tick(1)
    return found
