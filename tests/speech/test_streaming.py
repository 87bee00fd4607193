"""Partial words: what two decodes agree on stays, what lies before the cut is not decoded again."""

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.persona.errors import InputError, StageError
from rapport.speech.audio import Audio, EncodedSpeech, Transcript, Word
from rapport.speech.files import read_audio
from rapport.speech.streaming import StreamingPolicy, StreamingTranscriber

CLIPS = Path(__file__).parents[2] / "apps" / "bench" / "clips"
RATE_HZ = 16_000


class Script:
    """A fake recogniser: hears word i from 0.5 i to 0.5 i + 0.4 s; the sample values say where a piece begins."""

    def __init__(self, words: str, *, times: bool = True, unsure: bool = False) -> None:
        self.words, self.times, self.unsure = words.split(), times, unsure
        self.decoded_s: list[float] = []

    async def __call__(self, audio: Audio) -> Transcript:
        self.decoded_s.append(audio.duration_s)
        start_s = float(audio.samples[0]) if len(audio.samples) else 0.0
        end_s = start_s + audio.duration_s
        heard = [
            Word(text, 0.5 * i - start_s, 0.5 * i + 0.4 - start_s)
            for i, text in enumerate(self.words)
            if start_s <= 0.5 * i + 0.2 and 0.5 * i + 0.1 < end_s
        ]
        if self.unsure and heard and heard[-1].end_s > audio.duration_s:
            heard[-1] = Word("hm", heard[-1].start_s, heard[-1].end_s)
        text = " ".join(word.text for word in heard)
        states = EncodedSpeech(np.zeros((round(audio.duration_s / 0.02), 3), np.float32), "fake")
        return Transcript(text, tuple(heard) if self.times else (), encoded=states)


def clock(duration_s: float) -> Audio:
    """Sound whose samples are their own time, so that a fake can tell where a piece comes from."""
    return Audio(np.arange(round(duration_s * RATE_HZ), dtype=np.float32) / RATE_HZ, RATE_HZ)


def stream(script: Script, duration_s: float, policy: StreamingPolicy | None = None):
    async def run():
        words = StreamingTranscriber(script, policy or StreamingPolicy(period_s=0.4), now_s=lambda: 0.0)
        partials = []
        for i in range(1, int(duration_s / 0.1) + 1):
            if words.due(0.1 * i):
                partials.append(await words.update(clock(0.1 * i)))
        return partials, await words.finish(clock(duration_s))

    return asyncio.run(run())


def test_words_are_stable_once_two_decodes_agree_and_tentative_before() -> None:
    partials, final = stream(Script("one two three four", unsure=True), 2.4)
    assert final.text == "one two three four"
    assert all(word not in partial.stable for partial in partials for word in ["hm"])
    assert any("hm" in partial.tentative for partial in partials)
    assert partials[-1].stable.startswith("one two three")
    assert partials[0].stable == ""


@given(st.lists(st.sampled_from(["a", "b.", "c", "d,"]), min_size=1, max_size=60), st.booleans(), st.booleans())
def test_what_is_stable_never_changes_and_the_end_has_every_word_once(texts, unsure, times) -> None:
    script = Script(" ".join(texts), times=times, unsure=unsure)
    partials, final = stream(script, 0.5 * len(texts), StreamingPolicy(max_window_s=3.0))
    assert final.text.split() == texts
    for before, after in pairwise(partials):
        assert after.stable.startswith(before.stable)
    if times:
        assert [word.start_s for word in final.words] == pytest.approx([0.5 * i for i in range(len(texts))], abs=1e-3)


def test_a_long_utterance_is_cut_at_a_sentence_and_not_decoded_again() -> None:
    script = Script("it was late. we went home. then it rained. nobody came. we slept. it was good. the end came.")
    _, final = stream(script, 11.0, StreamingPolicy(max_window_s=4.0))
    assert final.text.split() == script.words
    assert max(script.decoded_s) < 4.0 + 2.5
    assert script.decoded_s[-1] < 6.0
    assert final.encoded is not None
    assert len(final.encoded.states) == pytest.approx(11.0 / 0.02, abs=5)


def test_speech_without_sentences_or_pauses_is_cut_in_the_end() -> None:
    script = Script(" ".join(f"w{i}" for i in range(60)))
    _, final = stream(script, 30.0, StreamingPolicy(max_window_s=4.0))
    assert final.text.split() == script.words
    assert max(script.decoded_s) < 8.0


def test_a_finish_right_after_an_update_decodes_nothing() -> None:
    async def run():
        script = Script("one two")
        words = StreamingTranscriber(script)
        await words.update(clock(1.0))
        await words.finish(clock(1.0))
        return script.decoded_s

    assert asyncio.run(run()) == [1.0]


def test_the_person_may_go_on_after_a_finish() -> None:
    async def run():
        words = StreamingTranscriber(Script("one two three"))
        await words.finish(clock(1.0))
        partial = await words.update(clock(1.5))
        words.reset()
        return partial, await words.update(clock(0.5))

    partial, anew = asyncio.run(run())
    assert partial.stable == "one two"
    assert anew.stable == ""


def test_a_slow_recogniser_is_asked_less_often() -> None:
    now = 0.0

    async def slow(audio: Audio) -> Transcript:
        nonlocal now
        now += 0.7
        return Transcript("x")

    words = StreamingTranscriber(slow, StreamingPolicy(period_s=0.4, max_load=0.35), now_s=lambda: now)
    assert not words.due(0.3)
    assert words.due(0.4)
    asyncio.run(words.update(clock(0.4)))
    assert not words.due(2.3)
    assert words.due(2.4)


def test_an_error_of_the_recogniser_comes_through_and_what_was_stable_stays() -> None:
    async def run():
        script = Script("one two three")
        fails = False

        async def decode(audio: Audio) -> Transcript:
            if fails:
                raise StageError("no")
            return await script(audio)

        words = StreamingTranscriber(decode)
        await words.update(clock(1.0))
        await words.update(clock(1.4))
        fails = True
        with pytest.raises(StageError):
            await words.update(clock(1.8))
        fails = False
        return await words.update(clock(1.9))

    assert asyncio.run(run()).stable == "one two three"


@pytest.mark.parametrize("wrong", [{"period_s": 0.0}, {"max_load": -1.0}, {"max_window_s": 0.0}])
def test_an_impossible_policy_is_refused(wrong) -> None:
    with pytest.raises(InputError):
        StreamingPolicy(**wrong)


@pytest.mark.models
def test_streamed_speech_ends_in_the_words_of_a_whole_decode() -> None:
    from rapport.speech.whisper import FasterWhisper

    recognizer = FasterWhisper()
    audio = read_audio(CLIPS / "dog.flac")

    async def run():
        words = StreamingTranscriber(recognizer.transcribe, now_s=lambda: 0.0)
        for i in range(1, int(audio.duration_s / 0.4)):
            partial = await words.update(audio.between(0.0, 0.4 * i))
        return partial, await words.finish(audio), await recognizer.transcribe(audio)

    partial, streamed, whole = asyncio.run(run())
    assert streamed.text == whole.text
    assert len(partial.stable.split()) >= 5
