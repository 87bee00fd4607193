"""The renderer on whatever Vulkan adapter there is: what a track says is what the picture shows."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from rapport.avatar.bust import Bust
from rapport.avatar.camera import view_projection
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.gpu import choose_adapter
from rapport.avatar.head import head_of
from rapport.avatar.renderer import PORTRAIT_SIZE, TrackOnly, WgpuRenderer
from rapport.persona.card import FaceCard
from rapport.persona.errors import ComponentError, InputError, StageError


@pytest.fixture(scope="module")
def renderer() -> WgpuRenderer:
    try:
        return WgpuRenderer("standard")
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
    lips = head_of(FaceCard()).positions[head_of(FaceCard()).lower_lip[0]]
    dark = [float((around(p, lips, 22).mean(-1) < 70).mean()) for p in pictures]
    assert dark[-1] > dark[0] + 0.1
    assert all(b >= a - 0.02 for a, b in pairwise(dark))


@pytest.mark.models
async def test_eyes_are_at_two_fifths_of_the_height_and_look_where_the_gaze_says(renderer: WgpuRenderer):
    head = head_of(FaceCard())
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
    for eye in head_of(FaceCard()).eyes:
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
    faces = [FaceCard(), FaceCard(gender=1.0)]
    alone = [await shots(renderer, what, face) for face in faces]
    together = await asyncio.gather(*(shots(renderer, what, face) for face in faces))
    assert all(np.array_equal(a, b) for x, y in zip(alone, together, strict=True) for a, b in zip(x, y, strict=True))
    assert not np.array_equal(alone[0][0], alone[1][0])


@pytest.mark.models
async def test_a_lost_gpu_is_set_up_again_and_draws_the_same(renderer: WgpuRenderer):
    what = track({"jawOpen": 0.5}, {})
    before = await shots(renderer, what)
    renderer._pipelines.device.destroy()
    after = await shots(renderer, what)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.models
async def test_a_gpu_that_fails_again_is_a_failed_stage(renderer: WgpuRenderer, monkeypatch: pytest.MonkeyPatch):
    made: list[object] = []

    def lost(self: Bust, *_: object) -> None:
        made.append(self.pipelines)
        raise RuntimeError("device lost\nlong native trace")

    with monkeypatch.context() as patch:
        patch.setattr(Bust, "draw", lost)
        with pytest.raises(StageError, match=r"device lost$"):
            await shots(renderer, track({}))
    assert len(made) == 2
    assert made[0] is not made[1]
    assert len(await shots(renderer, track({}))) == 1, "the next track is drawn again"


@pytest.mark.models
def test_a_gpu_that_cannot_be_set_up_is_said_in_one_line(renderer: WgpuRenderer, monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise RuntimeError("out of memory\nlong native trace")

    monkeypatch.setattr("rapport.avatar.renderer.Pipelines", refused)
    with pytest.raises(ComponentError, match=r"cannot be set up \(out of memory\); name another"):
        WgpuRenderer("draft")


@pytest.mark.models
async def test_an_empty_track_gives_no_pictures(renderer: WgpuRenderer):
    assert await shots(renderer, FaceTrack.neutral(0, 25)) == []


@pytest.mark.models
async def test_frames_are_drawn_as_they_are_taken_not_all_at_once(
    renderer: WgpuRenderer, monkeypatch: pytest.MonkeyPatch
):
    drawn: list[int] = []
    submit = Bust._submit

    def counted(self: Bust, *args: object) -> None:
        drawn.append(1)
        submit(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Bust, "_submit", counted)
    hour = renderer.render(FaceTrack.neutral(25 * 3600, 25), FaceCard())
    async for _ in hour:
        break
    await hour.aclose()  # type: ignore[attr-defined]
    assert 1 <= len(drawn) <= 10


@pytest.mark.models
async def test_every_tier_draws_the_same_person_in_the_same_place(renderer: WgpuRenderer):
    (standard,) = await shots(renderer, track({}))
    for tier in ("draft", "high"):
        other = WgpuRenderer(tier)
        assert other.capabilities.device.endswith(tier)
        (picture,) = await shots(other, track({}))
        difference = np.abs(picture.astype(float) - standard).mean()
        assert 0.5 < difference < 12
        assert np.corrcoef(picture.mean(-1).ravel(), standard.mean(-1).ravel())[0, 1] > 0.97


@pytest.mark.models
async def test_a_larger_picture_shows_the_same():
    large = WgpuRenderer("draft", size=768)
    (picture,) = await shots(large, track({}))
    (small,) = await shots(WgpuRenderer("draft"), track({}))
    assert picture.shape == (768, 768, 3)
    shrunk = picture.reshape(256, 3, 256, 3, 3).mean((1, 3))
    assert np.abs(shrunk - small.reshape(256, 2, 256, 2, 3).mean((1, 3))).mean() < 3


@pytest.mark.models
async def test_the_head_casts_a_shadow_that_moves_with_it(renderer: WgpuRenderer):
    """On the shoulders, which stay: in `standard`, for the shadows of `draft` are baked."""
    bald = FaceCard(hair_style="bald")

    async def change(drawn_by: WgpuRenderer) -> float:
        rest, nodding = [
            (await shots(drawn_by, track({}, pose=pose), bald))[0].astype(float) for pose in ((0, 0, 0), (0.35, 0, 0.2))
        ]
        return float(np.abs(rest - nodding)[440:, 300:].mean())

    assert await change(renderer) > 1.5 * await change(WgpuRenderer("draft"))


@pytest.mark.models
async def test_eyes_mirror_a_lamp(renderer: WgpuRenderer):
    (picture,) = await shots(renderer, track({}), FaceCard(eyes="#2a1a10"))
    for eye in head_of(FaceCard()).eyes:
        front = eye + np.array([0, 0, float(head_of(FaceCard()).eye_radius)])
        assert around(picture, front, 5).mean(-1).max() > 190


@pytest.mark.models
def test_capabilities_name_the_adapter_and_a_part_of_its_name_chooses_it(renderer: WgpuRenderer):
    device, _, tier = renderer.capabilities.device.rpartition(", ")
    assert renderer.capabilities.draws
    assert tier == "standard"
    assert choose_adapter(device[:4].upper()).info["device"] == device
    with pytest.raises(ComponentError, match="there are: "):
        WgpuRenderer("no such card")


@pytest.mark.models
@pytest.mark.parametrize("size", [0, 63, 500, 8192])
def test_sizes_that_cannot_be_drawn_are_refused(size: int):
    with pytest.raises(InputError, match="multiple of 16 between 64 and 4096"):
        WgpuRenderer("draft", size=size)


def test_without_an_adapter_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch):
    import wgpu

    monkeypatch.setattr(wgpu.gpu, "enumerate_adapters_sync", list)
    with pytest.raises(ComponentError, match="apt install mesa-vulkan-drivers"):
        WgpuRenderer()


async def test_track_only_draws_nothing():
    silent = TrackOnly()
    assert not silent.capabilities.draws
    assert [p async for p in silent.render(track({}, {}), FaceCard())] == []
