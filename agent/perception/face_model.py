"""The classifier of expressions: a face in a picture to probabilities of Ekman's seven, in onnxruntime and numpy.

A face is seen as the pictures of FER2013 (Goodfellow et al. 2013) show one: 48 x 48 pixels of grey, upright, eyes and
mouth at their usual places there. A mini-Xception (Arriaga et al. 2017, arXiv 1710.07557) reads the pixels. A layer of
the landmark network and the landmarks themselves, laid over a mean face, correct it: a multinomial logistic regression
adds to the logarithms of its probabilities. Everything is the mean over the face and its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.links import softmax
from rapport.avatar.face_measures import laid_over, neutral_face
from rapport.avatar.landmarks import LANDMARKS, FaceMesh, FoundFace, Network, Square
from rapport.avatar.pictures import rgb_of, shrunk, square_sample
from rapport.persona.affect import EKMAN7, EmotionDistribution
from rapport.persona.errors import ComponentError, InputError

Floats = NDArray[np.float64]

MODEL_FOLDER = Path(__file__).parent / "models" / "face_emotion"
FER_LABELS = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
"""The classes in FER2013's order, by their names in EKMAN7."""
POINTS = np.array([EKMAN7.points[label].as_tuple() for label in FER_LABELS])
EKMAN_PLACES = np.array([EKMAN7.index(label) for label in FER_LABELS])
CROP_SIZE = 48
"""Pixels, the size of FER2013's pictures."""
CROP_SIDE, CROP_DOWN = 1.09, -0.045
"""The crop's side in longer sides of the box around the landmarks, and how far its middle lies below theirs, in sides
of the crop: the medians over FER2013's validation pictures."""
CROP_SQUARE = Square((24.0, 24.0 - CROP_SIZE * CROP_DOWN), CROP_SIZE * 1.5 / CROP_SIDE, 0.0)
"""Where the landmark network looks in a crop, and in a picture of FER2013 in which no face is found."""
MESH_FEATURES = 1152
FEATURES = MESH_FEATURES + 3 * LANDMARKS
FURTHEST_SD = 4.0
"""Features are cut there."""
_NETWORK_SIZE = 64
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, eq=False)
class SeenCrops:
    """What the networks see in some crops; the mean over each crop and its mirror image."""

    logs: Floats
    """Logarithms of the mini-Xception's probabilities, (n, 7)."""
    features: Floats
    """The landmark network's layer, then landmarks laid over the mean face, (n, FEATURES)."""


