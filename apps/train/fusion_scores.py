"""How the two fusions do on development data, side by side, and the model card that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from rapport.agent.perception.conflict import find_conflict
from rapport.agent.perception.fusion import fuse
from rapport.agent.perception.fusion_attention import FEATURES, MODALITIES, forward
from rapport.agent.perception.knowledge import Floats, ekman_probabilities
from rapport.apps.train.fusion_data import POINTS, Corpus, Ints, Readings, noise, rows_of
from rapport.persona.affect import EKMAN7, EmotionEstimate

TRIPLES_PER_LABEL = 60
AXES = ("valence", "arousal", "dominance")
UNPLEASANT = tuple(EKMAN7.index(label) for label in ("anger", "disgust", "fear", "sadness"))

Columns = Sequence[Sequence[EmotionEstimate] | None]
"""Estimates of words, voices and faces, (n) each; None where the modality is missing."""


def score(weights: Mapping[str, Floats], dev: Corpus, rng: np.random.Generator) -> dict[str, Any]:
    """Everything that the model card tells."""
    labels = np.repeat(np.arange(len(EKMAN7)), TRIPLES_PER_LABEL)
    labels = labels[[all(len(r.of_label(k)) for r in (dev.text, dev.voice, dev.face)) for k in labels.tolist()]]
    columns = [_drawn(rng, readings, labels) for readings in (dev.text, dev.voice, dev.face)]
    subsets: dict[str, Any] = {}
    for size in (1, 2, 3):
        for there in combinations(range(3), size):
            name = " + ".join(MODALITIES[m] for m in there)
            subsets[name] = _of_both(weights, [columns[m] if m in there else None for m in range(3)], labels)
    for m in range(3):
        noisy = [[noise(rng, e) for e in column] if k == m else column for k, column in enumerate(columns)]
        subsets[f"all, {MODALITIES[m]} replaced by noise"] = _of_both(weights, noisy, labels)
    spoken: Columns = [dev.sentences.estimates, dev.voice.estimates, None]
    voice_alone: Columns = [None, dev.voice.estimates, None]
    return {
        "pseudo_triples": subsets,
        "ravdess_actors_19_20": {
            "clips": len(dev.voice.labels),
            "voice alone": _of_recogniser(dev.voice),
            "voice alone, fused": _of_both(weights, voice_alone, dev.voice.labels),
            "words + voice, fused": _of_both(weights, spoken, dev.voice.labels),
        },
        "conflicts": {
            "ravdess_words_and_voice": _conflicts(dev.sentences.estimates, dev.voice.estimates),
            "same_label": _conflicts(columns[0], columns[1]),
            "joyful_lines_unpleasant_voices": _conflicts(*_contradictions(rng, dev)),
        },
    }


def _drawn(rng: np.random.Generator, readings: Readings, labels: Ints) -> list[EmotionEstimate]:
    return [readings.estimates[rng.choice(readings.of_label(k))] for k in labels.tolist()]


def _of_both(weights: Mapping[str, Floats], columns: Columns, labels: Ints) -> dict[str, Any]:
    there = np.array([[column is not None for column in columns]] * len(labels))
    missing = np.zeros((len(labels), FEATURES))
    rows = np.stack([missing if column is None else rows_of(column) for column in columns], axis=1)
    fused = [fuse([column[i] for column in columns if column is not None]) for i in range(len(labels))]
    attended = forward(weights, rows, there)
    return {"precision": _measures(*_numbers(fused), labels), "attention": _measures(*attended, labels)}


def _numbers(estimates: Sequence[EmotionEstimate]) -> tuple[Floats, Floats, Floats]:
    return (
        np.array([ekman_probabilities(e.distribution) for e in estimates]),
        np.array([e.vad.as_tuple() for e in estimates]),
        np.array([e.vad_sd for e in estimates]),
    )


def _of_recogniser(readings: Readings) -> dict[str, Any]:
    return _measures(*_numbers(readings.estimates), readings.labels)


def _measures(p: Floats, vad: Floats, sd: Floats, labels: Ints) -> dict[str, Any]:
    """Unweighted mean recall, log loss, root mean square error of the VAD and mean stated sd."""
    recalls = [float((p[labels == k].argmax(axis=1) == k).mean()) for k in np.unique(labels)]
    surprise = -np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-9))
    return {
        "recall": round(float(np.mean(recalls)), 3),
        "log_loss": round(float(surprise.mean()), 3),
        "vad_error": [round(float(x), 3) for x in np.sqrt(np.square(vad - POINTS[labels]).mean(axis=0))],
        "stated_sd": [round(float(x), 3) for x in sd.mean(axis=0)],
    }


def _contradictions(rng: np.random.Generator, dev: Corpus) -> tuple[list[EmotionEstimate], list[EmotionEstimate]]:
    """Lines labelled joy with the clips of unpleasant feelings."""
    voices = [dev.voice.estimates[int(i)] for k in UNPLEASANT for i in dev.voice.of_label(k)]
    joy = np.full(len(voices), EKMAN7.index("joy"))
    return (_drawn(rng, dev.text, joy) if len(dev.text.of_label(EKMAN7.index("joy"))) else []), voices


def _conflicts(words: Sequence[EmotionEstimate], voices: Sequence[EmotionEstimate]) -> float:
    """Share of the pairs in which words and voice are said to disagree."""
    found = [find_conflict({"text": w, "voice": v}) is not None for w, v in zip(words, voices, strict=False)]
    return round(float(np.mean(found)), 3) if found else float("nan")


def model_card(config: dict[str, Any]) -> str:
    """The card of a folder whose config.json holds `config`, as Markdown."""
    scores, training = config["scores"], config["training"]
    read = training["readings"]
    triples = "\n".join(_row(name, both) for name, both in scores["pseudo_triples"].items())
    ravdess = scores["ravdess_actors_19_20"]
    alone = ravdess["voice alone"]
    conflicts = scores["conflicts"]
    return f"""# Fusion: attention of words over words, voice and face

