"""Lips that shut: the constraint that no feeling and no vowel may break.

Dominance means never quite reach a target, and a mouth that does not shut on "p" looks dubbed. So closures stand apart:
`closure` says how firmly the lips must be shut at each time, is exactly 1 in the frame nearest to the centre of every
p, b and m, and `seal_lips` enforces it after everything else has been added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import BLENDSHAPE_INDEX
from rapport.avatar.visemes import Articulation, columns_of

Array = NDArray[np.float64]

LIPS_APART = 0.03
"""The jawOpen that mouthClose makes up for beside the jaw's own: presses the lips upon each other by about 1 mm."""
APPROACH_S = 0.12
"""How long a lip takes that a feeling holds up."""
_RELEASE_S = 0.06
_JAW = BLENDSHAPE_INDEX["jawOpen"]
_CLOSE = BLENDSHAPE_INDEX["mouthClose"]
PARTING = [
    column
    for stem in ("mouthFunnel", "mouthUpperUp", "mouthLowerDown", "mouthShrugUpper", "mouthStretch", "mouthDimple")
    for column in columns_of(stem)
] + [BLENDSHAPE_INDEX["jawForward"], BLENDSHAPE_INDEX["tongueOut"]]
"""Weights that part the lips on a head, besides the jaw."""
_PRESS = {
    column: least
    for stem, least in (("mouthPress", 0.2), ("mouthRollLower", 0.1), ("mouthRollUpper", 0.08))
    for column in columns_of(stem)
}


def smoothstep(share: Array) -> Array:
    """From 0 at 0 and below to 1 at 1 and above, with a level start and end."""
    x = np.clip(share, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def closure(articulation: Articulation, times_s: Array, closed: NDArray[np.bool_]) -> Array:
    """How firmly the lips must be shut, shape (times,) in [0, 1]: 1 while p, b or m is held and wherever `closed`.

    It rises and falls within 60 ms, or within half of a neighbouring vowel if that is shorter.
    """
    firmness = np.zeros(len(times_s))
    if len(times_s):
        part = articulation.near(float(times_s[0]), float(times_s[-1]))
        lips = np.flatnonzero(part.bilabial)
        if len(lips):
            lengths_s = part.ends_s - part.starts_s
            for side in (-1, 1):
                neighbour = np.clip(lips + side, 0, len(lengths_s) - 1)
                release_s = np.clip(0.5 * lengths_s[neighbour], 0.02, _RELEASE_S)
                edge_s = part.starts_s[lips] if side < 0 else part.ends_s[lips]
                away_s = side * (times_s[:, None] - edge_s)
                on_this_side = side * (times_s[:, None] - part.centres_s[lips]) >= 0.0
                ramp = (1.0 - away_s / release_s) * on_this_side
                firmness = np.maximum(firmness, smoothstep(ramp).max(axis=1))
    firmness[closed] = 1.0
    return firmness


def approach(articulation: Articulation, times_s: Array) -> Array:
    """How near the next or the last closure is, shape (times,): 1 while p, b or m is held, 0 from 120 ms away.

    A lip that a feeling holds up comes down in this time: more slowly than lips that speech itself has parted.
    """
    near = np.zeros(len(times_s))
    if len(times_s):
        part = articulation.near(float(times_s[0]), float(times_s[-1]))
        lips = np.flatnonzero(part.bilabial)
        if len(lips):
            at_s = times_s[:, None]
            away_s = np.maximum(np.maximum(part.starts_s[lips] - at_s, at_s - part.ends_s[lips]), 0.0)
            near = smoothstep(1.0 - away_s / APPROACH_S).max(axis=1)
    return near


def seal_lips(weights: Array, firmness: Array) -> Array:
    """Shut the lips by `firmness` (frames,), whatever else moves the face: returns new weights (frames, 52).

    Everything that parts the lips fades out, the jaw nearly closes, mouthClose takes back what the jaw still opens and
    presses the lips upon each other (LIPS_APART), and a little press and roll makes the contact visible.
    """
    out = weights.copy()
    open_share = 1.0 - firmness[:, None]
    out[:, PARTING] *= open_share
    out[:, _JAW] *= 1.0 - 0.85 * firmness
    out[:, _CLOSE] = np.maximum(out[:, _CLOSE] * open_share[:, 0], firmness * (out[:, _JAW] + LIPS_APART))
    for column, least in _PRESS.items():
        out[:, column] = np.maximum(out[:, column], least * firmness)
    return out
