"""Speech to words with Whisper (Radford et al. 2022, arXiv 2212.04356) through faster-whisper and CTranslate2.

Whisper was trained on windows of 30 s and invents text in silence. So two things happen around it:

- Silero voice activity decides what reaches it; what is decoded must also be likely speech by Whisper's own scores.
- A window is encoded only as long as its speech. Left at that, the decoder misses the silence that it knows as the
  end of a text and repeats itself; so the encoder's states of silence, computed once, are put behind the states of
  the speech. The decoder then stops where it should, and the encoder is spared the other half minute.
"""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio, RecognizerCapabilities, Transcript, Word
from rapport.speech.files import resample
from rapport.speech.whisper_model import BUILT_IN_MODEL, MAX_FRAMES, WhisperWindow, shared_whisper
from rapport.speech.windows import speech_windows

SILENCE_STATES = 300
"""Encoder states (20 ms each) of silence put behind those of the speech, at least."""
MIN_STATES = 750
"""Encoder states the decoder gets at least; with fewer it begins to repeat short sentences."""
MAX_STATES = 1500
"""Encoder states of a full window of 30 s."""

MAX_TOKENS_PER_S = 10.0
"""Fast speech has some 5 tokens a second; a decoder that writes twice that is looping."""
MAX_NO_SPEECH_PROBABILITY = 0.6
MIN_MEAN_LOG_PROBABILITY = -1.0
MAX_COMPRESSION_RATIO = 2.4
"""Whisper's own thresholds (section 4.5 of the paper) for silence and for repetition."""


@dataclass(frozen=True)
class _Decoded:
    """What one window says: text, its tokens, and how sure the model is."""

    tokens: list[int]
    text: str
    mean_log_probability: float
    no_speech_probability: float
    complete: bool = True
    """Whether the decoder came to an end by itself."""

    @property
    def is_speech(self) -> bool:
        silent = self.no_speech_probability > MAX_NO_SPEECH_PROBABILITY
        unsure = self.mean_log_probability < MIN_MEAN_LOG_PROBABILITY
        return bool(self.text) and not unsure and not (silent and self.mean_log_probability < -0.5)

    @property
    def suspicious(self) -> bool:
        """Whether it looks like a decoder that repeats itself; a person who says no six times looks so, too."""
        encoded = self.text.encode()
        return not self.complete or len(encoded) / max(1, len(zlib.compress(encoded))) > MAX_COMPRESSION_RATIO


class FasterWhisper:
    """Any Whisper model: the built-in `tiny.en`, a size that faster-whisper has on this machine, or a folder.

    On the CPU in int8, on a CUDA GPU in float16. Safe from several threads.

    Raises:
        ComponentError: the model is not on this machine or cannot be loaded.
    """

    def __init__(self, model: str | None = None) -> None:
        self._ctranslate2: Any = import_module("ctranslate2")
        self._library: Any = import_module("faster_whisper.transcribe")
        self._model = shared_whisper(model or BUILT_IN_MODEL)
        self._whisper: Any = self._model.library
        multilingual = bool(self._whisper.model.is_multilingual)
        self.capabilities = RecognizerCapabilities(languages=() if multilingual else ("en",), word_times=True)
        self._tokenizers: dict[str, Any] = {}
        self._suppressed = self._library.get_suppressed_tokens(self._tokenizer("en"), [-1])
        self._silence: NDArray[np.float32] | None = None if self._model.on_gpu else self._states_of_silence()

    async def transcribe(self, audio: Audio) -> Transcript:
        """The words of audio of any rate and length, with times; empty when nobody speaks in it.

        Raises:
            StageError: the model failed.
        """
        return await asyncio.to_thread(self._transcribe, audio)

    def _transcribe(self, audio: Audio) -> Transcript:
        samples = resample(audio, RECOGNITION_RATE_HZ).samples
        language = "en" if self.capabilities.languages else ""
        texts: list[str] = []
        words: list[Word] = []
        silence_probabilities: list[float] = []
        encoded: list[WhisperWindow] = []
        try:
            for start, end in speech_windows(samples):
                window = self._encode(samples[start:end])
                encoded.append(window)
                states = self._with_silence(window)
                language = language or self._whisper.model.detect_language(states)[0][0][0][2:-2]
                decoded = self._decode(states, end - start, language)
                if decoded.suspicious:
                    window = self._encode(samples[start:end], full_window=True)
                    states = self._with_silence(window)
                    decoded = self._decode(states, end - start, language)
                silence_probabilities.append(decoded.no_speech_probability)
                if not decoded.is_speech or not decoded.complete:
                    continue
                texts.append(decoded.text)
                offset_s = start / RECOGNITION_RATE_HZ
                words += self._align(
                    states, window.mel_frames, decoded.tokens, language, offset_s, end / RECOGNITION_RATE_HZ
                )
        except RuntimeError as error:
            raise StageError(f"Whisper failed: {error}") from error
        return Transcript(
            " ".join(texts),
            tuple(words),
            language or "en",
            min(silence_probabilities, default=1.0),
            self._model.encoded_speech(encoded),
        )

    def _encode(self, samples: NDArray[np.float32], *, full_window: bool = False) -> WhisperWindow:
        return self._model.encode(samples, full_window=full_window or self._silence is None)

    def _with_silence(self, window: WhisperWindow) -> Any:
        """The states as the decoder takes them, with those of silence behind."""
        states, length = window.states, len(window.states)
        if self._silence is not None:
            end = min(MAX_STATES, max(MIN_STATES, length + SILENCE_STATES))
            states = np.concatenate([states, self._silence[length:end]])
        return self._ctranslate2.StorageView.from_array(states[np.newaxis])

    def _states_of_silence(self) -> NDArray[np.float32]:
        return self._model.encode_mel(np.zeros((self._whisper.model.n_mels, MAX_FRAMES), np.float32))

    def _decode(self, states: Any, samples: int, language: str) -> _Decoded:
        tokenizer = self._tokenizer(language)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        wanted = 12 + int(samples / RECOGNITION_RATE_HZ * MAX_TOKENS_PER_S)
        most = min(self._whisper.max_length // 2, wanted)
        result = self._whisper.model.generate(
            states,
            [prompt],
            beam_size=1,
            max_length=2 * most,  # CTranslate2 writes half of it
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        length = len(result.sequences_ids[0])
        mean = result.scores[0] * length / (length + 1)
        complete = length < most
        return _Decoded(tokens, tokenizer.decode(tokens).strip(), mean, float(result.no_speech_prob), complete)

    def _align(
        self, states: Any, frames: int, tokens: list[int], language: str, offset_s: float, end_s: float
    ) -> list[Word]:
        """Words with the times at which the decoder attended to them (dynamic time warping over cross-attention)."""
        alignment = self._whisper.find_alignment(self._tokenizer(language), [tokens], states, frames)[0]
        self._library.merge_punctuations(alignment, "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、")
        return [
            Word(
                found["word"].strip(),
                round(min(offset_s + float(found["start"]), end_s), 3),
                round(min(offset_s + float(found["end"]), end_s), 3),
                float(found["probability"]),
            )
            for found in alignment
            if found["word"].strip()
        ]

    def _tokenizer(self, language: str) -> Any:
        if language not in self._tokenizers:
            self._tokenizers[language] = self._library.Tokenizer(
                self._whisper.hf_tokenizer, self._whisper.model.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]
