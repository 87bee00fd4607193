"""A photograph that is moved: what the track says is what the tracker sees on the picture."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.face_measures import MEASURE_INDEX, FaceReading, read_face
from rapport.avatar.gpu import choose_adapter
from rapport.avatar.landmarks import FaceMesh
from rapport.avatar.portrait import PhotoRenderer
from rapport.avatar.portrait_photo import cut_out, one_face
from rapport.persona.card import FaceCard
from rapport.persona.errors import ComponentError, InputError, StageError

Picture = NDArray[np.uint8]

with np.load(Path(__file__).parents[1] / "fixtures" / "drawn_faces.npz") as _arrays:
    DRAWN: dict[str, Picture] = dict(zip(_arrays["names"].tolist(), _arrays["pictures"], strict=True))

SIZE = 256


def track(*frames: dict[str, float], pose=(0, 0, 0), gaze=(0, 0)) -> FaceTrack:
    """Names without a side mean both."""
    weights = np.zeros((len(frames), len(ARKIT_BLENDSHAPES)), np.float32)
    for i, frame in enumerate(frames):
        for name, value in frame.items():
            for one in (name, f"{name}Left", f"{name}Right"):
                if one in BLENDSHAPE_INDEX:
                    weights[i, BLENDSHAPE_INDEX[one]] = value
    return FaceTrack(weights, np.tile(pose, (len(frames), 1)), np.tile(gaze, (len(frames), 1)), 25)


def shots(renderer: PhotoRenderer, what: FaceTrack) -> list[Picture]:
    async def drawn() -> list[Picture]:
        return [picture async for picture in renderer.render(what, FaceCard())]

    return asyncio.run(drawn())


def renderer_of(folder: Path, name: str) -> PhotoRenderer:
    try:
        choose_adapter(None)
    except ComponentError as error:
        pytest.skip(str(error))
    Image.fromarray(DRAWN[name]).save(folder / f"{name}.png")
    return PhotoRenderer(str(folder / f"{name}.png"), size=SIZE)


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> PhotoRenderer:
    """Of a photograph with the lips closed."""
    return renderer_of(tmp_path_factory.mktemp("photo"), "rest")


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> PhotoRenderer:
    """Of a photograph with the mouth open."""
    return renderer_of(tmp_path_factory.mktemp("photo"), "open mouth")


def seen(mesh: FaceMesh, picture: Picture) -> FaceReading:
    (face,) = mesh.find(picture)
    return read_face(face)


def measure(mesh: FaceMesh, picture: Picture, *names: str) -> float:
    measures = seen(mesh, picture).measures
    return float(np.mean([measures[MEASURE_INDEX[name]] for name in names]))


@pytest.mark.models
def test_at_rest_it_is_the_photograph(shut: PhotoRenderer, mesh: FaceMesh) -> None:
    (picture,) = shots(shut, track({}))
    photograph = cut_out(DRAWN["rest"], one_face(DRAWN["rest"], mesh), SIZE).picture
    assert np.abs(picture.astype(int) - photograph).max() <= 2


@pytest.mark.models
@pytest.mark.parametrize(
    ("weights", "measures", "rises"),
    [
        ({"jawOpen": 0.7}, ("lips_apart",), True),
        ({"mouthSmile": 0.9}, ("corner_upLeft", "corner_upRight"), True),
        ({"mouthFrown": 0.9}, ("corner_upLeft", "corner_upRight"), False),
        ({"mouthPucker": 0.9}, ("mouth_width",), False),
        ({"browInnerUp": 1.0, "browOuterUp": 1.0}, ("brow_middleLeft", "brow_middleRight"), True),
        ({"browDown": 1.0}, ("brow_innerLeft", "brow_innerRight"), False),
        ({"eyeBlink": 1.0}, ("eyeLeft", "eyeRight"), False),
        ({"eyeWide": 1.0}, ("eyeLeft", "eyeRight"), True),
    ],
)
def test_the_tracker_sees_what_the_track_says(
    shut: PhotoRenderer, mesh: FaceMesh, weights: dict[str, float], measures: tuple[str, ...], rises: bool
) -> None:
    rest, moved = (measure(mesh, picture, *measures) for picture in shots(shut, track({}, weights)))
    change = moved - rest if rises else rest - moved
    assert change > 0.005


@pytest.mark.models
@pytest.mark.parametrize("pose", [(0.1, 0, 0), (-0.1, 0, 0), (0, 0.15, 0), (0, -0.15, 0), (0, 0, 0.15), (0, 0, -0.15)])
def test_the_head_turns_and_the_border_stays(
    shut: PhotoRenderer, mesh: FaceMesh, pose: tuple[float, float, float]
) -> None:
    (rest,), (turned,) = shots(shut, track({})), shots(shut, track({}, pose=pose))
    change = seen(mesh, turned).head_pose - seen(mesh, rest).head_pose
    axis = int(np.argmax(np.abs(pose)))
    assert int(np.argmax(np.abs(change))) == axis
    assert 0.5 < change[axis] / pose[axis] < 1.5
    for edge in (np.s_[:2], np.s_[-2:], np.s_[:, :2], np.s_[:, -2:]):
        assert np.abs(turned[edge].astype(int) - rest[edge]).mean() < 3


@pytest.mark.models
def test_a_pose_beyond_a_photograph_is_limited(shut: PhotoRenderer, mesh: FaceMesh) -> None:
    (picture,) = shots(shut, track({}, pose=(0, 1.5, 0)))
    assert abs(seen(mesh, picture).head_pose[1]) < 0.35


@pytest.mark.models
@pytest.mark.parametrize(("gaze", "axis"), [((0.35, 0), 0), ((-0.35, 0), 0), ((0, 0.25), 1)])
def test_the_irises_move(shut: PhotoRenderer, mesh: FaceMesh, gaze: tuple[float, float], axis: int) -> None:
    (rest,), (moved,) = shots(shut, track({})), shots(shut, track({}, gaze=gaze))
    change = seen(mesh, moved).gaze - seen(mesh, rest).gaze
    assert change[axis] / gaze[axis] > 0.3


@pytest.mark.models
def test_closed_lids_are_skin(shut: PhotoRenderer, mesh: FaceMesh) -> None:
    rest, blink = shots(shut, track({}, {"eyeBlink": 1.0}))
    (face,) = mesh.find(rest)
    for iris in face.irises[:, 0, :2]:
        x, y = np.round(iris).astype(int)
        patch = blink[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0)
        cheek_x, cheek_y = np.round(face.landmarks[50 if x < 128 else 280, :2]).astype(int)
        cheek = blink[cheek_y - 2 : cheek_y + 3, cheek_x - 2 : cheek_x + 3].reshape(-1, 3).mean(0)
        # Its hue is the cheek's, and it is no darker than skin in a fold.
        assert np.abs(patch / patch.sum() - cheek / cheek.sum()).max() < 0.05
        assert patch.sum() > 0.55 * cheek.sum()


@pytest.mark.models
def test_an_open_mouth_is_dark_and_no_grey(shut: PhotoRenderer, mesh: FaceMesh) -> None:
    (picture,) = shots(shut, track({"jawOpen": 0.8}))
    (face,) = mesh.find(picture)
    x, y = np.round(face.landmarks[[13, 14], :2].mean(0)).astype(int)
    inside = picture[y - 2 : y + 3, x - 3 : x + 4].reshape(-1, 3).mean(0)
    cheek = picture[np.round(face.landmarks[50, 1]).astype(int), np.round(face.landmarks[50, 0]).astype(int)]
    assert inside.sum() < 0.6 * cheek.sum() and inside[0] > inside[1] and inside[0] > inside[2]


@pytest.mark.models
def test_lips_that_are_apart_on_the_photograph_meet(apart: PhotoRenderer, mesh: FaceMesh) -> None:
    rest, sealed = shots(apart, track({}, {"mouthClose": 0.06}))
    before, after = (measure(mesh, picture, "lips_apart") for picture in (rest, sealed))
    assert before > 0.2 and after < 0.25 * before


@pytest.mark.models
def test_one_eye_can_close(shut: PhotoRenderer, mesh: FaceMesh) -> None:
    rest, wink = shots(shut, track({}, {"eyeBlinkLeft": 1.0}))
    (face,) = mesh.find(rest)
    changes: list[float] = []
    for iris in face.irises[:, 0, :2]:
        x, y = np.round(iris).astype(int)
        around = np.s_[y - 4 : y + 5, x - 6 : x + 7]
        changes.append(float(np.abs(wink[around].astype(int) - rest[around]).mean()))
    right, left = changes
    assert right < 1 and left > 20


@pytest.mark.models
def test_pictures_are_the_same_again_and_in_the_order_of_the_frames(shut: PhotoRenderer) -> None:
    frames = [{"jawOpen": k / 7} for k in range(8)]
    first, second = shots(shut, track(*frames)), shots(shut, track(*frames))
    assert len(first) == 8 and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    change = [np.abs(picture.astype(int) - first[0]).sum() for picture in first]
    assert all(a < b for a, b in pairwise(change))


@pytest.mark.models
def test_a_face_at_every_limit_is_still_a_face(shut: PhotoRenderer, mesh: FaceMesh) -> None:
    for name in ARKIT_BLENDSHAPES:
        (picture,) = shots(shut, track({name: 1.0}, pose=(0.1, 0.1, 0.1), gaze=(0.4, -0.4)))
        assert mesh.find(picture), name


@pytest.mark.models
def test_an_empty_track_gives_no_picture(shut: PhotoRenderer) -> None:
    assert shots(shut, FaceTrack.neutral(0, 25)) == []


@pytest.mark.models
def test_a_lost_gpu_is_made_again_once(shut: PhotoRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = shots(shut, track({}))

    def lost(_: object) -> object:
        raise RuntimeError("device lost\nmore")

    monkeypatch.setattr(shut._drawing, "draw", lost)
    assert np.array_equal(shots(shut, track({}))[0], before)
    monkeypatch.setattr(shut._drawing, "draw", lost)
    monkeypatch.setattr("rapport.avatar.portrait.PortraitDrawing", lambda *_: lost(None))
    with pytest.raises(StageError, match=r"device lost$"):
        shots(shut, track({}))


@pytest.mark.parametrize("model", [None, ""])
def test_a_photograph_must_be_named(model: str | None) -> None:
    with pytest.raises(InputError, match="name the photograph"):
        PhotoRenderer(model)


@pytest.mark.parametrize("size", [0, -16, 100, 8192])
def test_the_size_must_be_drawable(size: int) -> None:
    with pytest.raises(InputError, match="multiple of 16"):
        PhotoRenderer("me.jpg", size=size)


def test_a_missing_photograph_is_one_clear_line() -> None:
    with pytest.raises(InputError) as error:
        PhotoRenderer("nobody.jpg")
    assert "nobody.jpg" in str(error.value) and "\n" not in str(error.value)
