"""Endpointing: the state machine on made probabilities, and the whole on real speech."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.persona.errors import InputError
from rapport.speech.endpointing import (
    Endpointer,
    EndpointingPolicy,
    SpeechEnded,
    SpeechGate,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from rapport.speech.files import read_audio
from rapport.speech.voice_activity import FRAME_S, FRAME_SAMPLES
from rapport.speech.windows import speech_windows

FIXTURES = Path(__file__).parents[2] / "apps" / "bench" / "clips"


class LoudnessActivity:
    """A fake: the probability of speech is the level of the frame's first sample."""

    def __init__(self) -> None:
        self.resets = 0

    def probability(self, frame: np.ndarray) -> float:
        assert frame.shape == (FRAME_SAMPLES,)
        assert frame.dtype == np.float32
        assert np.isfinite(frame).all()
        return float(np.clip(abs(frame[0]), 0.0, 1.0))

    def reset(self) -> None:
        self.resets += 1


def sound(*parts: tuple[float, float]) -> np.ndarray:
    """(level, seconds) one after the other, in whole frames."""
    return np.concatenate([np.full(round(s / FRAME_S) * FRAME_SAMPLES, level, np.float32) for level, s in parts])


def run(samples: np.ndarray, policy: EndpointingPolicy | None = None, chunk: int = 700):
    ears = Endpointer(policy, LoudnessActivity())
    found = [event for i in range(0, len(samples), chunk) for event in ears.push(samples[i : i + chunk])]
    return found, ears.flush()


def changes(probabilities: Iterable[float], policy: EndpointingPolicy | None = None) -> list[tuple[int, str]]:
    gate = SpeechGate(policy or EndpointingPolicy())
    steps = [(i, gate.step(p)) for i, p in enumerate(probabilities)]
    return [(i, change) for i, change in steps if change is not None]


def test_speech_starts_after_min_speech_and_ends_after_min_silence() -> None:
    policy = EndpointingPolicy(min_speech_s=0.1, likely_silence_s=0.3, max_silence_s=1.0)
    found = changes([0.0] * 10 + [0.9] * 30 + [0.0] * 40, policy)
    assert [change for _, change in found] == ["started", "paused", "ended"]
    (start, _), (pause, _), (end, _) = found
    assert (start - 9) * FRAME_S == pytest.approx(0.1, abs=FRAME_S)
    assert (pause - 39) * FRAME_S == pytest.approx(0.3, abs=FRAME_S)
    assert (end - 39) * FRAME_S == pytest.approx(1.0, abs=FRAME_S)


def test_the_silence_that_is_needed_can_be_set_while_it_lasts() -> None:
    gate = SpeechGate(EndpointingPolicy())
    for _ in range(20):
        gate.step(0.9)
    while gate.step(0.0) != "paused":
        pass
    gate.silence_needed_s = gate.silent_frames * FRAME_S
    assert gate.step(0.0) == "ended"


def test_a_click_is_not_speech() -> None:
    assert changes([0.0] * 5 + [1.0] * 2 + [0.0] * 50) == []


def test_a_pause_that_is_too_short_does_not_end_the_utterance() -> None:
    pause = [0.0] * round(0.4 / FRAME_S)
    assert [c for _, c in changes([0.9] * 20 + pause + [0.9] * 20)] == ["started", "paused", "resumed"]
    hardly = [0.0] * round(0.1 / FRAME_S)
    assert [c for _, c in changes([0.9] * 20 + hardly + [0.9] * 20)] == ["started"]


def test_between_the_thresholds_speech_goes_on_but_does_not_begin() -> None:
    assert changes([0.4] * 100) == []
    assert [c for _, c in changes([0.9] * 10 + [0.4] * 100)] == ["started"]


def test_a_mumble_between_the_thresholds_does_not_hold_up_an_end_that_has_begun() -> None:
    assert [c for _, c in changes([0.9] * 10 + [0.1] + [0.4] * 50)] == ["started", "paused", "ended"]


def test_endless_speech_is_handed_over_in_parts_without_loss() -> None:
    policy = EndpointingPolicy(max_utterance_s=2.0, pre_roll_s=0.0)
    samples = sound((0.9, 7.0))
    found, last = run(samples, policy)
    parts = [e.audio for e in [*found, *last] if isinstance(e, SpeechEnded)]
    assert len(parts) == 4
    assert all(part.duration_s <= 2.0 + FRAME_S for part in parts)
    assert sum(len(part.samples) for part in parts) == len(samples)


def test_the_utterance_has_its_pre_roll_and_post_roll_and_no_more() -> None:
    policy = EndpointingPolicy(pre_roll_s=0.32, post_roll_s=0.16)
    found, last = run(sound((0.01, 3.0), (0.8, 1.0), (0.02, 3.0)), policy)
    assert last == []
    started, paused, ended = found
    assert isinstance(started, SpeechStarted)
    assert isinstance(paused, SpeechPaused)
    assert isinstance(ended, SpeechEnded)
    assert paused.audio.samples.tolist() == ended.audio.samples.tolist()
    assert paused.at_s < ended.at_s
    assert np.isclose(ended.audio.samples, 0.01).sum() == 10 * FRAME_SAMPLES
    assert np.isclose(ended.audio.samples, 0.8).sum() == round(1.0 / FRAME_S) * FRAME_SAMPLES
    assert np.isclose(ended.audio.samples, 0.02).sum() == 5 * FRAME_SAMPLES
    assert ended.audio.sample_rate_hz == 16_000


