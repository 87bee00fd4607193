"""Live Link Face, the protocol by which Unreal Engine's ARKit face is driven: its CSV recordings and its UDP packets.

Both carry 61 channels: the 52 ARKit weights in an order of their own, then the rotation of the head and of both eyes
in radians. Signs, as found in the app's recordings and turned from and to FaceTrack's here: an eye's
pitch is positive downwards and its yaw towards the face's right: ARKit's right-handed frame seen in a mirror
(x turned round). The head's rotation follows the same rule, by which roll is positive towards the face's left, as here.
"""

from __future__ import annotations

import asyncio
import csv
import math
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.persona.errors import InputError, StorageError

PORT = 11111
"""UDP port at which Unreal's Live Link listens."""
TIMECODE_RATE_HZ = 60
"""Frames in a second of the app's timecode, whatever the recording's rate."""
MAX_FRAME_RATE_HZ = 240.0
MAX_TRACK_S = 3600.0
MAX_FILE_BYTES = 256 * 1024 * 1024
DEVICE = "00000000-0000-4000-8000-726170706f72"
SUBJECT = "Rapport"

_SHAPES = (
    "EyeBlinkLeft", "EyeLookDownLeft", "EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "EyeSquintLeft",
    "EyeWideLeft", "EyeBlinkRight", "EyeLookDownRight", "EyeLookInRight", "EyeLookOutRight", "EyeLookUpRight",
    "EyeSquintRight", "EyeWideRight", "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel",
    "MouthPucker", "MouthRight", "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft",
    "MouthFrownRight", "MouthDimpleLeft", "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight",
    "MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight",
    "MouthLowerDownLeft", "MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight", "BrowDownLeft",
    "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft",
    "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
)  # fmt: skip
CHANNELS: tuple[str, ...] = (
    *_SHAPES,
    *(f"{part}{axis}" for part in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll")),
)
"""The 61 channels in the order of the CSV."""

_ON_THE_WIRE = np.arange(len(CHANNELS))
"""Packets have left before right where the CSV has right before left: for the jaw's and the mouth's sides."""
_ON_THE_WIRE[[15, 16, 21, 22]] = 16, 15, 22, 21

_HEADER = ("Timecode", "BlendShapeCount", *CHANNELS)
_TO_OURS = np.array([BLENDSHAPE_INDEX[name[0].lower() + name[1:]] for name in _SHAPES])
_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2}):(\d{2}(?:\.\d+)?)")
_DAY_S = 86_400
_VERSION = 6


def channels_of(track: FaceTrack) -> NDArray[np.float32]:
    """The 61 channels of every frame, (frames, 61)."""
    out = np.zeros((len(track), len(CHANNELS)), np.float32)
    out[:, : len(_SHAPES)] = track.weights[:, _TO_OURS]
    pitch, yaw, roll = track.head_pose.T
    out[:, 52:55] = np.stack([-yaw, pitch, roll], 1)
    out[:, 55:57] = out[:, 58:60] = -track.gaze
    return out


def track_of(channels: NDArray[np.floating], frame_rate_hz: float, start_s: float = 0.0) -> FaceTrack:
    """A track from frames of 61 channels, (frames, 61). The gaze is the mean of both eyes.

    Raises:
        InputError: another shape, NaN, or a rate that is not positive.
    """
    if channels.ndim != 2 or channels.shape[1] != len(CHANNELS):
        raise InputError(f"Live Link frames must have shape (frames, {len(CHANNELS)}), got {channels.shape}")
    weights = np.zeros((len(channels), len(_SHAPES)), np.float32)
    weights[:, _TO_OURS] = channels[:, : len(_SHAPES)]
    yaw, pitch, roll = channels[:, 52:55].T
    gaze = -(channels[:, 55:57] + channels[:, 58:60]) / 2
    pose = np.stack([pitch, -yaw, roll], 1)
    return FaceTrack(weights, pose.astype(np.float32), gaze.astype(np.float32), frame_rate_hz, start_s)


# ------------------------------------------------------------------------------------------------------------- CSV


def write_csv(path: Path, track: FaceTrack) -> None:
    """Write a track as the Live Link Face app records one; its timecode counts from midnight at `start_s` 0.

    Raises:
        InputError: the track is empty, longer than an hour or faster than the timecode can count.
        StorageError: the file cannot be written.
    """
    _check(track)
    lines = [",".join(_HEADER)]
    for i, row in enumerate(channels_of(track)):
        timecode = _timecode(track.start_s + i / track.frame_rate_hz)
        lines.append(f"{timecode},{len(CHANNELS)}," + ",".join(f"{value:.10f}" for value in row))
    try:
        path.write_text("\n".join(lines) + "\n", encoding="ascii")
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another place") from None


