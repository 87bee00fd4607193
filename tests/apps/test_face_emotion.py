"""`rapport train face-emotion` and `rapport eval fer2013`: files are read right, and nothing leaks between folds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rapport.agent.perception.face import FaceEmotion
from rapport.agent.perception.face_model import FEATURES, FER_LABELS, SeenCrops
from rapport.apps.evaluate import faces
from rapport.apps.evaluate.faces import FILE_NAMES, ece_of, origins, read_fer
from rapport.apps.train.face_emotion import (
    FOLDS,
    Labelled,
    fit,
    fit_weights,
    fitted_and_scored,
    parts_of,
    train_face_emotion,
)
from rapport.apps.train.face_emotion_card import model_card
from rapport.persona.errors import InputError

NAMES = np.array(list(FILE_NAMES))


def made(n: int = 210, *, telling: float = 3.0) -> Labelled:
    """Features of which a few tell the label, and a network that is right in half the pictures."""
    rng = np.random.default_rng(0)
    label = np.arange(n) % 7
    features = rng.normal(size=(n, FEATURES))
    features[:, :350] += telling * np.repeat(np.eye(7), 50, axis=1)[label]
    wrong = np.where(rng.random(n) < 0.5, label, rng.integers(0, 7, n))
    logs = np.log(np.full((n, 7), 0.05) + 0.65 * np.eye(7)[wrong])
    return Labelled(SeenCrops(logs, features), label, np.arange(n))


def save(path: Path, **changes: Any) -> Path:
    rng = np.random.default_rng(1)
    arrays = {"images": rng.integers(0, 256, (7, 48, 48), dtype=np.uint8), "labels": np.arange(7), "names": NAMES}
    np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})
    return path


def test_labels_are_read_by_their_names_in_any_order(tmp_path: Path) -> None:
    pictures = read_fer(save(tmp_path / "a.npz", names=NAMES[::-1]))
    assert [FER_LABELS[k] for k in pictures.label] == [FILE_NAMES[name] for name in NAMES[::-1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "no npz with images"),
        ({"images": np.zeros((7, 48, 47), np.uint8)}, "uint8"),
        ({"images": np.zeros((7, 48, 48), np.float32)}, "uint8"),
        ({"labels": np.arange(6)}, "one whole number"),
        ({"labels": np.arange(7) + 0.5}, "one whole number"),
        ({"labels": np.arange(7) + 1}, "places in names"),
        ({"labels": np.arange(7) - 1}, "places in names"),
        ({"names": np.array([*NAMES[:6], "bored"])}, "'bored'"),
        ({"names": np.array([object()])}, "no npz with images"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_fer(save(tmp_path / "a.npz", **changes))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("text")
    for name in ("none.npz", "text.npz"):
        with pytest.raises(InputError, match="no npz"):
            read_fer(tmp_path / name)
    with pytest.raises(InputError, match="fer2013/validation"):
        train_face_emotion(tmp_path, tmp_path / "out")


def test_copies_of_a_picture_have_one_origin() -> None:
    rng = np.random.default_rng(0)
    pictures = np.repeat(np.repeat(rng.integers(0, 256, (5, 8, 8)), 6, axis=1), 6, axis=2).astype(np.uint8)
    copies = np.concatenate([pictures, pictures[:1] // 2 + 40, pictures[1:2, :, ::-1]])
    origin = origins(copies).tolist()
    assert origin[5] == origin[0] and origin[6] == origin[1] and len(set(origin)) == 5


def test_every_fold_has_all_classes_and_copies_stay_together() -> None:
    data = replace(made(), origin=np.arange(210) // 2 * 2)
    parts = parts_of(data, FOLDS, 0)
    for k in range(FOLDS):
        assert set(data.label[parts == k].tolist()) == set(range(7))
        assert not set(data.origin[parts == k].tolist()) & set(data.origin[parts != k].tolist())


def test_features_that_tell_correct_the_network() -> None:
    data = made()
    rows = np.arange(210) < 140
    model = fit_weights(data.of(rows), 1e-4)
    held = data.of(~rows)
    right = (model.scores(held.seen).argmax(axis=1) == held.label).mean()
    assert right > (held.seen.logs.argmax(axis=1) == held.label).mean() + 0.1


def test_what_a_model_did_not_learn_from_does_not_reach_it() -> None:
    data = made(140)
    rows = np.arange(140) < 105
    spoilt = Labelled(
        SeenCrops(data.seen.logs, np.where(rows[:, None], data.seen.features, 1e3)), data.label, data.origin
    )
    one, two = fit(data.of(rows), 0)[0], fit(spoilt.of(rows), 0)[0]
    assert np.array_equal(one.weights, two.weights) and float(one.temperature) == float(two.temperature)


def test_chance_is_told_as_unsure() -> None:
    """Where neither pixels nor landmarks say anything, probabilities must not claim that they do."""
    data = made(140, telling=0.0)
    blind = replace(data, seen=SeenCrops(np.random.default_rng(5).normal(size=(140, 7)), data.seen.features))
    model, _ = fit(blind, 0)
    p = model.probabilities(made(140, telling=0.0).seen)
    assert float(p.max(axis=1).mean()) < 0.5


def test_the_card_tells_what_was_measured() -> None:
    ticks: list[int] = []
    _, config = fitted_and_scored(made(140), 0, lambda: ticks.append(1))
    assert len(ticks) == FOLDS + 1
    told = json.loads(json.dumps(config))
    card = model_card(told)
    assert " nan" not in card and f"{told['scores']['model']['accuracy']:.3f}" in card
    assert np.sum(told["scores"]["model"]["confusion"]["given_by_found"]) == 140


def test_calibration_error_of_a_sure_and_right_reader_is_none() -> None:
    label = np.arange(7)
    assert ece_of(np.eye(7), label) == 0.0
    assert ece_of(np.full((7, 7), 1 / 7), label) == pytest.approx(0.0, abs=0.01)
    assert ece_of(np.eye(7), (label + 1) % 7) == 1.0


def test_an_evaluation_reads_every_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "create", lambda *_: FaceEmotion())
    report = faces.fer2013(save(tmp_path / "a.npz"), "face").as_dict()
    assert report["n"] == 7 and set(report["per_class"]) == set(FER_LABELS)
    assert report["baselines"]["majority"]["accuracy"] == pytest.approx(1 / 7, abs=1e-6)
    assert "mini-Xception" in report["baselines"] and 0 <= report["ece"] <= 1


def test_a_reader_of_words_reads_no_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "create", lambda *_: object())
    with pytest.raises(InputError, match="take face"):
        faces.fer2013(save(tmp_path / "a.npz"), "minilm")
