"""`rapport eval fer2013`: seven expressions in small grey pictures, and the reader of FER2013's file for training."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.face import FaceEmotion
from rapport.agent.perception.face_model import CROP_SIZE, FER_LABELS, FaceSight, SeenCrops
from rapport.agent.perception.links import softmax
from rapport.agent.registry import create
from rapport.apps.evaluate.metrics import Floats, Ints, expected_calibration_error, one_hot
from rapport.apps.evaluate.report import Report, f1_figures, label_figures, majority, progress_of
from rapport.persona.errors import InputError

FILE_NAMES = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "joy", "sad": "sadness", "surprise": "surprise",
    "neutral": "neutral",
}  # fmt: skip
"""FER2013's names of the classes, with those of EKMAN7."""
LARGEST = 100_000
"""Pictures; the whole of FER2013 has 35,887."""
SAME = 0.95
"""Pictures that correlate so much at a sixth of their size are of one origin."""


@dataclass(frozen=True, eq=False)
class FacePictures:
    """Pictures with their labels."""

    images: NDArray[np.uint8]
    """(n, 48, 48)"""
    label: Ints
    """Places in FER_LABELS, (n,)."""


def read_fer(path: Path) -> FacePictures:
    """An npz with `images` (n, 48, 48) uint8, `labels` (n,) and the labels' `names` in FER2013's words.

    Raises:
        InputError: it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels, names = (np.asarray(arrays[name]) for name in ("images", "labels", "names"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} is no npz with images, labels and names ({error})") from None
    if images.ndim != 3 or images.shape[1:] != (CROP_SIZE, CROP_SIZE) or images.dtype != np.uint8:
        raise InputError(f"{path}: images must be uint8 (n, 48, 48), not {images.dtype} {images.shape}")
    if not 0 < len(images) <= LARGEST or labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise InputError(f"{path} needs one whole number in labels for each of 1 to {LARGEST:,} images")
    known = [str(name) for name in names.ravel().tolist()]
    if unknown := set(known) - set(FILE_NAMES):
        raise InputError(f"{path}: unknown class {min(unknown)!r}; FER2013 has {', '.join(FILE_NAMES)}")
    if labels.min() < 0 or labels.max() >= len(known):
        raise InputError(f"{path}: labels must be places in names, 0 to {len(known) - 1}")
    places = np.array([FER_LABELS.index(FILE_NAMES[name]) for name in known])
    return FacePictures(images, places[labels])


def fer2013(file: Path, emotion: str) -> Report:
    """What a component reads in FER2013's pictures; one in which it finds no face is read as it is."""
    component = create("emotion", emotion)
    if not isinstance(component, FaceEmotion):
        raise InputError(f"{emotion} does not read pictures of faces; take face")
    pictures = read_fer(file)
    started_s = time.perf_counter()
    with progress_of("looking", len(pictures.images)) as tick:
        seen = see_all(component.expression.sight, pictures.images, tick)
    p = component.expression.model.probabilities(seen)
    seconds = time.perf_counter() - started_s
    figures = expression_figures(p, pictures.label, origins(pictures.images))
    given = one_hot(pictures.label, len(FER_LABELS))
    alone = one_hot(seen.logs.argmax(axis=1), len(FER_LABELS))
    baselines = {
        "majority": f1_figures(majority(given), given),
        "mini-Xception": {
            **f1_figures(alone, given),
            "ece": ece_of(softmax(seen.logs), pictures.label),
        },
    }
    notes = ["mini-Xception: the network that the model starts from, alone, with the mirror image",
             "intervals are over pictures, copies of one picture drawn together"]  # fmt: skip
    return Report("fer2013", file, emotion, len(p), seconds, figures, baselines, notes)


def see_all(sight: FaceSight, images: NDArray[np.uint8], tick: Callable[[int], None]) -> SeenCrops:
    """What the networks see in pictures (n, 48, 48)."""
    logs: list[Floats] = []
    features: list[Floats] = []
    for image in images:
        seen = sight.see(image[None], find=True)
        logs.append(seen.logs[0])
        features.append(seen.features[0])
        tick(1)
    return SeenCrops(np.array(logs), np.array(features))


def expression_figures(p: Floats, label: Ints, units: Ints) -> dict[str, Any]:
    """Figures of the most probable of FER_LABELS, probabilities (n, 7), with intervals over `units` (n,)."""
    given = one_hot(label, len(FER_LABELS))
    found = one_hot(p.argmax(axis=1), len(FER_LABELS))
    figures = label_figures(found, given, FER_LABELS, units)
    figures["ece"] = ece_of(p, label)
    figures["log_loss"] = float(-np.log(np.maximum(p[np.arange(len(p)), label], 1e-12)).mean())
    counts = given.T.astype(np.int64) @ found.astype(np.int64)
    figures["confusion"] = {"labels": list(FER_LABELS), "given_by_found": counts.tolist()}
    return figures


def ece_of(p: Floats, label: Ints) -> float:
    """Expected calibration error of probabilities (n, 7)."""
    return expected_calibration_error(p.max(axis=1), p.argmax(axis=1) == label)


def origins(images: NDArray[np.uint8]) -> Ints:
    """A number for each picture, the same for copies of one, mirrored ones too, (n,): FER2013 holds many."""
    n = len(images)
    small = images.reshape(n, 8, 6, 8, 6).mean(axis=(2, 4)).astype(np.float32)

    def unit(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = pictures.reshape(n, -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)

    plain, mirrored = unit(small), unit(small[:, :, ::-1])
    number = np.arange(n)
    for start in range(0, n, 1000):
        part = plain[start : start + 1000]
        for other in (plain, mirrored):
            for i, j in np.argwhere(part @ other.T > SAME).tolist():
                a, b = sorted((number[start + i], number[j]))
                if a != b:
                    number[number == b] = a
    return number
