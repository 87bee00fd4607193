"""Videos: both streams last equally long, what goes in comes out, and every failure is one clear line."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar import video as video_module
from rapport.avatar.video import VideoWriter, encode_segment, write_video
from rapport.persona.errors import ComponentError, InputError, StorageError
from rapport.speech.audio import Audio

RATE_HZ = 24_000


def pictures(count: int, size: int = 64):
    for i in range(count):
        picture = np.full((size, size, 3), 60, np.uint8)
        picture[:, : size // 2] = (i * 23) % 200
        yield picture


def tone(duration_s: float, frequency_hz: float = 440.0) -> Audio:
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return Audio((0.5 * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32), RATE_HZ)


def decode(source) -> tuple[list[np.ndarray], np.ndarray, dict[str, float]]:
    with av.open(source) as container:
        durations = {s.type: float(s.duration * s.time_base) for s in container.streams}
        durations["container"] = container.duration / av.time_base
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    if hasattr(source, "seek"):
        source.seek(0)
    with av.open(source) as container:
        samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    return frames, samples, durations


@settings(max_examples=6, deadline=None)
@given(frames=st.integers(1, 60), audio_s=st.floats(0, 2.5))
def test_streams_last_equally_long_whatever_goes_in(frames: int, audio_s: float):
    shown, _, durations = decode(io.BytesIO(encode_segment(pictures(frames), tone(audio_s), 25)))
    assert abs(durations["video"] - durations["audio"]) <= 0.04
    longest = max(frames / 25, audio_s)
    assert abs(durations["video"] - longest) <= 0.04
    assert abs(durations["container"] - longest) <= 0.06
    assert len(shown) == round(durations["video"] * 25)


def test_what_is_seen_and_heard_survives(tmp_path):
    path = tmp_path / "reply.mp4"
    write_video(path, pictures(50), tone(2.0), 25)
    shown, heard, _ = decode(str(path))
    assert len(shown) == 50
    for expected, actual in zip(pictures(50), shown, strict=True):
        assert abs(float(actual[20:40, 8:24].mean()) - float(expected[20:40, 8:24].mean())) < 8
    spectrum = np.abs(np.fft.rfft(heard[4096 : 4096 + RATE_HZ]))
    assert abs(int(spectrum.argmax()) - 440) <= 1
    assert 0.3 < np.sqrt(2) * heard[4096:-4096].std() < 0.6


def test_sound_stays_in_step_with_pictures(tmp_path):
    """A click in the sound is heard where it was put, to within a hundredth of a second."""
    samples = np.zeros(RATE_HZ * 2, np.float32)
    samples[RATE_HZ : RATE_HZ + 240] = np.sin(np.arange(240) * 0.8)
    write_video(tmp_path / "click.mp4", pictures(50), Audio(samples, RATE_HZ), 25)
    with av.open(str(tmp_path / "click.mp4")) as container:
        frames = [(float(f.pts * f.time_base), f.to_ndarray()[0]) for f in container.decode(audio=0)]
    times = np.concatenate([start + np.arange(len(part)) / RATE_HZ for start, part in frames])
    loudness = np.abs(np.concatenate([part for _, part in frames]))
    assert abs(times[loudness.argmax()] - 1.005) < 0.01


def test_the_index_comes_first_so_that_a_browser_can_start_at_once():
    data = encode_segment(pictures(10), tone(0.4), 25)
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_clause_by_clause_is_one_seamless_video(tmp_path):
    path = tmp_path / "clauses.mp4"
    with VideoWriter(path, frame_rate_hz=25, sample_rate_hz=RATE_HZ) as video:
        for clause in range(4):
            video.add_audio(tone(0.37, 300 + 100 * clause))
            video.add_pictures(pictures(9))
        assert video.duration_s == pytest.approx(1.48)
    shown, heard, durations = decode(str(path))
    assert len(shown) == 37
    assert abs(durations["video"] - durations["audio"]) <= 0.04
    assert len(heard) / RATE_HZ >= 1.48


def test_pictures_are_taken_one_by_one(tmp_path):
    taken: list[int] = []

    def lazily():
        for i, picture in enumerate(pictures(30)):
            taken.append(i)
            yield picture

    with VideoWriter(tmp_path / "x.mp4", frame_rate_hz=25, sample_rate_hz=RATE_HZ) as video:
        source = lazily()
        video.add_pictures(next(source) for _ in range(5))
        assert len(taken) == 5
        video.add_pictures(source)
    assert len(taken) == 30


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "at least one picture"),
        ([np.zeros((64, 64), np.uint8)], "uint8 RGB"),
        ([np.zeros((63, 64, 3), np.uint8)], "even size"),
        ([np.zeros((64, 64, 3), np.float32)], "uint8 RGB"),
        ([np.zeros((64, 64, 3), np.uint8), np.zeros((32, 64, 3), np.uint8)], "one size"),
    ],
)
def test_unusable_pictures_are_refused(bad: list[np.ndarray], message: str):
    with pytest.raises(InputError, match=message):
        encode_segment(bad, tone(0.1), 25)


def test_unusable_rates_are_refused(tmp_path):
    with pytest.raises(InputError, match="positive rates"):
        encode_segment(pictures(1), tone(0.1), 0)
    with (
        pytest.raises(InputError, match="resample"),
        VideoWriter(tmp_path / "x.mp4", frame_rate_hz=25, sample_rate_hz=16_000) as video,
    ):
        video.add_audio(tone(0.1))


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    for path in (tmp_path / "missing" / "reply.mp4", tmp_path):
        with pytest.raises(StorageError, match="cannot be written") as error:
            write_video(path, pictures(2), tone(0.1), 25)
        assert "\n" not in str(error.value)


def test_a_full_disk_is_one_clear_line():
    class FullDisk(io.BytesIO):
        def write(self, data, /):
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="free some space"):
        write_video(FullDisk(), pictures(40), tone(1.5), 25)


def test_without_an_encoder_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(video_module, "_H264_ENCODERS", ("no_such_encoder",))
    with pytest.raises(ComponentError, match="pip install"):
        encode_segment(pictures(1), tone(0.1), 25)


def test_the_next_encoder_is_taken_when_the_best_is_missing(monkeypatch: pytest.MonkeyPatch):
    if "libopenh264" not in av.codec.codecs_available:
        pytest.skip("this build of PyAV has only one H.264 encoder")
    monkeypatch.setattr(video_module, "_H264_ENCODERS", ("no_such_encoder", "libopenh264"))
    shown, _, _ = decode(io.BytesIO(encode_segment(pictures(10), tone(0.4), 25)))
    assert len(shown) == 10
