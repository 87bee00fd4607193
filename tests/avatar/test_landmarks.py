"""The face mesh: it finds what is there, follows it, is exact about where, and refuses what is no picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rapport.avatar.landmarks import FaceMesh, FoundFace
from rapport.avatar.pictures import rgb_of, shrunk, square_sample
from rapport.persona.errors import ComponentError, InputError

Picture = NDArray[np.uint8]

with np.load(Path(__file__).parents[1] / "fixtures" / "drawn_faces.npz") as _arrays:
    DRAWN: dict[str, Picture] = dict(zip(_arrays["names"].tolist(), _arrays["pictures"], strict=True))


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


def one(mesh: FaceMesh, picture: Picture) -> FoundFace:
    (face,) = mesh.find(picture)
    return face


def enlarged(picture: Picture, factor: int) -> Picture:
    return np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)


@pytest.mark.parametrize("name", list(DRAWN))
def test_one_face_is_found_in_every_picture(mesh: FaceMesh, name: str) -> None:
    face = one(mesh, DRAWN[name])
    assert face.landmarks.shape == (468, 3) and face.irises.shape == (2, 5, 3)
    assert face.presence > 0.9 and face.score >= 0.5
    left, top, right, bottom = face.box
    assert 0 < left < face.landmarks[1, 0] < right < 176 and 0 < top < face.landmarks[1, 1] < bottom < 176


def test_landmarks_lie_on_what_they_name(mesh: FaceMesh) -> None:
    face = one(mesh, DRAWN["rest"])
    right_eye, left_eye = face.landmarks[33, :2], face.landmarks[263, :2]
    assert right_eye[0] < face.landmarks[1, 0] < left_eye[0]  # the person's right is the picture's left
    assert face.landmarks[10, 1] < right_eye[1] < face.landmarks[1, 1] < face.landmarks[13, 1] < face.landmarks[152, 1]
    for iris, (outer, inner) in zip(face.irises, ((33, 133), (362, 263)), strict=True):
        assert face.landmarks[outer, 0] < iris[0, 0] < face.landmarks[inner, 0]
    dark = [DRAWN["rest"][int(y), int(x)].mean() for x, y, _ in face.irises[:, 0]]
    assert max(dark) < 0.6 * DRAWN["rest"][int(face.landmarks[1, 1]), int(face.landmarks[1, 0])].mean()


def test_a_mirrored_picture_gives_the_mirrored_face(mesh: FaceMesh) -> None:
    plain, mirrored = one(mesh, DRAWN["turned"]), one(mesh, np.ascontiguousarray(DRAWN["turned"][:, ::-1]))
    assert 176 - mirrored.landmarks[[1, 152, 10], 0] == pytest.approx(plain.landmarks[[1, 152, 10], 0], abs=3.0)
    assert 176 - mirrored.irises[::-1, 0, 0] == pytest.approx(plain.irises[:, 0, 0], abs=3.0)


@pytest.mark.parametrize("quarter_turns", [1, 3])
def test_a_face_that_lies_on_its_side_is_found_upright(mesh: FaceMesh, quarter_turns: int) -> None:
    face = one(mesh, np.ascontiguousarray(np.rot90(DRAWN["rest"], quarter_turns)))
    assert abs(face.roll_rad) == pytest.approx(np.pi / 2, abs=0.15)
    assert np.sign(face.roll_rad) == (-1 if quarter_turns == 1 else 1)


def test_a_face_is_where_it_is_in_a_large_picture(mesh: FaceMesh) -> None:
    small = one(mesh, DRAWN["rest"])
    large = one(mesh, enlarged(DRAWN["rest"], 4))
    assert large.landmarks[:, :2] / 4 == pytest.approx(small.landmarks[:, :2], abs=1.5)


def test_several_faces_come_largest_first(mesh: FaceMesh) -> None:
    picture = np.full((352, 540, 3), 120, np.uint8)
    picture[:352, :352] = enlarged(DRAWN["rest"], 2)
    picture[100:276, 360:536] = DRAWN["smile"]
    first, second = mesh.find(picture)
    assert first.size_px > 1.5 * second.size_px and first.box[0] < 200 < second.box[0]
    assert len(mesh.find(picture, most=1)) == 1


def test_a_small_face_in_a_large_room_needs_a_thorough_look(mesh: FaceMesh) -> None:
    picture = np.full((1400, 1400, 3), 120, np.uint8)
    picture[500:676, 300:476] = DRAWN["rest"]
    face = one(mesh, picture)
    assert (face.landmarks[1, :2] - [300, 500]) == pytest.approx(one(mesh, DRAWN["rest"]).landmarks[1, :2], abs=3)
    assert mesh.find(picture, thorough=False) == []


def test_a_face_is_followed_without_the_detector(mesh: FaceMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    before = one(mesh, DRAWN["rest"])
    monkeypatch.setattr(FaceMesh, "_detect", lambda *_: pytest.fail("the detector ran"))
    after = mesh.follow(np.roll(DRAWN["rest"], 8, axis=1), before)
    assert after is not None
    moved = after.landmarks[:, :2] - before.landmarks[:, :2]
    assert moved.mean(axis=0) == pytest.approx([8.0, 0.0], abs=0.7) and moved.std(axis=0).max() < 1.5
    assert mesh.follow(np.zeros((176, 176, 3), np.uint8), before) is None


def test_without_irises_they_are_no_numbers() -> None:
    assert np.isnan(one(FaceMesh(irises=False), DRAWN["rest"]).irises).all()


@pytest.mark.parametrize(
    "picture",
    [np.zeros((1, 1, 3)), np.zeros((1, 5000, 3)), np.full((300, 200, 3), 255), np.zeros((4, 4)), np.zeros((64, 64, 4))],
    ids=["a pixel", "a line", "white", "grey", "transparent"],
)
def test_no_face_is_none(mesh: FaceMesh, picture: NDArray[np.float64]) -> None:
    assert mesh.find(picture.astype(np.uint8)) == []


def test_noise_has_no_face(mesh: FaceMesh) -> None:
    assert mesh.find(np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)) == []


def test_a_face_in_a_giant_picture_keeps_its_pixels(mesh: FaceMesh) -> None:
    picture = np.full((12_000, 12_000, 3), 90, np.uint8)
    picture[4000:9280, 2000:7280] = enlarged(DRAWN["rest"], 30)
    face = one(mesh, picture)
    off = (face.landmarks[:, :2] - [2000, 4000]) / 30 - one(mesh, DRAWN["rest"]).landmarks[:, :2]
    assert np.abs(off).mean() < 1.0


def test_grey_and_transparent_pictures_are_read(mesh: FaceMesh) -> None:
    grey = DRAWN["rest"].mean(axis=2).astype(np.uint8)
    clear = np.concatenate([DRAWN["rest"], np.zeros((176, 176, 1), np.uint8)], axis=2)
    plain = one(mesh, DRAWN["rest"]).landmarks
    assert one(mesh, grey).landmarks[:, :2] == pytest.approx(plain[:, :2], abs=3.0)
    assert np.array_equal(one(mesh, clear).landmarks, plain)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.astype(np.float32),
        lambda p: p[None],
        lambda p: p[..., :2],
        lambda p: p[:0],
        lambda p: p.astype(np.int64) + 300,
    ],
    ids=["float", "four dimensions", "two channels", "empty", "too large"],
)
def test_what_is_no_picture_is_refused(mesh: FaceMesh, change: Callable[[Picture], NDArray[np.uint8]]) -> None:
    with pytest.raises(InputError, match="a picture must"):
        mesh.find(change(DRAWN["rest"]))


def test_a_missing_model_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="face_detection_short_range"):
        FaceMesh(tmp_path)


def test_a_damaged_model_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "face_detection_short_range.onnx").write_bytes(b"not a model")
    with pytest.raises(ComponentError, match="reinstall"):
        FaceMesh(tmp_path)


def test_a_sample_without_turn_is_the_picture_itself() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(square_sample(picture, (25.0, 20.0), 20.0, 0.0, 20), picture[10:30, 15:35])
    outside = square_sample(picture, (-500.0, 20.0), 20.0, 0.3, 8)
    assert outside.shape == (8, 8, 3) and not outside.any()


def test_a_quarter_turn_of_the_square_turns_what_is_sampled() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (31, 31, 3), dtype=np.uint8)
    turned = square_sample(picture, (15.5, 15.5), 31.0, np.pi / 2, 31)
    assert turned == pytest.approx(np.rot90(picture, 1).astype(np.float32), abs=0.1)


@pytest.mark.parametrize(("shape", "block"), [((100, 3000, 3), 2), ((5000, 2, 3), 3), ((2048, 2048, 3), 1)])
def test_shrinking_keeps_the_brightness(shape: tuple[int, int, int], block: int) -> None:
    picture = np.full(shape, 77, np.uint8)
    small, factor = shrunk(rgb_of(picture))
    assert factor == block and max(small.shape) <= 2048 and (small == 77).all()
