"""Lips that shut: the constraint of p, b and m."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.avatar.closure import LIPS_APART, closure, seal_lips
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.head import head_of, lip_gap
from rapport.avatar.visemes import Articulation
from rapport.persona.card import load_persona, shipped_personas
from rapport.speech.audio import Phoneme

GRID_S = np.arange(0.0, 3.0, 0.005)


def spoken(symbols, each_s=0.09, lead_s=0.2):
    times = lead_s + each_s * np.arange(len(symbols) + 1)
    phonemes = [Phoneme(s, float(a), float(b)) for s, a, b in zip(symbols, times[:-1], times[1:], strict=True)]
    return Articulation.of(phonemes, float(times[-1]) + lead_s), times


def at(values, time_s):
    return float(np.interp(time_s, GRID_S, values))


@pytest.mark.parametrize("phoneme", ["p", "b", "m"])
def test_closure_holds_through_the_interval_and_releases_for_the_vowels(phoneme):
    articulation, times = spoken(["ɑ", phoneme, "ɑ"])
    firmness = closure(articulation, GRID_S, np.zeros(len(GRID_S), bool))
    assert at(firmness, times[1] + 0.01) == pytest.approx(1.0)
    assert at(firmness, 0.5 * (times[0] + times[1])) < 0.3
    assert at(firmness, times[3]) == 0.0


def test_closure_is_full_in_every_frame_it_is_told():
    articulation, _ = spoken(["ɑ", "t", "ɑ"])
    closed = np.zeros(len(GRID_S), bool)
    closed[[5, 77]] = True
    np.testing.assert_array_equal(np.flatnonzero(closure(articulation, GRID_S, closed)), [5, 77])


@given(st.integers(0, 2**32))
def test_sealing_ends_with_nothing_that_parts_the_lips(seed):
    values = np.random.default_rng(seed).uniform(size=52)
    sealed = seal_lips(np.array([values, values]), np.array([1.0, 0.0]))
    by_name = dict(zip(ARKIT_BLENDSHAPES, sealed[0], strict=True))
    assert by_name["mouthClose"] == pytest.approx(by_name["jawOpen"] + LIPS_APART)
    assert by_name["jawOpen"] <= 0.15 * values[BLENDSHAPE_INDEX["jawOpen"]] + 1e-12
    assert all(by_name[n] == 0.0 for n in ("mouthFunnel", "mouthUpperUpLeft", "mouthLowerDownRight", "tongueOut"))
    np.testing.assert_array_equal(sealed[1], values)


@pytest.mark.parametrize("persona", shipped_personas())
def test_sealed_lips_touch_on_every_head_whatever_else_moves(persona):
    """On the mesh that is drawn: any face at all, sealed."""
    faces = np.random.default_rng(0).uniform(size=(400, 52)) ** 2
    jaw = BLENDSHAPE_INDEX["jawOpen"]
    faces[:, jaw] = np.minimum(faces[:, jaw], 0.7)
    sealed = seal_lips(faces, np.ones(len(faces))).astype(np.float32)
    assert lip_gap(head_of(load_persona(persona).face), sealed).max() == 0.0
