"""`rapport eval ravdess` and `rapport eval emodb`: what is heard in acted voices, from the files as released.

Every clip is read by itself, and once the running baseline of its speaker has heard eight other clips, unlabelled and
in random order, which is drawn several times. UAR is the unweighted mean of the recalls, the measure of this field.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rapport.agent.perception.voice_baseline import SpeakerBaseline
from rapport.agent.perception.voice_emotion import WhisperEmotion
from rapport.agent.perception.voice_model import EKMAN_PLACES, FEELINGS, LABELS, VoiceModel, VoiceReading
from rapport.agent.registry import create
from rapport.agent.stages import PersonTurn
from rapport.apps.evaluate.metrics import (
    Flags,
    Floats,
    Ints,
    bootstrap_interval,
    expected_calibration_error,
    one_hot,
)
from rapport.apps.evaluate.report import SEED, Report, f1_figures, flags, label_figures, majority, progress_of
from rapport.apps.evaluate.voice_corpora import VoiceClip, read_emodb, read_features, read_ravdess
from rapport.persona.affect import EKMAN7, EmotionEstimate, convert
from rapport.persona.errors import InputError
from rapport.speech.audio import Transcript
from rapport.speech.files import read_audio

BASELINE_CLIPS, DRAWS = 8, 5
EMODB_LABELS = ("neutral", "anger", "joy", "sadness")
"""The four that both corpora have; the others of EmoDB have few clips, and boredom is none of Ekman's."""
HIGH, LOW = ("angry", "fearful", "happy", "surprised"), ("neutral", "calm", "sad", "bored")
MIDDLE_AROUSAL = 0.25
"""Between the mean arousal of HIGH and of LOW by the points of EKMAN7 (.65 and -.14)."""


Readings = tuple[Floats, Floats]
"""Probabilities of LABELS (n, 8) and arousal (n,)."""


def ravdess(folder: Path, emotion: str, *, unheard: bool = False) -> Report:
    """The eight acted feelings of RAVDESS; a component other than whisper-emotion cannot tell calm from neutral.

    With `unheard` each group of speakers is read by a model that was fitted on the folder's other speakers alone.
    """
    return _report("ravdess", folder, read_ravdess(folder), emotion, LABELS, unheard)


def emodb(folder: Path, emotion: str, *, unheard: bool = False) -> Report:
    """Four of EmoDB's feelings, in German: the most probable of these four, calm counting as neutral."""
    return _report("emodb", folder, read_emodb(folder), emotion, EMODB_LABELS, unheard)


def uar(found: Flags, given: Flags) -> float:
    """Mean recall over the labels that are given, both (n, labels)."""
    there = given.any(axis=0)
    hits = np.logical_and(found, given).sum(axis=0)[there]
    return float((hits / given.sum(axis=0)[there]).mean())


def read_with_baseline(
    model: VoiceModel, x: Floats, speaker: Ints, rng: np.random.Generator, clips: int = BASELINE_CLIPS
) -> list[VoiceReading]:
    """Each clip (n, F) after up to so many other clips of its speaker were heard one after the other."""
    readings: list[VoiceReading] = []
    for row in range(len(x)):
        others = np.flatnonzero((speaker == speaker[row]) & (np.arange(len(x)) != row))
        baseline: SpeakerBaseline | None = None
        for other in rng.permutation(others)[:clips].tolist():
            baseline = model.hear(x[other], baseline).baseline
        readings.append(model.hear(x[row], baseline))
    return readings


def columns_of(probabilities: Floats, labels: Sequence[str]) -> Floats:
    """Probabilities of LABELS (n, 8) as those of `labels`: themselves, or classes of EKMAN7, summing to 1."""
    if tuple(labels) == LABELS:
        return probabilities
    ekman = probabilities @ (EKMAN_PLACES[:, None] == np.arange(len(EKMAN7)))
    chosen = ekman[:, [EKMAN7.index(label) for label in labels]]
    return chosen / chosen.sum(axis=1, keepdims=True)


