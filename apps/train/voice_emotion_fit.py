"""Fitting the voice model: a mixture discriminant analysis and a ridge regression, both in closed form.

Recordings are made more various first: each clip is heard as it is, faster or slower (which moves the voice as another
throat would), and behind noise and another microphone's slant. Of each of these there are two copies, without and with
a baseline from eight other clips of the speaker, so that one model serves before and after the speaker is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.voice_baseline import PRIOR_CLIPS
from rapport.agent.perception.voice_model import LABELS, POINTS, VoiceModel, standardised
from rapport.apps.evaluate.voice_corpora import Change, VoiceClip, read_features
from rapport.speech.audio import Audio

SPEEDS = (0.88, 0.94, 1.06, 1.12)
NOISE_DB = (10.0, 30.0)
"""Range of the signal over the noise."""
SLANT = 0.6
"""Largest coefficient of the one-tap filter that stands for another microphone."""
SHRINKAGE = 0.2
"""Share of the sphere in the Gaussians' common covariance."""
RIDGE_PER_ROW = 7.0
"""Penalty of the regression per clip."""
TEMPERATURE = 3.0
"""Before it is calibrated."""
WORDS_WEIGHT = 0.1
"""Of the covariance among sentences that one reader reads, in the Gaussians' and the regression's."""
BASELINE_CLIPS = 8
NORMAL_INTENSITY = 0.7
"""RAVDESS's normal intensity, of strong."""
VAD_WIDENING = 1.4
CORPORA = ("ravdess", "emodb")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Heard:
    """Clips that were heard, with their features: rows of the same place belong together."""

    clips: tuple[VoiceClip, ...]
    x: Floats
    """(n, F)"""
    label: Ints
    """Place in LABELS, (n,)."""
    corpus: Ints
    """Place in CORPORA, (n,)."""
    speaker: Ints
    """Speakers of different corpora have different numbers, (n,)."""
    strong: Flags

    def __len__(self) -> int:
        return len(self.label)

    def of(self, rows: Flags) -> Heard:
        clips = tuple(clip for clip, wanted in zip(self.clips, rows.tolist(), strict=True) if wanted)
        return Heard(clips, self.x[rows], self.label[rows], self.corpus[rows], self.speaker[rows], self.strong[rows])

    @property
    def names(self) -> list[str]:
        """The labels by name."""
        return [LABELS[int(k)] for k in self.label]

    @property
    def vad(self) -> Floats:
        """What is to be told, (n, 3)."""
        return POINTS[self.label] * np.where(self.strong, 1.0, NORMAL_INTENSITY)[:, None]


def hear(clips: Sequence[VoiceClip], tick: Callable[[int], None], change: Change | None = None) -> Heard:
    """The clips of LABELS in which somebody is heard."""
    named = [clip for clip in clips if clip.label in LABELS]
    found = [(c, x) for c, x in zip(named, read_features(named, tick, change), strict=True) if x is not None]
    return Heard(
        tuple(clip for clip, _ in found),
        np.array([x for _, x in found], np.float64),
        np.array([LABELS.index(clip.label) for clip, _ in found], np.int64),
        np.array([CORPORA.index(clip.corpus) for clip, _ in found], np.int64),
        np.array([clip.speaker + 100 * CORPORA.index(clip.corpus) for clip, _ in found], np.int64),
        np.array([clip.strong for clip, _ in found], np.bool_),
    )


@dataclass(frozen=True)
class Fold:
    """A model and the rows that it did not hear."""

    model: VoiceModel
    rows: Flags


def is_ravdess(heard: Heard) -> Flags:
    return heard.corpus == CORPORA.index("ravdess")


def faster_or_slower(seed: int) -> Change:
    rng = np.random.default_rng(seed)

    def change(audio: Audio) -> Audio:
        speed = float(rng.choice(SPEEDS))
        places = np.arange(int(len(audio.samples) / speed)) * speed
        return replace(audio, samples=np.interp(places, np.arange(len(audio.samples)), audio.samples))

    return change


