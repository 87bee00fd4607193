"""Going on from what was shown: the start of a track takes over the last one's place and speed and lets go of them.

The difference between what was shown and what comes next is kept at the joint, and fades as a critically damped spring
does: no jump and no kink, whatever follows upon whatever (Bollo 2018, "Inertialization", for games).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack

Array = NDArray[np.float64]

LEAD_FRAMES = 2
"""Frames of the new movement from before its begin that `Carried` needs, to know its place and its speed."""
MOUTH_HZ, LIDS_HZ, FEELING_HZ, HEAD_HZ, GAZE_HZ = 22.0, 25.0, 6.0, 5.0, 30.0
"""How fast a difference fades: it is down to a tenth after 3.9 / rate seconds."""


def _rate_of(name: str) -> float:
    if name.startswith(("jaw", "tongue")) or (name.startswith("mouth") and not name.startswith(_FELT)):
        return MOUTH_HZ
    return LIDS_HZ if name.startswith("eyeBlink") else FEELING_HZ


_FELT = ("mouthSmile", "mouthFrown", "mouthDimple", "mouthShrug")
_RATES_HZ = np.array([_rate_of(name) for name in ARKIT_BLENDSHAPES])


@dataclass(frozen=True)
class Motion:
    """A face in motion before its lips are sealed: as in FaceTrack, but for the eyeLook weights, which follow gaze."""

    weights: Array
    head_pose: Array
    gaze: Array

    def after(self, frames: int) -> Motion:
        """Without the first frames."""
        return Motion(self.weights[frames:], self.head_pose[frames:], self.gaze[frames:])

    @property
    def columns(self) -> Array:
        return np.concatenate([self.weights, self.head_pose, self.gaze], axis=1)


_ALL_RATES_HZ = np.concatenate([_RATES_HZ, np.full(3, HEAD_HZ), np.full(2, GAZE_HZ)])


@dataclass(frozen=True)
class Carried:
    """The differences at a joint, (57,): weights, head pose, gaze; and how fast they grow, per second."""

    offset: Array
    speed: Array

    @classmethod
    def of(cls, before: FaceTrack, lead: Motion, frame_rate_hz: float) -> Carried:
        """`before` was shown (at least one frame), and `lead` are the two frames that the new movement would have shown
        instead of its last two."""
        shown = np.concatenate([a[-2:].astype(np.float64) for a in (before.weights, before.head_pose, before.gaze)], 1)
        new = lead.columns[-2:]
        offset = shown[-1] - new[-1]
        if len(shown) < LEAD_FRAMES:
            return cls(offset, np.zeros_like(offset))
        speed = np.diff(shown, axis=0)[0] * before.frame_rate_hz - np.diff(new, axis=0)[0] * frame_rate_hz
        return cls(offset, speed)

    def added(self, motion: Motion, since_s: Array) -> Motion:
        """The movement with what is left of the differences, `since_s` (frames,) after the last frame shown."""
        rates = _ALL_RATES_HZ
        left = (self.offset + (self.speed + rates * self.offset) * since_s[:, None]) * np.exp(-rates * since_s[:, None])
        n = motion.weights.shape[1]
        weights = np.clip(motion.weights + left[:, :n], 0.0, 1.0)
        return Motion(weights, motion.head_pose + left[:, n : n + 3], motion.gaze + left[:, n + 3 :])
