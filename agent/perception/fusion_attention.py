"""Learned fusion: attention of the words over words, voice and face, in the form of M2FNet (Chudasama et al. 2022).

Each estimate becomes a vector of FEATURES numbers (see `features`), and a token by a linear layer of its modality. A
fusion layer is M2FNet's, multi-head attention with the words as query, its answer joined to the query, then a linear
layer and ReLU (arXiv 2206.02187); layers are stacked. Keys and values are the tokens of all modalities that are there.
Where no words are, a learned token asks instead. Three heads read the last query: the seven of Ekman, the mean of the
VAD, and its standard deviation per axis.

The network is small enough for plain numpy; its weights are an npz beside a config.json and a model card, made by
`rapport train fusion`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rapport.agent.perception.fusion import DOUBT, divide_classes, heaviest_first
from rapport.agent.perception.knowledge import LEAST_SD, Floats, ekman_probabilities, of_each_modality
from rapport.agent.perception.links import softmax
from rapport.agent.stages import FusionCapabilities
from rapport.persona.affect import EKMAN7, VAD, EmotionEstimate, Modality
from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "models" / "fusion"
MODALITIES: tuple[Modality, ...] = ("text", "voice", "face")
FEATURES = 2 * len(EKMAN7) + 6
WIDTH, HEADS, LAYERS = 32, 4, 2
NARROWEST_SD = 0.05


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """The arrays of the network by name, all float32."""
    shapes: dict[str, tuple[int, ...]] = {
        "token.weight": (len(MODALITIES), FEATURES, WIDTH),
        "token.bias": (len(MODALITIES), WIDTH),
        "query": (WIDTH,),
    }
    for i in range(LAYERS):
        shapes |= {f"{i}.{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "o")}
        shapes |= {f"{i}.join.weight": (2 * WIDTH, WIDTH), f"{i}.join.bias": (WIDTH,)}
    for head, size in (("labels", len(EKMAN7)), ("mean", 3), ("sd", 3)):
        shapes |= {f"{head}.weight": (WIDTH, size), f"{head}.bias": (size,)}
    return shapes


def features(estimate: EmotionEstimate) -> Floats:
    """What the network sees of an estimate, (FEATURES,): Ekman's seven, their log-probabilities, VAD, log of its sd."""
    p = ekman_probabilities(estimate.distribution)
    logs = np.log((1 - DOUBT) * p + DOUBT / len(EKMAN7))
    log_sd = np.log(np.clip(estimate.vad_sd, LEAST_SD, 1.0))
    return np.concatenate([p, logs - logs.mean(), estimate.vad.as_array(), log_sd])


class AttentionFusion:
    """Fusion that was trained. `model` is a folder in the shipped model's format; None is the shipped one.

    Raises:
        ComponentError: the folder holds no such model.
    """

    capabilities = FusionCapabilities(learned=True)

    def __init__(self, model: str | None = None) -> None:
        self._weights = _load(Path(model) if model else MODEL_FOLDER)

    async def fuse(self, estimates: Sequence[EmotionEstimate]) -> EmotionEstimate:
        """Any subset of modalities, in any order; estimates of one modality count by their mean."""
        seen = of_each_modality(estimates)
        if not seen:
            return EmotionEstimate.unknown()
        rows = np.zeros((1, len(MODALITIES), FEATURES))
        for modality, several in seen.items():
            rows[0, MODALITIES.index(modality)] = np.mean([features(e) for e in several], axis=0)
        there = np.array([[modality in seen for modality in MODALITIES]])
        labels, mean, sd = forward(self._weights, rows, there)
        finest = max((e.distribution for e in estimates), key=lambda d: (len(d.taxonomy), d.taxonomy.name))
        v, a, d = sd[0].tolist()
        return EmotionEstimate(
            divide_classes(labels[0], finest), VAD.from_array(mean[0]), (v, a, d), None, heaviest_first(estimates)
        )


def forward(weights: Mapping[str, Floats], rows: Floats, there: np.ndarray) -> tuple[Floats, Floats, Floats]:
    """Probabilities over EKMAN7 (n, 7), VAD (n, 3) and its standard deviation (n, 3).

    Args:
        rows: features per modality, (n, 3, FEATURES); what stands in the place of a missing one does not matter.
        there: which modalities are there, (n, 3) bool, at least one per row.
    """
    tokens = np.einsum("nmf,mfw->nmw", rows, weights["token.weight"]) + weights["token.bias"]
    query = np.where(there[:, :1], tokens[:, 0], weights["query"])
    for i in range(LAYERS):
        q = (query @ weights[f"{i}.q"]).reshape(-1, HEADS, WIDTH // HEADS)
        k = (tokens @ weights[f"{i}.k"]).reshape(-1, len(MODALITIES), HEADS, WIDTH // HEADS)
        v = (tokens @ weights[f"{i}.v"]).reshape(k.shape)
        scores = np.einsum("nhw,nmhw->nhm", q, k) / np.sqrt(WIDTH // HEADS)
        attended = np.einsum("nhm,nmhw->nhw", softmax(np.where(there[:, None], scores, -np.inf)), v)
        joined = np.concatenate([attended.reshape(len(rows), WIDTH) @ weights[f"{i}.o"], query], axis=1)
        query = np.maximum(joined @ weights[f"{i}.join.weight"] + weights[f"{i}.join.bias"], 0.0)

    def head(name: str) -> Floats:
        return query @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    sd = NARROWEST_SD + (1.0 - NARROWEST_SD) / (1.0 + np.exp(-head("sd")))
    return softmax(head("labels")), np.tanh(head("mean")), sd


def _load(folder: Path) -> dict[str, Floats]:
    path, config = folder / "weights.npz", folder / "config.json"
    if not path.is_file() or not config.is_file():
        raise ComponentError(f"{folder} has no weights.npz and config.json; make the model with `rapport train fusion`")
    try:
        if tuple(json.loads(config.read_text("utf-8"))["labels"]) != EKMAN7.labels:
            raise ValueError("its labels are not Ekman's seven in their order")
        with np.load(path, allow_pickle=False) as stored:
            weights = {name: np.asarray(stored[name], np.float64) for name in weight_shapes()}
        for name, shape in weight_shapes().items():
            if weights[name].shape != shape or not np.isfinite(weights[name]).all():
                raise ValueError(f"{name} must be {shape} finite numbers")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ComponentError(f"{folder} cannot be loaded as a fusion model: {error}") from None
    return weights
