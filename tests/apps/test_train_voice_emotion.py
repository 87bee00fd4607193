"""Training the voice model on made clips: who is left out, what is calibrated, and that a seed gives one model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rapport.agent.perception.voice_measures import MEASURES
from rapport.agent.perception.voice_model import LABELS, POINTS, WIDTH
from rapport.apps.evaluate.voice_corpora import VoiceClip
from rapport.apps.train import voice_emotion as training
from rapport.apps.train.voice_emotion import calibrated_folds, fitted_and_scored, without_each_group
from rapport.apps.train.voice_emotion_card import model_card
from rapport.apps.train.voice_emotion_fit import Heard, faster_or_slower, fit, in_noise, is_ravdess
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio

F = WIDTH + len(MEASURES)
EMODB = [LABELS.index(label) for label in ("neutral", "angry", "happy", "sad")]


def made(seed: int, *, separation: float = 0.7) -> Heard:
    """Six actors with all feelings and three German ones with four, each with a habit of their own."""
    rng = np.random.default_rng(seed)
    centres = separation * np.random.default_rng(99).normal(size=(8, F))
    label = np.array([k for _ in range(6) for k in 3 * list(range(8))] + [k for _ in range(3) for k in 4 * EMODB])
    speaker = np.array([s for s in range(1, 7) for _ in range(24)] + [100 + s for s in (3, 8, 9) for _ in range(16)])
    habits = {s: np.random.default_rng(s).normal(size=F) for s in np.unique(speaker).tolist()}
    x = centres[label] + np.array([habits[s] for s in speaker.tolist()]) + 2.0 * rng.normal(size=(len(label), F))
    clips = tuple(
        VoiceClip(Path("made"), "ravdess", int(s), LABELS[int(k)]) for s, k in zip(speaker, label, strict=True)
    )
    return Heard(clips, x, label, (speaker > 100).astype(np.int64), speaker, np.ones(len(label), np.bool_))


@pytest.fixture(scope="module")
def versions() -> list[Heard]:
    return [made(0), made(1)]


@pytest.mark.parametrize("corpora", [(0, 1), (0,), (1,)])
def test_every_speaker_is_read_once_by_a_model_that_never_heard_them(versions: list[Heard], corpora: tuple[int, ...]):
    versions = [heard.of(np.isin(heard.corpus, corpora)) for heard in versions]
    folds = without_each_group(versions, 0)
    assert np.sum([fold.rows for fold in folds], axis=0).tolist() == [1] * len(versions[0])
    for fold in folds:
        assert fold.rows.any()
        inside, outside = (set(versions[0].speaker[rows].tolist()) for rows in (fold.rows, ~fold.rows))
        assert not inside & outside


def test_what_a_fold_left_out_does_not_reach_its_model(versions: list[Heard]):
    """Whatever the clips of the speakers left out are, the model is the same."""
    fold = without_each_group(versions, 0)[0]
    spoilt = [
        Heard(h.clips, np.where(fold.rows[:, None], 1e3, h.x), h.label, h.corpus, h.speaker, h.strong) for h in versions
    ]
    again = without_each_group(spoilt, 0)[0]
    assert (again.rows == fold.rows).all()
    assert np.array_equal(again.model.weights, fold.model.weights)
    assert np.array_equal(again.model.ridge, fold.model.ridge)


def test_a_seed_gives_one_model_and_its_scores(versions: list[Heard]):
    one, told = fitted_and_scored(versions, 3)
    two = fit(versions, 3)
    for name in ("centres", "weights", "ridge", "ridge_bias"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    scores = json.loads(json.dumps(told))["scores"]
    assert scores["ravdess"]["one clip"]["uar"] > 0.5 > 2 * scores["ravdess"]["prosody"]["uar"] - 0.1
    confusion = scores["emodb"]["one clip"]["confusion"]
    assert np.sum(confusion["given_by_found"]) == 48
    card = model_card(told)
    assert "CC BY-NC-SA" in card and "| RAVDESS, 8 feelings |" in card and " nan" not in card


def test_chance_is_told_as_unsure():
    """Where features say nothing of the feeling, probabilities and deviations must not claim that they do."""
    blind = [made(0, separation=0.0), made(1, separation=0.0)]
    folds, _, calibration = calibrated_folds(blind, 0)
    assert float(calibration["temperature"]) == training.TEMPERATURES[-1] or float(calibration["lapse"]) >= 0.5
    model, x = folds[0].model, blind[0].x[folds[0].rows]
    readings = [model.hear(row) for row in x]
    assert np.mean([r.probabilities.max() for r in readings]) < 0.45
    error = np.array([r.vad for r in readings]) - blind[0].vad[folds[0].rows]
    assert (np.mean([r.vad_sd for r in readings], axis=0) > np.sqrt((error**2).mean(axis=0))).all()


def test_normal_intensity_is_nearer_to_neutral(versions: list[Heard]):
    heard = versions[0]
    weak = Heard(heard.clips, heard.x, heard.label, heard.corpus, heard.speaker, ~heard.strong)
    assert np.allclose(weak.vad, 0.7 * POINTS[heard.label])
    assert np.allclose(heard.vad, POINTS[heard.label])


def test_one_corpus_alone_is_enough_to_fit(versions: list[Heard]):
    model = fit([h.of(is_ravdess(h)) for h in versions], 0)
    assert len(model.centres) == 8


@pytest.mark.parametrize("change", [faster_or_slower, in_noise])
def test_a_changed_clip_is_still_sound(change):
    audio = Audio((0.3 * np.sin(np.arange(16_000) / 20)).astype(np.float32), 16_000)
    one, two = change(5)(audio), change(5)(audio)
    assert np.array_equal(one.samples, two.samples)
    assert not np.array_equal(one.samples, audio.samples)
    assert 0.85 < one.duration_s / audio.duration_s < 1.2


def test_what_words_do_to_a_voice_is_no_feeling(versions: list[Heard]):
    """A direction along which one reader's sentences differ tells the model less."""
    aloud = np.zeros((40, F))
    aloud[:, 0] = 30.0 * np.random.default_rng(0).normal(size=40)
    plain, careful = fit(versions, 0), fit(versions, 0, aloud)
    assert np.abs(careful.weights[0]).max() < 0.7 * np.abs(plain.weights[0]).max()
    assert np.abs(careful.ridge[0]).max() < 0.9 * np.abs(plain.ridge[0]).max()


def test_a_missing_corpus_is_named(tmp_path: Path):
    (tmp_path / "ravdess").mkdir()
    with pytest.raises(InputError, match="RAVDESS's speech"):
        training.train_voice_emotion(tmp_path, tmp_path / "out")
