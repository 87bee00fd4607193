"""95 % intervals by the percentile bootstrap (Efron 1979), with one seed: the same figures, the same ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 0
ENDS = (0.025, 0.975)

Floats = NDArray[np.float64]


def resampled_means(values: Floats, seed: int = SEED) -> Floats:
    """Means of bootstrap samples of rows (n, k) as (1000, k); values that are NaN do not count.

    Args:
        seed: rows that were not drawn together need different ones.
    """
    rng = np.random.default_rng(seed)
    n = len(values)
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(np.float64)
    defined = np.isfinite(values)
    counts = weights @ defined
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, (weights @ np.where(defined, values, 0.0)) / counts, np.nan)


def ends_of(samples: Floats) -> Floats:
    """Ends of the intervals of columns (resamples, k) as (2, k); NaN where a column is never defined."""
    found = np.full((2, samples.shape[1]), np.nan)
    known = np.isfinite(samples).any(axis=0)
    found[:, known] = np.nanquantile(samples[:, known], ENDS, axis=0)
    return found