def read_csv(path: Path) -> FaceTrack:
    """Read a recording. Frames that the app dropped are filled in linearly, so that the rate is one.

    Raises:
        InputError: no such recording; the message names the line that is wrong.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path}: is larger than an hour's recording; cut it first")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no Live Link Face CSV, since it is no text") from None
    rows = csv.reader(text.splitlines())
    try:
        first = next(rows, list[str]())
        header = [name.strip().lower() for name in first]
        if header != [name.lower() for name in _HEADER]:
            raise InputError(
                f"{path}: line 1: a Live Link Face CSV begins with Timecode, BlendShapeCount and the 61 channels' names"
            )
        times_s: list[float] = []
        values: list[NDArray[np.float64]] = []
        for row in rows:
            if not row:
                continue
            time_s, frame = _parsed(row, f"{path}: line {rows.line_num}")
            if times_s:
                # A timecode begins again at midnight.
                time_s += _DAY_S if time_s < times_s[-1] - _DAY_S / 2 else 0
                if not time_s > times_s[-1]:
                    raise InputError(f"{path}: line {rows.line_num}: the timecode {row[0]} does not go forward")
                if time_s - times_s[0] > MAX_TRACK_S:
                    raise InputError(f"{path}: line {rows.line_num}: a track lasts an hour at most; cut it first")
            times_s.append(time_s)
            values.append(frame)
    except csv.Error as error:
        raise InputError(f"{path}: line {rows.line_num}: {error}") from None
    if not values:
        raise InputError(f"{path}: has no frames")
    return _regular(np.array(times_s), np.array(values), path)


def _parsed(row: list[str], where: str) -> tuple[float, NDArray[np.float64]]:
    if len(row) != len(_HEADER):
        raise InputError(f"{where}: has {len(row)} columns, not {len(_HEADER)}")
    found = _TIMECODE.fullmatch(row[0].strip())
    if found is None:
        raise InputError(f"{where}: {row[0]!r} is no timecode such as 13:04:31:05.250")
    hours, minutes, seconds = (int(found[i]) for i in (1, 2, 3))
    frames = float(found[4])
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= TIMECODE_RATE_HZ:
        raise InputError(f"{where}: {row[0]!r} is no time of a day at {TIMECODE_RATE_HZ} frames a second")
    try:
        values = np.array([float(cell) for cell in row[2:]])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if not np.isfinite(values).all():
        raise InputError(f"{where}: holds NaN or infinity")
    return hours * 3600 + minutes * 60 + seconds + frames / TIMECODE_RATE_HZ, values


def _regular(times_s: NDArray[np.float64], values: NDArray[np.float64], path: Path) -> FaceTrack:
    """Frames at one rate, from frames of which some are missing."""
    if len(times_s) == 1:
        return track_of(values, TIMECODE_RATE_HZ, float(times_s[0]))
    rate_hz = _likely_rate(times_s)
    if rate_hz > MAX_FRAME_RATE_HZ:
        raise InputError(f"{path}: its timecodes say {rate_hz:.0f} frames a second; up to {MAX_FRAME_RATE_HZ:.0f} work")
    places: NDArray[np.int64] = np.asarray(np.rint((times_s - times_s[0]) * rate_hz), np.int64)
    grid = np.arange(int(places[-1]) + 1, dtype=np.int64)
    if len(grid) != len(values) or bool(np.any(places != grid)):
        if len(grid) > 20 * len(values):
            raise InputError(f"{path}: most of its frames are missing; its timecodes jump")
        since_s = times_s - times_s[0]
        filled: list[NDArray[np.float64]] = [np.interp(grid / rate_hz, since_s, column) for column in values.T]
        values = np.stack(filled, 1)
    return track_of(values, rate_hz, float(times_s[0]))


def _likely_rate(times_s: NDArray[np.float64]) -> float:
    """The usual distance between frames, as a whole rate or a broadcast one (n / 1.001) where it is nearly that."""
    steps = np.diff(times_s)
    usual = steps[np.abs(steps - np.median(steps)) < 0.5 * np.median(steps)]
    rate_hz = float(1 / usual.mean())
    # Printed to a thousandth of a frame, a long recording tells its rate more finely than this.
    for likely in (float(round(rate_hz)), round(rate_hz * 1.001) / 1.001):
        if likely > 0 and abs(rate_hz - likely) < 2e-4 * likely:
            return likely
    return rate_hz


def _timecode(time_s: float) -> str:
    thousandths = round(time_s % _DAY_S * TIMECODE_RATE_HZ * 1000) % (_DAY_S * TIMECODE_RATE_HZ * 1000)
    seconds, frame = divmod(thousandths, TIMECODE_RATE_HZ * 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame // 1000:02d}.{frame % 1000:03d}"


def _check(track: FaceTrack) -> None:
    if not len(track):
        raise InputError("the track has no frames; there is nothing to write")
    if track.duration_s > MAX_TRACK_S:
        raise InputError(f"a track of {track.duration_s:.0f} s is too long; an hour is the most")
    if not 0 < track.frame_rate_hz <= MAX_FRAME_RATE_HZ:
        raise InputError(f"{track.frame_rate_hz:g} frames a second are too many; {MAX_FRAME_RATE_HZ:.0f} is the most")


# ------------------------------------------------------------------------------------------------------------- UDP


@dataclass(frozen=True)
class Packet:
    """One frame as it goes over the network."""

    channels: NDArray[np.float32]
    """(61,), as CHANNELS."""
    time_s: float
    frame_rate_hz: float
    subject: str = SUBJECT
    device: str = DEVICE


def encode(packet: Packet) -> bytes:
    """Version 6, big-endian: device, subject (each with its length before it), frame number, part of a frame, the
    rate as a fraction, the number of channels, and the channels as float32."""
    rate = Fraction(packet.frame_rate_hz).limit_denominator(1001)
    # A frame's own time must not fall a hair below its number.
    frame, part = divmod(round(packet.time_s * float(rate), 4), 1)
    names = b"".join(struct.pack("!i", len(name)) + name for name in (packet.device.encode(), packet.subject.encode()))
    time_of = struct.pack("!ifii", int(frame), part, rate.numerator, rate.denominator)
    return (
        struct.pack("!B", _VERSION)
        + names
        + time_of
        + struct.pack("!B61f", len(CHANNELS), *packet.channels[_ON_THE_WIRE])
    )


def decode(data: bytes) -> Packet:
    """The inverse of `encode`; also reads what the Live Link Face app sends.

    Raises:
        InputError: not such a packet, or one of a moment in which the app saw no face.
    """
    try:
        if data[0] != _VERSION:
            raise InputError(f"a Live Link packet of version {data[0]} is unknown; version {_VERSION} is read")
        names: list[str] = []
        at = 1
        for _ in range(2):
            (length,) = struct.unpack_from("!i", data, at)
            if not 0 <= length <= 1024:
                raise InputError("this is no Live Link packet: a name in it is impossibly long")
            names.append(data[at + 4 : at + 4 + length].decode())
            at += 4 + length
        frame, part, numerator, denominator, count = struct.unpack_from("!ifiiB", data, at)
        channels = np.frombuffer(data, ">f4", offset=at + 17)
    except (struct.error, IndexError, UnicodeDecodeError, ValueError):
        raise InputError("this is no Live Link packet with a face") from None
    if count != len(CHANNELS) or len(channels) != count or not np.isfinite(channels).all():
        raise InputError(f"a Live Link packet has {len(CHANNELS)} channels of numbers, this one does not")
    if numerator <= 0 or denominator <= 0 or not math.isfinite(part):
        raise InputError("a Live Link packet must give a positive frame rate")
    rate_hz = numerator / denominator
    return Packet(channels[_ON_THE_WIRE].astype(np.float32), (frame + part) / rate_hz, rate_hz, names[1], names[0])


def packets(track: FaceTrack, *, subject: str = SUBJECT, device: str = DEVICE) -> Iterator[tuple[float, bytes]]:
    """Every frame's packet, with the time in seconds after the first at which it is due."""
    _check(track)
    for i, frame in enumerate(channels_of(track)):
        due_s = i / track.frame_rate_hz
        yield due_s, encode(Packet(frame, track.start_s + due_s, track.frame_rate_hz, subject, device))


