"""Whisper: right words with right times from speech, and never a word from anything else."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rapport.persona.errors import ComponentError
from rapport.speech import whisper
from rapport.speech.audio import Audio, Transcript
from rapport.speech.files import read_audio, resample
from rapport.speech.whisper import FasterWhisper

pytestmark = pytest.mark.models

FIXTURES = Path(__file__).parents[2] / "apps" / "bench" / "clips"
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def recognizer() -> FasterWhisper:
    return FasterWhisper()


@pytest.fixture(scope="module")
def clips() -> list[tuple[Audio, str]]:
    texts = json.loads((FIXTURES / "transcripts.json").read_text(encoding="utf-8"))
    return [(read_audio(FIXTURES / name), text) for name, text in sorted(texts.items())]


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9' ]+", " ", text.lower().replace("-", " ")).split())


def word_error_rate(references: list[str], heard: list[str]) -> float:
    import jiwer

    return jiwer.wer([plain(text) for text in references], [plain(text) for text in heard])


def joined(clips: list[Audio], pause_s: float) -> Audio:
    pause = np.zeros(round(pause_s * RATE_HZ), np.float32)
    return Audio(np.concatenate([part for clip in clips for part in (clip.samples, pause)]), RATE_HZ)


def assert_times_are_sound(transcript: Transcript, duration_s: float) -> None:
    last_s = 0.0
    for word in transcript.words:
        assert last_s - 0.05 <= word.start_s <= word.end_s <= duration_s + 0.05
        assert 0.0 <= word.probability <= 1.0
        last_s = word.start_s
    assert plain(" ".join(word.text for word in transcript.words)) == plain(transcript.text)


async def test_speech_becomes_its_words_with_times(recognizer: FasterWhisper, clips: list[tuple[Audio, str]]) -> None:
    heard = [await recognizer.transcribe(audio) for audio, _ in clips]
    for transcript, (audio, _) in zip(heard, clips, strict=True):
        assert_times_are_sound(transcript, audio.duration_s)
        assert transcript.language == "en"
        assert transcript.no_speech_probability < 0.6
    assert word_error_rate([text for _, text in clips], [transcript.text for transcript in heard]) <= 0.10


async def test_a_short_window_hears_no_worse_than_whispers_own_30_s(
    recognizer: FasterWhisper, clips: list[tuple[Audio, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = clips[::2]
    short = [(await recognizer.transcribe(audio)).text for audio, _ in some]
    monkeypatch.setattr(recognizer, "_silence", None)
    full = [(await recognizer.transcribe(audio)).text for audio, _ in some]
    references = [text for _, text in some]
    assert word_error_rate(references, short) <= word_error_rate(references, full) + 0.03


def not_speech() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    clicks = np.zeros(len(t))
    clicks[::4000] = 0.9
    spectrum = np.fft.rfft(rng.standard_normal(len(t)))
    frequency_hz = np.fft.rfftfreq(len(t), 1 / RATE_HZ)
    band = (frequency_hz > 300) & (frequency_hz < 3500)
    breath = np.fft.irfft(spectrum * band / np.sqrt(np.maximum(frequency_hz, 300) / 300))
    breath *= 0.1 / breath.std() * np.clip(np.sin(2 * np.pi * 0.4 * t), 0, 1) ** 2
    chord = sum(0.1 * np.sin(2 * np.pi * f * t) for f in (220, 277, 330, 440)) * (1 + 0.3 * np.sin(2 * np.pi * 3 * t))
    return {
        "zeros": np.zeros(len(t)),
        "hum": 0.3 * np.sin(2 * np.pi * 50 * t) + 0.1 * np.sin(2 * np.pi * 150 * t),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * t),
        "chord": chord,
        "clicks": clicks,
        "breath": breath,
        "full-scale square": np.sign(np.sin(2 * np.pi * 120 * t)),
        "direct current": np.full(len(t), 0.5),
        **{f"noise at {level}": level * rng.standard_normal(len(t)).clip(-3, 3) / 3 for level in (1, 0.3, 0.03, 0.001)},
        "one sample": np.zeros(1),
        "nothing": np.zeros(0),
    }


@pytest.mark.parametrize("kind", not_speech())
async def test_what_is_not_speech_has_no_words(recognizer: FasterWhisper, kind: str) -> None:
    transcript = await recognizer.transcribe(Audio(not_speech()[kind].astype(np.float32), RATE_HZ))
    assert (transcript.text, transcript.words) == ("", ())
    assert transcript.no_speech_probability == 1.0


async def test_times_count_from_the_start_of_the_audio_not_of_the_speech(
    recognizer: FasterWhisper, clips: list[tuple[Audio, str]]
) -> None:
    clip = clips[0][0]
    plain_words = (await recognizer.transcribe(clip)).words
    moved = Audio(np.concatenate([np.zeros(5 * RATE_HZ, np.float32), clip.samples]), RATE_HZ)
    moved_words = (await recognizer.transcribe(moved)).words
    assert len(moved_words) == len(plain_words)
    assert moved_words[-1].start_s == pytest.approx(plain_words[-1].start_s + 5.0, abs=0.3)


async def test_audio_longer_than_a_window_loses_nothing(
    recognizer: FasterWhisper, clips: list[tuple[Audio, str]]
) -> None:
    several = (clips * 3)[: max(1, round(40 / np.mean([audio.duration_s for audio, _ in clips])))]
    audio = joined([clip for clip, _ in several], pause_s=0.8)
    assert audio.duration_s > 30
    transcript = await recognizer.transcribe(audio)
    assert_times_are_sound(transcript, audio.duration_s)
    assert word_error_rate([" ".join(text for _, text in several)], [transcript.text]) <= 0.15


async def test_any_rate_is_heard(recognizer: FasterWhisper, clips: list[tuple[Audio, str]]) -> None:
    audio, text = clips[0]
    for rate_hz in (8_000, 44_100):
        transcript = await recognizer.transcribe(resample(audio, rate_hz))
        assert word_error_rate([text], [transcript.text]) <= 0.35


async def test_calls_at_once_do_not_disturb_each_other(
    recognizer: FasterWhisper, clips: list[tuple[Audio, str]]
) -> None:
    some = [audio for audio, _ in clips[:3]]
    alone = [await recognizer.transcribe(audio) for audio in some]
    assert await asyncio.gather(*(recognizer.transcribe(audio) for audio in some)) == alone


async def test_a_decoder_that_loops_is_given_the_full_window(
    recognizer: FasterWhisper, clips: list[tuple[Audio, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    audio, text = clips[0]
    decode = recognizer._decode
    encoded: list[int] = []

    def looping_at_first(states, samples: int, language: str):
        encoded.append(np.array(states).shape[1])
        decoded = decode(states, samples, language)
        return replace(decoded, text=" ".join([decoded.text] * 9)) if len(encoded) == 1 else decoded

    monkeypatch.setattr(recognizer, "_decode", looping_at_first)
    assert word_error_rate([text], [(await recognizer.transcribe(audio)).text]) <= 0.35
    assert encoded[0] < whisper.MAX_STATES
    assert encoded[1:] == [whisper.MAX_STATES]


async def test_a_decoder_that_never_ends_gives_no_words(
    recognizer: FasterWhisper, clips: list[tuple[Audio, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clips[0][0]
    # Room for three to five of the clip's tokens, out of the dozen that are always granted.
    monkeypatch.setattr(whisper, "MAX_TOKENS_PER_S", -9.0 / clip.duration_s)
    assert (await recognizer.transcribe(clip)).words == ()


def test_a_text_that_repeats_itself_or_breaks_off_is_suspicious() -> None:
    once = "I lost my job today and I do not know what to do."
    assert not whisper._Decoded([], once, -0.2, 0.0).suspicious
    assert whisper._Decoded([], " ".join([once] * 8), -0.1, 0.0).suspicious
    assert whisper._Decoded([], once, -0.1, 0.0, complete=False).suspicious


def test_unsure_text_does_not_count_as_speech() -> None:
    assert whisper._Decoded([1], "Hello.", -0.3, 0.1).is_speech
    assert whisper._Decoded([1], "Hello.", -0.3, 0.9).is_speech
    assert not whisper._Decoded([1], "Thank you.", -0.7, 0.9).is_speech
    assert not whisper._Decoded([1], "you", -1.4, 0.1).is_speech
    assert not whisper._Decoded([], "", 0.0, 0.0).is_speech


@pytest.mark.parametrize("model", ["no-such-size", "nobody/no-such-model", "folder"])
def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path, model: str) -> None:
    name = str(tmp_path) if model == "folder" else model
    with pytest.raises(ComponentError, match="cannot be loaded") as caught:
        FasterWhisper(name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "tiny.en" in str(caught.value)
