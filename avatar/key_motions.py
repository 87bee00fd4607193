"""Key motions completed by the sound: when, on its way from one phoneme to the next, the mouth moves.

A phoneme's centre is a key: there the mouth is what the visemes say. Between two keys it need not move evenly; KMTalk
(Xu et al. 2024, arXiv 2409.01113) completes key motions by the audio. Here half of the way is covered as time passes
and half as the sound's loudness changes, so that a mouth bursts open with a plosive's vowel and rests on a long one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.loudness import Loudness

Array = NDArray[np.float64]

SOUND_SHARE = 0.5
"""Part of the way between two keys that follows the sound."""
_STILL = 0.02
"""A change of loudness (of 1) between two keys that tells nothing about when."""


def motion_times(keys_s: Array, sound: Loudness, times_s: Array) -> Array:
    """At which moment of an even motion the mouth is at each time, shape (times,): ascending, and exact at every key.

    `keys_s` (keys,) and `times_s` ascend. Before the first key and after the last one, and where the loudness between
    two keys hardly changes, time passes evenly.
    """
    keys_s = np.unique(keys_s)
    if len(keys_s) < 2 or len(times_s) == 0 or len(sound.at_s) < 2:
        return times_s.copy()
    change = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(sound.values)))])
    at_keys, at_times = (np.interp(x, sound.at_s, change) for x in (keys_s, times_s))
    k = np.clip(np.searchsorted(keys_s, times_s, side="right") - 1, 0, len(keys_s) - 2)
    from_s, length_s, changed = keys_s[k], np.diff(keys_s)[k], np.diff(at_keys)[k]
    even = (times_s - from_s) / length_s
    by_sound = np.where(changed > _STILL, (at_times - at_keys[k]) / np.maximum(changed, _STILL), even)
    inside = (times_s >= keys_s[0]) & (times_s <= keys_s[-1])
    moved = from_s + length_s * (even + SOUND_SHARE * (by_sound - even))
    return np.where(inside, moved, times_s)
