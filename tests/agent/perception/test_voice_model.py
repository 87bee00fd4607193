"""The voice model's arithmetic on made weights: probabilities, uncertainty, and what a speaker's baseline takes off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.voice_baseline import MOST_CLIPS, SpeakerBaseline, offset_of, with_clip
from rapport.agent.perception.voice_measures import MEASURES
from rapport.agent.perception.voice_model import LABELS, POINTS, WIDTH, VoiceModel, VoiceReading
from rapport.persona.affect import EKMAN7, VAD
from rapport.persona.errors import ComponentError

F = WIDTH + len(MEASURES)


@pytest.fixture(scope="module")
def model() -> VoiceModel:
    """Eight feelings, each along an axis of its own; the other features say nothing."""
    centres = 3.0 * np.eye(8, F)
    return VoiceModel(
        np.zeros(F), np.ones(F), centres, centres.T.copy(), np.arange(8.0), np.array(1.0), np.array(0.0),
        np.zeros((F, 3)), np.zeros(3), np.full(3, 0.04), np.full(3, 0.5), np.array(1.4),
    )  # fmt: skip


def clip(label: str, habit: np.ndarray | float = 0.0) -> np.ndarray:
    return 3.0 * np.eye(8, F)[LABELS.index(label)] + habit


def test_with_a_lapse_nothing_is_ruled_out(model: VoiceModel):
    """A feeling of no probability at all could not be saved by whatever the words say."""
    careful = replace(model, lapse=np.array(0.2))
    p = careful.hear(clip("sad")).probabilities
    assert p.sum() == pytest.approx(1.0)
    assert p.min() >= 0.2 / len(LABELS) - 1e-12
    assert LABELS[int(p.argmax())] == "sad"


@pytest.mark.parametrize("label", LABELS)
def test_a_clip_at_a_centre_is_of_that_feeling(model: VoiceModel, label: str):
    heard = model.hear(clip(label))
    assert LABELS[int(heard.probabilities.argmax())] == label
    assert heard.probabilities.sum() == pytest.approx(1.0)
    assert heard.distribution.taxonomy is EKMAN7
    assert sum(heard.distribution.probabilities) == pytest.approx(1.0)


def test_calm_counts_as_neutral(model: VoiceModel):
    heard = model.hear(clip("calm"))
    assert heard.distribution.label == "neutral"
    assert heard.vad[1] < model.hear(clip("neutral")).vad[1]


def test_a_divided_reading_is_less_sure_of_what_divides_it(model: VoiceModel):
    sure, torn = model.hear(clip("angry")), model.hear((clip("angry") + clip("happy")) / 2)
    assert torn.vad_sd[0] > 1.3 * sure.vad_sd[0]
    assert torn.vad_sd[1] < 1.3 * sure.vad_sd[1]  # both are aroused


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=8))
def test_whatever_comes_in_stays_inside_the_space(model: VoiceModel, values: list[float]):
    heard: VoiceReading = model.hear(np.concatenate([values, np.zeros(F - 8)]))
    assert np.isfinite(heard.probabilities).all() and (heard.vad_sd > 0).all()
    VAD.from_array(heard.vad)


def test_a_speakers_habit_is_taken_off_once_it_is_known(model: VoiceModel):
    """A speaker who always sounds half angry: at first taken for angry, after eight sad clips known."""
    habit = 2.9 * np.eye(8, F)[LABELS.index("angry")]
    sad = LABELS.index("sad")
    baseline: SpeakerBaseline | None = None
    told = []
    for _ in range(9):
        heard = model.hear(clip("sad", habit), baseline)
        told.append(heard.probabilities[sad])
        baseline = heard.baseline
    assert told[-1] > told[0] + 0.1
    assert baseline is not None and baseline.clips == 9
    assert model.hear(clip("angry", habit), baseline).probabilities.argmax() == LABELS.index("angry")


def test_one_feeling_all_along_is_no_habit(model: VoiceModel):
    """Somebody who is sad in every clip stays sad: the feeling is taken out before the habit is averaged."""
    baseline: SpeakerBaseline | None = None
    for _ in range(30):
        heard = model.hear(clip("sad"), baseline)
        baseline = heard.baseline
    assert heard.probabilities.argmax() == LABELS.index("sad")
    assert baseline is not None and np.abs(baseline.residual).max() < 0.3


def test_a_baseline_of_another_reader_is_no_baseline(model: VoiceModel):
    alien = SpeakerBaseline("another", 30, np.ones(7))
    assert offset_of(alien, model.name) == 0.0
    assert model.hear(clip("sad"), alien).baseline.clips == 1


@given(st.integers(1, 80), st.floats(-3, 3))
def test_a_baseline_is_the_mean_and_forgets_at_last(n: int, value: float):
    baseline: SpeakerBaseline | None = None
    for _ in range(n):
        baseline = with_clip(baseline, "r", np.full(2, value))
    assert baseline is not None
    assert baseline.clips == min(n, MOST_CLIPS)
    assert baseline.residual == pytest.approx(np.full(2, value))
    assert (np.abs(baseline.offset) <= np.abs(value)).all()
    moved = baseline
    for _ in range(200):
        moved = with_clip(moved, "r", np.full(2, value + 1))
    assert moved.residual == pytest.approx(np.full(2, value + 1), abs=0.02)


def test_a_file_is_read_as_it_was_saved(model: VoiceModel, tmp_path: Path):
    model.save(tmp_path / "m.npz")
    again = VoiceModel.read(tmp_path / "m.npz")
    assert again.name == model.name
    assert again.hear(clip("sad")).probabilities == pytest.approx(model.hear(clip("sad")).probabilities)


def test_what_is_no_model_is_said_in_one_line(model: VoiceModel, tmp_path: Path):
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 no")
    replace(model, ridge=np.zeros((3, 3))).save(tmp_path / "other.npz")
    for name in ("bad.npz", "other.npz", "missing.npz"):
        with pytest.raises(ComponentError, match="rapport train voice-emotion") as error:
            VoiceModel.read(tmp_path / name)
        assert "\n" not in str(error.value)


def test_points_follow_the_labels():
    assert POINTS.shape == (8, 3)
    assert POINTS[LABELS.index("calm")].tolist() == [0.0, -0.25, 0.0]
