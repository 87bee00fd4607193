"""Settings of the text-emotion reader, chosen on development data, and what the reader is worth there.

Everything is measured on the quantised model through the code that the agent reads it with. Whatever is chosen on the
data that it is judged by is judged by five-fold cross-validation instead: chosen on four folds, scored on the fifth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.links import sigmoid, softmax
from rapport.agent.perception.text import (
    CLASS_OF,
    LABEL_VADS,
    NEUTRAL,
    TextEmotionSettings,
    class_sums,
    class_weights,
    combined_vad,
    head_vad,
    label_vad,
    label_weights,
    pooled_weights,
)
from rapport.agent.perception.text_model import Floats, TextOutputs
from rapport.apps.evaluate.corpora import LabelledTexts, read_emobank, read_goemotions
from rapport.apps.evaluate.metrics import (
    bootstrap_interval,
    expected_calibration_error,
    macro_f1,
    micro_f1,
    pearson,
    weighted_f1,
)
from rapport.apps.train.friends import DialogueText, meld_texts, training_texts
from rapport.persona.affect import EKMAN7, GOEMOTIONS28

Flags = NDArray[np.bool_]
Read = Callable[[list[str], list[tuple[Any, ...]] | None], TextOutputs]

FOLDS = 5
THRESHOLDS = np.arange(0.04, 0.71, 0.01)
TRUSTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far a label's own best threshold is believed over the one that is best for all."""


@dataclass(frozen=True)
class Corpora:
    """What is trained on and what is developed on. VAD targets are on EmoBank's own scale of 1 to 5."""

    labels_train: LabelledTexts
    labels_dev: LabelledTexts
    vad_train: LabelledTexts
    vad_dev: LabelledTexts
    dialogues_train: list[DialogueText]
    dialogues_dev: list[DialogueText]

    @classmethod
    def read(cls, data: Path) -> Corpora:
        """From `data/goemotions`, `data/emobank`, `data/meld` and `data/peld`, the files as released.

        Raises:
            InputError: a file is missing or not in its released format.
        """
        goemotions, emobank = data / "goemotions", data / "emobank"
        return cls(
            read_goemotions(goemotions / "train.tsv", GOEMOTIONS28.labels),
            read_goemotions(goemotions / "dev.tsv", GOEMOTIONS28.labels),
            read_emobank(emobank / "train.csv"),
            read_emobank(emobank / "dev.csv"),
            training_texts(data),
            meld_texts(data / "meld" / "dev_sent_emo.csv"),
        )

    @property
    def rated_mean(self) -> NDArray[np.float32]:
        return self.vad_train.targets.mean(axis=0)

    @property
    def rated_sd(self) -> NDArray[np.float32]:
        return self.vad_train.targets.std(axis=0)


@dataclass(frozen=True)
class DevelopmentOutputs:
    """What a model says of the development texts; dialogues with their context and without."""

    goemotions: TextOutputs
    emobank: TextOutputs
    meld: TextOutputs
    meld_alone: TextOutputs

    @classmethod
    def of(cls, read: Read, corpora: Corpora) -> DevelopmentOutputs:
        texts = [item.text for item in corpora.dialogues_dev]
        return cls(
            read(corpora.labels_dev.texts, None),
            read(corpora.vad_dev.texts, None),
            read(texts, [item.context for item in corpora.dialogues_dev]),
            read(texts, None),
        )


