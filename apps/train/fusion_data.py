"""What the learned fusion is trained on: estimates of separate corpora, joined by the feeling they were labelled with.

No open corpus has words, voice and face of one moment with a licence to ship weights by. So triples are put together:

- words: lines of MELD, read by the default configuration's recogniser of text;
- voice: clips of RAVDESS, read by its recogniser of voice (calm counts as neutral); actors 19 and 20 are kept for
  development. A recogniser that learned from these very clips is surer of them than of a stranger's voice, so each
  actor is read by one of the same making that learned from others alone;
- face: no recogniser of faces ships, so an estimate stands in that is made of FER+'s votes: one tagger's vote is taken
  as the label, the votes of the others, with noise on their logarithms, as what a recogniser says.

A tenth as many estimates again are made up that are clear of their feeling: better recognisers than the shipped ones
are to be believed as well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.config import AgentConfig
from rapport.agent.perception.fusion_attention import FEATURES, features
from rapport.agent.perception.knowledge import Floats, ekman_probabilities
from rapport.agent.perception.voice_emotion import WhisperEmotion
from rapport.agent.registry import create
from rapport.agent.stages import PersonTurn
from rapport.apps.evaluate.dialogues import Turn, read_meld
from rapport.apps.evaluate.tables import read_csv
from rapport.apps.train.voice_emotion import readers_of_the_unheard
from rapport.persona.affect import EKMAN7, VAD, EmotionDistribution, EmotionEstimate, Modality
from rapport.persona.errors import InputError
from rapport.speech.audio import Transcript
from rapport.speech.files import read_audio

RAVDESS_EMOTIONS = ("neutral", "neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")
"""Ekman's class of the third field of RAVDESS's file names, 01 to 08; 02 is calm."""
RAVDESS_SENTENCES = ("Kids are talking by the door", "Dogs are sitting by the door")
DEVELOPMENT_ACTORS = range(19, 21)
TRAINING_ACTORS = range(1, 19)
RAVDESS_NAME = re.compile(r"03-01-(0[1-8])-0[12]-(0[12])-0[12]-(\d\d)\.(?:flac|wav)")
FER_COLUMNS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
FEWEST_VOTES = 8
FACE_NOISE = 1.0
"""Standard deviation of the noise on the logarithm of the votes."""

NOISE_VAD_SD, CLEAR_VAD_SD = 0.4, 0.1
EMOTIONS = [k for k, label in enumerate(EKMAN7.labels) if label != "neutral"]
POINTS = np.array([point.as_tuple() for point in EKMAN7.points.values()])

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Clip:
    """A clip of RAVDESS (Livingstone & Russo 2018): label as its place in EKMAN7, and what is said."""

    path: Path
    label: int
    sentence: str
    actor: int


@dataclass(frozen=True)
class Readings:
    """Estimates of one modality with the places of their labels in EKMAN7, (n,)."""

    estimates: tuple[EmotionEstimate, ...]
    labels: Ints

    def of_label(self, label: int) -> Ints:
        return np.flatnonzero(self.labels == label)


@dataclass(frozen=True)
class Corpus:
    """All readings of one part, and the words of RAVDESS's sentences with which its clips were really spoken."""

    text: Readings
    voice: Readings
    face: Readings
    sentences: Readings
    """For each reading of `voice`, that of the words in the same clip."""


def ravdess_clips(folder: Path) -> list[Clip]:
    """The clips of speech below a folder, by the fields of their file names."""
    clips: list[Clip] = []
    for path in sorted(folder.rglob("03-01-*")):
        if (fields := RAVDESS_NAME.fullmatch(path.name)) is not None:
            emotion, sentence, actor = (int(field) for field in fields.groups())
            label = EKMAN7.index(RAVDESS_EMOTIONS[emotion - 1])
            clips.append(Clip(path, label, RAVDESS_SENTENCES[sentence - 1], actor))
    if not clips:
        raise InputError(f"{folder} was expected to hold RAVDESS's speech (03-01-*.wav or .flac) and does not")
    return clips


def recogniser_of(modality: Modality) -> Any:
    """The default configuration's recogniser of a modality, started."""
    for wanted in AgentConfig().emotion:
        component = create("emotion", wanted.use)
        if component.capabilities.modality == modality:
            return component
    raise InputError(f"the default configuration has no recogniser of {modality}")


def voice_readers(data: Path, seed: int, tick: Callable[[], None]) -> Callable[[int], Any]:
    """From an actor of RAVDESS to a recogniser of voice that has not learned from them.

    Raises:
        InputError: a corpus that the default recogniser learned from is missing.
    """
    component = recogniser_of("voice")
    if not isinstance(component, WhisperEmotion):
        return lambda actor: component
    return readers_of_the_unheard(data, seed, lambda done: tick()).__getitem__


