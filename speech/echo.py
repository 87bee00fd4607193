"""The agent does not hear itself: what its loudspeaker says is taken out of what its microphone hears.

WebRTC's echo canceller AEC3 through the `livekit` package: a bank of adaptive filters finds the delay and the room
between loudspeaker and microphone, subtracts the echo, and suppresses what is left of it. Nothing of it uses a network.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError, InputError, StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ

Floats = NDArray[np.float32]

BLOCK_SAMPLES = RECOGNITION_RATE_HZ // 100
"""AEC3 takes 10 ms at a time."""
SMOOTHING = 5
RESIDUAL = 10**-1.3
"""What is 13 dB below the microphone's sound after cancelling is rest of the echo, and becomes silence: voice activity
hears even a very soft voice."""


class EchoCanceller:
    """One per microphone, for the whole of its stream. Costs about 1.5 % of a core.

    Raises:
        ComponentError: the canceller is not installed or cannot start.
    """

    def __init__(self) -> None:
        try:
            from livekit import rtc

            self._rtc: Any = rtc
            self._module: Any = rtc.AudioProcessingModule(echo_cancellation=True)
        except (ImportError, OSError, RuntimeError) as error:
            raise ComponentError(
                "the echo canceller cannot start; run: pip install --force-reinstall livekit"
            ) from error
        self._energies = np.zeros(2)
        """Of what was heard and of what is left of it, over the last SMOOTHING blocks or so."""
        self._waiting = np.zeros((2, 0), np.float32)
        self._cleaned = np.zeros(BLOCK_SAMPLES - 1, np.float32)

    def process(self, microphone: Floats, reference: Floats) -> Floats:
        """The microphone's sound without the echo of the reference.

        Both are 16 kHz mono in [-1, 1], of equal length, any length, in the order of the stream: `reference` is what
        the loudspeaker played while `microphone` was recorded, or up to 250 ms before. As many samples come out as go
        in, 10 ms later.

        Raises:
            InputError: the two differ in length or are not mono.
            StageError: the canceller failed.
        """
        if microphone.ndim != 1 or microphone.shape != reference.shape:
            raise InputError(f"echo needs mono blocks of equal length, got {microphone.shape} and {reference.shape}")
        self._waiting = np.concatenate([self._waiting, np.stack([microphone, reference])], axis=1)
        while self._waiting.shape[1] >= BLOCK_SAMPLES:
            block, self._waiting = self._waiting[:, :BLOCK_SAMPLES], self._waiting[:, BLOCK_SAMPLES:]
            self._cleaned = np.concatenate([self._cleaned, self._clean(block[0], block[1])])
        out, self._cleaned = self._cleaned[: len(microphone)], self._cleaned[len(microphone) :]
        return out

    def _clean(self, microphone: Floats, reference: Floats) -> Floats:
        microphone = np.clip(np.nan_to_num(microphone), -1.0, 1.0)
        heard, played = self._frame(microphone), self._frame(reference)
        try:
            self._module.process_reverse_stream(played)
            self._module.process_stream(heard)
        except RuntimeError as error:
            raise StageError(f"the echo canceller failed: {error}") from error
        left = np.frombuffer(heard.data, np.int16).astype(np.float32) / 32768.0
        self._energies += ([np.mean(microphone**2), np.mean(left**2)] - self._energies) / SMOOTHING
        return np.zeros_like(left) if self._energies[1] < RESIDUAL * self._energies[0] else left

    def _frame(self, samples: Floats) -> Any:
        pcm = np.round(np.clip(np.nan_to_num(samples), -1.0, 1.0) * 32767.0).astype(np.int16)
        return self._rtc.AudioFrame(pcm.tobytes(), RECOGNITION_RATE_HZ, 1, BLOCK_SAMPLES)
