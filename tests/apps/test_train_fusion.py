"""Training the learned fusion: what it reads, how examples are put together, and a short run to a working folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rapport.agent.perception.fusion_attention import MODALITIES, AttentionFusion, forward
from rapport.agent.perception.knowledge import ekman_probabilities
from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.apps.train import fusion as training
from rapport.apps.train import fusion_data
from rapport.apps.train.fusion import Examiner, fit, forward_torch, train_fusion
from rapport.apps.train.fusion_data import RAVDESS_SENTENCES, faces, noise, ravdess_clips, read_corpus
from rapport.persona.affect import EKMAN7, EmotionEstimate, Modality
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio
from rapport.speech.files import write_wav

LINES = {label: f"a line of {label}" for label in EKMAN7.labels}
MELD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
FER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
VOTES = {"neutral": 0, "joy": 1, "surprise": 2, "sadness": 3, "anger": 4, "disgust": 5, "fear": 6}


class Reader:
    """Reads a label out of what it is given: out of a made line, or out of the loudness of a made clip."""

    def __init__(self, modality: Modality) -> None:
        self.capabilities = EmotionCapabilities(modality=modality)

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        if self.capabilities.modality == "text":
            label = heard.transcript.text.rpartition(" ")[2]
            label = label if label in EKMAN7.labels else "neutral"
        else:
            assert heard.audio is not None
            loudness = float(np.abs(heard.audio.samples).max())
            if loudness < 0.05:
                return None
            label = fusion_data.RAVDESS_EMOTIONS[round(loudness * 10) - 1]
        point = EKMAN7.points[label]
        return EmotionEstimate(EKMAN7.around(point), point, (0.4, 0.4, 0.4), self.capabilities.modality)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fusion_data, "recogniser_of", Reader)
    (tmp_path / "meld").mkdir()
    for part, first in (("train", 0), ("dev", 90)):
        rows = "".join(
            f'{i},{line},Ann,{label},neutral,{first + i},0,1,1,"00:00:01,000","00:00:02,000"\n'
            for i, (label, line) in enumerate(LINES.items())
        )
        (tmp_path / "meld" / f"{part}_sent_emo.csv").write_text(MELD + rows * 2, "utf-8")
    (tmp_path / "ravdess" / "deeper").mkdir(parents=True)
    for actor in (3, 19):
        for emotion in range(1, 9):
            sound = np.full(1600, emotion / 10, np.float32)
            name = f"03-01-{emotion:02}-01-{1 + emotion % 2:02}-01-{actor:02}.wav"
            write_wav(tmp_path / "ravdess" / "deeper" / name, Audio(sound, 16_000))
    (tmp_path / "fer_plus").mkdir()
    rows = ""
    for usage in ("Training", "PublicTest"):
        for place in VOTES.values():
            votes = ["9" if k == place else "0" for k in range(7)]
            rows += f"{usage},fer.png,{','.join(votes)},0,1,0\n"
    (tmp_path / "fer_plus" / "fer2013new.csv").write_text(FER + rows + "Training,x.png,2,1,0,0,0,0,0,0,0,7\n", "utf-8")
    return tmp_path


def read(data: Path, part: str = "train") -> Any:
    return read_corpus(data, part, np.random.default_rng(0), 10, lambda: None, lambda actor: Reader("voice"))


def test_readings_carry_the_labels_of_their_corpora(data: Path):
    corpus = read(data)
    for readings, n in ((corpus.text, 14), (corpus.voice, 8), (corpus.face, 7)):
        assert len(readings.estimates) == len(readings.labels) == n
        assert {e.modality for e in readings.estimates} == {readings.estimates[0].modality}
    for readings in (corpus.text, corpus.voice):
        assert [e.label for e in readings.estimates] == [EKMAN7.labels[k] for k in readings.labels]
    assert len(corpus.sentences.estimates) == len(corpus.voice.estimates)
    assert sorted(EKMAN7.labels[k] for k in corpus.voice.labels).count("neutral") == 2  # calm is neutral


def test_actors_of_development_are_not_trained_on(data: Path):
    clips = ravdess_clips(data / "ravdess")
    assert {clip.actor for clip in clips} == {3, 19}
    assert {clip.sentence for clip in clips} == set(RAVDESS_SENTENCES)
    for clip in clips:
        if clip.actor == 19:
            clip.path.unlink()
    assert len(read(data).voice.labels) == 8
    with pytest.raises(InputError, match="no clip of actors 19 to 20"):
        read(data, "dev")


def test_faces_are_the_votes_of_the_others(data: Path):
    found = faces(data / "fer_plus" / "fer2013new.csv", "Training", np.random.default_rng(0), 10)
    assert sorted(found.labels) == list(range(7))  # the image that seven could not recognise is left out
    right = [EKMAN7.index(e.label) == label for e, label in zip(found.estimates, found.labels, strict=True)]
    assert sum(right) >= 5


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("fer_plus/fer2013new.csv", None, "was expected"),
        ("fer_plus/fer2013new.csv", "Usage,neutral\nTraining,3\n", "no column"),
        ("fer_plus/fer2013new.csv", FER + "Training,a,b,0,0,0,0,0,0,0,0,0\n", "whole numbers"),
        ("fer_plus/fer2013new.csv", FER + "PublicTest,a,9,0,0,0,0,0,0,0,0,0\n", "no image of Training"),
        ("meld/train_sent_emo.csv", "Utterance\nhi\n", "no column"),
        ("meld/train_sent_emo.csv", None, "was expected"),
    ],
)
def test_bad_data_is_named_in_one_line(data: Path, file: str, text: str | None, says: str):
    if text is None:
        (data / file).unlink()
    else:
        (data / file).write_text(text, "utf-8")
    with pytest.raises(InputError, match=says) as error:
        read(data)
    assert Path(file).name in str(error.value) and "\n" not in str(error.value)


def test_no_clips_are_named(data: Path):
    for clip in ravdess_clips(data / "ravdess"):
        clip.path.unlink()
    with pytest.raises(InputError, match="RAVDESS's speech"):
        read(data)


def test_noise_is_as_sure_as_what_it_replaces(data: Path):
    for estimate in read(data).voice.estimates:
        noisy = noise(np.random.default_rng(0), estimate)
        assert noisy.vad_sd == estimate.vad_sd
        assert sorted(ekman_probabilities(noisy.distribution)) == pytest.approx(
            sorted(ekman_probabilities(estimate.distribution))
        )


def test_examples_miss_modalities_but_never_all_and_mostly_mean_what_they_show(data: Path):
    rng = np.random.default_rng(0)
    drawn = Examiner(read(data), rng).draw(rng, 4000)
    assert drawn.there.any(axis=1).all()
    assert 0.5 < drawn.there.mean() < 0.75
    shown = drawn.rows[:, :, : len(EKMAN7)].argmax(axis=2) == drawn.labels[:, None]
    shares = [float(shown[drawn.there[:, m], m].mean()) for m in range(3)]
    assert shares[0] < shares[1]  # words that say nothing of the feeling
    assert all(0.6 < share < 0.95 for share in shares), shares
    assert set(drawn.labels) == set(range(7))


def test_torch_and_numpy_run_the_same_network(data: Path):
    import torch

    rng = np.random.default_rng(0)
    corpus = read(data)
    weights = fit(corpus, seed=0, steps=2, tick=lambda: None)
    drawn = Examiner(corpus, rng).draw(rng, 50)
    labels, mean, sd = forward(weights, drawn.rows, drawn.there)
    tensors = {name: torch.from_numpy(w) for name, w in weights.items()}
    logits, *rest = forward_torch(tensors, torch.from_numpy(drawn.rows), torch.from_numpy(drawn.there))
    assert labels == pytest.approx(logits.softmax(dim=1).numpy(), abs=1e-9)
    for ours, theirs in zip((mean, sd), rest, strict=True):
        assert ours == pytest.approx(theirs.numpy(), abs=1e-9)


def test_a_short_run_makes_a_folder_that_fuses(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(training, "BATCH", 64)

    def run(name: str) -> Path:
        train_fusion(data, tmp_path / name, seed=3, steps=150)
        return tmp_path / name

    out = run("out")
    assert {path.name for path in out.iterdir()} == {"weights.npz", "config.json", "MODEL_CARD.md"}
    assert run("again").joinpath("weights.npz").read_bytes() == (out / "weights.npz").read_bytes()
    config = json.loads((out / "config.json").read_text("utf-8"))
    assert config["training"]["seed"] == 3
    scores = config["scores"]["pseudo_triples"]
    assert set(scores) >= {"text", "voice", "face", "text + voice + face", "all, voice replaced by noise"}
    assert scores["text + voice + face"]["attention"]["recall"] > 0.6
    card = (out / "MODEL_CARD.md").read_text("utf-8")
    assert "CC BY-NC-SA" in card and "| text + voice + face |" in card
    fusion = AttentionFusion(str(out))
    for label in ("joy", "anger"):
        told = [
            EmotionEstimate(EKMAN7.around(EKMAN7.points[label]), EKMAN7.points[label], modality=m) for m in MODALITIES
        ]
        fused = asyncio.run(fusion.fuse(told))
        assert fused.vad.valence * EKMAN7.points[label].valence > 0
