"""Beats: which syllables head and brows underline."""

import numpy as np
import pytest

from rapport.avatar.emphasis import BEAT_S, beat_curve, beats, word_weights
from rapport.speech.audio import Word


def test_beats_fall_on_the_stressed_syllables():
    times_s = np.arange(0.1, 5.0, 0.1)
    stress = np.full(len(times_s), 0.3)
    stress[[12, 30]] = 1.0
    found = beats(times_s, stress, 5.0)
    np.testing.assert_allclose(found[:, 0], times_s[[12, 30]])
    curve = beat_curve(np.arange(0.0, 5.0, 0.01), found)
    assert curve[[130, 310]].min() == pytest.approx(found[0, 1], rel=0.01)
    assert curve[0] == curve[-1] == 0.0


def test_a_beat_begins_before_its_syllable_and_is_strongest_on_it():
    times_s = np.arange(0.0, 2.0, 0.01)
    curve = beat_curve(times_s, np.array([[1.0, 0.8]]))
    assert times_s[curve.argmax()] == pytest.approx(1.0)
    assert curve[times_s < 1.0 - BEAT_S / 2].max() == 0.0
    assert curve[times_s < 0.9].max() > 0.2


@pytest.mark.parametrize("stress", [[], [0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
def test_even_speech_has_no_beats(stress):
    assert beats(np.arange(len(stress)) + 1.0, np.array(stress), 9.0).shape == (0, 2)


def test_no_beat_is_cut_by_the_edge_of_its_clause():
    times_s = np.array([0.05, 1.0, 1.95])
    found = beats(times_s, np.array([1.0, 0.1, 1.0]), 2.0)
    assert len(found) == 0


def test_negations_ask_for_a_beat_and_articles_do_not():
    words = [Word("I", 0.0, 0.2), Word("do", 0.2, 0.4), Word("NOT,", 0.4, 0.8), Word("see", 0.8, 1.2)]
    weights = word_weights(np.array([0.1, 0.3, 0.6, 1.0, 1.5]), words)
    assert weights[2] > weights[3] == weights[4] == 1.0 > weights[0]
    times_s = np.array([0.3, 0.6, 1.0])
    even = np.ones(3)
    assert beats(times_s, even * word_weights(times_s, words), 2.0)[0, 0] == pytest.approx(0.6)
    assert word_weights(np.array([0.5]), [Word("don't", 0.0, 1.0)])[0] > 1.0
