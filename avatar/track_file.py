"""Face tracks as JSON, the form in which a page draws them and `rapport render --track` reads them, and at other rates.

{"frame_rate_hz": 25, "start_s": 0, "blendshapes": [52 names], "weights": [[52 numbers], ...], "head_pose": [[pitch,
yaw, roll], ...], "gaze": [[yaw, pitch], ...]}

Angles are radians, signs as of FaceTrack. Without `blendshapes` the weights stand in the order of ARKIT_BLENDSHAPES.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack
from rapport.avatar.live_link import MAX_FILE_BYTES, MAX_TRACK_S, read_csv
from rapport.persona.errors import InputError, StorageError

_DECIMALS = 4
"""A ten-thousandth of a weight, or of a radian: less than anybody sees."""


def track_json(track: FaceTrack) -> dict[str, Any]:
    """A track as plain lists and numbers, for `json.dumps`."""

    def rows(array: NDArray[np.float32]) -> list[list[float]]:
        return np.round(array.astype(np.float64), _DECIMALS).tolist()

    return {
        "frame_rate_hz": track.frame_rate_hz, "start_s": track.start_s, "blendshapes": list(ARKIT_BLENDSHAPES),
        "weights": rows(track.weights), "head_pose": rows(track.head_pose), "gaze": rows(track.gaze),
    }  # fmt: skip


def write_track(path: Path, track: FaceTrack) -> None:
    """Write a track as JSON. Raises StorageError when the file cannot be written."""
    try:
        path.write_text(json.dumps(track_json(track), separators=(",", ":")), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another place") from None


def read_track(path: Path) -> FaceTrack:
    """A track from a .json file, or from a recording of Live Link Face (.csv).

    Raises:
        InputError: another kind of file, one that cannot be read, or what is in it is no track of up to an hour.
    """
    match path.suffix.lower():
        case ".csv":
            return read_csv(path)
        case ".json":
            return _parsed(_loaded(path), path)
        case _:
            raise InputError(f"{path}: a track is a .json file or a Live Link Face .csv; name it so")


def resampled(track: FaceTrack, frame_rate_hz: float) -> FaceTrack:
    """The track at another rate, linear between its frames; it begins at the same time and lasts as long.

    Raises:
        InputError: the track is empty or the rate is not positive.
    """
    if not len(track):
        raise InputError("the track has no frames")
    if not frame_rate_hz > 0:
        raise InputError(f"frame_rate_hz must be positive, got {frame_rate_hz}")
    if frame_rate_hz == track.frame_rate_hz:
        return track
    count = max(round(track.duration_s * frame_rate_hz), 1)
    at, had = np.arange(count) / frame_rate_hz, np.arange(len(track)) / track.frame_rate_hz

    def between(array: NDArray[np.float32]) -> NDArray[np.float32]:
        columns: list[NDArray[np.float64]] = [np.interp(at, had, column) for column in array.T]
        return np.stack(columns, 1).astype(np.float32)

    return FaceTrack(
        between(track.weights), between(track.head_pose), between(track.gaze), frame_rate_hz, track.start_s
    )


def _loaded(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path}: is larger than an hour's track; cut it first")
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: is no JSON") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: a track is one JSON object, with frame_rate_hz, weights, head_pose and gaze")
    return cast("dict[str, Any]", data)


def _parsed(data: dict[str, Any], path: Path) -> FaceTrack:
    missing = [key for key in ("frame_rate_hz", "weights") if key not in data]
    if missing:
        raise InputError(f"{path}: the track has no {' and no '.join(missing)}")
    weights = _rows(data["weights"], "weights", len(ARKIT_BLENDSHAPES), path)
    names = data.get("blendshapes", ARKIT_BLENDSHAPES)
    if not isinstance(names, (list, tuple)) or sorted(map(str, cast("list[Any]", names))) != sorted(ARKIT_BLENDSHAPES):
        raise InputError(f"{path}: blendshapes must name each of the 52 ARKit shapes once")
    order = [cast("list[str]", names).index(name) for name in ARKIT_BLENDSHAPES]
    still = {"head_pose": 3, "gaze": 2}
    pose, gaze = (
        _rows(data[key], key, width, path) if key in data else np.zeros((len(weights), width), np.float32)
        for key, width in still.items()
    )
    try:
        rate_hz, start_s = float(data["frame_rate_hz"]), float(data.get("start_s", 0.0))
    except (TypeError, ValueError):
        raise InputError(f"{path}: frame_rate_hz and start_s must be numbers") from None
    if not (np.isfinite([rate_hz, start_s]).all() and rate_hz > 0):
        raise InputError(f"{path}: frame_rate_hz must be positive and start_s finite, got {rate_hz} and {start_s}")
    if not len(weights):
        raise InputError(f"{path}: has no frames")
    if len(weights) / rate_hz > MAX_TRACK_S:
        raise InputError(f"{path}: a track lasts an hour at most; cut it first")
    try:
        return FaceTrack(weights[:, order], pose, gaze, rate_hz, start_s)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _rows(value: Any, name: str, width: int, path: Path) -> NDArray[np.float32]:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{path}: {name} must be rows of {width} numbers") from None
    if array.size == 0:
        return np.zeros((0, width), np.float32)
    if array.ndim != 2 or array.shape[1] != width:
        raise InputError(f"{path}: {name} must be rows of {width} numbers, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{path}: {name} holds NaN or infinity")
    return array.astype(np.float32)
