"""`rapport train voice-emotion`: the model of feeling in voices from RAVDESS and EmoDB, in a few minutes.

First models are fitted that leave speakers out, six groups of RAVDESS's actors and every speaker of EmoDB by itself.
What they say of those whom they never heard gives all scores. Models of one corpus that read the other tell how sure
probabilities may be, and how far off valence, arousal and dominance are, where language, microphones and acting
change. The model that ships is fitted on everybody, and is never scored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rapport.agent.perception.voice_emotion import WhisperEmotion, features_of
from rapport.agent.perception.voice_measures import measure
from rapport.agent.perception.voice_model import ENCODER, LABELS, VoiceModel, spread_of
from rapport.apps.evaluate.voice_corpora import VoiceClip, read_aloud, read_emodb, read_ravdess
from rapport.apps.train.voice_emotion_card import model_card
from rapport.apps.train.voice_emotion_fit import (
    CHANGES,
    SHRINKAGE,
    VAD_WIDENING,
    WORDS_WEIGHT,
    Flags,
    Floats,
    Fold,
    Heard,
    fit,
    hear,
    is_ravdess,
)
from rapport.apps.train.voice_emotion_scores import score
from rapport.speech.whisper_model import shared_whisper

GROUPS = 6
TEMPERATURES = np.geomspace(1.0, 12.0, 26)
LAPSES = np.arange(0.0, 0.61, 0.05)
LEAST_SQUARE = 0.1**2
"""Nobody is surer of an axis than this."""


def train_voice_emotion(data: Path, out: Path, *, seed: int = 0) -> dict[str, Any]:
    """Train on the folders ravdess, emodb and speech (LJ Speech) of `data`, and write the folder that ships to `out`.

    `out` receives voice_emotion.npz, config.json and MODEL_CARD.md; the contents of config.json are returned.

    Raises:
        InputError: a corpus is missing.
    """
    from rich.progress import Progress

    clips = [*read_ravdess(data / "ravdess"), *read_emodb(data / "emodb")]
    with Progress() as progress:
        listening = progress.add_task("listening", total=(1 + len(CHANGES)) * len(clips))
        versions = hear_versions(clips, seed, lambda done: progress.advance(listening, done))
        progress.update(listening, completed=(1 + len(CHANGES)) * len(clips))
        fitting = progress.add_task("fitting and scoring", total=None)
        model, config = fitted_and_scored(versions, seed, hear_words(data))
        progress.update(fitting, total=1, completed=1)
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "voice_emotion.npz")
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(model_card(config), encoding="utf-8")
    return config


def hear_versions(clips: Sequence[VoiceClip], seed: int, tick: Callable[[int], None]) -> list[Heard]:
    """The clips as they are, and changed as `voice_emotion_fit` tells."""
    return [hear(clips, tick), *(hear(clips, tick, change(seed + k)) for k, change in enumerate(CHANGES, start=1))]


def hear_words(data: Path) -> Floats:
    """Features of one reader's sentences, (pieces, F)."""
    whisper = shared_whisper(ENCODER)
    heard = (features_of(piece, measure(piece), None, whisper) for piece in read_aloud(data / "speech"))
    return np.array([x for x in heard if x is not None])


def fitted_and_scored(
    versions: Sequence[Heard], seed: int, aloud: Floats | None = None
) -> tuple[VoiceModel, dict[str, Any]]:
    """The model that ships, and the contents of its config.json."""
    folds, across, calibration = calibrated_folds(versions, seed, aloud)
    model = replace(fit(versions, seed, aloud), **calibration)
    ravdess = is_ravdess(versions[0])
    config: dict[str, Any] = {
        "encoder": ENCODER,
        "labels": list(LABELS),
        "clips": {
            "ravdess": int(ravdess.sum()),
            "emodb": int((~ravdess).sum()),
            "read aloud": 0 if aloud is None else len(aloud),
        },
        "calibration": _as_json(calibration),
        "training": {"seed": seed, "shrinkage": SHRINKAGE, "vad_widening": VAD_WIDENING, "words_weight": WORDS_WEIGHT},
        "scores": score(versions[0], folds, across),
    }
    return model, config


def calibrated_folds(
    versions: Sequence[Heard], seed: int, aloud: Floats | None = None
) -> tuple[list[Fold], list[Fold], dict[str, Any]]:
    """The models without each group of speakers; those without EmoDB and without RAVDESS; the calibration of all."""
    folds = without_each_group(versions, seed, aloud)
    ravdess = is_ravdess(versions[0])
    across = [_without(versions, rows, seed, aloud) for rows in (~ravdess, ravdess)]
    sureness = _sureness(across, versions[0])
    across = [replace(fold, model=replace(fold.model, **sureness)) for fold in across]
    calibration: dict[str, Any] = {**sureness, **_errors(across, versions[0])}

    def calibrated(several: Sequence[Fold]) -> list[Fold]:
        return [replace(fold, model=replace(fold.model, **calibration)) for fold in several]

    return calibrated(folds), calibrated(across), calibration


