"""The classifier behind `whisper-emotion`: features of a voice to a feeling, in plain numpy.

Features are the mean of Whisper's encoder states over the speech and the measures of `voice_measures`, standardised,
less the speaker's baseline. What follows is a mixture discriminant analysis (Hastie & Tibshirani 1996, Journal of the
Royal Statistical Society B 58): every feeling of every corpus is one Gaussian, and all of them share one covariance,
shrunk towards a sphere; a feeling's probability is the sum over its Gaussians. So two corpora with their own
microphones, languages and manners of acting teach one model without being averaged into each other. What differs from
sentence to sentence of one reader counts as noise (nuisance attributes, Solomonoff, Quillen & Campbell 2005): the
corpora have twelve sentences between them, people have more.

Valence, arousal and dominance are the mean of two readings, that which the probabilities expect and a ridge
regression's. How sure they are follows from the errors made on another corpus in another language: their squares as a
linear function of the spread of the probabilities.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.links import softmax
from rapport.agent.perception.voice_baseline import SpeakerBaseline, offset_of, with_clip
from rapport.agent.perception.voice_measures import MEASURES, VoiceMeasures, summary
from rapport.persona.affect import EKMAN7, VAD, EmotionDistribution
from rapport.persona.errors import ComponentError
from rapport.speech.audio import EncodedSpeech

ENCODER = "tiny.en"
"""The Whisper model whose states the features are made of."""
WIDTH = 384
LATEST_STATES = 500
"""Of longer speech the last ten seconds count, as for the measures."""
FURTHEST_SD = 4.0
"""Features are cut there: telephones and clipping put single ones far outside of all that was trained on."""

FEELINGS: dict[str, tuple[str, VAD]] = {
    "neutral": ("neutral", EKMAN7.points["neutral"]),
    "calm": ("neutral", VAD(0.0, -0.25, 0.0)),
    "happy": ("joy", EKMAN7.points["joy"]),
    "sad": ("sadness", EKMAN7.points["sadness"]),
    "angry": ("anger", EKMAN7.points["anger"]),
    "fearful": ("fear", EKMAN7.points["fear"]),
    "disgust": ("disgust", EKMAN7.points["disgust"]),
    "surprised": ("surprise", EKMAN7.points["surprise"]),
}
"""RAVDESS's eight with their class in EKMAN7 and their point; calm is a neutral of low arousal."""
LABELS = tuple(FEELINGS)
POINTS = np.array([point.as_tuple() for _, point in FEELINGS.values()])
EKMAN_PLACES = np.array([EKMAN7.index(ekman) for ekman, _ in FEELINGS.values()])
"""The place in EKMAN7 of each of LABELS, (8,)."""

Floats = NDArray[np.float64]


def features(encoded: EncodedSpeech, measures: VoiceMeasures) -> Floats:
    """The features of a voice, (F,), for training and for reading alike."""
    mean = encoded.states[-LATEST_STATES:].mean(axis=0)
    return np.concatenate([mean, list(summary(measures).values())]).astype(np.float64)


def standardised(x: Floats, mean: Floats, sd: Floats) -> Floats:
    """Features (..., F) in standard deviations off their mean, cut at FURTHEST_SD."""
    return np.clip((x - mean) / sd, -FURTHEST_SD, FURTHEST_SD)


def spread_of(probabilities: Floats) -> Floats:
    """The variance of valence, arousal and dominance among feelings with these probabilities (..., 8), (..., 3)."""
    return probabilities @ POINTS**2 - (probabilities @ POINTS) ** 2


@dataclass(frozen=True, eq=False)
class VoiceReading:
    """What the model hears in one clip."""

    probabilities: Floats
    """Of LABELS, (8,)."""
    vad: Floats
    vad_sd: Floats
    """(3,) each."""
    baseline: SpeakerBaseline
    """Of the speaker, this clip included."""

    @property
    def distribution(self) -> EmotionDistribution:
        """Over EKMAN7; calm counts as neutral."""
        return EmotionDistribution.normalised(
            EKMAN7, np.bincount(EKMAN_PLACES, self.probabilities, len(EKMAN7)).tolist()
        )


