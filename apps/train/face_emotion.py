"""`rapport train face-emotion`: what corrects the mini-Xception by the landmarks, from FER2013's validation pictures.

Everything that is chosen is chosen inside of what a model learns from: the strength of the ridge, the temperature and
the expected errors come from models that leave a third of it out. All scores are of pictures that a model did not
learn from, in FOLDS parts; copies of one picture stay in one part. The model that ships is fitted on all of them, and
is never scored.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rapport.agent.perception.face_model import (
    FER_LABELS,
    MESH_FEATURES,
    MODEL_FILE,
    POINTS,
    FaceModel,
    FaceSight,
    Floats,
    SeenCrops,
    spread_of,
    standardised,
)
from rapport.agent.perception.links import softmax
from rapport.apps.evaluate.faces import ece_of, expression_figures, origins, read_fer, see_all
from rapport.apps.evaluate.metrics import Flags, Ints, bootstrap_interval
from rapport.apps.train.face_emotion_card import model_card
from rapport.persona.errors import InputError

FOLDS, INNER_FOLDS = 5, 3
RIDGES = (1e-4, 3e-4, 1e-3, 3e-3)
TEMPERATURES = np.geomspace(0.5, 3.0, 37)
LEAST_SQUARE = 0.1**2
"""Nobody is surer of an axis than this."""
_STEPS = 40


@dataclass(frozen=True, eq=False)
class Labelled:
    """What is seen in pictures, with what they are."""

    seen: SeenCrops
    label: Ints
    """Places in FER_LABELS, (n,)."""
    origin: Ints
    """See `faces.origins`, (n,)."""

    def __len__(self) -> int:
        return len(self.label)

    def of(self, rows: Flags) -> Labelled:
        return Labelled(SeenCrops(self.seen.logs[rows], self.seen.features[rows]), self.label[rows], self.origin[rows])


def train_face_emotion(data: Path, out: Path, *, seed: int = 0) -> dict[str, Any]:
    """Train on fer2013/validation.npz below `data`, and write the folder that ships to `out`.

    `out` receives face_emotion.npz, config.json and MODEL_CARD.md; mini_xception.onnx, which the model starts from,
    stays as it is. The contents of config.json are returned.

    Raises:
        InputError: the pictures are missing.
    """
    from rich.progress import Progress

    file = data / "fer2013" / "validation.npz"
    if not file.is_file():
        raise InputError(f"{file} is not there; give the folder that holds fer2013/validation.npz")
    pictures = read_fer(file)
    with Progress() as progress:
        looking = progress.add_task("looking", total=len(pictures.images))
        seen = see_all(FaceSight(), pictures.images, lambda done: progress.advance(looking, done))
        fitting = progress.add_task("fitting and scoring", total=FOLDS + 1)
        model, config = fitted_and_scored(
            Labelled(seen, pictures.label, origins(pictures.images)), seed, lambda: progress.advance(fitting)
        )
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / MODEL_FILE)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(model_card(config), encoding="utf-8")
    return config


def fitted_and_scored(faces: Labelled, seed: int, tick: Callable[[], Any]) -> tuple[FaceModel, dict[str, Any]]:
    """The model that ships, and the contents of its config.json."""
    p, uncalibrated, sd = (np.zeros((len(faces), width)) for width in (len(FER_LABELS), len(FER_LABELS), 3))
    chosen: list[float] = []
    parts = parts_of(faces, FOLDS, seed)
    for k in range(FOLDS):
        rows = parts == k
        model, ridge = fit(faces.of(~rows), seed)
        p[rows] = model.probabilities(faces.of(rows).seen)
        uncalibrated[rows] = replace(model, temperature=np.array(1.0)).probabilities(faces.of(rows).seen)
        sd[rows] = model.vad_sd(p[rows])
        chosen.append(ridge)
        tick()
    model, ridge = fit(faces, seed)
    tick()
    calibration: dict[str, Floats] = {
        name: getattr(model, name) for name in ("trust", "temperature", "vad_floor", "vad_share")
    }
    config: dict[str, Any] = {
        "labels": list(FER_LABELS),
        "pictures": len(faces),
        "origins": len(np.unique(faces.origin)),
        "training": {"seed": seed, "folds": FOLDS, "ridge": ridge, "ridge of each fold": chosen},
        "calibration": {name: np.round(value, 4).tolist() for name, value in calibration.items()},
        "scores": scored(faces, p, uncalibrated, sd, parts),
    }
    return model, config


def fit(faces: Labelled, seed: int) -> tuple[FaceModel, float]:
    """A model with its calibration, and the strength of the ridge that was chosen for it."""
    inner = parts_of(faces, INNER_FOLDS, seed + 1)
    best, ridge, scores = np.inf, RIDGES[0], np.zeros((len(faces), len(FER_LABELS)))
    for strength in RIDGES:
        held = np.zeros_like(scores)
        for k in range(INNER_FOLDS):
            held[inner == k] = fit_weights(faces.of(inner != k), strength).scores(faces.of(inner == k).seen)
        loss = log_loss(held, faces.label)
        if loss < best:
            best, ridge, scores = loss, strength, held
    losses = [log_loss(scores / t, faces.label) for t in TEMPERATURES]
    temperature = float(TEMPERATURES[int(np.argmin(losses))])
    floor, share = _errors(softmax(scores / temperature), faces.label)
    model = fit_weights(faces, ridge)
    return replace(model, temperature=np.array(temperature), vad_floor=floor, vad_share=share), ridge


def fit_weights(faces: Labelled, ridge: float) -> FaceModel:
    """The logistic regression with the mini-Xception's logarithms beside the features, by L-BFGS. Not calibrated."""
    import torch

    mean, sd = faces.seen.features.mean(axis=0), faces.seen.features.std(axis=0) + 1e-6
    scale = block_scale()
    x = torch.tensor(standardised(faces.seen.features, mean, sd) * scale, dtype=torch.float32)
    logs, label = torch.tensor(faces.seen.logs, dtype=torch.float32), torch.tensor(faces.label)
    classes = len(FER_LABELS)
    weights, bias = torch.zeros(x.shape[1], classes, requires_grad=True), torch.zeros(classes, requires_grad=True)
    trust = torch.ones((), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias, trust], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        told = torch.nn.functional.cross_entropy(trust * logs + x @ weights + bias, label)
        total = told + ridge * (weights**2).sum()
        total.backward()  # pyright: ignore[reportUnknownMemberType]
        return total

    optimiser.step(loss)  # pyright: ignore[reportUnknownMemberType]
    w, b, a = (np.asarray(t.detach().numpy(), np.float64) for t in (weights, bias, trust))
    return FaceModel(mean, sd, w * scale[:, None], b, a, np.array(1.0), np.full(3, LEAST_SQUARE), np.ones(3))