def calibrate(outputs: DevelopmentOutputs, corpora: Corpora) -> TextEmotionSettings:
    """Choose the settings of the reader.

    - temperature, ekman_temperature: least cross-entropy of each label head on its own corpus.
    - thresholds: per label the one of best F1, drawn towards the one of best macro F1 for all as far as
      cross-validation asks for.
    - sharpness: least cross-entropy between the distribution and the annotators' labels, shared evenly where several.
    - ekman_share: least cross-entropy of the pooled classes, GoEmotions and MELD counting alike.
    - vad_neutral, label_vad_neutral: what both sources say on average of texts labelled neutral alone; it is to read 0.
    - vad_scale: over GoEmotions the VAD head spreads as the VAD points of the given labels do (EmoBank itself spreads
      0.2 to 0.35 on 1-5, which is too little to act on).
    - vad_head_share: per axis the mean of head and labels with the least squared error, averaged over GoEmotions
      (against the VAD points of the given labels) and EmoBank (against its ratings on the same scale).
    - vad_sd: the root of that error.
    """
    given = corpora.labels_dev.targets > 0
    votes = given / given.sum(axis=1, keepdims=True)
    logits, z_scores = outputs.goemotions.goemotions, outputs.goemotions.vad
    spoken = _spoken(corpora)
    temperature = min(np.arange(0.7, 2.01, 0.05), key=lambda t: _binary_cross_entropy(logits / t, given))
    ekman_temperature = min(
        np.arange(0.5, 3.01, 0.05), key=lambda t: _cross_entropy(softmax(outputs.meld.ekman / t), np.eye(7)[spoken])
    )
    label_vads = votes @ LABEL_VADS
    neutral = given[:, NEUTRAL] & (given.sum(axis=1) == 1)
    settings = TextEmotionSettings(
        temperature=float(temperature),
        thresholds=choose_thresholds(sigmoid(logits / temperature), given),
        sharpness=1.0,
        ekman_temperature=float(ekman_temperature),
        ekman_share=0.0,
        vad_neutral=z_scores[neutral].mean(axis=0),
        vad_scale=label_vads.std(axis=0) / z_scores.std(axis=0),
        label_vad_neutral=np.zeros(3),
        vad_head_share=np.full(3, 0.5),
        vad_sd=(1.0, 1.0, 1.0),
    )
    settings = min(
        (replace(settings, sharpness=float(s)) for s in np.arange(0.3, 1.51, 0.05)),
        key=lambda s: _cross_entropy(label_weights(logits, s), votes),
    )
    settings = min(
        (replace(settings, ekman_share=float(s)) for s in np.arange(0.0, 1.01, 0.05)),
        key=lambda s: (
            _cross_entropy(_classes(outputs.goemotions, s), class_sums(votes))
            + _cross_entropy(_classes(outputs.meld, s), np.eye(7)[spoken])
        ),
    )
    distributions = pooled_weights(outputs.goemotions, settings)
    bank_distributions = pooled_weights(outputs.emobank, settings)
    settings = replace(settings, label_vad_neutral=(distributions[neutral] @ LABEL_VADS).mean(axis=0))
    rated_z = (corpora.vad_dev.targets.astype(np.float64) - corpora.rated_mean) / corpora.rated_sd
    sides = [
        (head_vad(z_scores, settings), label_vad(distributions, settings), label_vads),
        (
            head_vad(outputs.emobank.vad, settings),
            label_vad(bank_distributions, settings),
            head_vad(rated_z, settings),
        ),
    ]
    share = _least_error_share(sides)
    v, a, d = np.sqrt(
        np.mean(
            [((share * head + (1 - share) * labels - true) ** 2).mean(axis=0) for head, labels, true in sides], axis=0
        )
    )
    return replace(settings, vad_head_share=share, vad_sd=(float(v), float(a), float(d)))


def score(outputs: DevelopmentOutputs, corpora: Corpora, settings: TextEmotionSettings) -> dict[str, Any]:
    """Scores on development data, each F1 and r with its 95 % bootstrap interval (1,000 resamples)."""
    given = corpora.labels_dev.targets > 0
    p = sigmoid(outputs.goemotions.goemotions / settings.temperature)
    distributions = pooled_weights(outputs.goemotions, settings)
    found = cross_validated(p, given)
    classes_found, classes_given = (_in_classes(flags) for flags in (found, given))
    top, ekman_top = distributions.argmax(axis=1), class_sums(distributions).argmax(axis=1)
    right = given[np.arange(len(top)), top]
    spoken = _spoken(corpora)
    rated = corpora.vad_dev.targets.astype(np.float64)
    label_vads = (given / given.sum(axis=1, keepdims=True)) @ LABEL_VADS
    return {
        "goemotions_dev": {
            "macro_f1": _with_interval(lambda i: macro_f1(found[i], given[i]), len(given)),
            "micro_f1": _with_interval(lambda i: micro_f1(found[i], given[i]), len(given)),
            "macro_f1_on_its_own_thresholds": round(macro_f1(p > settings.thresholds, given), 4),
            "ekman_macro_f1": _with_interval(lambda i: macro_f1(classes_found[i], classes_given[i]), len(given)),
            "ekman_micro_f1": _with_interval(lambda i: micro_f1(classes_found[i], classes_given[i]), len(given)),
            "ece_labels": round(expected_calibration_error(p.ravel(), given.ravel()), 4),
            "top_label_accuracy": round(float(right.mean()), 4),
            "top_ekman_accuracy": round(float(_in_classes(given)[np.arange(len(top)), ekman_top].mean()), 4),
            "ece_top_label": round(expected_calibration_error(distributions.max(axis=1), right), 4),
        },
        "emobank_dev_r": {
            "head": _correlations(outputs.emobank.vad, rated),
            "labels": _correlations(pooled_weights(outputs.emobank, settings) @ LABEL_VADS, rated),
            "combined": _correlations(
                combined_vad(outputs.emobank.vad, pooled_weights(outputs.emobank, settings), settings), rated
            ),
        },
        "goemotions_dev_vad_r": {
            "head": _correlations(outputs.goemotions.vad, label_vads),
            "labels": _correlations(distributions @ LABEL_VADS, label_vads),
            "combined": _correlations(combined_vad(outputs.goemotions.vad, distributions, settings), label_vads),
        },
        "meld_dev": {
            "with_context": _dialogue_scores(outputs.meld, spoken, settings),
            "without_context": _dialogue_scores(outputs.meld_alone, spoken, settings),
            "context_gain": _with_interval(
                lambda i: (
                    weighted_f1(spoken[i], outputs.meld.ekman[i].argmax(axis=1), len(EKMAN7))
                    - weighted_f1(spoken[i], outputs.meld_alone.ekman[i].argmax(axis=1), len(EKMAN7))
                ),
                len(spoken),
            ),
        },
    }