def readers_of_the_unheard(data: Path, seed: int, tick: Callable[[int], None]) -> dict[int, WhisperEmotion]:
    """For each actor of RAVDESS a recogniser that learned from everybody but a group of which they are one.

    For whoever wants readings of these clips as they would be of a stranger's: of what it was fitted on, a model is
    surer than it has a right to be.
    """
    clips = [*read_ravdess(data / "ravdess"), *read_emodb(data / "emodb")]
    versions = hear_versions(clips, seed, tick)
    ravdess = is_ravdess(versions[0])
    return {
        int(actor): WhisperEmotion(fold.model)
        for fold in calibrated_folds(versions, seed, hear_words(data))[0]
        for actor in np.unique(versions[0].speaker[fold.rows & ravdess])
    }


def without_each_group(versions: Sequence[Heard], seed: int, aloud: Floats | None = None) -> list[Fold]:
    """A model for every group of speakers, fitted on all other clips of both corpora."""
    plain = versions[0]
    ravdess = is_ravdess(plain)
    actors = np.random.default_rng(seed).permutation(np.unique(plain.speaker[ravdess]))
    groups = np.array_split(actors, min(GROUPS, len(actors))) if len(actors) else []
    parts = [*groups, *np.unique(plain.speaker[~ravdess])[:, None]]
    return [_without(versions, np.isin(plain.speaker, part), seed, aloud) for part in parts]


def _without(versions: Sequence[Heard], rows: Flags, seed: int, aloud: Floats | None) -> Fold:
    """A model that has not heard the speakers of these rows of the first version."""
    out = np.unique(versions[0].speaker[rows])
    return Fold(fit([heard.of(~np.isin(heard.speaker, out)) for heard in versions], seed, aloud), rows)


def _as_json(calibration: Mapping[str, Floats]) -> dict[str, Any]:
    return {name: np.round(value, 4).tolist() for name, value in calibration.items()}


def _sureness(across: Sequence[Fold], heard: Heard) -> dict[str, Floats]:
    """Temperature and lapse of least log loss on corpora unheard, each counting alike.

    A stranger at a microphone is further from acted speech in a studio than one of its actors from the others.
    """

    def told(fold: Fold, temperature: float) -> Floats:
        """What was given to the label told, of those that the model knows, (n,)."""
        model = replace(fold.model, temperature=np.array(temperature))
        rows = np.flatnonzero(fold.rows)
        rows = rows[np.isin(heard.label[rows], model.feeling)]
        p = model.probabilities(model.gaussians(model.standardised(heard.x[rows])))
        return p[np.arange(len(rows)), heard.label[rows]]

    best, found = np.inf, (1.0, 0.0)
    for temperature in TEMPERATURES.tolist():
        corpora = [told(fold, temperature) for fold in across]
        for lapse in LAPSES.tolist():
            losses = [-np.log(np.maximum((1 - lapse) * p + lapse / len(LABELS), 1e-9)).mean() for p in corpora]
            if float(np.mean(losses)) < best:
                best, found = float(np.mean(losses)), (temperature, lapse)
    return {"temperature": np.array(found[0]), "lapse": np.array(found[1])}


def _errors(across: Sequence[Fold], heard: Heard) -> dict[str, Floats]:
    """`vad_floor` and `vad_share` of VoiceModel: squared errors on another corpus by the spread of the probabilities.

    Least squares over both corpora, each counting alike, with a share in [0, 1].
    """
    squares: list[Floats] = []
    spreads: list[Floats] = []
    weights: list[Floats] = []
    for model, rows in ((fold.model, fold.rows) for fold in across):
        z = model.standardised(heard.x[rows])
        p = model.probabilities(model.gaussians(z))
        squares.append((model.vad(z, p) - heard.vad[rows]) ** 2)
        spreads.append(spread_of(p))
        weights.append(np.full((len(p), 1), 1.0 / len(p)))
    square, spread, weight = (np.concatenate(each) for each in (squares, spreads, weights))
    weight = weight / weight.sum()
    middle, off = (weight * spread).sum(axis=0), (weight * square).sum(axis=0)
    slope = (weight * (spread - middle) * (square - off)).sum(axis=0) / (weight * (spread - middle) ** 2).sum(axis=0)
    share = np.clip(slope, 0.0, 1.0)
    return {"vad_floor": np.maximum(off - share * middle, LEAST_SQUARE), "vad_share": share}
