"""The tracker: what our own heads were asked to do is what is read of them; filters and bad times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.face_measures import MEASURES, laid_over, measures_of, neutral_face, read_face
from rapport.avatar.landmarks import FaceMesh
from rapport.avatar.one_euro import OneEuro
from rapport.avatar.tracking import TRACKED, FaceTracker, RestingFace, TrackedFace, face_response, track_of, weights_of
from rapport.persona.errors import InputError

with np.load(Path(__file__).parents[1] / "fixtures" / "drawn_faces.npz") as _arrays:
    DRAWN: dict[str, NDArray[np.uint8]] = dict(zip(_arrays["names"].tolist(), _arrays["pictures"], strict=True))

RATE_HZ = 25.0


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


def watched(mesh: FaceMesh, names: list[str], rate_hz: float = RATE_HZ) -> list[TrackedFace]:
    tracker = FaceTracker(mesh)
    seen = [tracker.see(DRAWN[name], i / rate_hz) for i, name in enumerate(names)]
    return [face for face in seen if face is not None]


def mean_weight(face: TrackedFace, *names: str) -> float:
    return float(np.mean([face.weights[BLENDSHAPE_INDEX[name]] for name in names]))


@pytest.mark.parametrize(
    ("name", "shapes", "others"),
    [
        ("smile", ("mouthSmileLeft", "mouthSmileRight"), ("mouthFrownLeft", "jawOpen", "eyeBlinkLeft")),
        ("frown", ("mouthFrownLeft", "mouthFrownRight"), ("mouthSmileLeft", "jawOpen", "eyeBlinkLeft")),
        ("raised brows", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), ("browDownLeft", "jawOpen")),
        ("lowered brows", ("browDownLeft", "browDownRight"), ("browInnerUp", "mouthSmileLeft", "jawOpen")),
        ("closed eyes", ("eyeBlinkLeft", "eyeBlinkRight"), ("eyeWideLeft", "jawOpen", "mouthSmileLeft")),
        ("open mouth", ("jawOpen",), ("eyeBlinkLeft", "mouthSmileLeft", "browDownLeft")),
    ],
)
def test_what_a_face_does_after_rest_is_seen(
    mesh: FaceMesh, name: str, shapes: tuple[str, ...], others: tuple[str, ...]
) -> None:
    faces = watched(mesh, ["rest"] * 25 + [name] * 10)
    assert mean_weight(faces[24], *shapes) < 0.15
    assert mean_weight(faces[-1], *shapes) > 0.4
    assert mean_weight(faces[-1], *others) < 0.15


def test_the_head_turns_as_it_was_drawn(mesh: FaceMesh) -> None:
    (rest,) = watched(mesh, ["rest"])
    (turned,) = watched(mesh, ["turned"])
    assert np.abs(rest.head_pose).max() < 0.1
    assert turned.head_pose == pytest.approx([0.15, 0.35, 0.12], abs=0.09)
    assert turned.gaze[0] - rest.gaze[0] == pytest.approx(0.3, abs=0.15)


def test_a_face_turned_in_the_picture_does_the_same(mesh: FaceMesh) -> None:
    """A roll changes the pose, not what the face does."""
    (upright,) = mesh.find(DRAWN["smile"])
    (lying,) = mesh.find(np.ascontiguousarray(np.rot90(DRAWN["smile"])))
    a, b = read_face(upright), read_face(lying)
    assert abs(b.head_pose[2] - a.head_pose[2]) == pytest.approx(np.pi / 2, abs=0.1)
    assert np.abs(a.measures - b.measures).mean() < 0.02


def test_the_gaze_stays_where_it_was_while_the_eyes_are_closed(mesh: FaceMesh) -> None:
    faces = watched(mesh, ["rest"] * 10 + ["closed eyes"] * 6)
    assert faces[-1].gaze == pytest.approx(faces[9].gaze, abs=0.05)


def test_the_same_smile_is_seen_at_any_frame_rate(mesh: FaceMesh) -> None:
    slow = watched(mesh, ["rest"] * 10 + ["smile"] * 5, rate_hz=10.0)[-1]
    fast = watched(mesh, ["rest"] * 30 + ["smile"] * 15, rate_hz=30.0)[-1]
    shapes = ("mouthSmileLeft", "mouthSmileRight")
    assert mean_weight(slow, *shapes) == pytest.approx(mean_weight(fast, *shapes), abs=0.15)


def test_a_face_that_goes_and_comes_back_is_found_again(mesh: FaceMesh) -> None:
    tracker = FaceTracker(mesh)
    assert tracker.see(DRAWN["rest"], 0.0) is not None
    assert tracker.see(np.zeros((176, 176, 3), np.uint8), 0.04) is None
    assert tracker.see(DRAWN["rest"], 0.08) is not None


def test_a_time_that_is_no_number_is_refused(mesh: FaceMesh) -> None:
    with pytest.raises(InputError, match="time of a frame"):
        FaceTracker(mesh).see(DRAWN["rest"], float("nan"))


def test_times_that_stand_still_or_run_back_do_no_harm(mesh: FaceMesh) -> None:
    tracker = FaceTracker(mesh)
    for at_s in (1.0, 1.0, 0.5, 1.04):
        face = tracker.see(DRAWN["rest"], at_s)
        assert face is not None and np.isfinite(face.weights).all()


def test_what_was_seen_becomes_a_track(mesh: FaceMesh) -> None:
    track = track_of(watched(mesh, ["rest"] * 6), 50.0)
    assert isinstance(track, FaceTrack) and track.frame_rate_hz == 50.0 and len(track) == 11
    with pytest.raises(InputError, match="no face was seen"):
        track_of([], 25.0)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_answers_are_explained_by_the_weights_that_gave_them(jaw: float, smile: float, blink: float) -> None:
    """Measures that the response itself predicts are read as the weights they were made of."""
    asked = {"jawOpen": jaw, **dict.fromkeys(("mouthSmileLeft", "mouthSmileRight"), smile)}
    asked |= dict.fromkeys(("eyeBlinkLeft", "eyeBlinkRight"), blink)
    w = np.zeros(len(TRACKED))
    for name, value in asked.items():
        w[TRACKED.index(name)] = value
    found = weights_of(face_response().answers @ w)
    assert found.min() >= 0 and found.max() <= 1
    for name, value in asked.items():
        assert found[BLENDSHAPE_INDEX[name]] == pytest.approx(value, abs=0.3), name


def test_nothing_different_from_rest_is_nothing() -> None:
    assert not weights_of(np.zeros(len(MEASURES)), np.zeros(2)).any()


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_looking_one_way_is_not_looking_the_other(left: float, up: float) -> None:
    w = weights_of(np.zeros(len(MEASURES)), np.array([left, up]))
    for one, other in (("eyeLookOutLeft", "eyeLookInLeft"), ("eyeLookUpLeft", "eyeLookDownLeft")):
        assert min(w[BLENDSHAPE_INDEX[one]], w[BLENDSHAPE_INDEX[other]]) == 0
    assert w[BLENDSHAPE_INDEX["eyeLookOutLeft"]] == pytest.approx(min(max(left / 0.5, 0), 1), abs=1e-6)
    assert w[BLENDSHAPE_INDEX["eyeLookUpRight"]] == pytest.approx(min(max(up / 0.5, 0), 1), abs=1e-6)


@given(st.floats(-0.7, 0.7), st.floats(-0.7, 0.7), st.floats(-0.7, 0.7), st.floats(5, 500))
def test_pose_and_size_do_not_move_measures(a: float, b: float, c: float, size: float) -> None:
    def turn(i: int, j: int, angle: float) -> NDArray[np.float64]:
        r = np.eye(3)
        r[i, i] = r[j, j] = np.cos(angle)
        r[i, j], r[j, i] = -np.sin(angle), np.sin(angle)
        return r

    rotation = turn(0, 2, a) @ turn(1, 2, b) @ turn(0, 1, c)
    face = neutral_face()
    found, scale, middle = laid_over(size * face @ rotation.T + [30.0, -9.0, 4.0], face)
    assert found == pytest.approx(rotation, abs=1e-6) and scale == pytest.approx(size, rel=1e-6)
    back = (size * face @ rotation.T + [30.0, -9.0, 4.0] - middle) @ found / scale
    assert measures_of(back) == pytest.approx(measures_of(face), abs=1e-6)


def test_the_neutral_face_is_even_and_at_rest() -> None:
    measures = dict(zip(MEASURES, measures_of(neutral_face()), strict=True))
    for name in (name for name in MEASURES if name.endswith("Left")):
        assert measures[name] == pytest.approx(measures[name.removesuffix("Left") + "Right"], abs=0.02), name
    assert abs(measures["mouth_aside"]) < 0.01 and measures["lips_apart"] < 0.06 and measures["eyeLeft"] > 0.2


def test_a_smile_held_for_long_stays_a_smile() -> None:
    response, face = face_response(), RestingFace()
    smile = response.rest + response.answers[:, [23, 24]].sum(axis=1)
    for i in range(30 * 25):
        face.see(response.rest, i / 25)
    for i in range(30 * 25, 50 * 25):
        face.see(smile, i / 25)
    w = weights_of(smile - face.measures)
    assert w[BLENDSHAPE_INDEX["mouthSmileLeft"]] > 0.5


def test_the_filter_is_steady_at_rest_and_quick_in_motion() -> None:
    rng, filtered = np.random.default_rng(0), OneEuro(1.0, 5.0)
    noise = 0.01 * rng.normal(size=200)
    rest = np.array([filtered(np.array([x]), i / 30)[0] for i, x in enumerate(noise)])
    assert rest[20:].std() < 0.6 * noise.std()
    moved = [filtered(np.array([1.0]), (200 + i) / 30)[0] for i in range(5)]
    assert moved[-1] > 0.9


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.floats(0.001, 0.5))
def test_the_filter_stays_within_what_it_was_given(values: list[float], step_s: float) -> None:
    filtered = OneEuro(1.0, 0.5)
    out = [filtered(np.array([x]), i * step_s)[0] for i, x in enumerate(values)]
    assert min(values) - 1e-9 <= min(out) and max(out) <= max(values) + 1e-9


def test_a_filter_forgets_when_told() -> None:
    filtered = OneEuro(0.1, 0.0)
    filtered(np.array([0.0]), 0.0)
    filtered.reset()
    assert filtered(np.array([5.0]), 0.01)[0] == 5.0
