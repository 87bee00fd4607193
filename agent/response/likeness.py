"""How probable it is that the answer to one turn fits another, learned from readings of such pairs.

MiniLM's cosines tell topics apart, and less well whose news it is, whether it came true, and how it feels. So a linear
map of its vectors brings the ways to say the same nearer together (metric learning with InfoNCE, van den Oord et al.
2018, arXiv 1807.03748) and pairs that do not fit further apart; a logistic regression reads the cosines under the map.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "models" / "likeness"
MEASURES = ("nearer", "farther", "answer", "unnamed")
"""What the regression reads: cosines to the nearer and the farther way to say it and to the answer, and how many words
ways and answer share that the person has not said."""
DIMENSIONS = 384

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class LikenessModel:
    """A linear map of MiniLM's vectors, and a logistic regression over MEASURES."""

    projection: Vectors
    """(DIMENSIONS, DIMENSIONS)."""
    weights: Floats
    """(measures,)."""
    bias: float

    def mapped(self, vectors: Vectors) -> Vectors:
        """Vectors (..., DIMENSIONS) under the map, of length 1."""
        there = vectors @ self.projection
        return there / np.maximum(np.linalg.norm(there, axis=-1, keepdims=True), 1e-9)

    def odds(self, measures: Floats) -> Floats:
        """Log odds that the answer fits, for the first of the measures or all, (..., measures): shape (...)."""
        return measures @ self.weights[: measures.shape[-1]] + self.bias


def cosines(turn: Vectors, exemplars: Vectors) -> Floats:
    """The first three measures of a turn (d,) and exemplars (n, 3, d: both ways, the answer), under the map: (n, 3)."""
    near = (exemplars @ turn).astype(np.float64)
    return np.column_stack([near[:, :2].max(axis=1), near[:, :2].min(axis=1), near[:, 2]])


@cache
def shipped_model(folder: Path = MODEL_FOLDER) -> LikenessModel:
    """The model of a folder, read once.

    Raises:
        ComponentError: the folder holds none.
    """
    try:
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            projection = stored["projection"].astype(np.float32)
        found = json.loads((folder / "config.json").read_text("utf-8"))
        weights = np.array([found["weights"][name] for name in MEASURES], np.float64)
        if projection.shape != (DIMENSIONS, DIMENSIONS):
            raise ValueError(f"a map of shape {projection.shape}")
        return LikenessModel(projection, weights, float(found["bias"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{folder} holds no model of likeness ({error}); make it with `rapport train likeness`"
        raise ComponentError(why) from None
