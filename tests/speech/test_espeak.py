"""espeak-ng by choice: it reads the words that no lexicon knows, in the voice's own alphabet."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rapport.persona.errors import ComponentError, StageError
from rapport.speech.espeak import Espeak
from rapport.speech.g2p import phonemize


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in that answers like espeak-ng and counts its calls."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")
    path = tmp_path / "espeak-ng"
    path.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/calls\necho ' bɹˈaɪɡfɑːst'\n", "utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return path


def test_unknown_words_are_asked_once_and_known_ones_never(program: Path) -> None:
    espeak = Espeak()
    for _ in range(2):
        assert [w.phonemes for w in phonemize("the Brygfast", espeak)] == ["ðə", "bɹˈIɡfɑst"]
    assert (program.parent / "calls").read_text().splitlines() == ["-q --ipa -v en-us -- brygfast"]


def test_a_program_that_fails_is_told(program: Path) -> None:
    espeak = Espeak()
    program.write_text("#!/bin/sh\nexit 3\n", "utf-8")
    with pytest.raises(StageError, match="cannot read 'brygfast'"):
        espeak("brygfast")


def test_without_the_program_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ComponentError, match="apt install espeak-ng"):
        Espeak()


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_the_real_program_speaks_the_alphabet_of_the_lexicons() -> None:
    assert Espeak()("brygfast").replace("ˈ", "").replace("ˌ", "").startswith("bɹɪ")
