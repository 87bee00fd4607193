"""Loudness of clauses: one level for all voices, raised and lowered by feeling, with ends that do not click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVEL_DBFS = -23.0
"""Level of neutral speech: root mean square over the parts that are not silent."""
_PEAK = 0.95
_FADE_S = 0.005
_SILENT_DB = -45.0
"""Level below the loudest block at which a block is silent."""

Floats = NDArray[np.float32]


def levelled(
    samples: Floats, silent: NDArray[np.bool_], block: int, sample_rate_hz: int, energy_db: float = 0.0
) -> Floats:
    """Sound at LEVEL_DBFS + energy_db, lower where it would exceed full scale, with fades of 5 ms at both ends.

    silent: (len(samples) // block,) blocks that do not count for the level.
    """
    blocks = samples[: len(silent) * block].reshape(-1, block)
    active = blocks[~silent]
    level = float(np.sqrt(np.mean(np.square(active, dtype=np.float64)))) if active.size else 0.0
    if level <= 1e-5:
        return samples
    gain = min(10 ** ((LEVEL_DBFS + energy_db) / 20) / level, _PEAK / float(np.abs(samples).max()))
    envelope = np.full(len(samples), gain, np.float32)
    n = min(round(_FADE_S * sample_rate_hz), len(samples) // 2)
    ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
    envelope[:n] *= ramp
    envelope[len(samples) - n :] *= ramp[::-1]
    return samples * envelope


def silent_blocks(samples: Floats, block: int) -> NDArray[np.bool_]:
    """Which blocks lie far below the loudest, shape (len(samples) // block,)."""
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    level = np.sqrt(np.mean(np.square(blocks), axis=1))
    return level < max(float(level.max(initial=0.0)) * 10 ** (_SILENT_DB / 20), 1e-5)
