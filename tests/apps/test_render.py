"""`rapport render`: what it writes, what it sends, and what it refuses before any work is done."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from rapport.agent.testing import FakeRenderer, FakeVoice
from rapport.apps import render_job
from rapport.apps.cli import app
from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.live_link import decode, read_csv, write_csv
from rapport.avatar.track_file import write_track
from rapport.persona.errors import InputError, RapportError, StorageError
from rapport.speech.audio import Audio
from rapport.speech.files import write_wav


def _render(*options: str | Path) -> None:
    """As the command does it; errors come out as they are."""
    result = CliRunner().invoke(app, ["render", *map(str, options)], catch_exceptions=True)
    if isinstance(result.exception, RapportError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)


class _Shown(FakeRenderer):
    """Remembers what it was asked to draw."""

    tracks: list[FaceTrack]

    async def render(self, track: FaceTrack, face: Any) -> Any:
        self.tracks.append(track)
        async for picture in super().render(track, face):
            yield picture


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> _Shown:
    renderer = _Shown(size=64)
    renderer.tracks = []
    monkeypatch.setattr(render_job, "WgpuRenderer", lambda model, *, size: renderer)
    return renderer


@pytest.fixture
def voiced(monkeypatch: pytest.MonkeyPatch) -> None:
    real = render_job.create
    voice = FakeVoice()
    monkeypatch.setattr(render_job, "create", lambda stage, spec: voice if stage == "voice" else real(stage, spec))


def _take(tmp_path: Path, frames: int = 30, rate_hz: float = 30.0) -> Path:
    still = FaceTrack.neutral(frames, rate_hz)
    weights = still.weights.copy()
    weights[:, BLENDSHAPE_INDEX["jawOpen"]] = np.linspace(0, 1, frames)
    write_csv(tmp_path / "take.csv", FaceTrack(weights, still.head_pose, still.gaze, rate_hz))
    return tmp_path / "take.csv"


def test_a_line_becomes_a_video_with_sound(tmp_path: Path, shown: _Shown, voiced: None) -> None:
    _render("--text", "Hello there. How are you?", "--out", tmp_path / "talk.mp4", "--fps", "30", "--feeling", "joy")
    with av.open(str(tmp_path / "talk.mp4")) as video:
        (pictures, sound) = (video.streams.video[0], video.streams.audio[0])
        assert pictures.average_rate == 30
        lasts_s = float(pictures.duration * pictures.time_base)
        assert float(sound.duration * sound.time_base) == pytest.approx(lasts_s, abs=0.1)
    (track,) = shown.tracks
    assert track.duration_s == pytest.approx(lasts_s, abs=0.05)
    assert track.curve("mouthSmileLeft").max() > 0.3
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]


def test_a_recording_becomes_a_video_at_its_own_rate_with_its_sound(tmp_path: Path, shown: _Shown) -> None:
    write_wav(tmp_path / "take.wav", Audio(np.full(16_000, 0.1, np.float32), 16_000))
    _render("--track", _take(tmp_path), "--audio", tmp_path / "take.wav", "--out", tmp_path / "take.mp4")
    with av.open(str(tmp_path / "take.mp4")) as video:
        assert video.streams.video[0].average_rate == 30
        assert video.streams.video[0].frames == 30
        loudest = max(float(np.abs(frame.to_ndarray()).max()) for frame in video.decode(video.streams.audio[0]))
    assert loudest > 0.05


def test_a_recording_at_another_rate(tmp_path: Path, shown: _Shown) -> None:
    _render("--track", _take(tmp_path), "--fps", "60", "--out", tmp_path / "take.mp4")
    assert (len(shown.tracks[0]), shown.tracks[0].frame_rate_hz) == (60, 60)


def test_a_still_is_the_moment_that_was_asked_for(tmp_path: Path, shown: _Shown) -> None:
    take = _take(tmp_path)
    _render("--track", take, "--still", tmp_path / "a.png", "--at", "0.5")
    _render("--track", take, "--still", tmp_path / "a.png")
    _render("--still", tmp_path / "a.png", "--feeling", "sadness")
    _render("--still", tmp_path / "a.png", "--feeling", "0.8,0.5,0.3")
    asked, half, sad, glad = shown.tracks
    assert asked.curve("jawOpen")[0] == half.curve("jawOpen")[0] == pytest.approx(15 / 29, abs=1e-6)
    assert sad.curve("mouthFrownLeft")[0] > 0.5
    assert glad.curve("mouthSmileLeft")[0] > 0.3
    assert Image.open(tmp_path / "a.png").size == (64, 64)


def test_a_sheet_has_every_persona_or_one(tmp_path: Path, shown: _Shown) -> None:
    _render("--sheet", tmp_path / "all.png")
    _render("--sheet", tmp_path / "one.png", "--persona", "willow")
    every, one = (Image.open(tmp_path / name) for name in ("all.png", "one.png"))
    assert every.width == one.width
    assert every.height > 2.5 * one.height
    assert len(shown.tracks) == 4 * 14


def test_a_track_of_a_page_is_sent_to_a_game_engine_in_real_time(tmp_path: Path) -> None:
    write_track(tmp_path / "take.json", read_csv(_take(tmp_path, frames=4)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as engine:
        engine.bind(("127.0.0.1", 0))
        engine.settimeout(5)
        _render("--track", tmp_path / "take.json", "--udp", f"127.0.0.1:{engine.getsockname()[1]}")
        first = decode(engine.recv(4096))
    assert first.frame_rate_hz == 30


def test_a_glb_holds_what_is_said_only_when_something_is(tmp_path: Path) -> None:
    _render("--glb", tmp_path / "still.glb", "--persona", "spark")
    _render("--glb", tmp_path / "moving.glb", "--track", _take(tmp_path))
    assert b'"animations"' not in (tmp_path / "still.glb").read_bytes()
    assert b'"name":"reply"' in (tmp_path / "moving.glb").read_bytes()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "say what to make"),
        (["--out", "a.mp4"], "needs --text"),
        (["--udp", "localhost"], "needs --text"),
        (["--out", "a.mov", "--text", "hi"], "is a .mp4 file"),
        (["--still", "a.jpg"], "is a .png file"),
        (["--text", "hi", "--track", "b.csv", "--out", "a.mp4"], "either --text or --track"),
        (["--text", "hi", "--audio", "b.wav", "--out", "a.mp4"], "sound of a --track"),
        (["--track", "b.csv", "--feeling", "joy", "--out", "a.mp4"], "has its own"),
        (["--text", "  ", "--out", "a.mp4"], "1 to 5,000 characters"),
        (["--text", "x" * 5001, "--out", "a.mp4"], "1 to 5,000 characters"),
        (["--still", "a.png", "--feeling", "glee"], "name one of anger"),
        (["--still", "a.png", "--feeling", "1,0"], "name one of anger"),
        (["--still", "a.png", "--feeling", "1,0,2"], "in \\[-1, 1\\]"),
        (["--track", "b.csv", "--glb", "a.glb"], "b.csv: cannot be read"),
        (["--track", "b.txt", "--glb", "a.glb"], "name it so"),
        (["--still", "a.png", "--persona", "nobody"], "unknown persona"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: _Shown, options: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        _render(*options)
    assert not shown.tracks
    assert not list(tmp_path.iterdir())


def test_times_and_addresses_that_are_none(tmp_path: Path, shown: _Shown) -> None:
    take = _take(tmp_path)
    with pytest.raises(InputError, match=r"the face lasts 1\.0 s"):
        _render("--track", take, "--still", tmp_path / "a.png", "--at", "5")
    for address in (":5", "here:there", "127.0.0.1:99999"):
        with pytest.raises(InputError, match=r"HOST:PORT|no port"):
            _render("--track", take, "--udp", address)


def test_an_output_that_cannot_be_written_is_said_before_the_work(tmp_path: Path, shown: _Shown) -> None:
    (tmp_path / "folder.png").mkdir()
    for place in (tmp_path / "no" / "a.png", tmp_path / "folder.png"):
        with pytest.raises(StorageError, match="cannot be written"):
            _render("--still", place)
    assert not shown.tracks


@pytest.mark.models
def test_a_real_voice_and_a_real_face(tmp_path: Path) -> None:
    _render(
        "--text", "Maybe we can talk.", "--out", tmp_path / "talk.mp4", "--still", tmp_path / "a.png", "--size", "128",
        "--tier", "draft",
    )  # fmt: skip
    with av.open(str(tmp_path / "talk.mp4")) as video:
        assert video.streams.video[0].frames > 20
        pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(video.streams.video[0])]
    moved = np.abs(pictures[0].astype(int) - pictures[len(pictures) // 2]).mean()
    assert moved > 0.3
    assert np.asarray(Image.open(tmp_path / "a.png")).std() > 20
