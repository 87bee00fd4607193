"""The reader of voices with its real weights: one encoder pass for words and feeling, nothing out of nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rapport.agent.perception.voice_baseline import VoiceEstimate
from rapport.agent.perception.voice_emotion import MODEL_FILE, WhisperEmotion
from rapport.agent.stages import PersonTurn
from rapport.persona.affect import EKMAN7
from rapport.persona.errors import ComponentError
from rapport.speech.audio import Audio, EncodedSpeech, Transcript
from rapport.speech.files import read_audio, resample
from rapport.speech.whisper import FasterWhisper
from rapport.speech.whisper_model import WhisperModel, shared_whisper

CLIPS = Path(__file__).parents[3] / "apps" / "bench" / "clips"
RATE_HZ = 16_000

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def reader() -> WhisperEmotion:
    return WhisperEmotion()


@pytest.fixture(scope="module")
def clip() -> Audio:
    return read_audio(CLIPS / "anger.flac")


def heard(reader: WhisperEmotion, audio: Audio) -> VoiceEstimate:
    estimate = reader.listen(audio)
    assert estimate is not None
    return estimate


def test_words_and_feeling_share_one_encoder_pass(
    reader: WhisperEmotion, clip: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcript = asyncio.run(FasterWhisper().transcribe(clip))
    assert transcript.encoded is not None
    assert len(transcript.encoded.states) == pytest.approx(clip.duration_s * 50, abs=60)
    alone = heard(reader, clip)

    def no_second_pass(*given: object, **options: object) -> None:
        raise AssertionError("the sound was encoded twice")

    monkeypatch.setattr(WhisperModel, "encode", no_second_pass)
    together = reader.listen(clip, transcript.encoded)
    assert together is not None
    assert together.distribution.probabilities == pytest.approx(alone.distribution.probabilities, abs=1e-4)
    assert together.vad.as_tuple() == pytest.approx(alone.vad.as_tuple(), abs=1e-4)


def test_states_of_another_encoder_are_not_read(reader: WhisperEmotion, clip: Audio) -> None:
    alien = EncodedSpeech(np.ones((150, 512), np.float32), "base.en")
    found = reader.listen(clip, alien)
    assert found is not None and found.vad == heard(reader, clip).vad


def test_whisper_is_loaded_once(reader: WhisperEmotion) -> None:
    assert FasterWhisper()._model is shared_whisper() is WhisperEmotion()._whisper


def test_an_estimate_has_all_that_the_stage_asks_for(reader: WhisperEmotion, clip: Audio) -> None:
    estimate = asyncio.run(reader.estimate(PersonTurn(Transcript("words"), clip)))
    assert estimate is not None
    assert estimate.modality == "voice" and estimate.distribution.taxonomy is EKMAN7
    assert all(0.1 < sd <= 1.0 for sd in estimate.vad_sd)
    assert estimate.vad_sd[1] < estimate.vad_sd[0]  # arousal is heard, valence hardly
    assert estimate.evidence and all(item.weight == 0.0 for item in estimate.evidence)
    assert estimate.baseline is not None and estimate.baseline.clips == 1


async def test_a_turn_without_audio_is_none(reader: WhisperEmotion) -> None:
    assert await reader.estimate(PersonTurn(Transcript("hello"))) is None


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        np.zeros(1),
        np.zeros(3 * RATE_HZ),
        np.full(RATE_HZ, 0.7),
        np.random.default_rng(0).normal(0, 0.1, 3 * RATE_HZ).clip(-1, 1),
        np.sin(np.arange(RATE_HZ) / 2) * 1e-4,
    ],
    ids=["empty", "one sample", "silence", "constant", "noise", "inaudible"],
)
def test_nothing_to_hear_is_none(reader: WhisperEmotion, samples: np.ndarray) -> None:
    assert reader.listen(Audio(samples.astype(np.float32), RATE_HZ)) is None


@pytest.mark.parametrize(
    ("name", "change", "tolerance"),
    [
        ("a tenth as loud", lambda a: replace(a, samples=a.samples * 0.1), 0.05),
        ("a constant offset", lambda a: replace(a, samples=np.clip(a.samples + 0.2, -1, 1)), 0.25),
        ("studio", lambda a: resample(a, 48_000), 0.1),
        ("long before it", lambda a: replace(a, samples=np.concatenate([np.zeros(40 * RATE_HZ), a.samples])), 0.1),
    ],
)
def test_recording_conditions_hardly_move_arousal(reader: WhisperEmotion, clip: Audio, name, change, tolerance) -> None:
    assert heard(reader, change(clip)).vad.arousal == pytest.approx(heard(reader, clip).vad.arousal, abs=tolerance)


def test_telephone_and_clipping_still_give_an_estimate(reader: WhisperEmotion, clip: Audio) -> None:
    for audio in (resample(clip, 8_000), replace(clip, samples=np.clip(clip.samples * 20, -1, 1))):
        assert abs(heard(reader, audio).vad.arousal) <= 1.0


def test_the_scores_of_the_shipped_model_are_those_it_must_reach() -> None:
    """On speakers unheard by cross-validation, as training wrote them beside the weights."""
    scores = json.loads((MODEL_FILE.parent / "config.json").read_text("utf-8"))["scores"]
    assert scores["ravdess"]["one clip"]["uar"] >= 0.69
    assert scores["ravdess"]["with baseline"]["uar"] >= 0.76
    assert scores["emodb"]["one clip"]["uar"] >= 0.91
    assert scores["ravdess to emodb"]["arousal"]["uar"] >= 0.85
    assert max(scores[name]["ece"] for name in ("ravdess to emodb", "emodb to ravdess")) <= 0.15
    for corpus in ("ravdess", "emodb", "ravdess to emodb", "emodb to ravdess"):
        for axis, told in scores[corpus]["vad"].items():
            assert told["standardised rms"] <= 1.0, f"{corpus}: {axis} is told too surely"
    sd, r = ({axis: told[key] for axis, told in scores["ravdess to emodb"]["vad"].items()} for key in ("stated", "r"))
    assert sd["valence"] > 1.5 * sd["arousal"] and r["valence"] < r["arousal"]


def test_no_such_model_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="rapport train voice-emotion"):
        WhisperEmotion(str(tmp_path / "none.npz"))