class LiveLinkSender:
    """Sends tracks to Unreal (or to anything that speaks Live Link Face) over UDP.

        with LiveLinkSender("192.168.1.20") as unreal:
            await unreal.play(track)

    Raises:
        InputError: the host's name cannot be resolved.
    """

    def __init__(self, host: str, port: int = PORT, *, subject: str = SUBJECT) -> None:
        if not 0 < port < 65536:
            raise InputError(f"{port} is no port; Live Link listens at {PORT}")
        try:
            family, kind, protocol, _, self._address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError:
            raise InputError(f"the host {host!r} cannot be found; give Unreal's machine as HOST:PORT") from None
        self._socket = socket.socket(family, kind, protocol)
        self._subject = subject

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    async def play(
        self,
        track: FaceTrack,
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> int:
        """Send a track in real time by the given clock; returns the number of packets.

        When the clock has run ahead of several frames only the newest is sent: a face that is late catches up.

        Raises:
            InputError: an empty track, one of more than an hour, or a host that cannot be reached.
        """
        began_s, sent = now_s(), 0
        ready = list(packets(track, subject=self._subject))
        for i, (due_s, data) in enumerate(ready):
            late_s = now_s() - began_s - due_s
            if late_s < 0:
                await sleep(-late_s)
            elif i + 1 < len(ready) and now_s() - began_s >= ready[i + 1][0]:
                continue
            try:
                self._socket.sendto(data, self._address)
            except OSError as error:
                raise InputError(f"{self._address[0]}: cannot be reached ({error.strerror}); check --udp") from None
            sent += 1
        return sent
