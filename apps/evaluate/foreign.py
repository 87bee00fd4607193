"""Evaluations of emotion recognition in languages that the embedded model does not read: Chinese and Marathi.

A multilingual classifier reads them, or the character baseline does (`--emotion tfidf`), which learns from the file of
`--train` or, without one, from the other four fifths of the evaluated file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rapport.agent.perception.text_model import ContextTurn
from rapport.apps.evaluate import tfidf
from rapport.apps.evaluate.corpora import MAHA_LABELS, read_mahaemotions
from rapport.apps.evaluate.dialogues import read_cped
from rapport.apps.evaluate.metrics import Ints
from rapport.apps.evaluate.published import CPED, MAHAEMOTIONS
from rapport.apps.evaluate.reading import Readings, TextReader
from rapport.apps.evaluate.report import Report, f1_figures, flags, label_figures, majority, progress_of
from rapport.apps.evaluate.tasks import MEMORY_NOTE, Turns
from rapport.persona.affect import CPED13, EKMAN7
from rapport.persona.errors import InputError

MAHA_NGRAMS = (2, 5)
CPED_NGRAMS = (1, 3)
MAHA_CLASSES: Mapping[str, str] = {
    **{label: label for label in ("anger", "anger/disgust", "disgust", "fear", "neutral", "sadness", "surprise")},
    **dict.fromkeys(("excitement", "happiness", "pride", "respect"), "joy"),
}
"""MahaEmotions' labels as classes that recognisers of other taxonomies find; sarcasm has none."""


@dataclass(frozen=True)
class _Texts:
    language: str
    texts: list[str]
    labels: list[str]
    units: Ints
    """Which texts belong together, (n,)."""
    contexts: list[list[ContextTurn]] | None
    ngrams: tuple[int, int]


def cped(file: Path, emotion: str, train: Path | None = None) -> Report:
    """The 13 emotions of CPED, Chinese; dialogues are resampled whole."""
    turns = Turns.of(read_cped(file))
    texts = _Texts("Chinese", turns.texts, turns.labels, turns.dialogue, turns.contexts, CPED_NGRAMS)
    learn = Turns.of(read_cped(train)) if train is not None else None

    def recognised(readings: Readings) -> list[str]:
        return [CPED13.labels[i] for i in readings.probabilities(CPED13).argmax(axis=1)]

    figures, baselines, seconds, notes = _evaluate(
        texts,
        emotion,
        (learn.texts, learn.labels) if learn is not None else None,
        CPED13.labels,
        {label: label for label in CPED13.labels},
        recognised,
    )
    baselines = turns.baselines(CPED13.labels) | baselines
    return Report("cped", file, emotion, len(turns.texts), seconds, figures, baselines, [*notes, MEMORY_NOTE], CPED)


def mahaemotions(file: Path, emotion: str, train: Path | None = None) -> Report:
    """MahaEmotions, Marathi: recognisers are judged by the classes that they reach, the baseline by all labels."""
    rows = read_mahaemotions(file)
    labels = [label for _, label in rows]
    texts = _Texts("Marathi", [text for text, _ in rows], labels, np.arange(len(rows)), None, MAHA_NGRAMS)
    learn = read_mahaemotions(train) if train is not None else None
    merged = "anger/disgust" in labels

    def recognised(readings: Readings) -> list[str]:
        p = readings.probabilities(EKMAN7)
        names = list(EKMAN7.labels)
        if merged:
            p[:, names.index("anger")] += p[:, names.index("disgust")]
            p[:, names.index("disgust")] = 0.0
            names[names.index("anger")] = "anger/disgust"
        return [names[i] for i in p.argmax(axis=1)]

    figures, baselines, seconds, notes = _evaluate(
        texts,
        emotion,
        ([text for text, _ in learn], [label for _, label in learn]) if learn is not None else None,
        MAHA_LABELS,
        MAHA_CLASSES,
        recognised,
    )
    n = sum(entry["support"] for entry in figures["per_class"].values())
    if n < len(rows):
        notes.append(f"{len(rows) - n} texts of sarcasm were left out: no class of the recogniser means it")
    if emotion != tfidf.NAME:
        notes.append("excitement, happiness, pride and respect count as joy")
    return Report("mahaemotions", file, emotion, n, seconds, figures, baselines, notes, MAHAEMOTIONS)


def _evaluate(
    data: _Texts,
    emotion: str,
    learn: tuple[Sequence[str], Sequence[str]] | None,
    labels: Sequence[str],
    class_of: Mapping[str, str],
    recognised: Callable[[Readings], list[str]],
) -> tuple[dict[str, Any], dict[str, dict[str, float]], float, list[str]]:
    """Figures, baselines, seconds and notes. `class_of` leads from labels to what a recogniser can find."""
    if emotion == tfidf.NAME:
        occurring = [label for label in labels if label in set(data.labels)]
        given = flags(data.labels, occurring)
        began_s = time.perf_counter()
        found = flags(_guessed(data, learn), occurring)
        seconds = time.perf_counter() - began_s
        figures = label_figures(found, given, occurring, data.units)
        return figures, {"majority": f1_figures(majority(given), given)}, seconds, [_tfidf_note(learn is not None)]
    reader = TextReader(emotion)
    if reader.english_only:
        raise InputError(
            f"the texts are {data.language} and {emotion} reads English only; give a multilingual classifier by "
            f"--emotion transformers:NAME, or --emotion {tfidf.NAME} for the character baseline (scikit-learn)"
        )
    classes = list(dict.fromkeys(class_of[label] for label in labels if label in class_of and label in data.labels))
    rows = [k for k, label in enumerate(data.labels) if label in class_of]
    found = recognised(reader.read(data.texts, data.contexts))
    given = flags([class_of[data.labels[k]] for k in rows], classes)
    figures = label_figures(flags([found[k] for k in rows], classes), given, classes, data.units[rows])
    baselines = {"majority": f1_figures(majority(given), given)}
    notes = [f"nothing tells whether {emotion} was made for {data.language}; its own card does"]
    if tfidf.installed():
        guessed = _guessed(data, learn)
        baselines[tfidf.NAME] = f1_figures(flags([class_of.get(guessed[k], "") for k in rows], classes), given)
        notes.append(_tfidf_note(learn is not None))
    else:
        notes.append('the character baseline needs scikit-learn: pip install "rapport-agent[train]"')
    return figures, baselines, reader.seconds, notes


def _guessed(data: _Texts, learn: tuple[Sequence[str], Sequence[str]] | None) -> list[str]:
    with progress_of("fitting the character baseline", len(data.texts)) as done:
        if learn is None:
            return tfidf.cross_predict(data.texts, data.labels, data.units, data.ngrams, done)
        return tfidf.predict(*learn, data.texts, data.ngrams)


def _tfidf_note(has_file: bool) -> str:
    source = "the file of --train" if has_file else "the other four fifths of this file (five-fold cross-validation)"
    return f"{tfidf.NAME}: character n-grams and logistic regression, trained on {source}"
