"""`rapport bench voice`: its figures are right for voices whose behaviour is known, and its sentences are plain."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.apps.bench.voice import Parts, _listener, measure, measured, shipped_sentences, spearman
from rapport.apps.bench.wer import plain_words, word_error_rate
from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionEstimate
from rapport.persona.errors import ComponentError
from rapport.speech.audio import (
    Audio,
    Phoneme,
    RecognizerCapabilities,
    SpokenClause,
    SynthesizerCapabilities,
    Transcript,
    VoiceProfile,
)
from rapport.speech.prosody import prosody_of

RATE_HZ = 16_000
TEXTS = ("One two three four.", "Five six seven eight nine.")


@dataclass
class KnownVoice:
    """A buzz of known pitch, level and rate, and what it was last told to say."""

    obeys: bool = True
    said: list[tuple[str, VAD]] = field(default_factory=list)
    capabilities = SynthesizerCapabilities(sample_rate_hz=RATE_HZ, phoneme_times=True)

    async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
        self.said.append((text, felt.emotion))
        prosody = prosody_of(felt.emotion if self.obeys else VAD(), voice)
        length_s = 0.8 / prosody.rate
        t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
        semitones = 3 * prosody.f0_range_scale * np.sin(2 * np.pi * 2 * t)
        phase = 2 * np.pi * np.cumsum(180 * prosody.f0_scale * 2 ** (semitones / 12)) / RATE_HZ
        sound = sum(np.sin(k * phase) / k for k in range(1, 6)) * 0.05 * 10 ** (prosody.energy_db / 20)
        phonemes = tuple(Phoneme("a", k * length_s / 10, (k + 1) * length_s / 10) for k in range(10))
        return SpokenClause(
            text, Audio(sound.astype(np.float32), RATE_HZ), (), phonemes, prosody_of(felt.emotion).as_dict()
        )


@dataclass
class Hearing:
    """Hears what the voice said, but not under one feeling; and feels half of the arousal that was asked for."""

    voice: KnownVoice
    deaf_to: VAD
    capabilities = RecognizerCapabilities()

    async def transcribe(self, audio: Audio) -> Transcript:
        assert audio.sample_rate_hz == RATE_HZ
        text, vad = self.voice.said[-1]
        return Transcript("One two." if vad == self.deaf_to else text)


@dataclass
class Feeling:
    voice: KnownVoice
    capabilities = EmotionCapabilities(modality="voice")

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        assert heard.audio is not None
        vad = VAD(0.0, self.voice.said[-1][1].arousal / 2)
        return EmotionEstimate(EKMAN7.around(vad), vad, (1.0, 0.5, 1.0), "voice", ())


def bench(obeys: bool) -> tuple[dict[str, object], KnownVoice]:
    voice = KnownVoice(obeys)
    parts = Parts(voice, VoiceProfile({}), Hearing(voice, EKMAN7.points["fear"]), Feeling(voice))
    return asyncio.run(measure(parts, TEXTS)), voice


def test_a_voice_that_obeys_gets_what_it_deserves() -> None:
    figures, voice = bench(obeys=True)
    assert figures["wer"] == {"neutral": 0.0, "anger": 0.0, "disgust": 0.0, "fear": round(7 / 9, 4), "joy": 0.0} | {
        "sadness": 0.0,
        "surprise": 0.0,
    }
    assert figures["wer_rise"] == round(7 / 9, 4)
    follow: dict[str, float] = figures["spearman_arousal"]  # type: ignore[assignment]
    assert min(follow[name] for name in ("f0_hz", "phonemes_per_s", "level_lufs")) >= 0.9
    assert follow["f0_range_st"] > 0.7
    assert all(found["r"] > 0.95 for found in figures["asked"].values())  # type: ignore[union-attr]
    assert figures["heard_arousal_r"] == 1.0
    asked = Counter(vad for _, vad in voice.said)
    assert len(asked) == 25 + 6  # neutral is a point of the grid
    assert asked[VAD(1, 1)] == len(TEXTS)


def test_a_voice_that_does_not_obey_is_found_out() -> None:
    figures, _ = bench(obeys=False)
    assert not any(r >= 0.5 for r in figures["spearman_arousal"].values())  # type: ignore[union-attr]


def test_measures_of_a_known_sound() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    sound = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 6)) * 0.1
    clause = SpokenClause(
        "a", Audio(sound.astype(np.float32), RATE_HZ), (), (Phoneme("a", 0, 0.5), Phoneme("pause", 0.5, 1))
    )
    found = measured(clause)
    assert found["f0_hz"] == pytest.approx(200, rel=0.01)
    assert found["f0_range_st"] < 0.2
    assert found["phonemes_per_s"] == 2.0
    assert np.isnan(measured(SpokenClause("a", Audio.silence(1.0)))["f0_hz"])


def test_ranks_are_shared_by_equal_values() -> None:
    assert spearman(np.array([1.0, 1, 2, 2]), np.array([5.0, 5, 9, 9])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([16.0, 9, 4, 1])) == pytest.approx(-1)
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3])) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        ("We left at nine.", "we left at 9", 0.0),
        ("I'm here", "Im here", 0.0),
        ("one two three four", "one three four", 0.25),
        ("one two", "one two three", 0.5),
        ("one two", "", 1.0),
    ],
)
def test_word_error_rate(said: str, heard: str, rate: float) -> None:
    assert word_error_rate([(said, heard)]) == rate


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_word_error_rate_is_that_of_jiwer(said: list[str], heard: list[str]) -> None:
    import jiwer

    if said:
        words = {"a": "apple", "b": "boat", "c": "cloud"}
        pair = (" ".join(words[w] for w in said), " ".join(words[w] for w in heard))
        assert word_error_rate([pair]) == pytest.approx(jiwer.wer(*pair))


def test_there_are_fifty_different_plain_sentences() -> None:
    sentences = shipped_sentences()
    assert len(set(sentences)) == 50
    assert all(3 <= len(plain_words(s)) <= 14 for s in sentences)
    assert not any(c.isdigit() for s in sentences for c in s)
    assert sum(len(s.split()) <= 8 for s in sentences) >= 10


def test_a_listener_must_read_voices() -> None:
    with pytest.raises(ComponentError, match="--emotion"):
        _listener([])
