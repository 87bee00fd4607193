"""Coqui voices: clear errors without package or model, and no pickles."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from rapport.persona.errors import ComponentError
from rapport.speech.coqui import Coqui


def test_a_model_must_be_named() -> None:
    with pytest.raises(ComponentError, match="needs a model"):
        Coqui()


@pytest.mark.parametrize("model", ["/nowhere", "nowhere"])
def test_an_unknown_folder_is_told(model: str) -> None:
    with pytest.raises(ComponentError, match="neither a folder nor a name"):
        Coqui(model)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"config\.json and a \.pth file"):
        Coqui(str(tmp_path))


def test_a_broken_configuration_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", "utf-8")
    (tmp_path / "model.pth").write_bytes(b"")
    with pytest.raises(ComponentError, match="cannot be read"):
        Coqui(str(tmp_path))


def test_models_that_are_pickles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model": "bark"}), "utf-8")
    (tmp_path / "model.pth").write_bytes(b"")
    for model in (str(tmp_path), "tts_models/multilingual/multi-dataset/bark"):
        with pytest.raises(ComponentError, match="pickle"):
            Coqui(model)


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model": "vits"}), "utf-8")
    (tmp_path / "model.pth").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "TTS", None)
    with pytest.raises(ComponentError, match=r"rapport-agent\[coqui\]"):
        Coqui(str(tmp_path))


@pytest.mark.skipif(importlib.util.find_spec("torchaudio") is not None, reason="torchaudio is installed")
def test_stand_ins_for_torchaudio_are_gone_after_a_failed_start(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model": "vits"}), "utf-8")
    (tmp_path / "model.pth").write_bytes(b"not weights")
    with pytest.raises(ComponentError):
        Coqui(str(tmp_path))
    assert "torchaudio" not in sys.modules