@dataclass(frozen=True, eq=False)
class FaceModel:
    """What training fits; the arrays of the model file."""

    mean: Floats
    sd: Floats
    """Of the features in training, (F,)."""
    weights: Floats
    """Of standardised features, (F, 7)."""
    bias: Floats
    """(7,)"""
    trust: Floats
    """What the mini-Xception's logarithms are multiplied by, ()."""
    temperature: Floats
    """What all scores are divided by, ()."""
    vad_floor: Floats
    """Squared error that the spread of the probabilities does not account for, (3,)."""
    vad_share: Floats
    """And how much of that spread is to be expected as squared error, (3,)."""

    @classmethod
    def read(cls, path: Path) -> FaceModel:
        """From an npz without pickles. Raises ComponentError when it is no such file or of other features."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                model = cls(**{name: np.asarray(arrays[name], np.float64) for name in cls.__annotations__})
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise ComponentError(
                f"{path} is no face-emotion model ({error}); make one with `rapport train face-emotion`"
            ) from None
        if model.weights.shape != (FEATURES, len(FER_LABELS)) or model.mean.shape != (FEATURES,):
            raise ComponentError(f"{path} was made for other features; make it again: `rapport train face-emotion`")
        return model

    def save(self, path: Path) -> None:
        """In half precision where there is much."""
        arrays = {name: getattr(self, name) for name in type(self).__annotations__}
        np.savez_compressed(
            path, **{k: v.astype(np.float16 if v.size > 100 else np.float32) for k, v in arrays.items()}
        )

    def scores(self, seen: SeenCrops) -> Floats:
        """Of FER_LABELS before the temperature, (n, 7)."""
        return self.trust * seen.logs + standardised(seen.features, self.mean, self.sd) @ self.weights + self.bias

    def probabilities(self, seen: SeenCrops) -> Floats:
        """Of FER_LABELS, (n, 7)."""
        return softmax(self.scores(seen) / self.temperature)

    def vad_sd(self, probabilities: Floats) -> Floats:
        """How far off valence, arousal and dominance are to be expected, (..., 3)."""
        return np.sqrt(self.vad_floor + self.vad_share * np.maximum(spread_of(probabilities), 0.0))


class FaceExpression:
    """Reads expressions with the shipped model, or another npz that `rapport train face-emotion` wrote.

    Raises:
        ComponentError: a model file is missing or damaged.
    """

    labels = FER_LABELS

    def __init__(self, model: FaceModel | Path | None = None, mesh: FaceMesh | None = None) -> None:
        self.model = model if isinstance(model, FaceModel) else FaceModel.read(model or MODEL_FOLDER / MODEL_FILE)
        self.sight = FaceSight(mesh)

    def read(self, picture: NDArray[Any]) -> dict[str, float] | None:
        """Probabilities by label of EKMAN7 of the largest face of a picture; None where there is no face.

        Raises:
            InputError: as `FaceMesh.find`.
        """
        faces = self.sight.mesh.find(picture, most=1)
        if not faces:
            return None
        return dict(zip(EKMAN7.labels, distribution_of(self.read_face(picture, faces[0])).probabilities, strict=True))

    def read_face(self, picture: NDArray[Any], face: FoundFace) -> Floats:
        """Probabilities in the order of FER_LABELS, (7,), of a face that was found.

        Raises:
            InputError: it is no picture.
        """
        return self.model.probabilities(self.sight.see(crop_of(picture, face)[None]))[0]


MODEL_FILE = "face_emotion.npz"


class FaceSight:
    """The networks that see a crop, which need no training.

    Raises:
        ComponentError: a model file is missing or damaged.
    """

    def __init__(self, mesh: FaceMesh | None = None) -> None:
        self.mesh = mesh or FaceMesh(irises=False)
        self._xception = Network(MODEL_FOLDER / "mini_xception.onnx")

    def see(self, crops: NDArray[Any], *, find: bool = False) -> SeenCrops:
        """Grey crops (n, 48, 48) in [0, 255].

        Args:
            find: look for the face in each crop, as in FER2013's pictures, which others have cut; crops of `crop_of`
                have it in its place.

        Raises:
            InputError: the crops have another form.
        """
        if crops.ndim != 3 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE):
            raise InputError(f"crops of faces must have shape (n, {CROP_SIZE}, {CROP_SIZE}), got {crops.shape}")
        seen = [self._see(crop, find) for crop in crops]
        logs, features = (np.array([one[k] for one in seen], np.float64) for k in (0, 1))
        return SeenCrops(logs.reshape(-1, len(FER_LABELS)), features.reshape(-1, FEATURES))

    def _see(self, crop: NDArray[Any], find: bool) -> tuple[Floats, Floats]:
        grey = np.clip(np.rint(crop), 0, 255).astype(np.uint8)
        square = CROP_SQUARE
        if find:
            faces = self.mesh.find(grey, most=1, thorough=False)
            square = faces[0].square if faces else CROP_SQUARE
        (x, y), side, roll_rad = square.centre, square.side, square.roll_rad
        mirrored = Square((CROP_SIZE - x, y), side, -roll_rad)
        logs: list[Floats] = []
        features: list[Floats] = []
        for picture, where in ((grey, square), (np.ascontiguousarray(grey[:, ::-1]), mirrored)):
            p = self._xception(network_input(picture[None])[..., None])[0][0]
            logs.append(np.log(np.maximum(p.astype(np.float64), _LEAST_PROBABILITY)))
            landmarks, layer = self.mesh.describe(picture, where)
            points = landmarks.astype(np.float64)
            turn, scale, middle = laid_over(points, neutral_face())
            features.append(np.concatenate([layer.astype(np.float64), ((points - middle) @ turn / scale).ravel()]))
        return np.mean(logs, axis=0), np.mean(features, axis=0)


def standardised(features: Floats, mean: Floats, sd: Floats) -> Floats:
    """Features (..., F) in standard deviations off their mean, cut at FURTHEST_SD."""
    return np.clip((features - mean) / sd, -FURTHEST_SD, FURTHEST_SD)


def spread_of(probabilities: Floats) -> Floats:
    """The variance of valence, arousal and dominance among labels with these probabilities (..., 7), (..., 3)."""
    return probabilities @ POINTS**2 - (probabilities @ POINTS) ** 2


def distribution_of(probabilities: Floats) -> EmotionDistribution:
    """Probabilities of FER_LABELS (7,) over EKMAN7."""
    ordered = np.zeros(len(EKMAN7))
    ordered[EKMAN_PLACES] = probabilities
    return EmotionDistribution.normalised(EKMAN7, ordered.tolist())


def network_input(crops: NDArray[Any]) -> NDArray[np.float32]:
    """Grey crops (n, 48, 48) in [0, 255] as the mini-Xception takes them, (n, 64, 64) in [-1, 1]."""
    stretch = _stretch(CROP_SIZE, _NETWORK_SIZE)
    stretched = stretch @ crops.astype(np.float32) @ stretch.T
    return (stretched / 127.5 - 1).astype(np.float32)


def crop_of(picture: NDArray[Any], face: FoundFace) -> NDArray[np.float32]:
    """The face as FER2013 would show it: grey (48, 48) in [0, 255], upright.

    Raises:
        InputError: it is no picture.
    """
    rgb, block = shrunk(rgb_of(picture))
    square = _crop_square(face, block)
    # Small blocks are averaged, so that fine detail of a large face does not turn into noise.
    fine = max(1, min(round(square.side / CROP_SIZE), 4))
    seen = square_sample(rgb, square.centre, square.side, square.roll_rad, fine * CROP_SIZE) @ _GREY
    return seen.reshape(CROP_SIZE, fine, CROP_SIZE, fine).mean(axis=(1, 3)).astype(np.float32)


def _crop_square(face: FoundFace, block: int) -> Square:
    cos, sin = np.cos(face.roll_rad), np.sin(face.roll_rad)
    turn = np.array([[cos, -sin], [sin, cos]])
    upright = face.landmarks[:, :2] / block @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    side = float((high - low).max()) * CROP_SIDE
    x, y = (turn @ ((low + high) / 2 + np.array([0.0, CROP_DOWN * side]))).tolist()
    return Square((x, y), side, face.roll_rad)


@lru_cache(maxsize=4)
def _stretch(size: int, larger: int) -> NDArray[np.float32]:
    """The matrix (larger, size) of linear interpolation that keeps the outer edges of the pixels, as OpenCV does."""
    at = np.clip((np.arange(larger) + 0.5) * size / larger - 0.5, 0, size - 1)
    low = np.minimum(at.astype(np.int64), size - 2)
    matrix = np.zeros((larger, size), np.float32)
    matrix[np.arange(larger), low] = 1 - (at - low)
    matrix[np.arange(larger), low + 1] += at - low
    return matrix
