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

from rapport.persona.errors import ComponentError, InputError, StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio
from rapport.speech.echo import EchoCanceller
from rapport.speech.files import resample

FRAME_S = 0.032
"""How much sound the microphone hands over at a time."""
MAX_WAITING_S = 30.0
"""Sound that waits for a slow listener; beyond it the oldest is dropped."""
STALLED_S = 3.0
"""A microphone that gives no frame for so long has vanished."""
SPEAKER_RATE_HZ = 24_000
BUFFER_S = 0.02
"""What the loudspeaker takes at a time: it falls silent that fast."""
REMEMBERED_S = 2.0
"""How much of what was played is kept as the echo's reference."""
LEAD_S = 0.02
"""How much earlier than the echo its reference is given to the canceller: devices report their delays roughly."""
MAX_JITTER_S = 0.02
"""Reported times that differ by less from the count of samples are taken as jitter."""


async def microphone(
    sample_rate_hz: int = RECOGNITION_RATE_HZ, speaker: Speaker | None = None
) -> AsyncGenerator[NDArray[np.float32]]:
    """Frames from the default microphone as they are heard: float32 mono, about 32 ms each, until the caller stops.

    What `speaker` plays is taken out of them, so that the agent does not hear itself.

    Raises:
        ComponentError: no PortAudio, no microphone, or none that records at this rate.
        InputError: a speaker at another rate than 16 kHz.
        StageError: the microphone vanished.
    """
    if speaker is not None and sample_rate_hz != RECOGNITION_RATE_HZ:
        raise InputError(f"echo is cancelled at {RECOGNITION_RATE_HZ} Hz only; record at that rate")
    sounddevice = _sounddevice()
    cleaner = None if speaker is None else _Cleaner(speaker)
    loop = asyncio.get_running_loop()
    frames: deque[tuple[NDArray[np.float32], float]] = deque(maxlen=round(MAX_WAITING_S / FRAME_S))
    news = asyncio.Event()
    ended = threading.Event()

    def hear(indata: NDArray[np.float32], _: int, time: Any, __: object) -> None:
        at_s = 0.0 if cleaner is None else float(time.inputBufferAdcTime)
        frames.append((indata[:, 0].copy(), at_s))  # PortAudio uses the buffer again
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
                frame, at_s = frames.popleft()
                yield frame if cleaner is None else cleaner.clean(frame, at_s)
            if ended.is_set():
                raise StageError("the microphone has stopped; check that it is plugged in, then start again")
            news.clear()
            if not frames and not await _within(STALLED_S, news):
                raise StageError(
                    "the microphone gives no sound any more; check that it is plugged in, then start again"
                )


