"""Words and voices of RAVDESS's actors 19 and 20, which set nothing: neutral sentences spoil nothing that is heard."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from rapport.agent.perception.conflict import find_conflict
from rapport.agent.perception.fusion import fuse
from rapport.agent.perception.fusion_attention import MODEL_FOLDER
from rapport.agent.perception.knowledge import ekman_probabilities
from rapport.agent.perception.text import MiniLMEmotion
from rapport.agent.perception.voice import ProsodyEmotion
from rapport.persona.affect import EKMAN7, EmotionEstimate
from rapport.speech.audio import Audio
from rapport.speech.files import read_audio

RAVDESS = Path(__file__).parents[4] / "shared" / "data" / "ravdess"
LABELS = {
    "neutral": "neutral", "calm": "neutral", "happy": "joy", "sad": "sadness", "angry": "anger", "fearful": "fear",
    "disgust": "disgust", "surprised": "surprise",
}  # fmt: skip

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not (RAVDESS / "labels.csv").is_file(), reason=f"RAVDESS is not in {RAVDESS}"),
]

Heard = list[tuple[str, EmotionEstimate, EmotionEstimate]]
"""Label, words, voice."""


@pytest.fixture(scope="module")
def heard() -> Heard:
    reader, listener = MiniLMEmotion(), ProsodyEmotion()
    with (RAVDESS / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["actor"] in ("19", "20")]
    read = {text: reader.read(text) for text in {row["transcript"] for row in rows}}
    found: Heard = []
    for row in rows:
        words, voice = read[row["transcript"]], listener.listen(read_audio(RAVDESS / Path(row["path"]).name))
        assert words is not None
        if voice is not None:
            found.append((LABELS[row["emotion"]], words, voice))
    assert len(found) > 100
    return found


def losses(heard: Heard, estimates: list[EmotionEstimate]) -> dict[str, np.ndarray]:
    """Per clip: squared errors of the VAD against the label's point, and the negative log-probability of the label."""
    pairs = list(zip((label for label, *_ in heard), estimates, strict=True))
    off = np.square([np.subtract(e.vad.as_tuple(), EKMAN7.points[label].as_tuple()) for label, e in pairs])
    p = np.array([ekman_probabilities(e.distribution)[EKMAN7.index(label)] for label, e in pairs])
    return {"arousal": off[:, 1], "dominance": off[:, 2], "label": -np.log(np.maximum(p, 1e-9))}


def test_words_with_voice_are_no_worse_than_voice_alone(heard: Heard):
    alone = losses(heard, [voice for *_, voice in heard])
    both = losses(heard, [fuse([words, voice]) for _, words, voice in heard])
    for name, ours in both.items():
        assert ours.mean() <= 1.01 * alone[name].mean(), name


def test_the_learned_fusion_is_no_worse_either():
    """As training measured it: it reads these actors by a voice model that never heard them, which is not shipped."""
    scores = json.loads((MODEL_FOLDER / "config.json").read_text("utf-8"))["scores"]["ravdess_actors_19_20"]
    alone, both = scores["voice alone"], scores["words + voice, fused"]["attention"]
    assert both["log_loss"] <= alone["log_loss"]
    assert all(ours <= theirs for ours, theirs in zip(both["vad_error"], alone["vad_error"], strict=True))


def test_without_words_or_without_voice_the_uncertainty_grows(heard: Heard):
    for _, words, voice in heard:
        whole = fuse([words, voice]).vad_sd
        for rest in (words, voice):
            assert all(x <= y + 1e-12 for x, y in zip(whole, fuse([rest]).vad_sd, strict=True))
            assert sum(whole) < sum(fuse([rest]).vad_sd)


def test_noise_in_the_microphone_is_no_voice(heard: Heard):
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).clip(-1, 1).astype(np.float32)
    assert ProsodyEmotion().listen(Audio(noise, 16_000)) is None


def test_neutral_sentences_contradict_no_voice(heard: Heard):
    flagged = [find_conflict({"text": words, "voice": voice}) is not None for _, words, voice in heard]
    assert np.mean(flagged) <= 0.05