def given_labels(clips: Sequence[str], labels: Sequence[str]) -> Flags:
    """Labels of the corpora as `labels` has them, (n, labels); a row of nothing for one that it lacks."""
    if tuple(labels) == LABELS:
        return flags(clips, labels)
    return flags([FEELINGS[label][0] if label in FEELINGS else "" for label in clips], labels)


def feeling_figures(p: Floats, given: Flags, labels: Sequence[str], speaker: Ints) -> dict[str, Any]:
    """Figures of the most probable label with intervals over speakers; probabilities and labels (n, labels)."""
    found = one_hot(p.argmax(axis=1), len(labels))
    figures = label_figures(found, given, labels, speaker)
    figures["uar"] = uar(found, given)
    figures["intervals"]["uar"] = bootstrap_interval(lambda rows: uar(found[rows], given[rows]), speaker, SEED)
    figures["ece"] = expected_calibration_error(p.max(axis=1), np.logical_and(found, given).sum(axis=1) > 0)
    counts = given.T.astype(np.int64) @ found.astype(np.int64)
    figures["confusion"] = {"labels": list(labels), "given_by_found": counts.tolist()}
    return figures


def arousal_figures(arousal: Floats, labels: Sequence[str]) -> dict[str, float]:
    """High against low: UAR at MIDDLE_AROUSAL, and the area under the ROC curve (a high clip above a low one)."""
    high, low = (np.isin(labels, side) for side in (HIGH, LOW))
    if not (high.any() and low.any()):
        return {"uar": float("nan"), "auc": float("nan")}
    recalls = (arousal[high] > MIDDLE_AROUSAL).mean(), (arousal[low] <= MIDDLE_AROUSAL).mean()
    pairs = arousal[high][:, None] - arousal[low]
    return {"uar": float(np.mean(recalls)), "auc": float((pairs > 0).mean() + 0.5 * (pairs == 0).mean())}


@dataclass(frozen=True)
class _Listened:
    """The features of some clips, and which model reads which."""

    clips: Sequence[VoiceClip]
    x: Floats
    """(n, F)"""
    models: Sequence[tuple[VoiceModel, Flags]]
    """A model with the clips that it reads."""

    @property
    def speaker(self) -> Ints:
        return np.array([clip.speaker for clip in self.clips])

    def read(self, rng: np.random.Generator | None = None) -> Readings:
        """Probabilities of LABELS (n, 8) and arousal (n,), with a baseline where a generator is given."""
        p, arousal = np.zeros((len(self.x), len(LABELS))), np.zeros(len(self.x))
        for model, rows in self.models:
            x, speaker = self.x[rows], self.speaker[rows]
            readings = [model.hear(row) for row in x] if rng is None else read_with_baseline(model, x, speaker, rng)
            p[rows] = [reading.probabilities for reading in readings]
            arousal[rows] = [reading.vad[1] for reading in readings]
        return p, arousal


