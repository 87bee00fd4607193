"""What a photograph is read as, refused for, cut out to, and filled in with; and the mathematics of its warp."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from rapport.avatar.camera import rotation
from rapport.avatar.face_measures import neutral_face
from rapport.avatar.landmarks import FaceMesh, FoundFace
from rapport.avatar.portrait_field import CELLS, field, hair_ring
from rapport.avatar.portrait_fit import SpaceMap, inside_polygon
from rapport.avatar.portrait_frame import MOST_TURN_RAD, soft_limit
from rapport.avatar.portrait_paint import filled
from rapport.avatar.portrait_photo import LARGEST_SIDE, LEAST_FACE, cut_out, one_face, read_photograph
from rapport.persona.errors import InputError

Picture = NDArray[np.uint8]

with np.load(Path(__file__).parents[1] / "fixtures" / "drawn_faces.npz") as _arrays:
    DRAWN: dict[str, Picture] = dict(zip(_arrays["names"].tolist(), _arrays["pictures"], strict=True))


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


def saved(folder: Path, picture: Image.Image, name: str = "me.png", **options: object) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_photograph(path)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    return str(error.value)


def test_a_picture_is_read_as_it_is(tmp_path: Path) -> None:
    assert np.array_equal(read_photograph(saved(tmp_path, Image.fromarray(DRAWN["rest"]))), DRAWN["rest"])


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_kind_of_colour_becomes_rgb(tmp_path: Path, mode: str) -> None:
    name = "me.jpg" if mode == "CMYK" else "me.png"
    read = read_photograph(saved(tmp_path, Image.fromarray(DRAWN["rest"]).convert(mode), name))
    assert read.shape == DRAWN["rest"].shape and read.dtype == np.uint8
    assert abs(float(read.mean()) - float(DRAWN["rest"].mean())) < 12


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    grey = DRAWN["rest"].mean(2)
    read = read_photograph(saved(tmp_path, Image.fromarray((grey * 257).astype(np.uint16))))
    assert np.abs(read[..., 0] - grey).max() < 2


def test_exif_rotation_is_undone(tmp_path: Path) -> None:
    lying = Image.fromarray(DRAWN["rest"]).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    assert np.array_equal(read_photograph(saved(tmp_path, lying, exif=exif)), DRAWN["rest"])


def test_a_large_picture_is_shrunk(tmp_path: Path) -> None:
    read = read_photograph(saved(tmp_path, Image.new("RGB", (3000, 1500)), "me.jpg"))
    assert read.shape == (LARGEST_SIDE // 2, LARGEST_SIDE, 3)


def test_a_giant_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    assert "12000 x 12000" in refused(saved(tmp_path, Image.new("1", (12_000, 12_000))))


def test_one_pixel_is_refused(tmp_path: Path) -> None:
    assert "1 x 1" in refused(saved(tmp_path, Image.new("RGB", (1, 1))))


def test_a_moving_picture_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(DRAWN[name]) for name in ("rest", "smile")]
    assert "moving" in refused(saved(tmp_path, frames[0], "me.gif", save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(content)
    assert "save it" in refused(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(DRAWN["rest"]))
    path.write_bytes(path.read_bytes()[:2000])
    assert "save it" in refused(path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nobody.png")
    refused(tmp_path)


def test_no_face_is_refused(mesh: FaceMesh) -> None:
    with pytest.raises(InputError, match="no face"):
        one_face(np.full((200, 200, 3), 90, np.uint8), mesh)


def test_several_faces_are_refused(mesh: FaceMesh) -> None:
    picture = np.full((352, 528, 3), 128, np.uint8)
    picture[:176, :176] = DRAWN["smile"]
    picture[:, 176:] = np.repeat(np.repeat(DRAWN["rest"], 2, 0), 2, 1)
    with pytest.raises(InputError, match="2 faces"):
        one_face(picture, mesh)


def test_a_small_face_is_refused(mesh: FaceMesh) -> None:
    small = np.asarray(Image.fromarray(DRAWN["rest"]).resize((88, 88), Image.Resampling.LANCZOS))
    with pytest.raises(InputError, match=f"at least {LEAST_FACE}"):
        one_face(small, mesh)


class _Sees(FaceMesh):
    def __init__(self, face: FoundFace) -> None:
        self._seen = face

    def find(self, picture: NDArray[np.uint8], **_: object) -> list[FoundFace]:  # type: ignore[override]
        return [self._seen]


@pytest.mark.parametrize(("pose", "word"), [((0, 0.9, 0), "side"), ((0, -0.9, 0), "side"), ((0.8, 0, 0), "up or down")])
def test_a_profile_is_refused(mesh: FaceMesh, pose: tuple[float, float, float], word: str) -> None:
    flip = np.array([1.0, -1.0, -1.0])
    turned = (neutral_face() * flip @ rotation(*pose).T * flip * 150 + 200).astype(np.float32)
    face = dataclasses.replace(mesh.find(DRAWN["rest"])[0], landmarks=turned)
    with pytest.raises(InputError, match=word):
        one_face(DRAWN["rest"], _Sees(face))


@pytest.mark.parametrize("shift", [(0, 0), (60, 0), (0, -40)])
def test_the_cut_shows_the_face_where_it_says(mesh: FaceMesh, shift: tuple[int, int]) -> None:
    picture = np.roll(np.pad(DRAWN["smile"], ((60, 60), (60, 60), (0, 0)), mode="edge"), shift, (1, 0))
    cutout = cut_out(picture, one_face(picture, mesh), 256)
    assert cutout.picture.shape == (256, 256, 3) and cutout.texels.shape == (512, 512, 3)
    again = mesh.find(cutout.picture)[0]
    error = np.linalg.norm(again.landmarks[:, :2] - cutout.landmarks[:, :2], axis=1)
    assert error.mean() < 0.02 * again.size_px
    assert cutout.landmarks[:, :2].min() > 0 and cutout.landmarks[:, :2].max() < 256


def test_what_the_photograph_already_does_is_read(mesh: FaceMesh) -> None:
    def smile(name: str) -> float:
        cutout = cut_out(DRAWN[name], one_face(DRAWN[name], mesh), 256)
        return float(cutout.weights[[43, 44]].mean())

    assert smile("smile") > smile("rest") + 0.2


moves = hnp.arrays(np.float64, (2,), elements=st.floats(-30, 30))


def circle(count: int, radius: float, middle: float = 128.0) -> NDArray[np.float64]:
    angle = np.arange(count) / count * 2 * np.pi
    return middle + radius * np.stack([np.cos(angle), np.sin(angle)], -1)


FIELD = field(circle(36, 60), 256)


@given(moves)
def test_the_picture_follows_its_rings_and_its_border_stays(move: NDArray[np.float64]) -> None:
    moved = (FIELD.follow.sum(1)[:, None] * move).reshape(CELLS + 1, CELLS + 1, 2)
    for border in (moved[0], moved[-1], moved[:, 0], moved[:, -1]):
        assert not border.any()
    # What the rings enclose moves as they do, as exactly as the cells are small.
    assert moved[CELLS // 2, CELLS // 2] == pytest.approx(move, abs=0.05 * np.abs(move).max() + 1e-6)
    assert (np.abs(moved) <= np.abs(move) * 1.05 + 1e-6).all()


def test_hair_beside_the_picture_is_left_out() -> None:
    outline = np.column_stack([circle(36, 110), np.zeros(36)])
    points, which = hair_ring(outline, -20.0, 256)
    assert len(points) == len(which) and len(points) % 4 == 0
    assert (points[:, :2] > 0).all() and (points[:, :2] < 256).all()


@given(
    hnp.arrays(np.float64, (3, 3), elements=st.floats(-2, 2)), hnp.arrays(np.float64, (3,), elements=st.floats(-5, 5))
)
def test_the_map_of_space_keeps_what_is_affine(matrix: NDArray[np.float64], shift: NDArray[np.float64]) -> None:
    generator = np.random.default_rng(3)
    sources, others = generator.normal(size=(30, 3)), generator.normal(size=(10, 3))
    carried = SpaceMap(sources, sources @ matrix + shift)
    assert carried(others) == pytest.approx(others @ matrix + shift, abs=1e-3)


def test_the_map_of_space_takes_sources_to_targets() -> None:
    generator = np.random.default_rng(4)
    sources = generator.normal(size=(40, 3))
    targets = sources + 0.1 * generator.normal(size=(40, 3))
    assert SpaceMap(sources, targets, smoothing=0.0)(sources) == pytest.approx(targets, abs=1e-3)


@given(st.floats(0, 255), st.integers(0, 2**31))
def test_filling_keeps_what_is_known_and_invents_no_colour(value: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    known = generator.random((32, 32)) < 0.1
    values = generator.uniform(20, 200, (32, 32, 3))
    out = filled(values, known, np.full(3, value))
    if known.any():
        assert out[known] == pytest.approx(values[known])
        assert out.min() >= values[known].min() - 1e-6 and out.max() <= values[known].max() + 1e-6
    else:
        assert (out == value).all()


def test_inside_of_an_outline() -> None:
    outline = circle(200, 50)
    points = np.array([[128.0, 128.0], [128.0, 168.0], [128.0, 188.0]])
    assert inside_polygon(points, outline) == pytest.approx([50, 10, -10], abs=0.1)


@given(st.floats(-10, 10))
def test_turning_is_limited_softly(angle: float) -> None:
    limited = soft_limit(angle, MOST_TURN_RAD)
    assert abs(limited) <= MOST_TURN_RAD and limited * angle >= 0
    if abs(angle) < 0.05:
        assert limited == pytest.approx(angle, abs=1e-3)