def read_corpus(
    data: Path,
    part: str,
    rng: np.random.Generator,
    per_label: int,
    tick: Callable[[], None],
    voice_of: Callable[[int], Any],
) -> Corpus:
    """Read `per_label` lines and faces of each feeling, and all clips, of the part `train` or `dev`.

    `voice_of` gives the recogniser for an actor, see `voice_readers`.

    Raises:
        InputError: a file is missing or not in its released format.
    """
    lines: list[Turn] = [turn for d in read_meld(data / "meld" / f"{part}_sent_emo.csv") for turn in d.turns]
    chosen = _balanced(np.array([EKMAN7.index(turn.label) for turn in lines]), per_label, rng)
    actors = TRAINING_ACTORS if part == "train" else DEVELOPMENT_ACTORS
    clips = [clip for clip in ravdess_clips(data / "ravdess") if clip.actor in actors]
    if not clips:
        raise InputError(f"{data / 'ravdess'} has no clip of actors {actors[0]} to {actors[-1]}")
    text = recogniser_of("text")

    def read(turns: Iterable[tuple[Any, PersonTurn]]) -> list[EmotionEstimate | None]:
        async def all_of_them() -> list[EmotionEstimate | None]:
            found: list[EmotionEstimate | None] = []
            for component, turn in turns:
                found.append(await component.estimate(turn))
                tick()
            return found

        return asyncio.run(all_of_them())

    read_lines = read((text, PersonTurn(Transcript(lines[int(i)].text))) for i in chosen)
    heard = read((voice_of(c.actor), PersonTurn(Transcript(c.sentence), read_audio(c.path))) for c in clips)
    read_sentences = read((text, PersonTurn(Transcript(sentence))) for sentence in RAVDESS_SENTENCES)
    words = dict(zip(map(str, RAVDESS_SENTENCES), read_sentences, strict=True))
    spoken = [clip for clip, estimate in zip(clips, heard, strict=True) if estimate is not None]
    return Corpus(
        _readings(read_lines, [EKMAN7.index(lines[int(i)].label) for i in chosen]),
        _readings(heard, [clip.label for clip in clips]),
        faces(data / "fer_plus" / "fer2013new.csv", "Training" if part == "train" else "PublicTest", rng, per_label),
        _readings([words[clip.sentence] for clip in spoken], [clip.label for clip in spoken]),
    )


def faces(path: Path, usage: str, rng: np.random.Generator, per_label: int) -> Readings:
    """Estimates that stand in for a recogniser of faces, from FER+'s votes (Barsoum et al. 2016); see above."""
    columns = (*FER_COLUMNS, "contempt")
    try:
        votes = np.array(
            [[int(fields[name]) for name in columns] for _, fields in read_csv(path, ("Usage", *columns), "FER+")
             if fields["Usage"] == usage]
        ).reshape(-1, len(columns))  # fmt: skip
    except ValueError:
        raise InputError(f"{path}: votes must be whole numbers; FER+'s fer2013new.csv was expected") from None
    votes[:, EKMAN7.index("disgust")] += votes[:, -1]
    votes = votes[votes[:, :-1].sum(axis=1) >= FEWEST_VOTES, :-1]
    if not len(votes):
        raise InputError(f"{path} has no image of {usage} with {FEWEST_VOTES} votes")
    draw = rng.random(len(votes))[:, None] * votes.sum(axis=1, keepdims=True)
    labels = (votes.cumsum(axis=1) <= draw).sum(axis=1)
    others = votes - np.eye(len(EKMAN7), dtype=np.int64)[labels]
    logs = np.log(others + 0.3) + rng.normal(0.0, FACE_NOISE, others.shape)
    chosen = _balanced(labels, per_label, rng)
    p = np.exp(logs[chosen] - logs[chosen].max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    vad = p @ POINTS
    v, a, d = np.sqrt(np.square(vad - POINTS[labels[chosen]]).mean(axis=0)).tolist()
    return Readings(
        tuple(
            EmotionEstimate(EmotionDistribution.normalised(EKMAN7, row), VAD.from_array(point), (v, a, d), "face")
            for row, point in zip(p.tolist(), vad, strict=True)
        ),
        labels[chosen],
    )


def _balanced(labels: Ints, per_label: int, rng: np.random.Generator) -> Ints:
    """Places of up to `per_label` rows of each label, drawn at random."""
    drawn = (rng.permutation(np.flatnonzero(labels == k))[:per_label] for k in range(len(EKMAN7)))
    return np.concatenate(list(drawn))


def _readings(found: Sequence[EmotionEstimate | None], labels: Sequence[int]) -> Readings:
    pairs = [(estimate, label) for estimate, label in zip(found, labels, strict=True) if estimate is not None]
    return Readings(tuple(estimate for estimate, _ in pairs), np.array([label for _, label in pairs], np.int64))


def rows_of(estimates: Sequence[EmotionEstimate]) -> Floats:
    """Features of several estimates, (n, FEATURES)."""
    return np.array([features(e) for e in estimates]).reshape(-1, FEATURES)


def clear(rng: np.random.Generator, label: int, like: EmotionEstimate) -> EmotionEstimate:
    """What a better recogniser of the same modality says, when it is clear of a feeling: half its mass or more."""
    share = rng.uniform(0.5, 0.95)
    p = (1.0 - share) * rng.dirichlet(np.ones(len(EKMAN7)))
    p[label] += share
    vad = VAD.from_array(p @ POINTS + rng.normal(0.0, CLEAR_VAD_SD, 3))
    return EmotionEstimate(EmotionDistribution.normalised(EKMAN7, p.tolist()), vad, like.vad_sd, like.modality)


def noise(rng: np.random.Generator, like: EmotionEstimate) -> EmotionEstimate:
    """What a recogniser says that hears nothing but noise and does not know it: as sure, but of any emotion."""
    p = ekman_probabilities(like.distribution)
    p[EMOTIONS] = rng.permutation(p[EMOTIONS])
    vad = VAD.from_array(rng.normal(0.0, NOISE_VAD_SD, 3))
    return EmotionEstimate(EmotionDistribution.normalised(EKMAN7, p.tolist()), vad, like.vad_sd, like.modality)
