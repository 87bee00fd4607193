"""A feeling in one frame: the face at its apex, for pictures."""

from __future__ import annotations

import numpy as np

from rapport.avatar.expression import Mixture, felt_labels
from rapport.avatar.face import FaceTrack
from rapport.avatar.life import eye_look_weights, held_gaze
from rapport.persona.affect import EKMAN7, AffectState, EmotionDistribution


def feeling(label: str) -> AffectState:
    """A feeling at full intensity that knows its name, over a mood of half of it."""
    point = EKMAN7.points[label]
    mood = EKMAN7.points["neutral"].towards(point, 0.5)
    return AffectState(emotion=point, mood=mood, distribution=EmotionDistribution.certain(EKMAN7, label))


def still_face(felt: AffectState) -> FaceTrack:
    """The apex of a feeling in one frame, with its posture and nothing else."""
    mixture = Mixture.of(felt.emotion.as_array()[None], felt_labels(felt))
    pitch, roll, up = mixture.posture.T
    head_pose = np.stack([pitch, np.zeros_like(pitch), roll], axis=1)
    gaze = held_gaze(np.stack([np.zeros_like(up), up], axis=1), head_pose)
    weights = np.maximum(mixture.weights, eye_look_weights(gaze))
    return FaceTrack(*(a.astype(np.float32) for a in (weights, head_pose, gaze)), frame_rate_hz=25.0)
