"""Coqui voices: clear errors without package or model, no pickles, and a tiny VITS that speaks."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rapport.persona.affect import VAD, AffectState
from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import SpokenClause, VoiceProfile
from rapport.speech.coqui import Coqui, _stand_ins


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


@pytest.fixture(scope="module")
def coqui(tmp_path_factory: pytest.TempPathFactory) -> Coqui:
    """The voice on a tiny random VITS, built here: what it says is noise, but it has a length, a rate and a seed."""
    if importlib.util.find_spec("TTS") is None:
        pytest.skip("coqui-tts is not installed (an extra that `make install` leaves out)")
    import torch

    folder = tmp_path_factory.mktemp("vits")
    with _stand_ins("torchaudio", "torchaudio.functional", "torchcodec"):
        from TTS.config.shared_configs import BaseAudioConfig  # pyright: ignore
        from TTS.tts.configs.shared_configs import CharactersConfig  # pyright: ignore
        from TTS.tts.configs.vits_config import VitsArgs, VitsConfig  # pyright: ignore
        from TTS.tts.models.vits import Vits  # pyright: ignore

        config = VitsConfig(
            model_args=VitsArgs(
                init_discriminator=False,
                hidden_channels=32,
                hidden_channels_ffn_text_encoder=64,
                num_layers_text_encoder=1,
                num_layers_posterior_encoder=2,
                num_layers_flow=2,
                upsample_initial_channel_decoder=32,
            ),
            audio=BaseAudioConfig(sample_rate=22050),
            use_phonemes=False,
            text_cleaner="basic_cleaners",
            characters=CharactersConfig(
                characters_class="TTS.tts.models.vits.VitsCharacters",
                pad="_",
                eos="",
                bos="",
                blank="",
                characters="abcdefghijklmnopqrstuvwxyz",
                punctuations="!'(),-.:;? ",
                phonemes="",
            ),
            run_eval=False,
            test_sentences=[],
        )
        torch.manual_seed(0)
        network = Vits(config)
        torch.save({"model": network.state_dict(), "config": config.to_dict()}, folder / "model.pth")
        config.save_json(str(folder / "config.json"))
    return Coqui(str(folder))


def say(coqui: Coqui, text: str, arousal: float = 0.0, seed: int = 1) -> SpokenClause:
    felt = AffectState(emotion=VAD(0, arousal, 0))
    return asyncio.run(coqui.speak(text, felt, VoiceProfile({}), seed))


@pytest.mark.models
def test_a_random_vits_speaks_with_times_and_repeats(coqui: Coqui) -> None:
    clause, again = (say(coqui, "I am sorry to hear that.") for _ in range(2))
    np.testing.assert_array_equal(clause.audio.samples, again.audio.samples)
    assert [w.text for w in clause.words] == ["I", "am", "sorry", "to", "hear", "that."]
    assert all(a.end_s <= b.start_s + 1e-6 for a, b in pairwise(clause.words))
    assert 0 <= clause.words[0].start_s < clause.words[-1].end_s <= clause.audio.duration_s + 0.05
    assert clause.phonemes == ()  # it was made for letters
    assert 0.01 < np.abs(clause.audio.samples).max() <= 0.951


@pytest.mark.models
def test_a_vits_follows_the_rate(coqui: Coqui) -> None:
    slow, fast = (say(coqui, "I am sorry to hear that.", a).audio.duration_s for a in (-1.0, 1.0))
    assert fast < 0.9 * slow


@pytest.mark.models
def test_nothing_to_say_is_told(coqui: Coqui) -> None:
    with pytest.raises(StageError, match="nothing to say"):
        say(coqui, "?!")