def block_scale() -> Floats:
    """What standardised features are multiplied by in fitting, (F,): layer and landmarks count alike, however many."""
    landmarks = 3 * 468
    return np.concatenate([np.full(n, n**-0.5) for n in (MESH_FEATURES, landmarks)])


def parts_of(faces: Labelled, count: int, seed: int) -> Ints:
    """A part for each picture, (n,): classes evenly, copies of a picture in one part."""
    first = np.unique(faces.origin, return_index=True)[1]
    order = np.random.default_rng(seed).permutation(first)
    order = order[np.argsort(faces.label[order], kind="stable")]
    part = dict(zip(faces.origin[order].tolist(), (np.arange(len(order)) % count).tolist(), strict=True))
    return np.array([part[o] for o in faces.origin.tolist()])


def log_loss(scores: Floats, label: Ints) -> float:
    """Of labels (n,) given scores (n, 7) before the softmax."""
    return float(-np.log(np.maximum(softmax(scores)[np.arange(len(label)), label], 1e-12)).mean())


def scored(faces: Labelled, p: Floats, uncalibrated: Floats, sd: Floats, parts: Ints) -> dict[str, Any]:
    """Everything that the card tells, from probabilities of pictures that no model had learned from, (n, 7)."""
    base = softmax(faces.seen.logs)
    right, base_right = (q.argmax(axis=1) == faces.label for q in (p, base))
    gain = right.astype(np.float64) - base_right
    error = p @ POINTS - POINTS[faces.label]
    constant = POINTS[faces.label] - POINTS[faces.label].mean(axis=0)
    return {
        "model": expression_figures(p, faces.label, faces.origin),
        "ece before the temperature": ece_of(uncalibrated, faces.label),
        "mini-Xception": expression_figures(base, faces.label, faces.origin),
        "gain in accuracy": {
            "mean": float(gain.mean()),
            "interval": bootstrap_interval(lambda rows: float(gain[rows].mean()), faces.origin, 0),
        },
        "accuracy of each fold": [float(right[parts == k].mean()) for k in range(FOLDS)],
        "vad": {
            axis: {
                "r": float(np.corrcoef((p @ POINTS)[:, k], POINTS[faces.label][:, k])[0, 1]),
                "error": float(np.sqrt((error[:, k] ** 2).mean())),
                "error of a constant": float(np.sqrt((constant[:, k] ** 2).mean())),
                "stated": float(np.sqrt((sd[:, k] ** 2).mean())),
            }
            for k, axis in enumerate(("valence", "arousal", "dominance"))
        },
    }


def _errors(p: Floats, label: Ints) -> tuple[Floats, Floats]:
    """`vad_floor` and `vad_share` of FaceModel: squared errors by the spread of the probabilities, least squares."""
    square, spread = (p @ POINTS - POINTS[label]) ** 2, spread_of(p)
    middle, off = spread.mean(axis=0), square.mean(axis=0)
    variance = np.maximum(((spread - middle) ** 2).mean(axis=0), 1e-9)
    share = np.clip(((spread - middle) * (square - off)).mean(axis=0) / variance, 0.0, 1.0)
    return np.maximum(off - share * middle, LEAST_SQUARE), share
