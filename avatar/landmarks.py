"""Finds faces in a picture: where they are, 468 landmarks on each, and the irises. MediaPipe's models in onnxruntime.

The pipeline is that of MediaPipe's Face Mesh (Kartynnik et al. 2019, arXiv 1907.06724; detector: Bazarevsky et al.
2019, arXiv 1907.05047; iris: Ablavatski et al. 2020, arXiv 2006.11341). The detector looks at the picture, then, as
long as it finds nothing, at the picture with a wide margin (a face that fills it) and at its parts (a small face). The
landmark model sees each face upright, turned by the line between its eyes. In a video `follow` takes that square from
the face of the frame before and needs no detector.

Numbers of landmarks are those of MediaPipe's canonical face model. Sides are the person's own: landmark 33 is the outer
corner of the right eye, which lies on the left of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.pictures import Picture, bilinear, grid, rgb_of, shrunk, square_points, square_sample
from rapport.persona.errors import ComponentError

Floats = NDArray[np.float32]

TRACKER_FOLDER = Path(__file__).parent / "tracker"
LANDMARKS = 468
RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (33, 133), (362, 263)
"""Left and right end of each eye as the picture shows it."""

LEAST_SCORE = 0.5
LEAST_PRESENCE = 0.5
MOST_FACES = 8

_DETECTOR_SIZE, _MESH_SIZE, _IRIS_SIZE = 128, 192, 64
_OVERLAP = 0.3
"""Detections that share so much of their union are one face."""
_MESH_MARGIN, _IRIS_MARGIN = 1.5, 2.3
"""Side of the square that a model sees, in sides of the box around the face or in widths of the eye."""
_WIDE_MARGIN = 1.7
_PARTS = (2, 4)
"""How many parts fit into a side of the picture when it is searched part by part."""
_SMALLEST_PART = 64
"""Pixels: smaller parts are not searched."""
_TURNED_RAD = 0.1
_MOST_LOOKS = 4
"""A face that turns out to be turned further than the detector's eyes had it is looked at again."""


def _anchors() -> Floats:
    """Centres of the detector's 896 anchors on the unit square: two on each cell of 16 x 16, six on each of 8 x 8."""
    parts = [np.repeat(grid(cells).reshape(-1, 2) / cells, several, axis=0) for cells, several in ((16, 2), (8, 6))]
    return np.concatenate(parts).astype(np.float32)


_ANCHORS = _anchors()


@dataclass(frozen=True, eq=False)
class Square:
    """The square of a picture that shows a face upright."""

    centre: tuple[float, float]
    side: float
    roll_rad: float


@dataclass(frozen=True, eq=False)
class FoundFace:
    """One face. Coordinates are pixels of the picture that was given, x to the right and y down."""

    box: Floats
    """Left, top, right and bottom, (4,): as detected, or around the landmarks where the face was followed."""
    score: float
    """How sure the detector is, in [0, 1]; of a followed face that of the frame where it was found."""
    landmarks: Floats
    """(468, 3); z grows away from the camera, in the scale of x, 0 at the middle of the head."""
    irises: Floats
    """Right eye and left eye, (2, 5, 3): the middle, then four points of the rim. NaN where they were not asked for."""
    presence: float
    """How sure the landmark model is that it sees a face, in [0, 1]."""

    @property
    def size_px(self) -> float:
        """The longer side of the box around the landmarks."""
        return float(np.ptp(self.landmarks[:, :2], axis=0).max())

    @property
    def roll_rad(self) -> float:
        """How far the line from the right to the left eye is turned clockwise as seen on the picture."""
        return _roll_rad(self.landmarks)

    @property
    def square(self) -> Square:
        """Where the landmark model is to look for this face in the next frame."""
        return _square_around(self.landmarks)


