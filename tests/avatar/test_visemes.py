"""The mouth: co-articulation and odd phonemes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.avatar.face import BLENDSHAPE_INDEX
from rapport.avatar.visemes import (
    PHONEME_VISEMES,
    VISEMES,
    Articulation,
    mouth_from_loudness,
    mouth_weights,
)
from rapport.persona.errors import StageError
from rapport.speech.audio import Phoneme

GRID_S = np.arange(0.0, 3.0, 0.005)
MISAKI_AMERICAN = "AIOWYbdfhijklmnpstuvwzæðŋɑɔəɛɜɡɪɹɾʃʊʌʒʔʤʧθᵊᵻ"
"""Every letter that the American lexicon of misaki uses for a sound."""


def spoken(symbols, each_s=0.09, lead_s=0.2):
    times = lead_s + each_s * np.arange(len(symbols) + 1)
    phonemes = [Phoneme(s, float(a), float(b)) for s, a, b in zip(symbols, times[:-1], times[1:], strict=True)]
    return Articulation.of(phonemes, float(times[-1]) + lead_s), times


def curve(symbols, name, **kwargs):
    articulation, times = spoken(symbols, **kwargs)
    return mouth_weights(articulation, GRID_S)[:, BLENDSHAPE_INDEX[name]], times


def at(values, time_s):
    return float(np.interp(time_s, GRID_S, values))


def test_every_phoneme_of_the_american_alphabet_has_a_viseme_of_its_own():
    assert {letter for letter in MISAKI_AMERICAN if letter not in PHONEME_VISEMES} == set()
    assert {viseme for visemes in PHONEME_VISEMES.values() for viseme in visemes} <= set(VISEMES)


def test_jaw_opens_more_for_opener_vowels():
    heights = [at(*_mid(v)) for v in ("i", "ɪ", "ɛ", "æ")]
    assert heights == sorted(heights)
    assert heights[-1] > 2 * heights[0]


def _mid(vowel):
    values, times = curve(["t", vowel, "t"], "jawOpen", each_s=0.14)
    return values, 0.5 * (times[1] + times[2])


def test_lips_round_ahead_of_a_rounded_vowel_but_do_not_linger_as_long():
    ahead, times = curve(["s", "t", "u"], "mouthPucker")
    after, _ = curve(["u", "t", "s"], "mouthPucker")
    during_t = 0.5 * (times[1] + times[2])
    assert at(ahead, during_t) > 0.35
    assert at(ahead, during_t) > 1.3 * at(after, during_t)
    spread, _ = curve(["s", "t", "i"], "mouthPucker")
    assert at(spread, during_t) < 0.05


def test_consonant_without_lip_target_takes_its_neighbours_lips():
    rounded, times = curve(["u", "k", "u"], "mouthPucker")
    wide, _ = curve(["i", "k", "i"], "mouthStretchLeft")
    during_k = 0.5 * (times[1] + times[2])
    assert at(rounded, during_k) > 0.45
    assert at(wide, during_k) > 0.15


def test_sibilant_brings_the_teeth_together_between_open_vowels():
    jaw, times = curve(["ɑ", "s", "ɑ"], "jawOpen", each_s=0.11)
    vowel, sibilant = 0.5 * (times[0] + times[1]), 0.5 * (times[1] + times[2])
    assert at(jaw, sibilant) < 0.45 * at(jaw, vowel)


@pytest.mark.parametrize(("phoneme", "shape", "least"), [("f", "mouthRollLower", 0.4), ("θ", "tongueOut", 0.35)])
def test_lip_and_tongue_consonants_reach_their_place(phoneme, shape, least):
    values, times = curve(["æ", phoneme, "æ"], shape)
    assert at(values, 0.5 * (times[1] + times[2])) > least
    assert at(values, times[0]) < 0.5 * least


def test_diphthong_moves_from_its_first_vowel_to_its_second():
    letter, times = curve(["t", "I", "t"], "jawOpen", each_s=0.2)
    early, late = times[1] + 0.06, times[2] - 0.03
    assert at(letter, early) > at(letter, late) + 0.05
    pair, _ = curve(["t", "aɪ", "t"], "jawOpen", each_s=0.2)
    assert np.abs(pair - letter).max() < 0.06


def test_stress_marks_and_length_change_nothing():
    plain, _ = curve(["t", "i", "m"], "jawOpen")
    marked, _ = curve(["t", "ˈiː", "m"], "jawOpen")
    np.testing.assert_array_equal(plain, marked)


def test_unknown_symbols_open_the_mouth_like_a_neutral_vowel():
    unknown, _ = curve(["t", "☃", "t"], "jawOpen")
    schwa, _ = curve(["t", "ə", "t"], "jawOpen")
    np.testing.assert_array_equal(unknown, schwa)


def test_mouth_rests_in_pauses_and_where_no_phoneme_is():
    articulation = Articulation.of([Phoneme("ɑ", 0.3, 0.5), Phoneme("ɑ", 1.3, 1.5)], 2.0)
    jaw = mouth_weights(articulation, GRID_S)[:, BLENDSHAPE_INDEX["jawOpen"]]
    assert at(jaw, 0.9) < 0.01
    assert at(jaw, 0.4) > 0.3
    with_pause = Articulation.of([Phoneme("ɑ", 0.3, 0.5), Phoneme("pause", 0.5, 1.3), Phoneme("ɑ", 1.3, 1.5)], 2.0)
    np.testing.assert_allclose(mouth_weights(with_pause, GRID_S)[:, BLENDSHAPE_INDEX["jawOpen"]], jaw, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(MISAKI_AMERICAN), st.floats(0.0, 0.3)), min_size=1, max_size=30),
    st.floats(0.0, 1.0),
)
def test_weights_stay_between_the_targets_and_never_jump(sounds, lead_s):
    phonemes, at_s = [], lead_s
    for symbol, length_s in sounds:
        phonemes.append(Phoneme(symbol, at_s, at_s + length_s))
        at_s += length_s
    articulation = Articulation.of(phonemes, at_s + 0.1)
    times_s = np.arange(0.0, at_s, 0.001)
    weights = mouth_weights(articulation, times_s)
    assert weights.min(initial=0.0) >= 0.0
    assert weights.max(initial=0.0) <= 0.8
    assert np.abs(np.diff(weights, axis=0)).max(initial=0.0) < 0.06  # per millisecond: at most full range in 17


def test_weights_do_not_depend_on_how_time_is_cut():
    articulation, _ = spoken("sOkAbətwʌtdujuθɪŋk")
    whole = mouth_weights(articulation, GRID_S)
    pieces = np.concatenate([mouth_weights(articulation, piece) for piece in np.array_split(GRID_S, 7)])
    np.testing.assert_allclose(whole, pieces, atol=2e-3)


@pytest.mark.parametrize(
    "phonemes",
    [
        [Phoneme("ɑ", 0.5, 0.2)],
        [Phoneme("ɑ", 0.5, 0.7), Phoneme("t", 0.1, 0.3)],
        [Phoneme("ɑ", 0.1, 0.7), Phoneme("t", 0.5, 0.8)],
        [Phoneme("ɑ", float("nan"), 0.7)],
        [Phoneme("ɑ", 0.1, float("inf"))],
        [Phoneme("ɑ", 100.0, 250.0)],
        [Phoneme("ɑ", -3.0, -2.0)],
    ],
    ids=["backwards", "unordered", "overlapping", "nan", "infinite", "milliseconds", "before the clause"],
)
def test_phoneme_times_that_make_no_sense_are_refused(phonemes):
    with pytest.raises(StageError, match="phoneme") as failure:
        Articulation.of(phonemes, 1.0)
    assert "\n" not in str(failure.value)
    assert not failure.value.retryable


def test_rounding_overlaps_are_trimmed():
    articulation = Articulation.of([Phoneme("ɑ", 0.1, 0.31), Phoneme("t", 0.3, 0.4)], 0.5)
    assert (np.diff(articulation.starts_s) >= 0).all()
    assert (articulation.starts_s[1:] >= articulation.ends_s[:-1] - 1e-12).all()


def test_loudness_alone_opens_and_shuts_the_mouth():
    jaw = mouth_from_loudness(np.linspace(0, 1, 50))[:, BLENDSHAPE_INDEX["jawOpen"]]
    assert jaw[0] == 0.0
    assert jaw[-1] > 0.3
    assert (np.diff(jaw) >= 0).all()
