"""The reader of faces: what a drawn face shows, over frames, and nothing out of nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rapport.agent.perception.face import MOST_FRAMES, FaceEmotion
from rapport.agent.perception.face_model import (
    CROP_SIZE,
    FER_LABELS,
    MODEL_FILE,
    MODEL_FOLDER,
    FaceExpression,
    FaceModel,
    crop_of,
    distribution_of,
    network_input,
)
from rapport.agent.stages import PersonTurn
from rapport.avatar.landmarks import FaceMesh
from rapport.persona.affect import EKMAN7, EmotionEstimate
from rapport.persona.errors import ComponentError, InputError, StageError
from rapport.speech.audio import Transcript

with np.load(Path(__file__).parents[2] / "fixtures" / "drawn_faces.npz") as _arrays:
    DRAWN: dict[str, NDArray[np.uint8]] = dict(zip(_arrays["names"].tolist(), _arrays["pictures"], strict=True))
NOTHING = np.zeros((176, 176, 3), np.uint8)


@pytest.fixture(scope="module")
def reader() -> FaceEmotion:
    return FaceEmotion()


def looked(reader: FaceEmotion, *frames: NDArray[np.uint8]) -> EmotionEstimate:
    estimate = reader.look(frames)
    assert estimate is not None
    return estimate


def test_a_smile_is_joy_with_the_smile_as_evidence(reader: FaceEmotion) -> None:
    estimate = looked(reader, DRAWN["smile"])
    assert estimate.label == "joy" and estimate.vad.valence > 0.3
    assert any(item.text.startswith("lip corners up") and item.weight > 0.4 for item in estimate.evidence)
    assert all(item.modality == "face" and abs(item.weight) <= 1 for item in estimate.evidence)


def test_a_frown_is_less_pleasant_than_rest(reader: FaceEmotion) -> None:
    frown, rest = looked(reader, DRAWN["frown"]), looked(reader, DRAWN["rest"])
    assert frown.vad.valence < rest.vad.valence
    assert any(item.text.startswith("lip corners down") and item.weight < 0 for item in frown.evidence)


def test_an_estimate_has_all_that_the_stage_asks_for(reader: FaceEmotion) -> None:
    estimate = looked(reader, DRAWN["rest"])
    assert estimate.modality == "face" and estimate.distribution.taxonomy is EKMAN7
    assert all(0.1 <= sd <= 1.0 for sd in estimate.vad_sd)


def test_one_odd_frame_does_not_decide(reader: FaceEmotion) -> None:
    assert looked(reader, *[DRAWN["smile"]] * 6, DRAWN["closed eyes"]).label == "joy"


def test_frames_without_a_face_do_not_count(reader: FaceEmotion) -> None:
    alone, among = looked(reader, DRAWN["smile"]), looked(reader, NOTHING, DRAWN["smile"], NOTHING)
    assert among.distribution.probabilities == pytest.approx(alone.distribution.probabilities)


async def test_no_frames_and_no_face_are_none(reader: FaceEmotion) -> None:
    assert await reader.estimate(PersonTurn(Transcript("hello"))) is None
    assert await reader.estimate(PersonTurn(Transcript("hello"), frames=(NOTHING,) * 3)) is None
    assert await reader.estimate(PersonTurn(Transcript("hello"), frames=(NOTHING[:1, :1],))) is None


async def test_a_frame_that_is_no_picture_fails_the_stage(reader: FaceEmotion) -> None:
    with pytest.raises(StageError, match="frame of the camera"):
        await reader.estimate(PersonTurn(Transcript("hello"), frames=(np.zeros((4, 4, 2), np.uint8),)))


def test_of_a_long_turn_a_choice_of_frames_is_looked_at(reader: FaceEmotion, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(FaceMesh, "find", lambda *_, **__: seen.append(1) or [])
    assert reader.look([NOTHING] * 500) is None
    assert len(seen) == MOST_FRAMES


def test_a_tiny_face_is_not_read(reader: FaceEmotion) -> None:
    assert reader.look([DRAWN["smile"][::8, ::8]]) is None


def test_probabilities_by_label_for_whoever_measures_pictures(reader: FaceEmotion) -> None:
    read = reader.expression.read(DRAWN["smile"])
    assert read is not None and tuple(read) == EKMAN7.labels and sum(read.values()) == pytest.approx(1.0)
    assert reader.expression.read(NOTHING) is None


def test_the_crop_shows_the_face_upright_and_as_large_however_it_lies() -> None:
    mesh = FaceMesh(irises=False)
    lying = np.ascontiguousarray(np.rot90(DRAWN["rest"]))
    twice = np.repeat(np.repeat(DRAWN["rest"], 2, axis=0), 2, axis=1)
    plain = crop_of(DRAWN["rest"], mesh.find(DRAWN["rest"])[0])
    assert plain.shape == (CROP_SIZE, CROP_SIZE) and plain.min() >= 0 and plain.max() <= 255
    for other in (lying, twice):
        crop = crop_of(other, mesh.find(other)[0])
        assert np.corrcoef(crop.ravel(), plain.ravel())[0, 1] > 0.9


def test_stretching_keeps_what_is_even_and_the_range() -> None:
    assert network_input(np.full((1, CROP_SIZE, CROP_SIZE), 255)) == pytest.approx(1.0)
    assert network_input(np.zeros((1, CROP_SIZE, CROP_SIZE))) == pytest.approx(-1.0)


def test_labels_keep_their_probabilities_in_the_other_order() -> None:
    p = np.arange(1.0, 8.0) / 28
    told = distribution_of(p)
    for label, value in zip(FER_LABELS, p.tolist(), strict=True):
        assert told.probabilities[EKMAN7.index(label)] == pytest.approx(value)


def test_crops_of_another_size_are_refused(reader: FaceEmotion) -> None:
    with pytest.raises(InputError, match="48, 48"):
        reader.expression.sight.see(np.zeros((2, 64, 64)))


def test_the_scores_of_the_shipped_model_are_those_it_must_reach() -> None:
    """On pictures not learned from by cross-validation, as training wrote them beside the weights."""
    scores = json.loads((MODEL_FOLDER / "config.json").read_text("utf-8"))["scores"]
    assert scores["model"]["accuracy"] > 0.61
    assert scores["model"]["log_loss"] < scores["mini-Xception"]["log_loss"]
    assert scores["gain in accuracy"]["interval"][0] > 0
    assert scores["model"]["ece"] < 0.04
    for axis, told in scores["vad"].items():
        assert told["error"] == pytest.approx(told["stated"], rel=0.1), axis


def test_no_such_model_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / MODEL_FILE).write_bytes(b"no npz")
    for name in (MODEL_FILE, "none.npz"):
        with pytest.raises(ComponentError, match="rapport train face-emotion"):
            FaceEmotion(str(tmp_path / name))


def test_a_saved_model_reads_the_same(reader: FaceEmotion, tmp_path: Path) -> None:
    reader.expression.model.save(tmp_path / MODEL_FILE)
    again = FaceExpression(FaceModel.read(tmp_path / MODEL_FILE), reader.expression.sight.mesh)
    assert again.read(DRAWN["smile"]) == pytest.approx(reader.expression.read(DRAWN["smile"]), abs=1e-3)
