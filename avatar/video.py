"""Pictures and sound to mp4: H.264 and AAC that last equally long, as a file or as segments for a browser's player."""

from __future__ import annotations

import errno
import io
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError, InputError, StorageError
from rapport.speech.audio import Audio

Picture = NDArray[np.uint8]

_H264_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_nvenc", "h264_mf", "h264_vaapi")
_AAC_FRAME = 1024
"""Samples in one AAC frame (ISO/IEC 14496-3); sound is handed to the encoder in such pieces."""


class VideoWriter:
    """Writes an mp4 bit by bit: pictures and sound in any order and in pieces of any size, clause by clause.

        with VideoWriter("reply.mp4", frame_rate_hz=25, sample_rate_hz=24_000) as video:
            for clause, pictures in reply:
                video.add_pictures(pictures)
                video.add_audio(clause.audio)

    On leaving the block the shorter stream is made as long as the other: sound with silence, pictures by holding the
    last one. Leaving it by an exception closes the file without repair.

    Raises:
        InputError: pictures of changing or odd size, sound at another rate, a rate that is not positive, or no picture.
        ComponentError: this build of PyAV has no H.264 encoder.
        StorageError: the file cannot be written, or the disk is full.
    """

    def __init__(self, path: str | Path, *, frame_rate_hz: float, sample_rate_hz: int) -> None:
        import av

        if not (frame_rate_hz > 0 and sample_rate_hz > 0):
            raise InputError(
                f"a video needs positive rates, got {frame_rate_hz} pictures and {sample_rate_hz} samples a second"
            )
        self._codec = h264_encoder()
        self._rate = Fraction(frame_rate_hz).limit_denominator(1001)
        self._sample_rate_hz = sample_rate_hz
        self._name = str(path)
        self._pictures = 0
        self._samples = 0
        self._pending = np.zeros(0, np.float32)
        self._last: Picture | None = None
        self._closed = False
        self._av: Any = av
        self._video: Any = None
        try:
            self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        except OSError as error:
            raise _storage_error(self._name, error) from None
        self._audio: Any = self._container.add_stream("aac", rate=sample_rate_hz)
        self._audio.layout = "mono"
        self._audio.bit_rate = 96_000

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._abandon()

    @property
    def duration_s(self) -> float:
        """How long what was added lasts: the longer of pictures and sound."""
        return max(float(self._pictures / self._rate), self._samples / self._sample_rate_hz)

    def add_pictures(self, pictures: Iterable[Picture]) -> None:
        """Append RGB pictures, uint8 (height, width, 3), all of one even size."""
        for picture in pictures:
            self._encode_picture(picture)

    def add_audio(self, audio: Audio) -> None:
        """Append sound, which follows what was added before without a gap."""
        if audio.sample_rate_hz != self._sample_rate_hz:
            raise InputError(
                f"this video's sound has {self._sample_rate_hz} Hz, got {audio.sample_rate_hz} Hz; resample it first"
            )
        self._samples += len(audio.samples)
        self._pending = np.concatenate([self._pending, audio.samples])
        whole = len(self._pending) // _AAC_FRAME * _AAC_FRAME
        # The stream of pictures fixes its size at the first one; sound waits for it, since mp4 headers need both.
        if self._video is not None:
            self._encode_audio(whole)

    def close(self) -> None:
        """Make both streams equally long and finish the file. Closing twice does nothing."""
        if self._closed:
            return
        if self._last is None:
            self._abandon()
            raise InputError(f"{self._name}: a video needs at least one picture")
        while self._pictures / self._rate < Fraction(self._samples, self._sample_rate_hz) - 1 / (2 * self._rate):
            self._encode_picture(self._last)
        missing = round(self._pictures / self._rate * self._sample_rate_hz) - self._samples
        if missing > 0:
            self._pending = np.concatenate([self._pending, np.zeros(missing, np.float32)])
            self._samples += missing
        self._encode_audio(len(self._pending))
        self._closed = True
        try:
            for stream in (self._video, self._audio):
                self._container.mux(stream.encode())
            self._container.close()
        except OSError as error:
            raise _storage_error(self._name, error) from None

    def _abandon(self) -> None:
        self._closed = True
        try:
            self._container.close()
        except OSError as error:
            raise _storage_error(self._name, error) from None

    def _encode_picture(self, picture: Picture) -> None:
        if self._video is None:
            self._open_video(picture)
        if self._last is not None and picture.shape != self._last.shape:
            raise InputError(
                f"pictures of one video must have one size, got {self._last.shape} and then {picture.shape}"
            )
        frame: Any = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = self._pictures, 1 / self._rate
        self._last = picture
        self._pictures += 1
        self._mux(self._video, frame)

    def _open_video(self, picture: Picture) -> None:
        if (
            picture.dtype != np.uint8
            or picture.ndim != 3
            or picture.shape[2] != 3
            or picture.shape[0] % 2
            or picture.shape[1] % 2
        ):
            raise InputError(
                f"a picture must be uint8 RGB (height, width, 3) of even size, got {picture.dtype} {picture.shape}"
            )
        video: Any = self._container.add_stream(self._codec, rate=self._rate)
        video.height, video.width = picture.shape[:2]
        video.pix_fmt = "yuv420p"
        video.time_base = 1 / self._rate
        if self._codec == "libx264":
            # No B-frames: they would start the pictures later than the sound in players that ignore edit lists.
            video.options = {"preset": "veryfast", "crf": "20", "bf": "0"}
        else:
            video.bit_rate = 1_500_000
        self._video = video

    def _encode_audio(self, count: int) -> None:
        done = self._samples - len(self._pending)
        for start in range(0, count, _AAC_FRAME):
            piece = self._pending[start : min(start + _AAC_FRAME, count)]
            frame: Any = self._av.AudioFrame.from_ndarray(piece[None, :], format="fltp", layout="mono")
            frame.sample_rate = self._sample_rate_hz
            frame.pts, frame.time_base = done + start, Fraction(1, self._sample_rate_hz)
            self._mux(self._audio, frame)
        self._pending = self._pending[count:]

    def _mux(self, stream: Any, frame: Any) -> None:
        try:
            self._container.mux(stream.encode(frame))
        except OSError as error:
            raise _storage_error(self._name, error) from None


