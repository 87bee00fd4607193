"""What a face does over time: the 52 ARKit weights by name, head pose and gaze, as a track of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError

ARKIT_BLENDSHAPES: tuple[str, ...] = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""Apple ARKit's blend shape locations, alphabetical: the order of every weight vector in Rapport."""

BLENDSHAPE_INDEX = {name: i for i, name in enumerate(ARKIT_BLENDSHAPES)}


@dataclass(frozen=True)
class FaceTrack:
    """Frames at a fixed rate. Frame i shows the face at `start_s + i / frame_rate_hz` on the reply's clock.

    weights: (frames, 52) float32 in [0, 1], columns as ARKIT_BLENDSHAPES.
    head_pose: (frames, 3) float32, pitch, yaw, roll in radians; positive pitch nods down, yaw turns to the face's left.
    gaze: (frames, 2) float32, yaw and pitch of the eyes in radians, relative to the head; positive is left and up.

    Raises:
        InputError: shapes disagree, a value is not finite, or the rate is not positive. Weights are clipped.
    """

    weights: NDArray[np.float32]
    head_pose: NDArray[np.float32]
    gaze: NDArray[np.float32]
    frame_rate_hz: float
    start_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.frame_rate_hz > 0:
            raise InputError(f"frame_rate_hz must be positive, got {self.frame_rate_hz}")
        n = len(self.weights)
        for name, width in (("weights", len(ARKIT_BLENDSHAPES)), ("head_pose", 3), ("gaze", 2)):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if array.shape != (n, width):
                raise InputError(f"{name} of a face track must have shape ({n}, {width}), got {array.shape}")
            if not np.isfinite(array).all():
                raise InputError(f"{name} of a face track holds NaN or infinity")
            object.__setattr__(self, name, np.clip(array, 0.0, 1.0) if name == "weights" else array)

    @classmethod
    def neutral(cls, frames: int, frame_rate_hz: float, start_s: float = 0.0) -> FaceTrack:
        """A face at rest for a number of frames."""
        zeros = [np.zeros((frames, width), np.float32) for width in (len(ARKIT_BLENDSHAPES), 3, 2)]
        return cls(*zeros, frame_rate_hz=frame_rate_hz, start_s=start_s)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def duration_s(self) -> float:
        return len(self) / self.frame_rate_hz

    def curve(self, name: str) -> NDArray[np.float32]:
        """One blend shape's weight over time, shape (frames,)."""
        try:
            return self.weights[:, BLENDSHAPE_INDEX[name]]
        except KeyError:
            raise InputError(f"{name!r} is no ARKit blend shape; see rapport.avatar.face.ARKIT_BLENDSHAPES") from None


@dataclass(frozen=True)
class AnimatorCapabilities:
    needs_phonemes: bool = False
    """Whether it can only follow clauses that carry phoneme times."""


@dataclass(frozen=True)
class RendererCapabilities:
    draws: bool = True
    """False for a renderer that passes the track on, for a browser or a game engine to draw."""
    device: str = ""
    """Name of the GPU adapter in use."""