class FaceMesh:
    """The three models. One instance serves many threads.

    Args:
        irises: whether the iris model runs; without it a face takes about half the time.
        threads: that each model may use.

    Raises:
        ComponentError: a model file is missing or damaged.
    """

    def __init__(self, folder: Path = TRACKER_FOLDER, *, irises: bool = True, threads: int = 1) -> None:
        self._detector = Network(folder / "face_detection_short_range.onnx", threads)
        self._mesh = Network(folder / "face_landmark.onnx", threads)
        self._iris = Network(folder / "iris_landmark.onnx", threads) if irises else None

    def find(self, picture: NDArray[Any], *, most: int = MOST_FACES, thorough: bool = True) -> list[FoundFace]:
        """All faces of a picture, at most so many, the largest first. A picture of any size takes bounded time.

        Args:
            picture: uint8, (h, w, 3) in RGB; or grey (h, w), or with alpha (h, w, 4).
            thorough: whether, where no face is found at once, a small one is looked for in parts of the picture, which
                takes some tenths of a second; at a webcam a face is larger.

        Raises:
            InputError: it is no such picture.
        """
        rgb, block = shrunk(rgb_of(picture))
        found: list[FoundFace] = []
        for score, box, square in self._detect(rgb, thorough)[:most]:
            face = self._look(rgb, square, score, box)
            if face is not None and not any(_shared(face.box, other.box) > _OVERLAP for other in found):
                found.append(face)
        return [_enlarged(face, block) for face in sorted(found, key=lambda face: -face.size_px)]

    def follow(self, picture: NDArray[Any], before: FoundFace) -> FoundFace | None:
        """The face of the frame before in the next frame of a video; None where it is no longer there.

        Raises:
            InputError: as `find`.
        """
        rgb, block = shrunk(rgb_of(picture))
        face = self._look(rgb, _enlarged(before, 1 / block).square, before.score, None)
        return None if face is None else _enlarged(face, block)

    def describe(self, picture: NDArray[Any], square: Square) -> tuple[Floats, Floats]:
        """What the landmark network sees in a square, whether or not there is a face.

        Returns:
            Landmarks (468, 3) in pixels of the picture, and a layer's activations (1152,) that expressions move.

        Raises:
            InputError: as `find`.
        """
        rgb, block = shrunk(rgb_of(picture))
        within = Square((square.centre[0] / block, square.centre[1] / block), square.side / block, square.roll_rad)
        seen = square_sample(rgb, *_shape(within), _MESH_SIZE)
        values, _, features = self._mesh(seen[None] / np.float32(255))
        return _placed(values.reshape(LANDMARKS, 3), square, _MESH_SIZE), features.reshape(-1)

    def _detect(self, rgb: Picture, thorough: bool) -> list[tuple[float, Floats, Square]]:
        height, width = rgb.shape[:2]
        middle, longest = (width / 2, height / 2), float(max(height, width))
        whole = [Square(middle, longest, 0.0)], [Square(middle, longest * _WIDE_MARGIN, 0.0)]
        for squares in (*whole, *(_parts(width, height, n) for n in _PARTS if thorough)):
            found = [one for square in squares for one in self._detect_in(rgb, square)]
            if found:
                return _merged(found)
        return []

    def _detect_in(self, rgb: Picture, square: Square) -> list[tuple[float, Floats, Square]]:
        seen = square_sample(rgb, square.centre, square.side, 0.0, _DETECTOR_SIZE)
        regressed, logits = self._detector(seen[None] / np.float32(127.5) - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        there = np.flatnonzero(scores >= LEAST_SCORE)
        there = there[np.argsort(-scores[there], kind="stable")]
        raw = regressed[0] / _DETECTOR_SIZE
        corner = np.array(square.centre, np.float32) - square.side / 2
        middles = (raw[:, :2] + _ANCHORS) * square.side + corner
        sizes = raw[:, 2:4] * square.side
        points = (raw[:, 4:16].reshape(-1, 6, 2) + _ANCHORS[:, None]) * square.side + corner
        boxes = np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)
        found: list[tuple[float, Floats, Square]] = []
        while len(there):
            near = there[[_shared(boxes[there[0]], boxes[i]) > _OVERLAP for i in there]]
            # Detections of one face are averaged by their scores (BlazeFace's blending).
            weights = scores[near] / scores[near].sum()
            box, eyes = weights @ boxes[near], np.einsum("n,nij->ij", weights, points[near, :2])
            x, y = ((box[:2] + box[2:]) / 2).tolist()
            roll_rad = float(np.arctan2(*(eyes[1] - eyes[0])[::-1]))
            side = float((box[2:] - box[:2]).max()) * _MESH_MARGIN
            found.append((float(scores[there[0]]), box.astype(np.float32), Square((x, y), side, roll_rad)))
            there = np.setdiff1d(there, near, assume_unique=True)
            there = there[np.argsort(-scores[there], kind="stable")]
        return found

    def _look(self, rgb: Picture, square: Square, score: float, box: Floats | None) -> FoundFace | None:
        """The landmarks inside a square and the irises, or None when there is no face."""
        for _ in range(_MOST_LOOKS):
            looked = self._look_once(rgb, square)
            if looked is None:
                return None
            landmarks, presence = looked
            if abs(_turn(landmarks, square)) <= _TURNED_RAD:
                break
            square = _square_around(landmarks)
        else:
            return None
        around = np.concatenate([landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)])
        irises = np.stack([self._look_at_eye(rgb, landmarks, side) for side in ("right", "left")])
        return FoundFace(around if box is None else box, score, landmarks, irises, presence)

    def _look_once(self, rgb: Picture, square: Square) -> tuple[Floats, float] | None:
        """The landmarks and how sure it is that there is a face."""
        if not 1.0 <= square.side < 1e6:
            return None
        seen = square_sample(rgb, square.centre, square.side, square.roll_rad, _MESH_SIZE)
        values, logit, _ = self._mesh(seen[None] / np.float32(255))
        presence = float(1 / (1 + np.exp(-np.clip(logit.reshape(-1)[0], -80, 80))))
        if presence < LEAST_PRESENCE:
            return None
        landmarks = _placed(values.reshape(LANDMARKS, 3), square, _MESH_SIZE)
        return (landmarks, presence) if np.isfinite(landmarks).all() else None

    def _look_at_eye(self, rgb: Picture, landmarks: Floats, side: Literal["right", "left"]) -> Floats:
        if self._iris is None:
            return np.full((5, 3), np.nan, np.float32)
        a, b = landmarks[list(RIGHT_EYE_CORNERS if side == "right" else LEFT_EYE_CORNERS)]
        x, y = ((a[:2] + b[:2]) / 2).tolist()
        length = max(float(np.linalg.norm((b - a)[:2])), 1.0)
        square = Square((x, y), length * _IRIS_MARGIN, float(np.arctan2(b[1] - a[1], b[0] - a[0])))
        points = grid(_IRIS_SIZE)
        # The model knows one eye only; the other is shown to it mirrored.
        mirrored = side == "left"
        seen = bilinear(rgb, *square_points(points[:, ::-1] if mirrored else points, *_shape(square), _IRIS_SIZE))
        iris = self._iris(seen[None] / np.float32(255))[1].reshape(5, 3).copy()
        if mirrored:
            iris[:, 0] = _IRIS_SIZE - iris[:, 0]
        return _placed(iris, square, _IRIS_SIZE)


