"""The renderer on whatever Vulkan adapter there is: what a track says is what the picture shows."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar import renderer as renderer_module
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.head import load_head
from rapport.avatar.renderer import (
    PORTRAIT_SIZE,
    TrackOnly,
    WgpuRenderer,
    frame_settings,
    lids_with_gaze,
    rotation,
    shape_table,
    view_projection,
)
from rapport.persona.card import FaceCard
from rapport.persona.errors import ComponentError, InputError, StageError

ANGLE = st.floats(-0.6, 0.6)


@pytest.fixture(scope="module")
def renderer() -> WgpuRenderer:
    try:
        return WgpuRenderer()
    except ComponentError as error:
        pytest.skip(str(error))


def track(*frames: dict[str, float], pose=(0, 0, 0), gaze=(0, 0)) -> FaceTrack:
    weights = np.zeros((len(frames), len(ARKIT_BLENDSHAPES)), np.float32)
    for i, frame in enumerate(frames):
        for name, value in frame.items():
            weights[i, BLENDSHAPE_INDEX[name]] = value
    return FaceTrack(weights, np.tile(pose, (len(frames), 1)), np.tile(gaze, (len(frames), 1)), 25)


async def shots(renderer: WgpuRenderer, what: FaceTrack, face: FaceCard | None = None) -> list[np.ndarray]:
    return [picture async for picture in renderer.render(what, face or FaceCard())]


def pixel(point: np.ndarray) -> tuple[int, int]:
    """Row and column of a point of the head at rest."""
    clip = view_projection() @ np.append(point, 1)
    x, y = clip[:2] / clip[3]
    return round((1 - y) / 2 * PORTRAIT_SIZE), round((1 + x) / 2 * PORTRAIT_SIZE)


def around(picture: np.ndarray, point: np.ndarray, reach: int) -> np.ndarray:
    row, column = pixel(point)
    return picture[row - reach : row + reach, column - reach : column + reach].astype(float)


@pytest.mark.models
async def test_every_frame_becomes_one_picture_in_order(renderer: WgpuRenderer):
    frames = [{"jawOpen": 0.1 * i} for i in range(8)]
    pictures = await shots(renderer, track(*frames))
    assert len(pictures) == 8
    assert all(p.shape == (512, 512, 3) and p.dtype == np.uint8 and p.flags.c_contiguous for p in pictures)
    lips = load_head("female").positions[load_head("female").lower_lip[0]]
    dark = [float((around(p, lips, 22).mean(-1) < 70).mean()) for p in pictures]
    assert dark[-1] > dark[0] + 0.1
    assert all(b >= a - 0.02 for a, b in pairwise(dark))


@pytest.mark.models
async def test_eyes_are_at_two_fifths_of_the_height_and_look_where_the_gaze_says(renderer: WgpuRenderer):
    head = load_head("female")
    row, _ = pixel(head.eyes.mean(0))
    assert abs(row / PORTRAIT_SIZE - 0.4) < 0.01
    front = head.eyes[0] + [0, 0, float(head.eye_radius)]

    async def pupil_column(yaw: float) -> float:
        (picture,) = await shots(renderer, track({}, gaze=(yaw, 0)), FaceCard(eyes="#402a1a"))
        patch = around(picture, front, 18).mean(-1)[10:26]
        return float(np.average(np.arange(36), weights=(patch < 60).sum(0) + 1e-9))

    left, ahead, right = [await pupil_column(yaw) for yaw in (0.3, 0.0, -0.3)]
    assert left > ahead + 2 > right + 4, "the face's left is the picture's right"


@pytest.mark.models
async def test_a_blink_hides_the_eyes(renderer: WgpuRenderer):
    open_eyes, closed = await shots(renderer, track({}, {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}))
    for eye in load_head("female").eyes:
        assert np.ptp(around(open_eyes, eye, 7).mean(-1)) > 2 * np.ptp(around(closed, eye, 7)[3:8].mean(-1))


@pytest.mark.models
async def test_brows_move_with_the_skin(renderer: WgpuRenderer):
    up = {"browInnerUp": 1, "browOuterUpLeft": 1, "browOuterUpRight": 1}
    rest, raised = await shots(renderer, track({}, up))

    def brow_row(picture: np.ndarray) -> float:
        patch = around(picture, np.array([0.27, 0.24, 0.25]), 24).mean(-1)
        return float(np.average(np.arange(48), weights=np.clip(70 - patch, 0, None).sum(1) + 1e-9))

    assert brow_row(raised) < brow_row(rest) - 3


@pytest.mark.models
async def test_the_head_turns_to_its_left_and_the_shoulders_stay(renderer: WgpuRenderer):
    (rest,) = await shots(renderer, track({}))
    (turned,) = await shots(renderer, track({}, pose=(0, 0.35, 0)))
    change = np.abs(rest.astype(int) - turned).mean(-1)
    assert change[120:330, 150:360].mean() > 4 * change[480:].mean()


@pytest.mark.models
async def test_colours_of_the_card_show(renderer: WgpuRenderer):
    cheek = np.array([-0.4, -0.35, 0.25])
    pale, dark = [(await shots(renderer, track({}), FaceCard(skin=skin)))[0] for skin in ("#e8b89a", "#5a3a28")]
    assert around(pale, cheek, 6).mean() > around(dark, cheek, 6).mean() + 50


@pytest.mark.models
async def test_the_same_track_gives_the_same_pictures_to_agents_that_share_a_renderer(renderer: WgpuRenderer):
    what = track({"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7}, {"jawOpen": 0.4}, {}, {}, {}, {"eyeWideLeft": 1})
    faces = [FaceCard(head="female"), FaceCard(head="male")]
    alone = [await shots(renderer, what, face) for face in faces]
    together = await asyncio.gather(*(shots(renderer, what, face) for face in faces))
    assert all(np.array_equal(a, b) for x, y in zip(alone, together, strict=True) for a, b in zip(x, y, strict=True))
    assert not np.array_equal(alone[0][0], alone[1][0])


@pytest.mark.models
async def test_an_unknown_head_lists_the_choices(renderer: WgpuRenderer):
    with pytest.raises(InputError, match="choose one of"):
        await shots(renderer, track({}), FaceCard(head="nobody"))


@pytest.mark.models
async def test_a_failing_gpu_is_a_failed_stage(renderer: WgpuRenderer, monkeypatch: pytest.MonkeyPatch):
    def lost(*_: object) -> None:
        raise RuntimeError("device lost\nlong native trace")

    monkeypatch.setattr(renderer_module._Bust, "draw", lost)
    with pytest.raises(StageError, match=r"device lost$"):
        await shots(renderer, track({}))


@pytest.mark.models
def test_capabilities_name_the_adapter_and_a_part_of_its_name_chooses_it(renderer: WgpuRenderer):
    device = renderer.capabilities.device
    assert renderer.capabilities.draws
    assert device
    assert renderer_module._choose_adapter(device[:4].upper()).info["device"] == device
    with pytest.raises(ComponentError, match="there are: "):
        WgpuRenderer("no such card")


def test_without_an_adapter_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch):
    import wgpu

    monkeypatch.setattr(wgpu.gpu, "enumerate_adapters_sync", list)
    with pytest.raises(ComponentError, match="apt install mesa-vulkan-drivers"):
        WgpuRenderer()


async def test_track_only_draws_nothing():
    silent = TrackOnly()
    assert not silent.capabilities.draws
    assert [p async for p in silent.render(track({}, {}), FaceCard())] == []


@given(ANGLE, ANGLE, ANGLE)
def test_rotations_are_rotations(pitch: float, yaw: float, roll: float):
    r = rotation(pitch, yaw, roll)
    assert np.allclose(r @ r.T, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(r), 1)


def test_rotations_go_the_way_a_face_track_says():
    forwards, upwards = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    assert (rotation(0.3, 0, 0) @ forwards)[1] < 0, "positive pitch nods down"
    assert (rotation(0, 0.3, 0) @ forwards)[0] > 0, "positive yaw turns to the face's left"
    assert (rotation(0, 0, 0.3) @ upwards)[0] > 0, "positive roll tips the crown to the face's left"


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_lids_follow_the_gaze_and_nothing_else_changes(yaw: float, pitch: float):
    rest = np.full(len(ARKIT_BLENDSHAPES), 0.25, np.float32)
    out = lids_with_gaze(rest, yaw, pitch)
    assert (out >= rest).all()
    assert (out <= 1).all()
    changed = {ARKIT_BLENDSHAPES[i] for i in np.nonzero(out != rest)[0]}
    assert all(name.startswith("eyeLook") for name in changed)
    if pitch < -0.3:
        assert out[BLENDSHAPE_INDEX["eyeLookDownLeft"]] > 0.25 == out[BLENDSHAPE_INDEX["eyeLookUpLeft"]]


def test_the_shape_table_gives_what_the_shapes_give():
    head = load_head("youth")
    offsets, entries = shape_table(head)
    rng = np.random.default_rng(1)
    weights = rng.random(len(ARKIT_BLENDSHAPES)).astype(np.float32)
    changes = entries[:, 1:].copy().view(np.float16).astype(np.float32)
    moved = np.add.reduceat(
        np.vstack([changes * weights[entries[:, 0]][:, None], np.zeros((1, 6))]), np.minimum(offsets[:-1], len(entries))
    )
    moved[offsets[1:] == offsets[:-1]] = 0
    every = np.arange(len(head.positions))
    assert np.allclose(head.positions + moved[:, :3], head.vertices_at(weights[None], every)[0], atol=2e-3)


def test_uniforms_fill_the_shaders_struct():
    settings = frame_settings(load_head("female"), track({}), FaceCard(), 0)
    assert len(settings.uniforms) == renderer_module._UNIFORM_BYTES
    assert len(settings.weights) == 4 * len(ARKIT_BLENDSHAPES)
