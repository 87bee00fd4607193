"""Microphone and loudspeaker, on a sound card that is made of Python."""

import builtins
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from rapport.persona.errors import ComponentError, InputError, StageError
from rapport.speech import devices
from rapport.speech.audio import Audio
from rapport.speech.devices import Speaker, microphone


class Stream:
    """What both kinds of stream share: options, whether it runs, and a clock that the test sets."""

    def __init__(self, **options) -> None:
        self.options = options
        self.running = False
        self.closed = False
        self.time = 0.0

    def start(self) -> None:
        self.running = True

    def close(self) -> None:
        self.running, self.closed = False, True

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def record(self, samples: np.ndarray, at_s: float = 0.0) -> None:
        block = np.array(samples, np.float32).reshape(-1, 1)
        self.options["callback"](block, len(block), SimpleNamespace(inputBufferAdcTime=at_s), None)
        block[:] = np.nan  # PortAudio uses its buffer again

    def pull(self, frames: int, latency_s: float = 0.0) -> np.ndarray:
        """Let the device take its next samples; they will be heard `latency_s` from now."""
        out = np.full((frames, 1), np.nan, np.float32)
        self.options["callback"](out, frames, SimpleNamespace(outputBufferDacTime=self.time + latency_s), None)
        return out[:, 0]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[Stream]:
    """A fake sounddevice module; the list fills with the streams that are opened."""
    streams: list[Stream] = []

    def opened(**options) -> Stream:
        streams.append(Stream(**options))
        return streams[-1]

    module = ModuleType("sounddevice")
    module.InputStream = module.OutputStream = opened
    module.PortAudioError = type("PortAudioError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return streams


async def test_the_microphone_gives_what_was_recorded_in_order(card: list[Stream]) -> None:
    frames = microphone(16_000)
    waiting = anext_task(frames)
    await pause()
    assert card[0].options["samplerate"] == 16_000
    assert card[0].running
    card[0].record([0.1, 0.2])
    card[0].record([0.3, 0.4])
    assert np.allclose(await waiting, [0.1, 0.2])
    assert np.allclose(await anext(frames), [0.3, 0.4])
    await frames.aclose()
    assert card[0].closed


async def test_a_slow_listener_loses_the_oldest_sound_not_the_memory(card: list[Stream], monkeypatch) -> None:
    monkeypatch.setattr(devices, "MAX_WAITING_S", 4 * devices.FRAME_S)
    frames = microphone()
    first = anext_task(frames)
    await pause()
    for i in range(10):
        card[0].record([float(i)])
    heard = [await first] + [await anext(frames) for _ in range(3)]
    assert [float(frame[0]) for frame in heard] == [6.0, 7.0, 8.0, 9.0]
    await frames.aclose()


async def test_a_microphone_that_vanishes_ends_with_an_error_not_with_waiting(card: list[Stream]) -> None:
    frames = microphone()
    waiting = anext_task(frames)
    await pause()
    card[0].record([0.5])
    card[0].options["finished_callback"]()
    assert np.allclose(await waiting, [0.5])
    with pytest.raises(StageError, match="microphone has stopped"):
        await anext(frames)
    assert card[0].closed


def test_clauses_play_one_after_the_other_without_a_gap(card: list[Stream]) -> None:
    with Speaker(24_000) as speaker:
        speaker.play(Audio(np.full(300, 0.1, np.float32), 24_000))
        speaker.play(Audio(np.full(300, 0.2, np.float32), 24_000))
        heard = np.concatenate([card[0].pull(256) for _ in range(3)])
    assert np.allclose(heard, [0.1] * 300 + [0.2] * 300 + [0.0] * 168)
    assert card[0].closed


def test_clauses_of_another_rate_are_resampled(card: list[Stream]) -> None:
    speaker = Speaker(24_000)
    speaker.play(Audio.silence(1.0, 16_000))
    card[0].pull(24_000)
    card[0].time = 10.0
    assert speaker.played_s == pytest.approx(1.0)
    assert not speaker.playing


def test_played_s_counts_what_was_heard_not_what_is_on_its_way(card: list[Stream]) -> None:
    speaker = Speaker(1_000)
    assert speaker.played_s == 0.0
    speaker.play(Audio.silence(1.0, 1_000))
    card[0].pull(400, latency_s=0.1)
    assert speaker.played_s == 0.0
    card[0].time = 0.3
    assert speaker.played_s == pytest.approx(0.2)
    card[0].time = 0.5
    assert speaker.played_s == pytest.approx(0.4)
    card[0].time = 5.0
    assert speaker.played_s == pytest.approx(0.4)
    assert speaker.playing


def test_stop_is_silent_at_once_and_counts_anew(card: list[Stream]) -> None:
    speaker = Speaker(1_000)
    speaker.play(Audio(np.full(900, 0.5, np.float32), 1_000))
    card[0].pull(100)
    speaker.stop()
    assert not card[0].pull(100).any()
    assert speaker.played_s == 0.0
    assert not speaker.playing
    speaker.play(Audio(np.full(50, 0.5, np.float32), 1_000))
    card[0].pull(100)
    card[0].time = 9.0
    assert speaker.played_s == pytest.approx(0.05)


@pytest.mark.parametrize("use", [lambda: Speaker(), lambda: run_one(microphone())])
async def test_without_a_device_the_error_says_what_to_do(card: list[Stream], monkeypatch, use) -> None:
    module = sys.modules["sounddevice"]

    def refuse(**_):
        raise module.PortAudioError("Error querying device -1")

    monkeypatch.setattr(module, "InputStream", refuse)
    monkeypatch.setattr(module, "OutputStream", refuse)
    with pytest.raises(ComponentError, match="plug one in"):
        result = use()
        if not isinstance(result, Speaker):
            await result


def test_without_portaudio_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def failing(name, *args, **kwargs):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(ComponentError, match="apt install libportaudio2"):
        Speaker()


def anext_task(frames):
    import asyncio

    return asyncio.ensure_future(anext(frames))


async def run_one(frames):
    return await anext(frames)


async def pause() -> None:
    """Let the other task run until it waits."""
    import asyncio

    for _ in range(3):
        await asyncio.sleep(0)


def test_hold_is_silent_in_the_next_buffer_and_resume_goes_on_where_it_was(card: list[Stream]) -> None:
    speaker = Speaker(1_000)
    speaker.play(Audio(np.arange(1, 901, dtype=np.float32) / 1000, 1_000))
    first = card[0].pull(100)
    speaker.hold()
    assert not card[0].pull(100).any()
    card[0].time = 5.0
    assert speaker.playing
    assert speaker.played_s == pytest.approx(0.1)
    speaker.resume()
    assert card[0].pull(1)[0] == pytest.approx(first[-1] + 0.001)


def test_stop_drops_what_was_held_and_the_next_clause_sounds(card: list[Stream]) -> None:
    speaker = Speaker(1_000)
    speaker.play(Audio(np.full(900, 0.5, np.float32), 1_000))
    card[0].pull(100)
    speaker.hold()
    speaker.stop()
    assert not speaker.playing
    speaker.play(Audio(np.full(50, 0.25, np.float32), 1_000))
    assert np.allclose(card[0].pull(50), 0.25)


def test_the_loudspeaker_takes_no_more_than_50_ms_at_a_time(card: list[Stream]) -> None:
    Speaker(24_000)
    assert card[0].options["blocksize"] <= 0.05 * 24_000


def test_a_loudspeaker_that_vanishes_is_one_error_and_keeps_nobody_waiting(card: list[Stream]) -> None:
    speaker = Speaker(1_000)
    speaker.play(Audio.silence(1.0, 1_000))
    card[0].pull(100)
    card[0].options["finished_callback"]()
    assert not speaker.playing
    with pytest.raises(StageError, match="loudspeaker has stopped"):
        speaker.play(Audio.silence(1.0, 1_000))


def test_what_sounded_when_is_known_at_16_khz(card: list[Stream]) -> None:
    speaker = Speaker(16_000)
    speaker.play(Audio(np.full(3200, 0.5, np.float32), 16_000))
    for block in range(3):
        card[0].time = 0.1 * block
        card[0].pull(1600, latency_s=0.05)
    heard = speaker.heard_from(0.0, 8000)
    assert not heard[:800].any()
    assert np.allclose(heard[800:4000], 0.5)
    assert not heard[4000:].any()


async def test_the_microphone_does_not_hear_the_speaker(card: list[Stream], monkeypatch) -> None:
    given: list[tuple[np.ndarray, np.ndarray]] = []

    class Canceller:
        def process(self, microphone, reference):
            given.append((microphone, reference))
            return microphone - reference

    monkeypatch.setattr(devices, "EchoCanceller", Canceller)
    monkeypatch.setattr(devices, "LEAD_S", 0.0)
    speaker = Speaker(16_000)
    frames = microphone(speaker=speaker)
    waiting = anext_task(frames)
    await pause()
    voice = np.linspace(0.1, 0.9, 1024, dtype=np.float32)
    speaker.play(Audio(voice, 16_000))
    card[0].time = 1.0
    card[0].pull(1024)
    jitter_s = 0.004
    card[1].record(voice[:512], at_s=1.0)
    card[1].record(voice[512:], at_s=1.032 + jitter_s)
    assert np.allclose(await waiting, 0.0, atol=1e-6)
    assert np.allclose(await anext(frames), 0.0, atol=1e-6)
    assert np.allclose(np.concatenate([reference for _, reference in given]), voice)
    await frames.aclose()


async def test_echo_at_another_rate_is_refused(card: list[Stream]) -> None:
    with pytest.raises(InputError, match="16000 Hz"):
        await anext(microphone(48_000, Speaker()))


async def test_a_microphone_that_falls_dumb_ends_with_an_error(card: list[Stream], monkeypatch) -> None:
    monkeypatch.setattr(devices, "STALLED_S", 0.01)
    with pytest.raises(StageError, match="no sound any more"):
        await anext(microphone())