class Network:
    """An ONNX model of one input; called with it, it gives all outputs.

    Raises:
        ComponentError: the file is missing or damaged.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        import onnxruntime

        runtime: Any = onnxruntime  # its types are not told
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session: Any = runtime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001  (onnxruntime's errors have no common base)
            reason = " ".join(str(error).split())[:160]
            raise ComponentError(f"{path.name} of the face tracker cannot be loaded ({reason}); reinstall") from None
        self._input: str = self._session.get_inputs()[0].name

    def __call__(self, given: Floats) -> Sequence[Floats]:
        return self._session.run(None, {self._input: given})


def _roll_rad(landmarks: Floats) -> float:
    across = landmarks[LEFT_EYE_CORNERS[1]] - landmarks[RIGHT_EYE_CORNERS[0]]
    return float(np.arctan2(across[1], across[0]))


def _turn(landmarks: Floats, square: Square) -> float:
    """How far the face is turned in the square where it was seen, in (-pi, pi]."""
    turn = _roll_rad(landmarks) - square.roll_rad
    return float(np.arctan2(np.sin(turn), np.cos(turn)))


def _square_around(landmarks: Floats) -> Square:
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    x, y = ((low + high) / 2).tolist()
    return Square((x, y), float((high - low).max()) * _MESH_MARGIN, _roll_rad(landmarks))


def _shape(square: Square) -> tuple[tuple[float, float], float, float]:
    return square.centre, square.side, square.roll_rad


def _placed(points: Floats, square: Square, size: int) -> Floats:
    """Points (n, 3) of a sampled square in pixels of the picture."""
    x, y = square_points(points[:, :2], *_shape(square), size)
    return np.stack([x, y, points[:, 2] * (square.side / size)], axis=1).astype(np.float32)


def _parts(width: int, height: int, several: int) -> list[Square]:
    """Squares that cover the picture and overlap by half, `several` to its shorter side; larger for a long picture."""
    side = max(min(width, height) / several, max(width, height) / (2 * several))
    if side < _SMALLEST_PART:
        return []
    columns, rows = (max(1, round(2 * n / side) - 1) for n in (width, height))
    xs, ys = (np.linspace(side / 2, max(n - side / 2, side / 2), k) for n, k in ((width, columns), (height, rows)))
    return [Square((float(x), float(y)), side, 0.0) for y in ys for x in xs]


def _merged(found: list[tuple[float, Floats, Square]]) -> list[tuple[float, Floats, Square]]:
    """The surest of detections that overlap, the surest first."""
    kept: list[tuple[float, Floats, Square]] = []
    for one in sorted(found, key=lambda item: -item[0]):
        if not any(_shared(one[1], other[1]) > _OVERLAP for other in kept):
            kept.append(one)
    return kept


def _shared(a: Floats, b: Floats) -> float:
    """Intersection over union of two boxes (4,)."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common
    return common / union if union > 0 else 0.0


def _enlarged(face: FoundFace, factor: float) -> FoundFace:
    if factor == 1:
        return face
    k = np.float32(factor)
    return FoundFace(face.box * k, face.score, face.landmarks * k, face.irises * k, face.presence)