def in_noise(seed: int) -> Change:
    rng = np.random.default_rng(seed)

    def change(audio: Audio) -> Audio:
        samples = audio.samples.astype(np.float64)
        noise = rng.normal(size=len(samples))
        if rng.random() < 0.5:
            noise = np.convolve(noise, np.ones(8), "same")
        level = np.sqrt(np.mean(samples**2) / np.mean(noise**2)) * 10 ** (-rng.uniform(*NOISE_DB) / 20)
        noisy = samples + level * noise
        slanted = noisy - rng.uniform(-SLANT, SLANT) * np.concatenate([[0.0], noisy[:-1]])
        return replace(audio, samples=slanted)

    return change


CHANGES: tuple[Callable[[int], Change], ...] = (faster_or_slower, in_noise)


def fit(versions: Sequence[Heard], seed: int, aloud: Floats | None = None) -> VoiceModel:
    """The model from clips as they are (first) and changed; what is calibrated (see `voice_emotion`) is left plain.

    `aloud`: features of pieces of one reader's reading, (pieces, F): what varies among them is the words' doing.
    """
    rng = np.random.default_rng(seed)
    mean, sd = versions[0].x.mean(axis=0), versions[0].x.std(axis=0) + 1e-6
    z = [standardised(heard.x, mean, sd) for heard in versions]
    words = np.zeros((len(mean), len(mean)))
    if aloud is not None:
        words = WORDS_WEIGHT * np.cov(standardised(aloud, mean, sd), rowvar=False, bias=True)
    gaussians = _gaussians(np.concatenate(z), versions, words)
    blank = np.zeros(3)
    first = VoiceModel(
        mean, sd, *gaussians, np.array(TEMPERATURE), np.array(0.0), np.zeros((len(mean), 3)), blank, blank, blank,
        np.array(VAD_WIDENING),
    )  # fmt: skip
    centred = [
        each - _offsets(each - first.gaussians(each) @ first.centres, heard.speaker, rng)
        for each, heard in zip(z, versions, strict=True)
    ]
    rows, twice = np.concatenate([*z, *centred]), [*versions, *versions]
    centres, weights, feeling = _gaussians(rows, twice, words)
    told = np.concatenate([heard.vad for heard in twice])
    middle, off = rows.mean(axis=0), told.mean(axis=0)
    known = (rows - middle).T @ (rows - middle) + len(rows) * (words + RIDGE_PER_ROW * np.eye(rows.shape[1]))
    ridge = np.asarray(np.linalg.solve(known, (rows - middle).T @ (told - off)), np.float64)
    return replace(
        first, centres=centres, weights=weights, feeling=feeling, ridge=ridge, ridge_bias=off - middle @ ridge
    )


def _gaussians(rows: Floats, versions: Sequence[Heard], words: Floats) -> tuple[Floats, Floats, Floats]:
    """Centres, weights and feelings. Every feeling of every corpus counts alike, however many clips it has.

    words: covariance (F, F) that the words add to that of the clips.
    """
    kinds = np.concatenate([heard.label + len(LABELS) * heard.corpus for heard in versions])
    names, kind, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    centres = np.array([rows[kind == k].mean(axis=0) for k in range(len(names))])
    off = rows - centres[kind]
    weight = 1.0 / counts[kind]
    covariance = (off * weight[:, None]).T @ off / weight.sum() + words
    sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere
    weights = np.asarray(np.linalg.solve(shrunk, centres.T), np.float64)
    return centres, weights, (names % len(LABELS)).astype(np.float64)


def _offsets(residuals: Floats, speaker: Ints, rng: np.random.Generator) -> Floats:
    """For each clip what a baseline from other clips of its speaker takes off, (n, F)."""
    offsets = np.zeros_like(residuals)
    for name in np.unique(speaker):
        own = np.flatnonzero(speaker == name)
        clips = min(BASELINE_CLIPS, len(own) - 1)
        if clips:
            others = np.argsort(rng.random((len(own), len(own))) + 2.0 * np.eye(len(own)), axis=1)[:, :clips]
            offsets[own] = residuals[own][others].mean(axis=1) * (clips / (clips + PRIOR_CLIPS))
    return offsets