def _dialogue_scores(outputs: TextOutputs, spoken: NDArray[np.int64], settings: TextEmotionSettings) -> dict[str, Any]:
    p = softmax(outputs.ekman / settings.ekman_temperature)
    found, pooled = p.argmax(axis=1), _classes(outputs, settings).argmax(axis=1)
    return {
        "weighted_f1": _with_interval(lambda i: weighted_f1(spoken[i], found[i], len(EKMAN7)), len(spoken)),
        "macro_f1": round(macro_f1(np.eye(7)[found] > 0, np.eye(7)[spoken] > 0), 4),
        "weighted_f1_pooled_with_the_28": round(weighted_f1(spoken, pooled, len(EKMAN7)), 4),
        "ece": round(expected_calibration_error(p.max(axis=1), found == spoken), 4),
    }


def _spoken(corpora: Corpora) -> NDArray[np.int64]:
    return np.array([item.ekman for item in corpora.dialogues_dev])


def _classes(outputs: TextOutputs, settings: TextEmotionSettings) -> Floats:
    return class_weights(label_weights(outputs.goemotions, settings), outputs.ekman, settings)


def _in_classes(flags: Flags) -> Flags:
    return (flags.astype(int) @ np.eye(len(EKMAN7), dtype=int)[CLASS_OF]) > 0


def choose_thresholds(p: Floats, given: Flags) -> Floats:
    """One threshold per label, (labels,), from probabilities and labels (n, labels)."""
    trust = max(TRUSTS, key=lambda t: macro_f1(_folded(p, given, lambda a, b: _thresholds(a, b, t)), given))
    return _thresholds(p, given, trust)


def cross_validated(p: Floats, given: Flags) -> Flags:
    """Which labels are found (n, labels) by thresholds that were chosen on the other folds."""
    return _folded(p, given, choose_thresholds)


def _folded(p: Floats, given: Flags, choose: Callable[[Floats, Flags], Floats]) -> Flags:
    fold = np.arange(len(p)) % FOLDS
    found = np.zeros_like(given)
    for k in range(FOLDS):
        found[fold == k] = p[fold == k] > choose(p[fold != k], given[fold != k])
    return found


def _thresholds(p: Floats, given: Flags, trust: float) -> Floats:
    """In log-odds `trust` of the way from the threshold of best macro F1 to each label's own best."""
    grid = THRESHOLDS[:, np.newaxis]
    f1 = np.empty((len(THRESHOLDS), p.shape[1]))
    for label in range(p.shape[1]):
        found = p[:, label] > grid
        hits = (found & given[:, label]).sum(axis=1)
        f1[:, label] = 2 * hits / np.maximum(1, found.sum(axis=1) + given[:, label].sum())
    common, own = THRESHOLDS[f1.mean(axis=1).argmax()], THRESHOLDS[f1.argmax(axis=0)]
    return sigmoid((1 - trust) * _log_odds(common) + trust * _log_odds(own))


def _log_odds(p: Any) -> Any:
    return np.log(p / (1 - p))


def _least_error_share(sides: list[tuple[Floats, Floats, Floats]]) -> Floats:
    """Per axis the share s of head in s * head + (1 - s) * labels with the least mean squared error over all sides."""
    gain = np.mean([((head - labels) * (true - labels)).mean(axis=0) for head, labels, true in sides], axis=0)
    spread = np.mean([((head - labels) ** 2).mean(axis=0) for head, labels, _ in sides], axis=0)
    return np.clip(gain / np.maximum(spread, 1e-9), 0.0, 1.0)


def _binary_cross_entropy(logits: Floats, given: Flags) -> float:
    return float((np.logaddexp(0.0, logits) - logits * given).mean())


def _cross_entropy(p: Floats, target: Floats) -> float:
    return -float((target * np.log(np.maximum(p, 1e-12))).sum(axis=1).mean())


def _correlations(found: Floats, given: Floats) -> dict[str, list[float]]:
    return {
        axis: _with_interval(lambda i, k=k: pearson(found[i, k], given[i, k]), len(given))
        for k, axis in enumerate(("valence", "arousal", "dominance"))
    }


def _with_interval(statistic: Callable[[NDArray[np.int64]], float], n: int) -> list[float]:
    """The statistic over all rows, and the ends of its interval."""
    low, high = bootstrap_interval(statistic, n, seed=0)
    return [round(float(x), 4) for x in (statistic(np.arange(n)), low, high)]
