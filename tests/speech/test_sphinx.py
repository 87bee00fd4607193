"""PocketSphinx as a recogniser: words with times from speech, nothing from silence."""

import json
from pathlib import Path

import pytest

from rapport.persona.errors import ComponentError
from rapport.speech.audio import Audio
from rapport.speech.files import read_audio
from rapport.speech.sphinx import Sphinx

pytestmark = pytest.mark.models

FIXTURES = Path(__file__).parents[2] / "apps" / "bench" / "clips"


@pytest.fixture(scope="module")
def recognizer() -> Sphinx:
    pytest.importorskip("pocketsphinx")
    return Sphinx()


async def test_some_of_the_words_are_heard_in_order_with_times(recognizer: Sphinx) -> None:
    name, text = sorted(json.loads((FIXTURES / "transcripts.json").read_text(encoding="utf-8")).items())[0]
    audio = read_audio(FIXTURES / name)
    transcript = await recognizer.transcribe(audio)
    assert transcript.text == " ".join(word.text for word in transcript.words)
    assert set(transcript.text.split()) & set(text.lower().strip(".!?").split())
    starts = [word.start_s for word in transcript.words]
    assert starts == sorted(starts)
    assert all(0.0 <= word.start_s < word.end_s <= audio.duration_s + 0.05 for word in transcript.words)
    assert not any(mark in transcript.text for mark in "<[(+")


async def test_silence_has_no_words(recognizer: Sphinx) -> None:
    transcript = await recognizer.transcribe(Audio.silence(2.0))
    assert (transcript.text, transcript.words, transcript.no_speech_probability) == ("", (), 1.0)


def test_it_takes_no_model() -> None:
    with pytest.raises(ComponentError, match="without a colon"):
        Sphinx("en-us")


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(ComponentError, match=r"rapport-agent\[sphinx\]"):
        Sphinx()