def test_two_utterances_share_no_sound() -> None:
    rising = sound((0.0, 1.0), (0.9, 0.5), (0.0, 1.3), (0.9, 0.5), (0.0, 1.0))
    ramp = rising * np.linspace(0.9, 1.0, len(rising), dtype=np.float32)
    found, last = run(ramp)
    first, second = (e.audio.samples for e in [*found, *last] if isinstance(e, SpeechEnded))
    assert first[first > 0.1].max() < second[second > 0.1].min()


def test_flush_ends_an_open_utterance_and_makes_ready_for_the_next_stream() -> None:
    activity = LoudnessActivity()
    ears = Endpointer(voice_activity=activity)
    assert [type(e) for e in ears.push(sound((0.9, 1.0)))] == [SpeechStarted]
    assert ears.speaking
    (ended,) = ears.flush()
    assert isinstance(ended, SpeechEnded)
    assert ended.audio.duration_s == pytest.approx(1.0, abs=FRAME_S)
    assert activity.resets == 1
    assert not ears.speaking
    assert ears.flush() == []


def end_of(ears: Endpointer, *words: str | None) -> float:
    """Seconds of silence after which a second of sound counts as over, when `words` are heard once it pauses."""
    ears.push(sound((0.9, 1.0)))
    told = list(words)
    for i in range(100):
        for event in ears.push(sound((0.0, FRAME_S))):
            if isinstance(event, SpeechPaused) and told and (text := told.pop(0)) is not None:
                ears.heard_words(text)
            if isinstance(event, SpeechEnded):
                return (i + 1) * FRAME_S
    raise AssertionError("no end")


def test_words_that_hang_in_the_air_are_waited_for_longer() -> None:
    ears = Endpointer(voice_activity=LoudnessActivity())
    finished, hanging = end_of(ears, "I lost my job."), end_of(ears, "I lost my job because I")
    assert ears.policy.min_silence_s <= finished < 0.8
    assert 1.2 < hanging <= ears.policy.max_silence_s + FRAME_S


def test_words_heard_before_the_pause_do_not_end_it_sooner() -> None:
    ears = Endpointer(voice_activity=LoudnessActivity())
    ears.push(sound((0.9, 1.0)))
    ears.heard_words("I lost my job.")
    assert end_of(ears) == pytest.approx(ears.policy.max_silence_s, abs=FRAME_S)


def test_without_any_recogniser_the_wait_lies_between() -> None:
    ears = Endpointer(voice_activity=LoudnessActivity())
    assert 0.5 < end_of(ears) < 1.4


def test_the_utterance_so_far_can_be_taken_while_it_lasts() -> None:
    ears = Endpointer(voice_activity=LoudnessActivity())
    assert len(ears.utterance().samples) == 0
    ears.push(sound((0.01, 1.0), (0.9, 1.0)))
    so_far = ears.utterance()
    assert so_far.duration_s == pytest.approx(1.0 + ears.policy.pre_roll_s, abs=2 * FRAME_S)
    ears.push(sound((0.9, 0.5)))
    assert ears.utterance().samples[: len(so_far.samples)].tolist() == so_far.samples.tolist()
    ears.flush()
    assert len(ears.utterance().samples) == 0


def test_flush_of_silence_says_nothing() -> None:
    assert run(sound((0.0, 1.0))) == ([], [])


def test_nan_infinite_and_clipped_samples_are_survived() -> None:
    samples = sound((0.0, 0.5), (5.0, 0.5), (0.0, 1.5))
    samples[100:200] = np.nan
    samples[9000:9010] = np.inf
    found, _ = run(samples)
    assert [type(e) for e in found] == [SpeechStarted, SpeechPaused, SpeechEnded]
    assert np.abs(found[2].audio.samples).max() <= 1.0


def test_a_column_of_one_channel_is_taken_and_two_channels_are_refused() -> None:
    ears = Endpointer(voice_activity=LoudnessActivity())
    assert ears.push(np.zeros((512, 1), np.float32)) == []
    with pytest.raises(InputError, match="mono"):
        ears.push(np.zeros((512, 2), np.float32))


def test_waiting_in_silence_keeps_only_the_pre_roll() -> None:
    ears = Endpointer(voice_activity=LoudnessActivity())
    ears.push(np.zeros(16_000 * 60, np.float32))
    assert len(ears._kept) * FRAME_S <= ears.policy.pre_roll_s + FRAME_S


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_threshold": 0.3, "end_threshold": 0.5},
        {"start_threshold": 1.0},
        {"likely_silence_s": 0.0},
        {"min_silence_s": 0.1},
        {"max_silence_s": 0.4},
        {"pre_roll_s": -1.0},
        {"max_utterance_s": 0.5},
    ],
)
def test_an_impossible_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        EndpointingPolicy(**wrong)