@dataclass(frozen=True, eq=False)
class VoiceModel:
    """What training fits; the arrays of the model file. F features, K Gaussians."""

    mean: Floats
    sd: Floats
    """Of the features in training, (F,)."""
    centres: Floats
    """Of the Gaussians, in standardised features, (K, F)."""
    weights: Floats
    """The inverse covariance times the centres, (F, K)."""
    feeling: Floats
    """The place in LABELS of each Gaussian, (K,)."""
    temperature: Floats
    """What log densities are divided by, (); above 1, since features are more alike than Gaussians have it."""
    lapse: Floats
    """Share of the probability that all feelings divide evenly, (): how often a voice is unlike all that was heard."""
    ridge: Floats
    """(F, 3)"""
    ridge_bias: Floats
    """(3,)"""
    vad_floor: Floats
    """Squared error that the spread of the probabilities does not account for, (3,)."""
    vad_share: Floats
    """And how much of that spread is to be expected as squared error, (3,)."""
    vad_widening: Floats
    """What standard deviations are multiplied by, since talk is harder than acted speech, ()."""

    @classmethod
    def read(cls, path: Path) -> VoiceModel:
        """From an npz without pickles. Raises ComponentError when it is no such file or of other features."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                model = cls(**{name: np.asarray(arrays[name], np.float64) for name in cls.__annotations__})
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise ComponentError(
                f"{path} is no voice-emotion model ({error}); make one with `rapport train voice-emotion`"
            ) from None
        k, f = model.centres.shape
        if f != WIDTH + len(MEASURES) or model.weights.shape != (f, k) or model.ridge.shape != (f, 3):
            raise ComponentError(f"{path} was made for other features; make it again: `rapport train voice-emotion`")
        return model

    def save(self, path: Path) -> None:
        np.savez_compressed(
            path, **{name: getattr(self, name).astype(np.float32) for name in type(self).__annotations__}
        )

    @cached_property
    def name(self) -> str:
        """Tells this model's baselines from another's."""
        return hashlib.sha256(self.centres.astype(np.float32).tobytes()).hexdigest()[:16]

    def standardised(self, x: Floats) -> Floats:
        """Features (..., F) in standard deviations off the average of training."""
        return standardised(x, self.mean, self.sd)

    def gaussians(self, z: Floats) -> Floats:
        """The probability of each Gaussian, all equally likely before, (..., K)."""
        return softmax((z @ self.weights - 0.5 * (self.centres.T * self.weights).sum(axis=0)) / self.temperature)

    def probabilities(self, gaussians: Floats) -> Floats:
        """Of LABELS, (..., 8)."""
        heard = gaussians @ (self.feeling[:, None] == np.arange(len(LABELS)))
        return (1.0 - self.lapse) * heard + self.lapse / len(LABELS)

    def vad(self, z: Floats, probabilities: Floats) -> Floats:
        """(..., 3)"""
        return 0.5 * (probabilities @ POINTS + z @ self.ridge + self.ridge_bias)

    def vad_sd(self, probabilities: Floats) -> Floats:
        """(..., 3)"""
        spread = spread_of(probabilities)
        return self.vad_widening * np.sqrt(self.vad_floor + self.vad_share * np.maximum(spread, 0.0))

    def hear(self, x: Floats, baseline: SpeakerBaseline | None = None) -> VoiceReading:
        """The feeling in a clip with these features (F,), by a speaker of whom this baseline is known."""
        z = self.standardised(x)
        centred = z - offset_of(baseline, self.name)
        gaussians = self.gaussians(centred)
        p = self.probabilities(gaussians)
        residual = z - gaussians @ self.centres
        return VoiceReading(p, self.vad(centred, p), self.vad_sd(p), with_clip(baseline, self.name, residual))
