"""Live Link Face recordings and packets: the real recordings, both ways, and what is wrong with a file, by line."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.live_link import (
    CHANNELS,
    LiveLinkSender,
    Packet,
    channels_of,
    decode,
    encode,
    packets,
    read_csv,
    write_csv,
)
from rapport.persona.errors import InputError, StorageError

_RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "arkit_csv"
needs_recordings = pytest.mark.skipif(not _RECORDINGS.is_dir(), reason="the recordings in ../shared are not here")


def _track(frames: int = 20, rate_hz: float = 30.0, start_s: float = 0.0, seed: int = 0) -> FaceTrack:
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-0.6, 0.6, (frames, 5)).astype(np.float32)
    return FaceTrack(rng.random((frames, 52), np.float32), angles[:, :3], angles[:, 3:], rate_hz, start_s)


def _same(a: FaceTrack, b: FaceTrack) -> None:
    for name in ("weights", "head_pose", "gaze"):
        assert np.allclose(getattr(a, name), getattr(b, name), rtol=0, atol=2e-7)


@needs_recordings
@pytest.mark.parametrize(("name", "lines"), [("alex_rom_3", 4030), ("alex_rom_4", 3809)])
def test_the_apps_own_recordings_are_read(name: str, lines: int) -> None:
    track = read_csv(_RECORDINGS / f"{name}.csv")
    assert track.frame_rate_hz == 30
    assert lines <= len(track) <= lines * 1.01  # the app dropped a few frames
    assert track.curve("jawOpen").max() > 0.5
    look_left = track.curve("eyeLookOutLeft") - track.curve("eyeLookInLeft")
    look_up = track.curve("eyeLookUpLeft") - track.curve("eyeLookDownLeft")
    assert np.corrcoef(track.gaze[:, 0], look_left)[0, 1] > 0.95
    assert np.corrcoef(track.gaze[:, 1], look_up)[0, 1] > 0.95


@needs_recordings
def test_a_recording_written_again_is_the_recording(tmp_path: Path) -> None:
    track = read_csv(_RECORDINGS / "alex_rom_3.csv")
    write_csv(tmp_path / "again.csv", track)
    again = read_csv(tmp_path / "again.csv")
    _same(track, again)
    assert (again.frame_rate_hz, again.start_s) == (track.frame_rate_hz, pytest.approx(track.start_s, abs=1e-4))
    with (_RECORDINGS / "alex_rom_3.csv").open() as theirs, (tmp_path / "again.csv").open() as ours:
        assert theirs.readline() == ours.readline()
        first, written = theirs.readline().split(","), ours.readline().split(",")
    assert written[:2] == first[:2]
    assert np.allclose(np.array(written[2:54], float), np.array(first[2:54], float), rtol=0, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(2, 40),
    rate_hz=st.sampled_from([12.5, 24.0, 25.0, 24 / 1.001, 30 / 1.001, 30.0, 60.0, 100.0]),
    start_s=st.integers(0, 86_399),
    seed=st.integers(0, 99),
)
def test_there_and_back(tmp_path_factory: pytest.TempPathFactory, frames: int, rate_hz: float, start_s: int, seed: int):
    path = tmp_path_factory.mktemp("csv") / "track.csv"
    track = _track(frames, rate_hz, float(start_s), seed)
    write_csv(path, track)
    back = read_csv(path)
    _same(track, back)
    # Two frames tell a rate no better than a timecode of thousandths does.
    assert back.frame_rate_hz == pytest.approx(rate_hz, rel=2e-3)
    assert back.start_s == pytest.approx(start_s, abs=1e-4)


def test_a_dropped_frame_is_filled_in(tmp_path: Path) -> None:
    track = FaceTrack.neutral(11, 30)
    weights = track.weights.copy()
    weights[:, BLENDSHAPE_INDEX["jawOpen"]] = np.linspace(0, 1, 11)
    write_csv(tmp_path / "a.csv", FaceTrack(weights, track.head_pose, track.gaze, 30))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "b.csv").write_text("\n".join(lines[:5] + lines[6:]))
    assert np.allclose(read_csv(tmp_path / "b.csv").weights, weights, atol=1e-4)


@pytest.mark.parametrize(
    ("line", "change", "says"),
    [
        (0, lambda _: "a,b,c", "line 1: a Live Link Face CSV begins with"),
        (2, lambda row: row.rsplit(",", 1)[0], "line 3: has 62 columns"),
        (2, lambda row: row.replace("00:00:00", "soon"), "line 3: .* is no timecode"),
        (2, lambda row: row.replace("00:00:00", "00:61:00"), "line 3: .* no time of a day"),
        (3, lambda row: row.rsplit(",", 1)[0] + ",often", "line 4: could not convert"),
        (3, lambda row: row.rsplit(",", 1)[0] + ",nan", "line 4: holds NaN"),
        (3, lambda row: "00:00:00:00.000" + row[15:], "line 4: the timecode .* does not go forward"),
        (3, lambda row: "02:00:00:00.000" + row[15:], "line 4: a track lasts an hour"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, line: int, change, says: str) -> None:
    write_csv(tmp_path / "a.csv", _track(5))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    lines[line] = change(lines[line])
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=says):
        read_csv(tmp_path / "a.csv")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "missing.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="no text"):
        read_csv(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(",".join(["Timecode", "BlendShapeCount", *CHANNELS]))
    with pytest.raises(InputError, match="no frames"):
        read_csv(tmp_path / "a.csv")


def test_impossible_tracks_are_not_written(tmp_path: Path) -> None:
    for track in (FaceTrack.neutral(0, 30), FaceTrack.neutral(3601, 1), FaceTrack.neutral(10, 5000)):
        with pytest.raises(InputError):
            write_csv(tmp_path / "a.csv", track)
    with pytest.raises(StorageError):
        write_csv(tmp_path / "no" / "folder.csv", _track())


def test_a_packet_has_the_apps_layout() -> None:
    # Made with PyLiveLinkFace 0.1, whose device begins with "$", which is the length 36 of what follows.
    values = np.arange(61, dtype=np.float32) / 61
    theirs = (
        b"\x06\x00\x00\x00$" + b"0" * 36 + b"\x00\x00\x00\x04face"
        + b"\x00\x00\x00\x5a\x3e\x80\x00\x00\x00\x00\x00\x3c\x00\x00\x00\x01\x3d" + values.astype(">f4").tobytes()
    )  # fmt: skip
    packet = decode(theirs)
    assert (packet.subject, packet.device, packet.frame_rate_hz) == ("face", "0" * 36, 60)
    assert packet.time_s == pytest.approx(90.25 / 60)
    left, right = CHANNELS.index("JawLeft"), CHANNELS.index("JawRight")
    assert (packet.channels[left], packet.channels[right]) == (values[15], values[16])
    assert np.array_equal(np.sort(packet.channels), values)
    assert encode(packet) == theirs


def test_broken_packets_are_refused() -> None:
    whole = encode(Packet(np.zeros(61, np.float32), 1.0, 30.0))
    for broken in (b"", b"\x05" + whole[1:], whole[:-1], whole[:40], whole[:61], whole + b"\0\0\0\0"):
        with pytest.raises(InputError, match="Live Link packet"):
            decode(broken)


def test_packets_carry_the_track() -> None:
    track = _track(10, 25, start_s=2.0)
    seen = [(due_s, decode(data)) for due_s, data in packets(track)]
    assert np.array_equal(np.stack([p.channels for _, p in seen]), channels_of(track))
    assert [due_s for due_s, _ in seen] == pytest.approx([i / 25 for i in range(10)])
    assert [p.time_s for _, p in seen] == pytest.approx([2 + i / 25 for i in range(10)])


class _Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    async def sleep(self, seconds: float) -> None:
        self.time_s += seconds


async def test_a_track_is_played_in_time_and_a_late_one_catches_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unreal:
        unreal.bind(("127.0.0.1", 0))
        unreal.settimeout(5)
        clock = _Clock()
        with LiveLinkSender("127.0.0.1", unreal.getsockname()[1], subject="me") as sender:
            assert await sender.play(_track(10, 25), now_s=lambda: clock.time_s, sleep=clock.sleep) == 10
            assert clock.time_s == pytest.approx(9 / 25)
            assert [decode(unreal.recv(4096)).subject for _ in range(10)] == ["me"] * 10

            readings = iter([0.0, *[10.0] * 100])  # the machine was busy for ten seconds
            assert await sender.play(_track(10, 25), now_s=lambda: next(readings), sleep=clock.sleep) == 1
            assert decode(unreal.recv(4096)).time_s == pytest.approx(9 / 25)


def test_addresses_that_are_none() -> None:
    with pytest.raises(InputError, match="no port"):
        LiveLinkSender("127.0.0.1", 0)
