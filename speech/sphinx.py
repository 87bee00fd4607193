"""Speech to words with PocketSphinx: no neural network, a tenth of the memory, three times the errors of Whisper."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any, cast

import numpy as np

from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio, RecognizerCapabilities, Transcript, Word
from rapport.speech.files import resample
from rapport.speech.windows import speech_windows

FRAMES_PER_S = 100
_FILLER = re.compile(r"^(<.*>|\[.*\]|\+\+.*\+\+)$")
_VARIANT = re.compile(r"\(\d+\)$")


class Sphinx:
    """American English by the acoustic and language model inside the pocketsphinx package. Takes no model.

    Raises:
        ComponentError: pocketsphinx is not installed.
    """

    capabilities = RecognizerCapabilities(languages=("en",), word_times=True)

    def __init__(self, model: str | None = None) -> None:
        if model is not None:
            raise ComponentError("sphinx has one built-in model; write it without a colon")
        try:
            import pocketsphinx
        except ImportError as error:
            raise ComponentError('sphinx is not installed; run: pip install "rapport-agent[sphinx]"') from error
        self._decoder: Any = cast(Any, pocketsphinx).Decoder(samprate=RECOGNITION_RATE_HZ, loglevel="FATAL")
        self._lock = threading.Lock()

    async def transcribe(self, audio: Audio) -> Transcript:
        """The words of audio of any rate and length, lower case without punctuation, with times; empty without speech.

        Raises:
            StageError: the decoder failed.
        """
        return await asyncio.to_thread(self._transcribe, audio)

    def _transcribe(self, audio: Audio) -> Transcript:
        samples = resample(audio, RECOGNITION_RATE_HZ).samples
        words: list[Word] = []
        windows = list(speech_windows(samples))
        for start, end in windows:
            pcm = np.round(np.clip(samples[start:end], -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
            try:
                words += self._decode(pcm, start / RECOGNITION_RATE_HZ)
            except RuntimeError as error:
                raise StageError(f"sphinx failed: {error}") from error
        text = " ".join(word.text for word in words)
        return Transcript(text, tuple(words), no_speech_probability=0.0 if windows else 1.0)

    def _decode(self, pcm: bytes, offset_s: float) -> list[Word]:
        with self._lock:
            self._decoder.start_utt()
            self._decoder.process_raw(pcm, full_utt=True)
            self._decoder.end_utt()
            return [
                Word(
                    _VARIANT.sub("", found.word),
                    round(offset_s + found.start_frame / FRAMES_PER_S, 3),
                    round(offset_s + (found.end_frame + 1) / FRAMES_PER_S, 3),
                )
                for found in self._decoder.seg() or ()
                if not _FILLER.match(found.word)
            ]
