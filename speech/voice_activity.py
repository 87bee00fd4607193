"""How likely it is that somebody speaks, every 32 ms: Silero VAD."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rapport.speech.audio import RECOGNITION_RATE_HZ

FRAME_SAMPLES = 512
"""What Silero v6 takes at a time: 32 ms at 16 kHz."""
FRAME_S = FRAME_SAMPLES / RECOGNITION_RATE_HZ


class VoiceActivity(Protocol):
    """Probability of speech, frame after frame."""

    def probability(self, frame: NDArray[np.float32]) -> float:
        """In [0, 1], for the next 512 samples at 16 kHz."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


class SileroVoiceActivity:
    """Silero VAD v6 (MIT), the ONNX file inside faster-whisper, as a stream: one small recurrent state per listener."""

    _CONTEXT_SAMPLES = 64

    def __init__(self) -> None:
        vad: Any = import_module("faster_whisper.vad")
        self._session: Any = vad.get_vad_model().session
        self.reset()

    def reset(self) -> None:
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(self._CONTEXT_SAMPLES, np.float32)

    def probability(self, frame: NDArray[np.float32]) -> float:
        feed = {"input": np.concatenate([self._context, frame])[np.newaxis], "h": self._h, "c": self._c}
        output, self._h, self._c = self._session.run(None, feed)
        self._context = frame[-self._CONTEXT_SAMPLES :]
        return float(output.reshape(-1)[0])
