"""From the scores of a network to probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    """Of each score by itself."""
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x: Floats) -> Floats:
    """Over the last axis, which then sums to 1. Scores may be -inf, but not all of them."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
