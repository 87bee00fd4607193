"""Tracks as JSON: there and back, at other rates, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack
from rapport.avatar.live_link import write_csv
from rapport.avatar.track_file import read_track, resampled, track_json, write_track
from rapport.persona.errors import InputError, StorageError


def _track(frames: int = 12, rate_hz: float = 25.0, start_s: float = 0.0) -> FaceTrack:
    rng = np.random.default_rng(1)
    angles = rng.uniform(-0.5, 0.5, (frames, 5)).astype(np.float32)
    return FaceTrack(rng.random((frames, 52), np.float32), angles[:, :3], angles[:, 3:], rate_hz, start_s)


def test_a_written_track_is_read_again(tmp_path: Path) -> None:
    track = _track(start_s=1.5)
    write_track(tmp_path / "a.json", track)
    back = read_track(tmp_path / "a.json")
    for name in ("weights", "head_pose", "gaze"):
        assert np.abs(getattr(back, name) - getattr(track, name)).max() < 6e-5
    assert (back.frame_rate_hz, back.start_s) == (25.0, 1.5)


def test_a_recording_of_live_link_is_read_by_its_name(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.CSV", _track(rate_hz=30))
    assert read_track(tmp_path / "a.CSV").frame_rate_hz == 30


def test_names_in_another_order_are_followed(tmp_path: Path) -> None:
    data = track_json(_track())
    data["blendshapes"] = data["blendshapes"][::-1]
    data["weights"] = [row[::-1] for row in data["weights"]]
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert np.allclose(read_track(tmp_path / "a.json").weights, _track().weights, atol=1e-4)


def test_pose_and_gaze_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"frame_rate_hz": 10, "weights": [[0.0] * 52] * 3}))
    assert not read_track(tmp_path / "a.json").head_pose.any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"frame_rate_hz": None}, "must be numbers"),
        ({"frame_rate_hz": -1}, "must be positive"),
        ({"frame_rate_hz": float("nan")}, "must be positive"),
        ({"frame_rate_hz": 0.001}, "an hour at most"),
        ({"start_s": float("inf")}, "finite"),
        ({"weights": []}, "no frames"),
        ({"weights": [[0.0] * 51]}, "rows of 52"),
        ({"weights": [[0.0] * 52, [0.0]]}, "rows of 52"),
        ({"weights": [["much"] * 52]}, "rows of 52"),
        ({"weights": [[float("nan")] * 52] * 12}, "NaN"),
        ({"gaze": [[0.0, 0.0]]}, "gaze of a face track must have shape"),
        ({"blendshapes": list(ARKIT_BLENDSHAPES[:51])}, "52 ARKit shapes once"),
        ({"blendshapes": 7}, "52 ARKit shapes once"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(track_json(_track()) | change))
    with pytest.raises(InputError, match=rf"a\.json: .*{says}"):
        read_track(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "no json", "no JSON"),
        ("a.json", "[" * 100_000, "no JSON"),
        ("a.json", "[]", "one JSON object"),
        ("a.json", "{}", "no frame_rate_hz and no weights"),
        ("a.txt", "{}", "name it so"),
    ],
)
def test_files_that_are_no_track(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=says):
        read_track(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_track(tmp_path / "missing.json")
    with pytest.raises(StorageError, match="cannot be written"):
        write_track(tmp_path / "no" / "a.json", _track())


@given(rate_hz=st.floats(5, 240), frames=st.integers(1, 40))
def test_another_rate_lasts_as_long_and_stays_between_the_frames(rate_hz: float, frames: int) -> None:
    track = _track(frames)
    other = resampled(track, rate_hz)
    assert abs(other.duration_s - track.duration_s) <= 1 / rate_hz
    assert (other.weights.max(0) <= track.weights.max(0) + 1e-6).all()
    assert (other.weights.min(0) >= track.weights.min(0) - 1e-6).all()
    assert np.array_equal(other.weights[0], track.weights[0])


def test_a_rate_that_is_a_multiple_keeps_the_frames() -> None:
    track = _track()
    assert np.allclose(resampled(track, 50).weights[::2], track.weights, atol=1e-6)


def test_impossible_rates_and_empty_tracks_are_refused() -> None:
    for track, rate_hz in ((_track(), 0.0), (_track(), float("nan")), (FaceTrack.neutral(0, 25), 30.0)):
        with pytest.raises(InputError):
            resampled(track, rate_hz)