def _report(
    task: str, folder: Path, clips: Sequence[VoiceClip], emotion: str, labels: Sequence[str], unheard: bool
) -> Report:
    component = create("emotion", emotion)
    if component.capabilities.modality != "voice" or (unheard and not isinstance(component, WhisperEmotion)):
        raise InputError(f"{emotion} does not read voices so; take whisper-emotion")
    if not given_labels([clip.label for clip in clips], labels).any():
        raise InputError(f"{folder} has no clip of {', '.join(labels)}")
    started_s = time.perf_counter()
    listened: _Listened | None = None
    if unheard:
        listened = _by_other_speakers(clips)
    elif isinstance(component, WhisperEmotion):
        listened = _by(component.model, clips)
    read, answered = (listened.read(), listened.clips) if listened is not None else _by_component(component, clips)
    seconds = time.perf_counter() - started_s
    silent = [clip for clip in clips if clip not in set(answered)]
    named = [*answered, *silent]
    names, speaker = [clip.label for clip in named], np.array([clip.speaker for clip in named])
    given = given_labels(names, labels)
    judged = given.any(axis=1)

    def figures(readings: Readings) -> dict[str, Any]:
        p, arousal = (np.concatenate(both) for both in zip(readings, _neutral(len(silent)), strict=True))
        found = feeling_figures(columns_of(p, labels)[judged], given[judged], labels, speaker[judged])
        return {**found, "arousal": arousal_figures(arousal, names)}

    told = figures(read)
    speakers = len(np.unique(speaker[judged]))
    notes = [
        f"uar is the mean recall; intervals are over {speakers} speakers, drawn whole",
        f"arousal: {', '.join(HIGH)} against {', '.join(LOW)}, at {MIDDLE_AROUSAL} and over all thresholds (auc)",
    ]
    if silent:
        notes.append(f"in {len(silent)} clips nobody was heard; they count as neutral")
    if listened is not None:
        drawn = [figures(listened.read(np.random.default_rng(SEED + k))) for k in range(DRAWS)]
        told["with_baseline"] = {
            key: float(np.mean([draw[key] for draw in drawn])) for key in ("uar", "accuracy", "macro_f1", "ece")
        }
        told["with_baseline"]["arousal_uar"] = float(np.mean([draw["arousal"]["uar"] for draw in drawn]))
        notes.append(f"with_baseline: after {BASELINE_CLIPS} other clips of the speaker, mean of {DRAWS} draws")
    if unheard:
        notes.append("every speaker was read by a model fitted on the folder's other speakers alone")
    most = majority(given[judged])
    baselines = {"majority": {**f1_figures(most, given[judged]), "uar": uar(most, given[judged])}}
    return Report(task, folder, emotion, int(judged.sum()), seconds, told, baselines, notes)


def _by(model: VoiceModel, clips: Sequence[VoiceClip]) -> _Listened:
    with progress_of("listening", len(clips)) as tick:
        rows = read_features(clips, tick)
    heard = [clip for clip, row in zip(clips, rows, strict=True) if row is not None]
    x = np.array([row for row in rows if row is not None])
    return _Listened(heard, x, [(model, np.ones(len(x), np.bool_))])


def _by_other_speakers(clips: Sequence[VoiceClip]) -> _Listened:
    from rapport.apps.train.voice_emotion import hear_versions, without_each_group

    clips = [clip for clip in clips if clip.label in LABELS]
    with progress_of("listening", 3 * len(clips)) as tick:
        versions = hear_versions(clips, SEED, tick)
    folds = without_each_group(versions, SEED)
    return _Listened(versions[0].clips, versions[0].x, [(fold.model, fold.rows) for fold in folds])


def _by_component(component: Any, clips: Sequence[VoiceClip]) -> tuple[Readings, Sequence[VoiceClip]]:
    """What any component says: probabilities of LABELS, nothing on calm, and arousal; and the clips it answered on."""

    async def estimates() -> list[EmotionEstimate | None]:
        found: list[EmotionEstimate | None] = []
        with progress_of("listening", len(clips)) as tick:
            for clip in clips:
                found.append(await component.estimate(PersonTurn(Transcript(""), read_audio(clip.path))))
                tick(1)
        return found

    found = asyncio.run(estimates())
    given = [estimate for estimate in found if estimate is not None]
    ekman = np.array([convert(e.distribution, EKMAN7).probabilities for e in given]).reshape(-1, len(EKMAN7))
    p = ekman[:, EKMAN_PLACES] * (np.array(LABELS) != "calm")
    answered = [clip for clip, estimate in zip(clips, found, strict=True) if estimate is not None]
    return (p, np.array([e.vad.arousal for e in given])), answered


def _neutral(n: int) -> Readings:
    return np.tile(np.array(LABELS) == "neutral", (n, 1)).astype(np.float64), np.zeros(n)