Three estimates of a person's feeling, any of them missing, to one: Ekman's seven, VAD, and a standard deviation per
axis. M2FNet's fusion layer (arXiv 2206.02187) over {len(MODALITIES)} tokens; plain numpy runs it.

## Files

- `weights.npz`: float32 arrays, no pickles; `rapport.agent.perception.fusion_attention.weight_shapes` lists them.
- `config.json`: label order, scores, training settings.

## Made from

| what | used as | licence |
|---|---|---|
| MELD (Poria et al. 2019), {read["text"]:,} lines | words, read by the shipped recogniser | GPL-3.0 |
| RAVDESS (Livingstone & Russo 2018), {read["voice"]:,} clips of actors 1-18 | voice | CC BY-NC-SA |
| FER+ (Barsoum et al. 2016), votes on {read["face"]:,} images | stand-in for a recogniser of faces | MIT |

No recording, picture or sentence is in these files. Where weights count as adapted material of their training data,
RAVDESS's terms, non-commercial and share-alike, and MELD's reach them; the fusion named `precision` has no weights.

Every actor was read by a recogniser of voice that had learned from other speakers of RAVDESS and EmoDB alone. No corpus
had all three at once: readings were joined by their labels (RAVDESS's calm counts as neutral). No recogniser
of faces shipped: a face's estimate is the votes of FER+'s taggers but one, with noise; its label is that one's vote.
So the face part is a guess at what a recogniser would say, and what it does with a true one is unknown.

## Training

`rapport train fusion --data DIR --out DIR --seed {training["seed"]}`: {training["steps"]:,} steps of
{training["batch"]} examples, AdamW at {training["rate"]}, one thread. A fifth of the examples have words that say
nothing of the feeling, 15 % a modality of another feeling, 15 % one that is noise; 35 % of the modalities are left out.
The target is the label of a modality that stayed, drawn at random, so that disagreement widens what is stated.

## Scores on development data

Readings of other speakers: MELD's development lines, RAVDESS's actors 19 and 20, FER+'s public test part, joined by
label, labels equally often. Recall is the mean over the seven labels, sd the stated standard deviation (V / A / D).

| given | precision: recall | log loss | sd | attention: recall | log loss | sd |
|---|---|---|---|---|---|---|
{triples}

RAVDESS, actors 19 and 20, {ravdess["clips"]} clips with the words that were really spoken (two neutral sentences):

| | recall | log loss | rms error V / A / D | sd |
|---|---|---|---|---|
| voice alone | {_plain(alone)} |
| voice alone, attention | {_plain(ravdess["voice alone, fused"]["attention"])} |
| words + voice, precision | {_plain(ravdess["words + voice, fused"]["precision"])} |
| words + voice, attention | {_plain(ravdess["words + voice, fused"]["attention"])} |

Conflict of words and voice with these recognisers: reported for {conflicts["ravdess_words_and_voice"]:.1%} of RAVDESS's
clips with their own words, {conflicts["same_label"]:.1%} of lines and clips with one label, and
{conflicts["joyful_lines_unpleasant_voices"]:.1%} of joyful lines joined with unpleasant voices.

## Limits

Acted voices and sitcom lines; English. Joined readings agree or contradict by construction: how often they do so in
life, the network cannot know. Its uncertainty is about the seven labels' points, and holds for readings of the
recognisers that it was trained with: train it again when they change.
"""


def _row(name: str, both: Mapping[str, Mapping[str, Any]]) -> str:
    cells = (
        f"{both[fusion]['recall']:.3f} | {both[fusion]['log_loss']:.3f} | {_axes(both[fusion]['stated_sd'])}"
        for fusion in ("precision", "attention")
    )
    return f"| {name} | {' | '.join(cells)} |"


def _plain(measures: Mapping[str, Any]) -> str:
    error, sd = _axes(measures["vad_error"]), _axes(measures["stated_sd"])
    return f"{measures['recall']:.3f} | {measures['log_loss']:.3f} | {error} | {sd}"


def _axes(numbers: Sequence[float]) -> str:
    return " / ".join(f"{x:.2f}" for x in numbers)
