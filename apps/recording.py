"""A reply's events to one mp4, written as they come."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from rapport.agent import events as ev
from rapport.avatar.animation import FRAME_RATE_HZ
from rapport.avatar.video import VideoWriter
from rapport.speech.audio import Audio
from rapport.speech.files import resample


class ReplyRecorder:
    """Takes the events of one turn and writes its sound and pictures to a file.

    Nothing is opened before the first picture, so a turn without pictures leaves no file. Raises as VideoWriter does.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._writer: VideoWriter | None = None
        self._waiting: list[Audio] = []
        self._rate_hz = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)

    @property
    def has_pictures(self) -> bool:
        return self._writer is not None

    def add(self, event: ev.Event) -> None:
        """Take one event; those without sound or pictures are none of its business. Blocks while it encodes."""
        match event:
            case ev.Spoken(_, clause, _):
                self._rate_hz = self._rate_hz or clause.audio.sample_rate_hz
                # A fallback voice may speak at another rate than the one that began.
                audio = resample(clause.audio, self._rate_hz)
                if self._writer is None:
                    self._waiting.append(audio)
                else:
                    self._writer.add_audio(audio)
            case ev.Frame(_, _, image):
                self._open().add_pictures([image])
            case _:
                pass

    def _open(self) -> VideoWriter:
        if self._writer is None:
            self._writer = VideoWriter(self._target, frame_rate_hz=FRAME_RATE_HZ, sample_rate_hz=self._rate_hz)
            for audio in self._waiting:
                self._writer.add_audio(audio)
            self._waiting.clear()
        return self._writer
