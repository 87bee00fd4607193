"""Speech to words with any `automatic-speech-recognition` model of Hugging Face transformers on this machine."""

from __future__ import annotations

import asyncio
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio, RecognizerCapabilities, Transcript, Word
from rapport.speech.files import resample
from rapport.speech.windows import speech_windows


class TransformersRecognizer:
    """A Whisper, wav2vec 2.0 or other speech model: `model` is a folder, or a name whose files are on this machine.

    Weights are read from safetensors only.

    Raises:
        ComponentError: no model is named, or it cannot be loaded.
    """

    def __init__(self, model: str | None = None) -> None:
        if model is None:
            raise ComponentError("transformers recognition needs a model: transformers:<folder or model name>")
        import torch
        from transformers import pipeline

        hub: Any = import_module("huggingface_hub")
        try:
            self._pipeline: Any = cast(Any, pipeline)(
                "automatic-speech-recognition",
                model=model if Path(model).is_dir() else hub.snapshot_download(model, local_files_only=True),
                device="cuda" if torch.cuda.is_available() else "cpu",
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            reason = " ".join(str(error).split())[:150]
            raise ComponentError(
                f"speech model {model!r} cannot be loaded from this machine ({reason}); name a folder, or "
                f"download it once with: hf download {model}"
            ) from error
        self._word_times = self._pipeline.type == "ctc" or bool(
            getattr(self._pipeline.model.generation_config, "alignment_heads", None)
        )
        self._lock = threading.Lock()
        self.capabilities = RecognizerCapabilities(languages=(), word_times=self._word_times)

    async def transcribe(self, audio: Audio) -> Transcript:
        """The words of audio of any rate and length, with times where the model gives them; empty without speech.

        The language is not reported by these models; `Transcript.language` says "en".

        Raises:
            StageError: the model failed.
        """
        return await asyncio.to_thread(self._transcribe, audio)

    def _transcribe(self, audio: Audio) -> Transcript:
        samples = resample(audio, RECOGNITION_RATE_HZ).samples
        texts: list[str] = []
        words: list[Word] = []
        options = {"return_timestamps": "word"} if self._word_times else {}
        windows = list(speech_windows(samples))
        for start, end in windows:
            given = {"raw": samples[start:end], "sampling_rate": RECOGNITION_RATE_HZ}
            try:
                with self._lock:
                    result = self._pipeline(given, **options)
            except (RuntimeError, ValueError, IndexError) as error:
                raise StageError(f"the speech model failed: {' '.join(str(error).split())[:200]}") from error
            texts.append(str(result["text"]).strip())
            offset_s, end_s = start / RECOGNITION_RATE_HZ, end / RECOGNITION_RATE_HZ
            words += [_word(chunk, offset_s, end_s) for chunk in result.get("chunks", ()) if chunk["text"].strip()]
        text = " ".join(part for part in texts if part)
        return Transcript(text, tuple(words), no_speech_probability=0.0 if windows else 1.0)


def _word(chunk: dict[str, Any], offset_s: float, end_s: float) -> Word:
    """A word of the pipeline; where it leaves a time open, at the edge of the speech, that edge."""
    start, end = chunk["timestamp"]
    return Word(
        chunk["text"].strip(),
        offset_s if start is None else min(offset_s + float(start), end_s),
        end_s if end is None else min(offset_s + float(end), end_s),
    )
