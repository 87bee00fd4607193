"""What a trained text-emotion model is worth on development data, the settings chosen there, and the card that says so.

Everything is measured on the quantised model through the code that the agent reads it with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.text import (
    LABEL_VADS,
    NEUTRAL,
    TextEmotionModel,
    TextEmotionSettings,
    combined_vad,
    head_vad,
    label_vad,
    label_weights,
)
from rapport.apps.train.data import LabelledTexts, read_emobank, read_goemotions
from rapport.persona.affect import EKMAN7, GOEMOTIONS28, EmotionDistribution, convert

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

THRESHOLDS = np.arange(0.05, 0.61, 0.01)
FOLDS = 5
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Corpora:
    """What is trained on and what is developed on. VAD targets are on EmoBank's own scale of 1 to 5."""

    labels_train: LabelledTexts
    labels_dev: LabelledTexts
    vad_train: LabelledTexts
    vad_dev: LabelledTexts

    @classmethod
    def read(cls, data: Path) -> Corpora:
        """From `data/goemotions` (train.tsv, dev.tsv) and `data/emobank` (train.csv, dev.csv)."""
        goemotions, emobank = data / "goemotions", data / "emobank"
        return cls(
            read_goemotions(goemotions / "train.tsv", GOEMOTIONS28.labels),
            read_goemotions(goemotions / "dev.tsv", GOEMOTIONS28.labels),
            read_emobank(emobank / "train.csv"),
            read_emobank(emobank / "dev.csv"),
        )


def calibrate(model: TextEmotionModel, corpora: Corpora) -> dict[str, Any]:
    """Choose the settings of the reader on development data, and score it with them.

    - temperature: least binary cross-entropy over the 28 labels.
    - threshold: one for all labels, best macro F1; its score is cross-validated over five folds.
    - sharpness: least cross-entropy between the distribution and the annotators' labels, shared evenly where several.
    - vad_neutral, label_vad_neutral: what both sources say on average of texts labelled neutral alone; it is to read 0.
    - vad_scale: over GoEmotions the VAD head spreads as the VAD points of the given labels do (EmoBank itself spreads
      0.2 to 0.35 on 1-5, which is too little to act on).
    - vad_head_share: per axis the mean of head and labels with the least squared error, averaged over GoEmotions
      (against the VAD points of the given labels) and EmoBank (against its ratings on the same scale).
    - vad_sd: the root of that error.
    """
    given = corpora.labels_dev.targets > 0
    logits, z_scores = model.run_all(corpora.labels_dev.texts)
    bank_logits, bank_z = model.run_all(corpora.vad_dev.texts)
    rated = corpora.vad_dev.targets.astype(np.float64)
    rated_z = (rated - corpora.vad_train.targets.mean(axis=0)) / corpora.vad_train.targets.std(axis=0)

    temperature = min(np.arange(0.7, 2.01, 0.05), key=lambda t: _binary_cross_entropy(logits / t, given))
    p = sigmoid(logits / temperature)
    threshold = best_threshold(p, given)
    votes = given / given.sum(axis=1, keepdims=True)
    label_vads = votes @ LABEL_VADS
    neutral = given[:, NEUTRAL] & (given.sum(axis=1) == 1)
    settings = TextEmotionSettings(
        temperature=float(temperature),
        threshold=threshold,
        sharpness=1.0,
        vad_neutral=z_scores[neutral].mean(axis=0),
        vad_scale=label_vads.std(axis=0) / z_scores.std(axis=0),
        label_vad_neutral=np.zeros(3),
        vad_head_share=np.full(3, 0.5),
        vad_sd=(1.0, 1.0, 1.0),
    )
    sharpness = min(
        np.arange(0.3, 1.51, 0.05),
        key=lambda s: (
            -float((votes * np.log(label_weights(logits, replace(settings, sharpness=s)))).sum(axis=1).mean())
        ),
    )
    settings = replace(settings, sharpness=float(sharpness))

    distributions, bank_distributions = label_weights(logits, settings), label_weights(bank_logits, settings)
    settings = replace(settings, label_vad_neutral=(distributions[neutral] @ LABEL_VADS).mean(axis=0))
    sides = [
        (head_vad(z_scores, settings), label_vad(distributions, settings), label_vads),
        (head_vad(bank_z, settings), label_vad(bank_distributions, settings), head_vad(rated_z, settings)),
    ]
    share = _least_error_share(sides)
    v, a, d = np.sqrt(
        np.mean(
            [((share * head + (1 - share) * labels - true) ** 2).mean(axis=0) for head, labels, true in sides], axis=0
        )
    )
    settings = replace(settings, vad_head_share=share, vad_sd=(float(v), float(a), float(d)))

    scores = {
        "goemotions_dev": {
            **_label_scores(p, given, threshold),
            "macro_f1_cross_validated": round(_cross_validated_f1(p, given), 4),
            "ece_labels": round(_calibration_error(p.ravel(), given.ravel()), 4),
            **_distribution_scores(distributions, given),
        },
        "emobank_dev_r": {
            "head": _correlations(bank_z, rated),
            "labels": _correlations(bank_distributions @ LABEL_VADS, rated),
            "combined": _correlations(combined_vad(bank_z, bank_distributions, settings), rated),
        },
        "goemotions_dev_vad_r": {
            "head": _correlations(z_scores, label_vads),
            "labels": _correlations(distributions @ LABEL_VADS, label_vads),
            "combined": _correlations(combined_vad(z_scores, distributions, settings), label_vads),
        },
    }
    return {
        "temperature": round(settings.temperature, 3),
        "threshold": round(settings.threshold, 3),
        "sharpness": round(settings.sharpness, 3),
        "vad_neutral": _rounded(settings.vad_neutral),
        "vad_scale": _rounded(settings.vad_scale),
        "label_vad_neutral": _rounded(settings.label_vad_neutral),
        "vad_head_share": _rounded(settings.vad_head_share),
        "vad_sd": _rounded(np.array(settings.vad_sd)),
        "scores": scores,
    }


