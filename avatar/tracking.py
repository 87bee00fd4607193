"""A person's face over time: head pose, gaze and ARKit weights from the frames of a camera, smoothed, as a FaceTrack.

What the face does is what its measures differ by from how this person's face rests. Rest begins at the mean of people
and moves towards what is seen, quickly in the first seconds and slowly later, and hardly where a measure is far from
rest, so that a smile held for long stays a smile. The differences are explained by weights in [0, 1]: bounded least
squares over the answers of the measures to each weight (the model of blendshape fitting, Lewis et al. 2014, Practice
and Theory of Blendshape Facial Models), pulled towards 0 where measures cannot tell weights apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.face_measures import MEASURE_INDEX, MEASURES, FaceReading, Floats, read_face
from rapport.avatar.landmarks import TRACKER_FOLDER, FaceMesh, FoundFace
from rapport.avatar.one_euro import OneEuro
from rapport.persona.errors import ComponentError, InputError

TRACKED = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeWideLeft", "eyeWideRight",
    "jawOpen", "jawLeft", "jawRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPucker", "mouthShrugLower", "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""The weights that are read; those of the eyes' direction follow from the gaze, all others stay 0."""
LOOK_FULL_RAD = 0.5
"""The gaze at which an eyeLook weight is 1."""

STEADY_CUTOFF_HZ, MEASURE_SPEED, POSE_SPEED = 1.5, 30.0, 3.0
"""One Euro filters, set by hand and not tuned on a camera: a measure moves by about 0.1 in a tenth of a second."""
OPEN_SHARE = 0.6
"""Of the resting eye's aspect ratio: with less the gaze stays as it was."""
_EYES = [MEASURE_INDEX["eyeLeft"], MEASURE_INDEX["eyeRight"]]
FIRST_REST_S, REST_S = 0.3, 45.0
"""Time constant of the resting face at the start and later."""
LOST_S = 5.0
"""After so long without a face another person may sit there: what was known of the last is forgotten."""


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """The face at one moment."""

    at_s: float
    weights: NDArray[np.float32]
    """(52,), as ARKIT_BLENDSHAPES."""
    head_pose: NDArray[np.float32]
    """(3,), as in FaceTrack."""
    gaze: NDArray[np.float32]
    """(2,), as in FaceTrack."""
    face: FoundFace
    """As found, not smoothed."""
    reading: FaceReading


class FaceTracker:
    """Follows the largest face of one video. It has the state of one person: make one for each.

    Args:
        mesh: the models, which many trackers may share.
    """

    def __init__(self, mesh: FaceMesh | None = None) -> None:
        self.mesh = mesh or FaceMesh()
        self._face: FoundFace | None = None
        self._seen_s = -np.inf
        self._gaze: Floats = np.zeros(2)
        self._rest = RestingFace()
        self._measures = OneEuro(STEADY_CUTOFF_HZ, MEASURE_SPEED)
        self._pose = OneEuro(STEADY_CUTOFF_HZ, POSE_SPEED)

    def see(self, picture: NDArray[np.uint8], at_s: float) -> TrackedFace | None:
        """The face in the frame of time `at_s`, in seconds; None where there is none. The frame is not kept.

        Raises:
            InputError: no picture (see `FaceMesh.find`), or `at_s` is no number.
        """
        if not np.isfinite(at_s):
            raise InputError(f"the time of a frame must be a number of seconds, got {at_s}")
        face = None if self._face is None else self.mesh.follow(picture, self._face)
        if face is None:
            found = self.mesh.find(picture, most=1, thorough=False)
            face = found[0] if found else None
            self._measures.reset()
            self._pose.reset()
        self._face = face
        if face is None:
            return None
        if at_s - self._seen_s > LOST_S:
            self._rest = RestingFace()
        self._seen_s = max(self._seen_s, at_s)
        reading = read_face(face)
        measures = self._measures(reading.measures, at_s)
        if np.isfinite(reading.gaze).all() and self._rest.eyes_open(reading.measures):
            self._gaze = reading.gaze
        gaze = self._gaze
        pose_and_gaze = self._pose(np.concatenate([reading.head_pose, gaze]), at_s)
        self._rest.see(reading.measures, at_s)
        weights = weights_of(measures - self._rest.measures, pose_and_gaze[3:])
        pose, gaze = pose_and_gaze[:3].astype(np.float32), pose_and_gaze[3:].astype(np.float32)
        return TrackedFace(at_s, weights, pose, gaze, face, reading)


class RestingFace:
    """The measures of a person's face at rest, as far as they are known by now."""

    def __init__(self) -> None:
        response = face_response()
        self.measures: Floats = response.rest.copy()
        self._reach: Floats = response.spread
        self._known_s = 0.0
        self._at_s: float | None = None

    def eyes_open(self, measures: Floats) -> bool:
        """Whether lids leave enough of the irises to tell where they look."""
        return bool(measures[_EYES].mean() > OPEN_SHARE * self.measures[_EYES].mean())

    def see(self, measures: Floats, at_s: float) -> None:
        """Learn from the measures (M,) at one moment. What is far from rest counts little (Cauchy's weights)."""
        step_s = 0.0 if self._at_s is None else min(max(at_s - self._at_s, 0.0), 0.2)
        self._at_s = at_s
        self._known_s += step_s
        constant_s = min(FIRST_REST_S + self._known_s, REST_S)
        difference = measures - self.measures
        counts = 1.0 / (1.0 + (difference / self._reach) ** 2)
        self.measures = self.measures + (1.0 - np.exp(-step_s / constant_s)) * counts * difference


