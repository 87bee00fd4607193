"""Sound files: every kind decodes to the same sound, and every bad one gets one clear line."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from rapport.persona.errors import InputError, StorageError
from rapport.speech.audio import Audio
from rapport.speech.files import encode_wav, read_audio, resample, write_wav


def tone(rate_hz: int, duration_s: float = 1.0, frequency_hz: float = 440.0, level: float = 0.5) -> Audio:
    t = np.arange(round(rate_hz * duration_s)) / rate_hz
    return Audio((level * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32), rate_hz)


def float_wav(samples: np.ndarray, rate_hz: int) -> bytes:
    data = np.asarray(samples, "<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, rate_hz, rate_hz * 4, 4, 32
    )
    return head + struct.pack("<4sI", b"data", len(data)) + data


def encoded(path: Path, codec: str, audio: Audio) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=audio.sample_rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray((audio.samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = audio.sample_rate_hz
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=audio.sample_rate_hz)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def assert_same_tone(audio: Audio, reference: Audio, *, error: float) -> None:
    n = min(len(audio.samples), len(reference.samples))
    assert abs(len(audio.samples) - len(reference.samples)) <= 2
    assert np.abs(audio.samples[:n] - reference.samples[:n])[400:-400].max() < error


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000, 192_000])
def test_every_rate_comes_out_as_the_same_sound_at_16_khz(tmp_path: Path, rate_hz: int) -> None:
    write_wav(tmp_path / "a.wav", tone(rate_hz))
    assert_same_tone(read_audio(tmp_path / "a.wav"), tone(16_000), error=1e-3)


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.mp4", "aac"), ("a.mkv", "pcm_s16le")])
def test_containers_and_codecs_decode_to_their_full_length(tmp_path: Path, name: str, codec: str) -> None:
    audio = read_audio(encoded(tmp_path / name, codec, tone(44_100, 2.0)))
    assert audio.sample_rate_hz == 16_000
    assert audio.duration_s == pytest.approx(2.0, abs=0.06)
    assert np.sqrt(np.mean(audio.samples[4000:-4000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_the_rate_can_be_chosen(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(16_000))
    assert_same_tone(read_audio(tmp_path / "a.wav", sample_rate_hz=24_000), tone(24_000), error=1e-3)


def test_stereo_is_averaged_and_stays_within_full_scale(tmp_path: Path) -> None:
    left, right = tone(16_000, level=0.99), tone(16_000, level=0.5)
    interleaved = np.stack([left.samples, right.samples], axis=1)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((interleaved * 32767).astype("<i2").tobytes())
    assert_same_tone(read_audio(tmp_path / "a.wav"), tone(16_000, level=0.745), error=1e-3)


def test_samples_beyond_full_scale_are_limited(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(float_wav(tone(16_000, level=1.0).samples * 3, 16_000))
    assert np.abs(read_audio(tmp_path / "a.wav").samples).max() == 1.0


def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = encoded(tmp_path / "a.flac", "flac", tone(16_000, 4.0)).read_bytes()
    (tmp_path / "half.flac").write_bytes(whole[: len(whole) // 2])
    assert 0.5 < read_audio(tmp_path / "half.flac").duration_s < 3.5
    (tmp_path / "half.wav").write_bytes(encode_wav(tone(16_000, 4.0))[:64_044])
    assert read_audio(tmp_path / "half.wav").duration_s == pytest.approx(2.0, abs=0.01)


def _bad_files(folder: Path) -> dict[str, str]:
    """Bad files by name, and what their message must say."""
    noise = np.random.default_rng(0).bytes(5000)
    nan = np.zeros(8000, np.float32)
    nan[4000] = np.nan
    secret = folder / "other.wav"
    write_wav(secret, tone(16_000))
    contents = {
        "empty.wav": (b"", "empty"),
        "noise.mp3": (noise, "cannot be decoded"),
        "text.wav": (b"hello " * 50, "cannot be decoded"),
        "cut.flac": (b"fLaC\0\0\0\x22", "cannot be decoded"),
        "head.wav": (encode_wav(tone(16_000))[:44], "holds no sound"),
        "nan.wav": (float_wav(nan, 16_000), "NaN"),
        "nan48.wav": (float_wav(nan, 48_000), "NaN"),
        "inf.wav": (float_wav(np.full(8000, np.inf), 16_000), "NaN or infinite"),
        "list.m3u8": (f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode(), "cannot be decoded"),
        "list.ffconcat": (f"ffconcat version 1.0\nfile {secret}\n".encode(), "cannot be decoded"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    return {name: says for name, (_, says) in contents.items()} | {"folder": "folder", "missing.wav": "no such file"}


def test_every_bad_file_gets_one_clear_line_with_its_name(tmp_path: Path) -> None:
    for name, says in _bad_files(tmp_path).items():
        with pytest.raises(InputError) as caught:
            read_audio(tmp_path / name)
        message = str(caught.value)
        assert says in message, (name, message)
        assert name in message, message
        assert "\n" not in message


def test_a_device_is_not_read_forever() -> None:
    with pytest.raises(InputError, match="not a regular file"):
        read_audio("/dev/zero")


def test_a_long_file_is_refused_before_it_is_decoded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(tmp_path / "long.wav", Audio.silence(300.0))
    decoded_s: list[float] = []
    from rapport.speech import files

    to_mono = files._to_mono

    def counting(frames, rate_hz):
        for chunk in to_mono(frames, rate_hz):
            decoded_s.append(len(chunk) / rate_hz)
            yield chunk

    monkeypatch.setattr(files, "_to_mono", counting)
    with pytest.raises(InputError, match="longer than 2 s"):
        read_audio(tmp_path / "long.wav", max_duration_s=2.0)
    assert sum(decoded_s) < 3.0


def test_a_header_that_claims_hours_does_not_matter(tmp_path: Path) -> None:
    content = bytearray(encode_wav(tone(16_000)))
    content[40:44] = struct.pack("<I", 0xFFFFFFFF)  # as programs write that stream to a pipe
    (tmp_path / "piped.wav").write_bytes(content)
    assert read_audio(tmp_path / "piped.wav").duration_s == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100])
def test_resampling_keeps_time_and_shape(rate_hz: int) -> None:
    assert_same_tone(resample(tone(rate_hz), 16_000), tone(16_000), error=1e-3)
    assert len(resample(tone(rate_hz), 16_000).samples) == 16_000


def test_resampling_down_removes_what_the_lower_rate_cannot_carry() -> None:
    assert np.abs(resample(tone(48_000, frequency_hz=10_000), 16_000).samples[400:-400]).max() < 1e-3


@pytest.mark.parametrize("samples", [0, 1, 2, 7])
def test_resampling_tiny_audio_keeps_its_length(samples: int) -> None:
    audio = Audio(np.full(samples, 0.1, np.float32), 16_000)
    assert len(resample(audio, 48_000).samples) == 3 * samples


def test_resampling_to_an_impossible_rate_is_refused() -> None:
    with pytest.raises(InputError, match="sample_rate_hz"):
        resample(tone(16_000), 0)


def test_wav_keeps_samples_to_16_bits(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(16_000))
    read = read_audio(tmp_path / "a.wav")
    assert np.abs(read.samples - tone(16_000).samples).max() < 1 / 32_000


def test_an_unwritable_wav_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_wav(tmp_path / "no" / "such" / "a.wav", tone(16_000))


def test_progress_is_told_in_seconds_and_grows_to_the_end(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", Audio.silence(20.0, 16_000))
    told: list[float] = []
    read_audio(tmp_path / "long.wav", on_progress=told.append)
    assert told == sorted(told)
    assert len(told) > 10
    assert told[-1] == pytest.approx(20.0, abs=0.01)