def sigmoid(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


def best_threshold(p: Floats, given: Flags) -> float:
    """The one threshold for all labels with the best macro F1."""
    return float(max(THRESHOLDS, key=lambda t: macro_f1(p > t, given)))


def macro_f1(found: Flags, given: Flags) -> float:
    """Mean over labels of 2 tp / (2 tp + fp + fn), (n, labels) each; 0 for a label that is neither found nor given."""
    hits = (found & given).sum(axis=0)
    return float((2 * hits / np.maximum(1, found.sum(axis=0) + given.sum(axis=0))).mean())


def micro_f1(found: Flags, given: Flags) -> float:
    return float(2 * (found & given).sum() / max(1, found.sum() + given.sum()))


def _label_scores(p: Floats, given: Flags, threshold: float) -> dict[str, float]:
    found = p > threshold
    groups = _ekman_groups()
    ekman_found, ekman_given = ((flags.astype(int) @ groups) > 0 for flags in (found, given))
    return {
        "macro_f1": round(macro_f1(found, given), 4),
        "micro_f1": round(micro_f1(found, given), 4),
        "ekman_macro_f1": round(macro_f1(ekman_found, ekman_given), 4),
        "ekman_micro_f1": round(micro_f1(ekman_found, ekman_given), 4),
    }


def _distribution_scores(distributions: Floats, given: Flags) -> dict[str, float]:
    top = distributions.argmax(axis=1)
    right = given[np.arange(len(top)), top]
    groups = _ekman_groups()
    ekman = (distributions @ groups).argmax(axis=1)
    ekman_given = (given.astype(int) @ groups) > 0
    return {
        "top_label_accuracy": round(float(right.mean()), 4),
        "top_ekman_accuracy": round(float(ekman_given[np.arange(len(ekman)), ekman].mean()), 4),
        "ece_top_label": round(_calibration_error(distributions.max(axis=1), right), 4),
    }


def _cross_validated_f1(p: Floats, given: Flags) -> float:
    fold = np.arange(len(p)) % FOLDS
    found = np.zeros_like(given)
    for k in range(FOLDS):
        found[fold == k] = p[fold == k] > best_threshold(p[fold != k], given[fold != k])
    return macro_f1(found, given)


def _ekman_groups() -> NDArray[np.int64]:
    """(28, 7): 1 where a label of GoEmotions belongs to an Ekman class."""
    out = np.zeros((len(GOEMOTIONS28), len(EKMAN7)), np.int64)
    for i, label in enumerate(GOEMOTIONS28.labels):
        out[i, EKMAN7.index(convert(EmotionDistribution.certain(GOEMOTIONS28, label), EKMAN7).label)] = 1
    return out


def _least_error_share(sides: list[tuple[Floats, Floats, Floats]]) -> Floats:
    """Per axis the share s of head in s * head + (1 - s) * labels with the least mean squared error over all sides."""
    gain = np.mean([((head - labels) * (true - labels)).mean(axis=0) for head, labels, true in sides], axis=0)
    spread = np.mean([((head - labels) ** 2).mean(axis=0) for head, labels, _ in sides], axis=0)
    return np.clip(gain / np.maximum(spread, 1e-9), 0.0, 1.0)


def _binary_cross_entropy(logits: Floats, given: Flags) -> float:
    return float((np.logaddexp(0.0, logits) - logits * given).mean())


def _calibration_error(p: Floats, right: Flags) -> float:
    """Expected calibration error (Guo et al. 2017): mean gap of confidence and frequency over bins of equal width."""
    bins = np.minimum((p * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=p - right, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(p))


def _correlations(found: Floats, given: Floats) -> dict[str, float]:
    return {
        axis: round(float(np.corrcoef(found[:, k], given[:, k])[0, 1]), 4)
        for k, axis in enumerate(("valence", "arousal", "dominance"))
    }


def _rounded(x: Floats) -> list[float]:
    return [round(float(v), 4) for v in x]


def model_card(config: dict[str, Any]) -> str:
    """The model card of a folder whose config.json holds `config`."""
    training, scores = config["training"], config["scores"]
    labels, bank, own = scores["goemotions_dev"], scores["emobank_dev_r"], scores["goemotions_dev_vad_r"]

    def row(name: str, r: dict[str, dict[str, float]]) -> str:
        cells = [" / ".join(f"{x:.3f}" for x in r[source].values()) for source in ("head", "labels", "combined")]
        return f"| {name} | {' | '.join(cells)} |"

    stopped = f", stopped after {training['max_steps']} steps" if training["max_steps"] else ""
    threshold, shares = f"{config['threshold']:.2f}", config["vad_head_share"]
    n_labelled, n_rated = (f"{n:,}" for n in training["texts"])
    return f"""# Text emotion: MiniLM with GoEmotions and VAD heads

Reads English text: the 28 labels of GoEmotions, and valence, arousal and dominance. int8 ONNX for onnxruntime, 23 MB.

## Files

- `model.onnx`: `input_ids`, `attention_mask` (int64, texts x tokens) to `goemotions` (logits, texts x 28), `vad`
  (EmoBank z-scores, texts x 3) and `token_vad` (texts x tokens x 3; its mean over tokens is `vad` less its bias).
- `tokenizer.json`: the encoder's uncased WordPiece. The reader spells emoji out by their Unicode names.
- `config.json`: label order, the settings chosen on development data, scores, versions.

## Made from

| what | licence |
|---|---|
| all-MiniLM-L6-v2, the encoder (Wang et al. 2020; Reimers & Gurevych 2019) | Apache-2.0 |
| GoEmotions (Demszky et al. 2020), {n_labelled} Reddit comments, 28 labels | Apache-2.0 / CC BY 4.0 |
| EmoBank (Buechel & Hahn 2017), {n_rated} sentences of news, fiction, letters, blogs | CC BY-SA 4.0 |

The texts are not in these files. Where weights count as adapted material of their training data, EmoBank's share-alike
terms reach these weights: treat the folder as CC BY-SA 4.0 and name the three sources.

## Training

`rapport train text-emotion --data DIR --out DIR`: seed {training["seed"]}, {training["epochs"]} epoch(s){stopped},
batches of {training["batch"]}, {training["tokens"]} tokens, AdamW at {training["encoder_rate"]:g} with layer decay. The
word embeddings and the lowest {training["frozen_layers"]} of 6 layers stay as they were. Mean pooling, one linear head
a task. Weights are quantised per channel to int8 of which seven bits are used, so that processors without VNNI do not
overflow.

## Scores on development data

Official splits (GoEmotions dev 5,426 texts, EmoBank dev 1,000), the quantised file, one run with seed
{training["seed"]}. Settings were chosen on the same texts, so expect a little less elsewhere; the cross-validated
figure chose its threshold on other folds.

| GoEmotions dev | |
|---|---|
| macro F1, 28 labels, one threshold of {threshold} | {labels["macro_f1"]:.3f} |
| the same, threshold cross-validated | {labels["macro_f1_cross_validated"]:.3f} |
| micro F1 | {labels["micro_f1"]:.3f} |
| macro / micro F1 over Ekman's groups | {labels["ekman_macro_f1"]:.3f} / {labels["ekman_micro_f1"]:.3f} |
| most probable label is among those given | {labels["top_label_accuracy"]:.3f} |
| the same over Ekman's groups | {labels["top_ekman_accuracy"]:.3f} |
| calibration error (ECE, 15 bins), all labels' probabilities | {labels["ece_labels"]:.3f} |
| calibration error of the most probable label | {labels["ece_top_label"]:.3f} |

| Pearson r, V / A / D | VAD head | labels' expected VAD | combined |
|---|---|---|---|
{row("EmoBank dev, ratings", bank)}
{row("GoEmotions dev, VAD points of the given labels", own)}

## From outputs to an estimate

- Probabilities are sigmoid(logit / {config["temperature"]:.2f}). A label's weight is its odds over the odds of
  {threshold}, neutral's is 1; weights to the power {config["sharpness"]:.2f} are normalised. Neutral is most probable
  exactly when no emotion passes the threshold.
- VAD head: (z - {config["vad_neutral"]}) x {config["vad_scale"]}, cut to [-1, 1]. So texts
  labelled neutral alone read 0 on average, and the head spreads over GoEmotions as the VAD points of its labels do.
  (One z is {config["emobank_sd"]} on EmoBank's scale.)
- Labels: their expected VAD less {config["label_vad_neutral"]}, its mean over texts labelled neutral alone.
- Combined: {shares} of the head and the rest of the labels, the least squared error over both
  corpora. What remains has the standard deviation {config["vad_sd"]}, the estimate's `vad_sd`.

## Limits

- English only, of Reddit and edited prose; other languages, dialects and times will read worse, and the labels carry
  the views of their raters (GoEmotions: English speakers in India).
- Rare labels (grief, pride, relief, nervousness) are weak. Irony and quoted feelings are read literally.
- One text at a time, no earlier turns. Beyond {config["max_tokens"]} tokens only the beginning and the end are read.
- Not a diagnostic instrument: it must not decide about people.
"""