class Speaker:
    """The default loudspeaker. Clauses play one after the other without a gap; usable as a context manager.

    Raises:
        ComponentError: no PortAudio or no loudspeaker.
    """

    def __init__(self, sample_rate_hz: int = SPEAKER_RATE_HZ) -> None:
        sounddevice = _sounddevice()
        self._rate_hz = sample_rate_hz
        self._lock = threading.Lock()
        self._waiting: deque[_Playing] = deque()
        self._sent = 0
        """Samples handed to the device since the last stop."""
        self._heard_at_s = 0.0
        """On the stream's clock: when the last of these will have been heard."""
        self._held = self._closed = self._gone = False
        self._played: deque[tuple[float, NDArray[np.float32]]] = deque()
        """The last seconds of what was sent, at 16 kHz, each part with the time at which it is heard."""
        self._stream = _opened(
            sounddevice,
            "loudspeaker",
            lambda: sounddevice.OutputStream(
                samplerate=sample_rate_hz,
                channels=1,
                dtype="float32",
                blocksize=round(BUFFER_S * sample_rate_hz),
                latency="low",
                callback=self._fill,
                finished_callback=self._finished,
            ),
        )
        self._stream.start()

    def play(self, audio: Audio) -> None:
        """Put a clause behind those that are playing; returns at once.

        Raises:
            StageError: the loudspeaker vanished.
        """
        if self._gone:
            raise StageError("the loudspeaker has stopped; check that it is plugged in, then start again")
        clause = _Playing(resample(audio, self._rate_hz).samples, resample(audio, RECOGNITION_RATE_HZ).samples)
        with self._lock:
            self._waiting.append(clause)

    def hold(self) -> None:
        """Fall silent within one buffer and keep what has not been sent yet, for `resume`."""
        with self._lock:
            self._held = True

    def resume(self) -> None:
        """Go on where `hold` fell silent."""
        with self._lock:
            self._held = False

    def stop(self) -> None:
        """Fall silent, drop what is left, and count `played_s` from zero: the person has interrupted."""
        with self._lock:
            self._waiting.clear()
            self._sent = 0
            self._held = False

    @property
    def played_s(self) -> float:
        """Seconds of clauses that have been heard since the last stop; what is still on its way to the ear is not."""
        with self._lock:
            return max(0.0, self._sent / self._rate_hz - self._on_its_way_s())

    @property
    def playing(self) -> bool:
        """Whether there is sound that has not been heard yet, held back or not; a vanished device plays nothing."""
        with self._lock:
            return not self._gone and (bool(self._waiting) or (self._sent > 0 and self._on_its_way_s() > 0))

    def heard_from(self, start_s: float, count: int) -> NDArray[np.float32]:
        """`count` samples at 16 kHz of what sounds from `start_s` on, on the device's clock; silence where nothing did.

        The last REMEMBERED_S seconds are known.
        """
        out = np.zeros(count, np.float32)
        with self._lock:
            parts = list(self._played)
        for at_s, samples in parts:
            first = round((at_s - start_s) * RECOGNITION_RATE_HZ)
            a, b = max(0, first), min(len(out), first + len(samples))
            if a < b:
                out[a:b] = samples[a - first : b - first]
        return out

    def close(self) -> None:
        self._closed = True
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
        heard_at_s = float(time.outputBufferDacTime)
        with self._lock:
            while filled < frames and self._waiting and not self._held:
                clause = self._waiting[0]
                part, reference = clause.take(frames - filled)
                outdata[filled : filled + len(part), 0] = part
                self._played.append((heard_at_s + filled / self._rate_hz, reference))
                filled += len(part)
                if clause.over:
                    self._waiting.popleft()
            if filled:
                self._sent += filled
                self._heard_at_s = heard_at_s + filled / self._rate_hz
            while self._played and self._played[0][0] < heard_at_s - REMEMBERED_S:
                self._played.popleft()
        outdata[filled:] = 0.0

    def _finished(self) -> None:
        self._gone = not self._closed

    def _on_its_way_s(self) -> float:
        return 0.0 if self._gone else max(0.0, self._heard_at_s - float(self._stream.time))


class _Playing:
    """A clause at the device's rate and at 16 kHz, and how far it has been sent."""

    def __init__(self, samples: NDArray[np.float32], reference: NDArray[np.float32]) -> None:
        self._samples, self._reference, self._next = samples, reference, 0

    @property
    def over(self) -> bool:
        return self._next >= len(self._samples)

    def take(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The next samples, `count` at most, and the same sound at 16 kHz."""
        start, end = self._next, min(self._next + count, len(self._samples))
        self._next = end
        ratio = len(self._reference) / max(1, len(self._samples))
        return self._samples[start:end], self._reference[round(start * ratio) : round(end * ratio)]


class _Cleaner:
    """Takes out of a microphone's frames what a speaker played meanwhile, by the device's clock."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._canceller = EchoCanceller()
        self._next_s = float("-inf")

    def clean(self, frame: NDArray[np.float32], at_s: float) -> NDArray[np.float32]:
        """The frame whose first sample was recorded at `at_s`, cleaned."""
        # The canceller needs an unbroken reference, so the reported time counts only where it is far from the count.
        start_s = at_s if abs(at_s - self._next_s) > MAX_JITTER_S else self._next_s
        self._next_s = start_s + len(frame) / RECOGNITION_RATE_HZ
        return self._canceller.process(frame, self._speaker.heard_from(start_s + LEAD_S, len(frame)))


async def _within(timeout_s: float, news: asyncio.Event) -> bool:
    """Whether the news came in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await news.wait()
    except TimeoutError:
        return False
    return True


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
