"""A room in real time, without devices: somebody speaks to a microphone, a loudspeaker plays, and both can be measured.

What is said is mixed with a little noise, as no room is ever digitally silent.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator

import numpy as np
from numpy.typing import NDArray

from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio
from rapport.speech.files import resample

FRAME_SAMPLES = 512
FRAME_S = FRAME_SAMPLES / RECOGNITION_RATE_HZ
NOISE_DB = -60.0
"""RMS of the room's noise, relative to full scale."""
SPEECH_RANGE_DB = 40.0
"""Sound this far under the loudest is no speech."""


class Microphone:
    """Hears what is said to it, and noise otherwise, at the speed of time. `close` ends the stream."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._said: deque[NDArray[np.float32]] = deque()
        self._waiting = 0
        self._closed = False
        self._began_s = time.perf_counter()
        self._frames = 0
        self.lags_s: list[float] = []
        """How late each frame was taken: ears that cannot keep up fall behind more and more."""

    def say(self, sound: Audio) -> float:
        """Say it after all that is being said; gives the moment (time.perf_counter) at which it will be over."""
        samples = resample(sound, RECOGNITION_RATE_HZ).samples
        self._said.append(samples)
        self._waiting += len(samples)
        return self._began_s + self._frames * FRAME_S + self._waiting / RECOGNITION_RATE_HZ

    @property
    def silent(self) -> bool:
        """Whether all that was to be said has been said."""
        return self._waiting == 0

    def close(self) -> None:
        self._closed = True

    async def frames(self) -> AsyncGenerator[NDArray[np.float32]]:
        """Frames of 32 ms, each when it has been heard; late ones follow as fast as they are taken."""
        self._began_s = time.perf_counter()
        while not self._closed:
            self._frames += 1
            due_s = self._began_s + self._frames * FRAME_S
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            self.lags_s.append(time.perf_counter() - due_s)
            noise = self._rng.standard_normal(FRAME_SAMPLES) * 10 ** (NOISE_DB / 20)
            yield (self._next() + noise).astype(np.float32)

    def _next(self) -> NDArray[np.float32]:
        frame = np.zeros(FRAME_SAMPLES, np.float32)
        filled = 0
        while self._said and filled < FRAME_SAMPLES:
            samples = self._said.popleft()
            part, rest = samples[: FRAME_SAMPLES - filled], samples[FRAME_SAMPLES - filled :]
            frame[filled : filled + len(part)] = part
            filled += len(part)
            if len(rest):
                self._said.appendleft(rest)
        self._waiting -= filled
        return frame


class Loudspeaker:
    """Plays clauses at the speed of time, one after the other; what has been heard can be asked at any moment."""

    def __init__(self) -> None:
        self._there_s = 0.0
        """Seconds of sound that it was given since the last stop."""
        self._played_s = 0.0
        self._asked_s = time.perf_counter()
        self._held = False

    def play(self, audio: Audio) -> None:
        self._advance()
        self._there_s += audio.duration_s

    def hold(self) -> None:
        self._advance()
        self._held = True

    def resume(self) -> None:
        self._advance()
        self._held = False

    def stop(self) -> None:
        """Forget everything and count from zero."""
        self._advance()
        self._there_s = self._played_s = 0.0
        self._held = False

    @property
    def played_s(self) -> float:
        self._advance()
        return self._played_s

    @property
    def playing(self) -> bool:
        self._advance()
        return self._played_s < self._there_s

    def _advance(self) -> None:
        now_s = time.perf_counter()
        if not self._held:
            self._played_s = min(self._there_s, self._played_s + now_s - self._asked_s)
        self._asked_s = now_s


def spoken_part(sound: Audio) -> Audio:
    """The sound without the silence around it, so that its last sample is the end of speech."""
    step = round(0.01 * sound.sample_rate_hz)
    blocks = sound.samples[: len(sound.samples) // step * step].reshape(-1, step)
    level_db = 10 * np.log10((blocks**2).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(level_db > level_db.max() - SPEECH_RANGE_DB)
    first, last = int(loud[0]), int(loud[-1]) + 1
    return Audio(sound.samples[first * step : last * step], sound.sample_rate_hz)
