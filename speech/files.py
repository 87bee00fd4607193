"""Sound files in and out: whatever FFmpeg decodes becomes mono `Audio`, and `Audio` becomes a WAV file."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError, StorageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio

if TYPE_CHECKING:
    from av import AudioFrame

MAX_DURATION_S = 600.0
"""Longest file that `read_audio` takes unless told otherwise: a turn of talk is seconds, not hours."""


def read_audio(
    path: str | Path,
    *,
    sample_rate_hz: int = RECOGNITION_RATE_HZ,
    max_duration_s: float = MAX_DURATION_S,
    on_progress: Callable[[float], None] | None = None,
) -> Audio:
    """Decode the first audio stream of any audio or video file to mono at `sample_rate_hz`.

    Channels are averaged and samples limited to [-1, 1]. A file that breaks off is used as far as it decodes. Only
    the named file is read: playlists that point to other files or addresses are refused. Decoding stops at
    `max_duration_s`, whatever the file's header claims. `on_progress` is told the seconds decoded so far.

    Raises:
        InputError: no such file, nothing in it to decode, NaN samples, or longer than `max_duration_s`.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name one audio file in it")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; name an audio file")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty; record it again")
        with path.open("rb") as file:
            samples = _decode(path, file, sample_rate_hz, max_duration_s, on_progress)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not np.isfinite(samples).all():
        raise InputError(f"{path} holds NaN or infinite samples; export it again, as 16-bit WAV for example")
    return Audio(np.clip(samples, -1.0, 1.0), sample_rate_hz)


def resample(audio: Audio, sample_rate_hz: int) -> Audio:
    """The same sound at another rate, band-limited (FFmpeg's swresample), lasting equally long to one sample.

    Raises:
        InputError: `sample_rate_hz` is not positive.
    """
    if sample_rate_hz == audio.sample_rate_hz:
        return audio
    length = round(len(audio.samples) * sample_rate_hz / audio.sample_rate_hz) if sample_rate_hz > 0 else 0
    if length == 0:
        return Audio(np.zeros(0, np.float32), sample_rate_hz)
    import av

    frame = av.AudioFrame.from_ndarray(audio.samples[np.newaxis, :], format="fltp", layout="mono")
    frame.sample_rate = audio.sample_rate_hz
    samples = np.concatenate([np.zeros(0, np.float32), *_to_mono(iter([frame]), sample_rate_hz)])[:length]
    return Audio(np.pad(samples, (0, length - len(samples))), sample_rate_hz)


def encode_wav(audio: Audio) -> bytes:
    """A WAV file in memory: 16-bit PCM, mono, at the audio's own rate."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.sample_rate_hz)
        file.writeframes(np.round(np.clip(audio.samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return buffer.getvalue()


def write_wav(path: str | Path, audio: Audio) -> None:
    """Write a WAV file (16-bit PCM, mono).

    Raises:
        StorageError: the file cannot be written: no such folder, no permission, disk full.
    """
    try:
        Path(path).write_bytes(encode_wav(audio))
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


def _decode(
    path: Path,
    file: io.BufferedReader,
    sample_rate_hz: int,
    max_duration_s: float,
    on_progress: Callable[[float], None] | None,
) -> NDArray[np.float32]:
    import av
    import av.error

    chunks: list[NDArray[np.float32]] = []
    length = 0
    try:
        # The empty whitelist keeps a playlist inside the file from opening other files or network addresses.
        options = {"protocol_whitelist": "none"}
        with av.open(file, mode="r", metadata_errors="ignore", options=options) as container:
            if not container.streams.audio:
                raise InputError(f"{path} has no audio stream; name a file with sound")
            for chunk in _to_mono(_frames(container), sample_rate_hz):
                chunks.append(chunk)
                length += len(chunk)
                if on_progress is not None:
                    on_progress(length / sample_rate_hz)
                if length > max_duration_s * sample_rate_hz:
                    raise InputError(f"{path} is longer than {max_duration_s:g} s; cut it into shorter files first")
    except av.error.FFmpegError as error:
        if length == 0:
            raise InputError(
                f"{path} cannot be decoded as audio ({error.strerror}); convert it to WAV or FLAC"
            ) from error
    if length == 0:
        raise InputError(f"{path} holds no sound; record it again")
    return np.concatenate(chunks)


def _frames(container: Any) -> Iterator[AudioFrame]:
    """Decoded frames, going on after a packet that does not decode, up to where the file breaks off."""
    import av.error

    for packet in container.demux(audio=0):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _to_mono(frames: Iterator[AudioFrame], sample_rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """Mono float32 at one rate, whatever format the frames come in, even if it changes on the way."""
    import av

    resampler: av.AudioResampler | None = None
    kind: object = None
    for frame in frames:
        this = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or this != kind:
            if resampler is not None:
                yield from _mean_of_channels(resampler.resample(None))
            # Channels are averaged afterwards: FFmpeg's own down-mix to float sums them and exceeds full scale.
            resampler, kind = av.AudioResampler(format="fltp", rate=sample_rate_hz), this
        frame.pts = None
        yield from _mean_of_channels(resampler.resample(frame))
    if resampler is not None:
        yield from _mean_of_channels(resampler.resample(None))


def _mean_of_channels(frames: list[AudioFrame]) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        yield frame.to_ndarray().mean(axis=0, dtype=np.float32)