def h264_encoder() -> str:
    """The best H.264 encoder in this build of PyAV.

    Raises:
        ComponentError: it has none, or PyAV itself is missing.
    """
    try:
        import av.codec
    except ImportError as error:
        raise ComponentError(f"PyAV cannot be loaded ({error}); run: pip install av") from None
    for name in _H264_ENCODERS:
        if name in av.codec.codecs_available:
            return name
    raise ComponentError(
        "this build of PyAV has no H.264 encoder; run: pip install --force-reinstall --only-binary av av"
    )


def write_video(target: str | Path | BinaryIO, frames: Iterable[Picture], audio: Audio, frame_rate_hz: float) -> None:
    """An mp4 of RGB frames (read one by one) and sound, both made to last equally long, into a file by its
    path or into an open one. Raises as VideoWriter does."""
    if isinstance(target, str | Path):
        with VideoWriter(target, frame_rate_hz=frame_rate_hz, sample_rate_hz=audio.sample_rate_hz) as video:
            video.add_audio(audio)
            video.add_pictures(frames)
        return
    # The muxer puts the index first by reading its own output again, which it can only do with a file of its own.
    with tempfile.TemporaryDirectory(prefix="rapport-") as folder:
        path = Path(folder) / "segment.mp4"
        write_video(path, frames, audio, frame_rate_hz)
        try:
            target.write(path.read_bytes())
        except OSError as error:
            raise _storage_error("the video", error) from None


def encode_segment(frames: Iterable[Picture], audio: Audio, frame_rate_hz: float) -> bytes:
    """A self-contained mp4 as bytes, for a browser's video element. Raises as VideoWriter does."""
    buffer = io.BytesIO()
    write_video(buffer, frames, audio, frame_rate_hz)
    return buffer.getvalue()


def _storage_error(name: str, error: OSError) -> StorageError:
    full = error.errno == errno.ENOSPC
    advice = "free some space or choose another disk" if full else "choose a folder that exists and can be written"
    return StorageError(f"{name}: cannot be written ({error.strerror or error}); {advice}")