@dataclass(frozen=True, eq=False)
class FaceResponse:
    """How measures answer to weights."""

    answers: Floats
    """Change of each measure per unit of each of TRACKED, (M, T)."""
    rest: Floats
    """Measures of people at rest, (M,): mean."""
    spread: Floats
    """And standard deviation."""


@lru_cache(maxsize=1)
def face_response() -> FaceResponse:
    """The shipped response.

    Raises:
        ComponentError: the file is missing or damaged.
    """
    try:
        with np.load(TRACKER_FOLDER / "face_response.npz", allow_pickle=False) as arrays:
            answers, rest, spread = (np.asarray(arrays[k], np.float64) for k in ("response", "rest", "spread"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ComponentError(f"face_response.npz of the face tracker cannot be read ({error}); reinstall") from None
    if answers.shape != (len(MEASURES), len(ARKIT_BLENDSHAPES)) or rest.shape != spread.shape != (len(MEASURES),):
        raise ComponentError("face_response.npz of the face tracker has another form; reinstall")
    return FaceResponse(answers[:, [BLENDSHAPE_INDEX[name] for name in TRACKED]], rest, spread)


NOISE_SHARE, PULL = 0.15, 0.15
"""Measures are trusted by their spread among people times this; weights are pulled to 0 as if by their own size. Both
are set by hand."""
_STEPS = 60


@lru_cache(maxsize=1)
def _system() -> tuple[Floats, Floats, float]:
    """Normal matrix (T, T) and transposed answers (T, M) of the weighted least squares, and a safe step."""
    response = face_response()
    trust = 1.0 / (NOISE_SHARE * response.spread)
    weighted = response.answers * trust[:, None]
    normal = weighted.T @ weighted + np.eye(len(TRACKED)) / PULL**2
    return normal, weighted.T * trust, 1.0 / float(np.linalg.eigvalsh(normal)[-1])


def weights_of(difference: Floats, gaze: Floats | None = None) -> NDArray[np.float32]:
    """ARKit weights (52,) that explain how measures (M,) differ from rest; those of the eyes' direction from `gaze`.

    Bounded least squares by the accelerated projected gradient (Nesterov 1983; Beck & Teboulle 2009).
    """
    normal, transposed, step = _system()
    target = transposed @ difference
    w = ahead = np.zeros(len(TRACKED))
    momentum = 1.0
    for _ in range(_STEPS):
        following = np.clip(ahead - step * (normal @ ahead - target), 0.0, 1.0)
        momentum, before = (1 + np.sqrt(1 + 4 * momentum**2)) / 2, momentum
        w, ahead = following, following + (before - 1) / momentum * (following - w)
    weights = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
    weights[[BLENDSHAPE_INDEX[name] for name in TRACKED]] = w
    for part in ("mouth", "jaw"):  # nothing moves to both sides at once
        sides = [BLENDSHAPE_INDEX[f"{part}{side}"] for side in ("Left", "Right")]
        weights[sides] -= weights[sides].min()
    if gaze is not None:
        left, up = np.clip(np.asarray(gaze) / LOOK_FULL_RAD, -1.0, 1.0).tolist()
        for name, value in {
            "eyeLookOutLeft": left, "eyeLookInRight": left, "eyeLookInLeft": -left, "eyeLookOutRight": -left,
            "eyeLookUpLeft": up, "eyeLookUpRight": up, "eyeLookDownLeft": -up, "eyeLookDownRight": -up,
        }.items():  # fmt: skip
            weights[BLENDSHAPE_INDEX[name]] = max(value, 0.0)
    return weights


def track_of(seen: Sequence[TrackedFace], frame_rate_hz: float) -> FaceTrack:
    """What was seen at any times as a track of this rate, from the first to the last, interpolated linearly.

    Raises:
        InputError: nothing was seen, or times do not increase.
    """
    if not seen:
        raise InputError("no face was seen, so there is no track; give frames that show one face")
    times = np.array([face.at_s for face in seen])
    if len(times) > 1 and not (np.diff(times) > 0).all():
        raise InputError("the times of a track's frames must increase")
    wanted = times[0] + np.arange(int((times[-1] - times[0]) * frame_rate_hz + 1e-6) + 1) / frame_rate_hz
    rows: Floats = np.array([np.concatenate([face.weights, face.head_pose, face.gaze]) for face in seen], np.float64)
    each: list[Floats] = [np.interp(wanted, times, rows[:, k]) for k in range(rows.shape[1])]
    columns = np.stack(each, axis=1).astype(np.float32)
    n = len(ARKIT_BLENDSHAPES)
    return FaceTrack(columns[:, :n], columns[:, n : n + 3], columns[:, n + 3 :], frame_rate_hz, float(times[0]))
