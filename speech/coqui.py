"""A voice of the user's own: any text-to-speech model that Coqui TTS can load.

Needs the extra `coqui`. VITS models tell how long each symbol lasts, so their words are timed exactly, and their
phonemes too where they were trained on phonemes; they also follow the feeling's rate. Every model follows its level.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import AffectState
from rapport.persona.errors import ComponentError, InputError, StageError
from rapport.speech.audio import Audio, SpokenClause, SynthesizerCapabilities, VoiceProfile
from rapport.speech.ipa import from_espeak
from rapport.speech.level import levelled, silent_blocks
from rapport.speech.markup import speakable
from rapport.speech.prosody import Prosody, prosody_of
from rapport.speech.timing import EDGE, align, tokens_of, written_words

_INSTALL = 'pip install "rapport-agent[coqui]"'
_BLOCK = 256
"""Samples of the blocks in which silence is measured."""
_PICKLED = frozenset({"bark"})
"""Kinds of model that Coqui loads with pickle; they could run code and are refused."""


class Coqui:
    """Component `coqui` of stage `voice`.

    `model` is a folder that holds `config.json` and one `.pth` file, or a name from Coqui's catalogue such as
    `tts_models/en/ljspeech/vits`, which Coqui fetches into its own cache. A profile's heaviest style names the speaker.
    """

    def __init__(self, model: str | None = None) -> None:
        if not model:
            raise ComponentError(
                "the voice coqui needs a model: coqui:FOLDER (config.json and a .pth file) or coqui:NAME"
            )
        arguments = _model_arguments(model)
        with _stand_ins("torchaudio", "torchaudio.functional", "torchcodec"):
            try:
                from TTS.api import TTS  # pyright: ignore
            except ImportError as error:
                raise ComponentError(f"the voice coqui needs coqui-tts ({error}); {_INSTALL}") from None
            try:
                api: Any = cast("Any", TTS)(**arguments, progress_bar=False)
            except Exception as error:  # noqa: BLE001 - torch and coqui raise whatever a broken file leads to
                reason = str(error).strip().partition("\n")[0]
                raise ComponentError(f"coqui cannot load {model!r} ({reason}); check the folder or the name") from None
        self._synthesizer: Any = api.synthesizer
        self._network: Any = api.synthesizer.tts_model
        self._language = "en" if api.is_multi_lingual else None
        self._rate_hz = int(api.synthesizer.output_sample_rate)
        self._stretchable = hasattr(self._network, "length_scale")
        self._has_phonemes = bool(self._network.config.get("use_phonemes", False)) and self._stretchable
        self._lock = threading.Lock()  # the rate and the random state belong to the whole process
        self.capabilities = SynthesizerCapabilities(
            sample_rate_hz=self._rate_hz,
            phoneme_times=self._has_phonemes,
            prosody=frozenset({"rate", "energy"} if self._stretchable else {"energy"}),
            voices=tuple(api.speakers or ()),
        )

    async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
        """One clause as sound; without times of phonemes where the model cannot tell them.

        Raises:
            InputError: the profile names a speaker that the model lacks.
            StageError: nothing to say, or the model failed.
        """
        speaker = self._speaker(voice.styles)
        return await asyncio.to_thread(self._speak, speakable(text), speaker, prosody_of(felt.emotion, voice), seed)

    def _speaker(self, styles: Mapping[str, float]) -> str | None:
        speakers = self.capabilities.voices
        if not speakers:
            return None
        if not styles:
            return speakers[0]
        name = max(sorted(styles), key=lambda style: styles[style])
        if name not in speakers:
            raise InputError(f"this coqui model has no speaker {name!r}; choose one of {', '.join(speakers)}")
        return name

    def _speak(self, text: str, speaker: str | None, prosody: Prosody, seed: int) -> SpokenClause:
        if not text:
            raise StageError("nothing to say: the text holds no word", retryable=False)
        try:
            with self._lock:
                outputs = self._run(text, speaker, prosody.rate, seed)
        except (RuntimeError, ValueError, IndexError) as error:
            raise StageError(f"the coqui model failed: {str(error).partition(chr(10))[0]}") from error
        samples = np.asarray(outputs["wav"], np.float32).ravel()
        if not samples.size or not np.isfinite(samples).all():
            raise StageError("the coqui model made no sound")
        silent = silent_blocks(samples, _BLOCK)
        audio = Audio(levelled(samples, self._rate_hz, prosody.energy_db, prosody.tilt_db), self._rate_hz)
        symbols, ends = self._symbols(outputs, len(samples))
        slots = np.round(np.array(ends) / _BLOCK).astype(np.int64)
        phonemes, groups = align(tokens_of(symbols), slots, silent, _BLOCK / self._rate_hz)
        heard = [groups[k] for k in sorted(groups)] or [(0.0, audio.duration_s)]
        kept = phonemes if self._has_phonemes else ()
        return SpokenClause(text, audio, written_words(text, heard), kept, prosody.as_dict())

    def _run(self, text: str, speaker: str | None, rate: float, seed: int) -> dict[str, Any]:
        import torch

        neutral = getattr(self._network, "length_scale", 1.0)
        with cast("Any", torch).random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
            try:
                if self._stretchable:
                    self._network.length_scale = neutral / rate
                    return self._network.synthesize(text=text, speaker=speaker, language=self._language)
                wav = self._synthesizer.tts(text, speaker_name=speaker, language_name=self._language)
                return {"wav": wav}
            finally:
                if self._stretchable:
                    self._network.length_scale = neutral

    def _symbols(self, outputs: Mapping[str, Any], samples: int) -> tuple[list[str], NDArray[np.float64] | list[float]]:
        """What the network read, between two edges, and where each symbol begins and the last one ends, in samples."""
        durations: Any = outputs.get("outputs", {}).get("durations")
        if durations is None:
            return [], [0.0]
        widths = np.asarray(durations, np.float64).ravel()
        tokenizer: Any = self._network.tokenizer
        characters: Any = tokenizer.characters
        symbols: list[str] = []
        lengths: list[int] = []
        for number, width in zip(np.asarray(outputs["text_inputs"]).ravel().tolist(), widths.tolist(), strict=True):
            symbol: str = characters.id_to_char(number)
            if symbol in {characters.blank, characters.pad} and symbols:
                lengths[-1] += int(width)  # the blanks between symbols belong to the one before them
            else:
                symbols.append(EDGE if symbol in {characters.blank, characters.pad, characters.bos} else symbol)
                lengths.append(int(width))
        if self._has_phonemes:
            symbols, lengths = from_espeak(symbols, lengths)
        return symbols, np.cumsum([0, *lengths]) * (samples / max(sum(lengths), 1))


def _model_arguments(model: str) -> dict[str, str]:
    """Coqui's arguments for a folder or a catalogue name. Raises ComponentError for a folder without a usable model."""
    folder = Path(model)
    if not folder.is_dir():
        if "/" not in model or folder.is_absolute():
            raise ComponentError(f"{model!r} is neither a folder nor a name such as tts_models/en/ljspeech/vits")
        if _PICKLED & set(model.split("/")):
            raise ComponentError(f"{model} is stored as a pickle, which could run code; choose another model")
        return {"model_name": model}
    config, weights = folder / "config.json", sorted(folder.glob("*.pth"))
    best = [w for w in weights if w.name in {"best_model.pth", "model.pth", "model_file.pth"}] or weights
    if not config.is_file() or not best:
        raise ComponentError(f"{folder} holds no Coqui model: it needs config.json and a .pth file")
    try:
        kind = json.loads(config.read_text("utf-8")).get("model")
    except (OSError, ValueError, AttributeError) as error:
        raise ComponentError(f"{config} cannot be read ({error})") from None
    if kind in _PICKLED:
        raise ComponentError(f"{folder} holds a {kind} model, stored as a pickle, which could run code")
    return {"model_path": str(best[0]), "config_path": str(config)}


@contextmanager
def _stand_ins(*names: str) -> Generator[None]:
    """Empty modules for packages that Coqui wants to find but does not need for speech; gone again afterwards."""
    added = [name for name in names if name.partition(".")[0] not in sys.modules and not _installed(name)]
    for name in added:
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        module.__path__ = []
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
            module.__dict__["resample"] = None
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name.partition(".")[0]) is not None
