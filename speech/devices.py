"""Microphone and loudspeaker of this machine, through PortAudio (sounddevice)."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio
from rapport.speech.files import resample

FRAME_S = 0.032
"""How much sound the microphone hands over at a time."""
MAX_WAITING_S = 30.0
"""Sound that waits for a slow listener; beyond it the oldest is dropped."""
SPEAKER_RATE_HZ = 24_000


async def microphone(sample_rate_hz: int = RECOGNITION_RATE_HZ) -> AsyncGenerator[NDArray[np.float32]]:
    """Frames from the default microphone as they are heard: float32 mono, about 32 ms each, until the caller stops.

    Raises:
        ComponentError: no PortAudio, no microphone, or none that records at this rate.
        StageError: the microphone vanished.
    """
    sounddevice = _sounddevice()
    loop = asyncio.get_running_loop()
    frames: deque[NDArray[np.float32]] = deque(maxlen=round(MAX_WAITING_S / FRAME_S))
    news = asyncio.Event()
    ended = threading.Event()

    def hear(indata: NDArray[np.float32], *_: object) -> None:
        frames.append(indata[:, 0].copy())  # PortAudio uses the buffer again
        _tell(loop, news)

    def finish() -> None:
        ended.set()
        _tell(loop, news)

    with _opened(
        sounddevice,
        "microphone",
        lambda: sounddevice.InputStream(
            samplerate=sample_rate_hz,
            channels=1,
            dtype="float32",
            blocksize=round(FRAME_S * sample_rate_hz),
            callback=hear,
            finished_callback=finish,
        ),
    ):
        while True:
            while frames:
                yield frames.popleft()
            if ended.is_set():
                raise StageError("the microphone has stopped; check that it is plugged in, then start again")
            news.clear()
            if not frames:
                await news.wait()


class Speaker:
    """The default loudspeaker. Clauses play one after the other without a gap; usable as a context manager.

    Raises:
        ComponentError: no PortAudio or no loudspeaker.
    """

    def __init__(self, sample_rate_hz: int = SPEAKER_RATE_HZ) -> None:
        sounddevice = _sounddevice()
        self._rate_hz = sample_rate_hz
        self._lock = threading.Lock()
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._sent = 0
        """Samples handed to the device since the last stop."""
        self._heard_at_s = 0.0
        """On the stream's clock: when the last of these will have been heard."""
        self._stream = _opened(
            sounddevice,
            "loudspeaker",
            lambda: sounddevice.OutputStream(
                samplerate=sample_rate_hz, channels=1, dtype="float32", callback=self._fill
            ),
        )
        self._stream.start()

    def play(self, audio: Audio) -> None:
        """Put a clause behind those that are playing; returns at once."""
        samples = resample(audio, self._rate_hz).samples
        with self._lock:
            self._waiting.append(samples)

    def stop(self) -> None:
        """Fall silent and start counting `played_s` from zero: the person has interrupted."""
        with self._lock:
            self._waiting.clear()
            self._sent = 0

    @property
    def played_s(self) -> float:
        """Seconds of clauses that have been heard since the last stop; what is still on its way to the ear is not."""
        with self._lock:
            on_its_way_s = max(0.0, self._heard_at_s - float(self._stream.time))
            return max(0.0, self._sent / self._rate_hz - on_its_way_s)

    @property
    def playing(self) -> bool:
        """Whether there is sound that has not been heard yet."""
        with self._lock:
            return bool(self._waiting) or (self._sent > 0 and self._heard_at_s > float(self._stream.time))

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self, outdata: NDArray[np.float32], frames: int, time: Any, _: object) -> None:
        """PortAudio asks for the next samples; silence where there are none."""
        filled = 0
        with self._lock:
            while filled < frames and self._waiting:
                samples = self._waiting.popleft()
                part, rest = samples[: frames - filled], samples[frames - filled :]
                outdata[filled : filled + len(part), 0] = part
                filled += len(part)
                if len(rest):
                    self._waiting.appendleft(rest)
            if filled:
                self._sent += filled
                self._heard_at_s = float(time.outputBufferDacTime) + filled / self._rate_hz
        outdata[filled:] = 0.0


def _tell(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    """Wake the listener from PortAudio's thread, unless its loop is gone already."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(news.set)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise ComponentError(
            "PortAudio, which microphone and loudspeaker need, is not installed; "
            "on Debian: apt install libportaudio2, on macOS: brew install portaudio"
        ) from error
    return sounddevice


def _opened(sounddevice: Any, what: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (sounddevice.PortAudioError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ComponentError(
            f"no {what} can be opened ({reason}); plug one in or choose it in the system's settings"
        ) from error
