"""Feeling from a face: expression classes and what the face does, over the frames of a turn. Frames are never kept.

Of a long turn, frames evenly spaced over it are looked at. Each counts by how surely a face is seen, how large it is
and how far it faces the camera; the probabilities are the weighted mean over the frames (a linear pool, in which no
frame has a veto), so that a blink or a spoken vowel does not decide. What the face does, in ARKit weights by the
medians of its measures, is the evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.face_model import POINTS, FaceExpression, Floats, distribution_of
from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.avatar.face import BLENDSHAPE_INDEX
from rapport.avatar.face_measures import read_face
from rapport.avatar.landmarks import FoundFace
from rapport.avatar.tracking import face_response, weights_of
from rapport.persona.affect import EKMAN7, VAD, EmotionEstimate, Evidence
from rapport.persona.errors import InputError, StageError

MOST_FRAMES = 12
"""Of one turn."""
SMALLEST_PX = 24.0
"""Smaller faces show too little to be read."""
FULL_SIZE_PX = 96.0
"""Larger ones do not count more."""
LARGEST_TURN_RAD = 0.9
"""Where a head is turned further away, half the face is hidden."""
LEAST_WEIGHT = 0.25
"""What the face does counts as evidence from this weight on."""

SIGNS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("lip corners up", ("mouthSmileLeft", "mouthSmileRight"), 1.0),
    ("lip corners down", ("mouthFrownLeft", "mouthFrownRight"), -1.0),
    ("brows raised", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 0.0),
    ("brows lowered", ("browDownLeft", "browDownRight"), -1.0),
    ("cheeks raised", ("cheekSquintLeft", "cheekSquintRight"), 1.0),
    ("eyes wide", ("eyeWideLeft", "eyeWideRight"), 0.0),
    ("eyes closed", ("eyeBlinkLeft", "eyeBlinkRight"), 0.0),
    ("nose wrinkled", ("noseSneerLeft", "noseSneerRight"), -1.0),
    ("upper lip raised", ("mouthUpperUpLeft", "mouthUpperUpRight"), -0.5),
    ("mouth open", ("jawOpen",), 0.0),
    ("lips pursed", ("mouthPucker",), 0.0),
)
"""What is said of a face, the weights whose mean it tells, and its sign towards positive valence by FACS's prototypes
of the emotions (Ekman, Friesen & Hager 2002)."""


@dataclass(frozen=True, eq=False)
class _Look:
    """One frame's face."""

    probabilities: Floats
    measures: Floats
    quality: float


class FaceEmotion:
    """Component `face`: the shipped model; or `model`, an npz that `rapport train face-emotion` wrote, or one loaded.

    Raises:
        ComponentError: the file is no such model, or the tracker's models are missing.
    """

    capabilities = EmotionCapabilities(modality="face", taxonomy=EKMAN7.name)

    def __init__(self, model: str | FaceExpression | None = None) -> None:
        self.expression = (
            model if isinstance(model, FaceExpression) else FaceExpression(None if model is None else Path(model))
        )

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        """What the face shows; None without frames, or where no frame shows a face well enough.

        Raises:
            StageError: a frame is no picture.
        """
        if not heard.frames:
            return None
        return await asyncio.to_thread(self.look, heard.frames)

    def look(self, frames: Sequence[NDArray[np.uint8]]) -> EmotionEstimate | None:
        """Blocking form of `estimate`. The largest face of each frame counts."""
        chosen: list[int] = sorted(
            {round(float(i)) for i in np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES))}
        )
        looks: list[_Look] = []
        face: FoundFace | None = None
        try:
            for i in chosen:
                face = self._found(frames[i], face)
                if face is not None and (look := self._looked(frames[i], face)) is not None:
                    looks.append(look)
        except InputError as error:
            raise StageError(f"a frame of the camera cannot be read: {error}", retryable=False) from error
        return estimate_of(self.expression, looks) if looks else None

    def _found(self, frame: NDArray[np.uint8], before: FoundFace | None) -> FoundFace | None:
        mesh = self.expression.sight.mesh
        followed = None if before is None else mesh.follow(frame, before)
        if followed is not None:
            return followed
        faces = mesh.find(frame, most=1, thorough=False)
        return faces[0] if faces else None

    def _looked(self, frame: NDArray[np.uint8], face: FoundFace) -> _Look | None:
        reading = read_face(face)
        turned = float(np.abs(reading.head_pose[:2]).max())
        if face.size_px < SMALLEST_PX or turned > LARGEST_TURN_RAD:
            return None
        quality = face.presence * min(face.size_px / FULL_SIZE_PX, 1.0) * float(np.cos(turned))
        return _Look(self.expression.read_face(frame, face), reading.measures, quality)


def estimate_of(expression: FaceExpression, looks: Sequence[_Look]) -> EmotionEstimate:
    """The estimate of at least one look."""
    quality = np.array([look.quality for look in looks])
    p = quality / quality.sum() @ np.array([look.probabilities for look in looks])
    v, a, d = expression.model.vad_sd(p).tolist()
    evidence = evidence_of(np.median([look.measures for look in looks], axis=0))
    return EmotionEstimate(distribution_of(p), VAD.from_array(p @ POINTS), (v, a, d), "face", evidence)


def evidence_of(measures: Floats) -> tuple[Evidence, ...]:
    """What a face with these measures does, in words with the weight, the strongest first."""
    weights = weights_of(measures - face_response().rest)
    told: list[tuple[float, Evidence]] = []
    for words, names, sign in SIGNS:
        weight = float(np.mean([weights[BLENDSHAPE_INDEX[name]] for name in names]))
        if weight >= LEAST_WEIGHT:
            told.append((weight, Evidence("face", f"{words} {weight:.2f}", sign * weight)))
    return tuple(evidence for _, evidence in sorted(told, key=lambda item: -item[0]))
