"""The made conversations and the counting of `rapport bench ears`."""

import numpy as np
import pytest

from rapport.apps.bench import ears_talk
from rapport.apps.bench.ears import Heard, conversation_figures, listen, plain
from rapport.apps.bench.wer import edits
from rapport.speech.audio import Audio, Phoneme, SpokenClause, Transcript, Word
from rapport.speech.streaming import PartialTranscript


def clause(text: str) -> SpokenClause:
    """A hum of half a second for each word."""
    words = tuple(Word(word, 0.5 * i, 0.5 * (i + 1)) for i, word in enumerate(text.split()))
    t = np.arange(round(0.5 * len(words) * 24_000)) / 24_000
    sound = 0.3 * sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 8))
    return SpokenClause(text, Audio(sound, 24_000), words, tuple(Phoneme("a", w.start_s, w.end_s) for w in words))


@pytest.fixture(scope="module")
def talk() -> ears_talk.Talk:
    lines = ["one two |0.6| three", "four five"]
    return ears_talk.make_talk([(line, clause(line.replace("|0.6| ", ""))) for line in lines])


def test_a_hesitation_is_silence_after_a_drawn_out_word(talk: ears_talk.Talk) -> None:
    first, second = talk.turns
    assert first.text == "one two three"
    ((start_s, end_s),) = first.pauses
    assert end_s - start_s == pytest.approx(0.6, abs=0.001)
    between = talk.sound[round(start_s * 16_000) + 160 : round(end_s * 16_000) - 160]
    assert not between.any()
    assert start_s - first.start_s == pytest.approx(0.5 + 0.5 * ears_talk.DRAWN_OUT, abs=0.03)
    assert first.words[-1][1] == pytest.approx(first.end_s, abs=0.001)
    assert second.start_s - first.end_s == pytest.approx(ears_talk.BETWEEN_TURNS_S, abs=0.01)


def test_the_shipped_lines_have_hesitations_and_whole_sentences() -> None:
    lines = ears_talk.read_lines()
    assert sum("|" in line for line in lines) >= 10
    assert sum("|" not in line for line in lines) >= 6


def test_noise_has_the_asked_level(talk: ears_talk.Talk) -> None:
    noise = ears_talk.noisy(talk, 20.0).sound - talk.sound
    assert 20 * np.log10(ears_talk.LEVEL / noise.std()) == pytest.approx(20.0, abs=0.5)


def test_words_are_compared_without_case_punctuation_and_fillers() -> None:
    assert plain("So, um, I DON'T know.") == ["so", "i", "don't", "know"]
    assert edits(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert edits([], ["a"]) == edits(["a"], []) == 1


def test_figures_count_cut_offs_missed_ends_and_latency(talk: ears_talk.Talk) -> None:
    first, second = talk.turns
    in_pause_s = first.pauses[0][0] + 0.5
    heard = Heard(
        ends=[(in_pause_s, Transcript("one two")), (first.end_s + 0.4, Transcript("three"))],
        partials=[(first.start_s + 0.8, PartialTranscript("", "one", 0.8))],
        ready_s=[in_pause_s, first.end_s + 0.5],
        cpu_s=1.0,
    )
    figures = conversation_figures(talk, heard, ["one two three", "four"])
    assert figures["false_cut_offs"] == "1 of 1"
    assert figures["missed_ends"] == "1 of 2"
    assert figures["word_error_rate"] == pytest.approx(2 / 5)
    assert figures["word_error_rate_whole"] == pytest.approx(1 / 5)
    assert figures["endpoint_delay_s"]["p50"] == pytest.approx(0.4, abs=0.001)
    assert figures["partial_latency_s"]["min"] == pytest.approx(0.3, abs=0.01)
    assert second.text == "four five"


@pytest.mark.models
async def test_a_sound_is_listened_to_as_a_stream() -> None:
    async def transcribe(audio: Audio) -> Transcript:
        return Transcript("hello there.")

    from pathlib import Path

    from rapport.speech.files import read_audio

    clip = read_audio(Path(__file__).parents[2] / "apps" / "bench" / "clips" / "dog.flac").samples
    heard = await listen(np.concatenate([clip, np.zeros(32_000, np.float32)]), transcribe)
    assert len(heard.starts_s) == len(heard.ends) == len(heard.ready_s) == 1
    assert heard.ends[0][1].text == "hello there."
    assert heard.partials[-1][1].stable == "hello there."