LETTERS = {SpeechStarted: "S", SpeechPaused: "P", SpeechResumed: "R", SpeechEnded: "E"}
levels = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), st.integers(1, 40)), max_size=12)


@settings(deadline=None)
@given(levels)
def test_events_come_in_their_order_and_utterances_stay_within_bounds(parts: list[tuple[float, int]]) -> None:
    policy = EndpointingPolicy(max_utterance_s=3.0)
    samples = np.concatenate([np.zeros(0, np.float32), *(np.full(n * FRAME_SAMPLES, p, np.float32) for p, n in parts)])
    found, last = run(samples, policy)
    events = [*found, *last]
    assert re.fullmatch(r"(S(PR)*P?E)*", "".join(LETTERS[type(e)] for e in events))
    assert [e.at_s for e in events] == sorted(e.at_s for e in events)
    utterances = [e.audio for e in events if isinstance(e, SpeechEnded)]
    for audio in utterances:
        assert policy.min_speech_s <= audio.duration_s <= policy.max_utterance_s + policy.pre_roll_s + 2 * FRAME_S
    assert sum(len(a.samples) for a in utterances) <= len(samples)


@settings(deadline=None)
@given(levels, st.integers(40, 3000))
def test_how_the_stream_is_cut_into_chunks_does_not_matter(parts: list[tuple[float, int]], chunk: int) -> None:
    samples = np.concatenate([np.zeros(0, np.float32), *(np.full(n * FRAME_SAMPLES, p, np.float32) for p, n in parts)])

    def summary(size: int) -> list[tuple[type, float, int]]:
        found, last = run(samples, chunk=size)
        return [(type(e), e.at_s, len(e.audio.samples) if isinstance(e, SpeechEnded) else 0) for e in [*found, *last]]

    assert summary(chunk) == summary(FRAME_SAMPLES)


@pytest.mark.models
def test_real_speech_between_noise_is_cut_out_whole() -> None:
    clip = read_audio(sorted(FIXTURES.glob("*.flac"))[0])
    (window,) = speech_windows(clip.samples)
    clip = clip.between(window[0] / 16_000, window[1] / 16_000)
    rng = np.random.default_rng(1)
    noise = (0.003 * rng.standard_normal(2 * 16_000)).astype(np.float32)
    stream = np.concatenate([noise, clip.samples, noise, clip.samples, noise])
    ears = Endpointer(EndpointingPolicy(min_silence_s=0.9))
    ears.heard_words("")
    events = [event for i in range(0, len(stream), 480) for event in ears.push(stream[i : i + 480])] + ears.flush()
    events = [event for event in events if isinstance(event, SpeechStarted | SpeechEnded)]
    assert [type(e) for e in events] == [SpeechStarted, SpeechEnded] * 2
    assert 2.0 <= events[0].at_s <= 2.0 + clip.duration_s
    for event in events:
        if isinstance(event, SpeechEnded):
            assert event.audio.duration_s == pytest.approx(clip.duration_s, abs=0.6)


@pytest.mark.models
def test_noise_tones_and_clicks_are_not_speech() -> None:
    t = np.arange(4 * 16_000) / 16_000
    clicks = np.zeros(len(t))
    clicks[::4000] = 0.9
    rng = np.random.default_rng(2)
    for samples in (
        np.zeros(len(t)),
        0.3 * np.sin(2 * np.pi * 50 * t),
        0.3 * np.sin(2 * np.pi * 440 * t),
        clicks,
        0.3 * rng.standard_normal(len(t)),
        0.01 * rng.standard_normal(len(t)),
        np.full(len(t), 0.4),
        breathing(t, rng),
        music(t, rng),
    ):
        ears = Endpointer()
        assert ears.push(samples.astype(np.float32)) + ears.flush() == []
        assert list(speech_windows(samples.astype(np.float32))) == []


def breathing(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise between 300 Hz and 4 kHz that comes and goes every four seconds."""
    spectrum = np.fft.rfft(rng.standard_normal(len(t)))
    frequency = np.fft.rfftfreq(len(t), 1 / 16_000)
    noise = np.fft.irfft(np.where((frequency > 300) & (frequency < 4000), spectrum, 0), len(t))
    return 0.2 * noise / noise.std() * np.sqrt(np.clip(np.sin(2 * np.pi * t / 4), 0, 1))


def music(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Plucked chords, a bass drum and a hi-hat, two a second."""
    beat = t % 0.5
    chords = [(262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294)]
    roots = np.array(chords)[(t / 0.5).astype(int) % 4].T
    tones = sum(np.sin(2 * np.pi * f * k * t) / k for f in roots for k in (1, 2, 3)) * np.exp(-2 * beat)
    drums = np.sin(2 * np.pi * 60 * beat) * np.exp(-15 * beat) + rng.standard_normal(len(t)) * np.exp(-60 * beat)
    return np.clip(0.08 * tones + 0.4 * drums, -1, 1)
