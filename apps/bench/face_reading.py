"""How the recogniser of expressions reads the faces that we draw, at rest and while they speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.face_model import EKMAN_PLACES, FaceExpression, crop_of
from rapport.agent.stages import FaceAnimator
from rapport.avatar.face import FaceTrack
from rapport.persona.affect import EKMAN7, AffectState
from rapport.persona.card import FaceCard
from rapport.speech.audio import SpokenClause

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
Draw = Callable[[FaceTrack, FaceCard], Sequence[Picture]]
READERS = ("mini_xception", "shipped")
"""The network that reads the pixels, by itself, and the whole recogniser, which sees the landmarks too."""
SPEAKING_FROM_S, SPEAKING_PICTURES = 1.0, 8
"""A face is read from the apex of its feeling on, in so many pictures, which count as one: the mean."""


async def speaking_face(animator: FaceAnimator, clause: SpokenClause, felt: AffectState) -> FaceTrack:
    """Frames of a spoken clause, evenly spaced from the apex on."""
    track = await animator.animate(clause, felt, 0.0, 0)
    first = min(round(SPEAKING_FROM_S * track.frame_rate_hz), len(track) - 1)
    which = np.unique(np.linspace(first, len(track) - 1, SPEAKING_PICTURES).round().astype(int))
    return FaceTrack(track.weights[which], track.head_pose[which], track.gaze[which], track.frame_rate_hz)


def read(expression: FaceExpression, pictures: Sequence[Picture]) -> Mapping[str, Floats | None]:
    """Mean probabilities over EKMAN7 (7,) by reader; None where no picture shows a face."""
    seen: dict[str, list[Floats]] = {reader: [] for reader in READERS}
    for picture in pictures:
        faces = expression.sight.mesh.find(picture, most=1)
        if faces:
            crop = expression.sight.see(crop_of(picture, faces[0])[None])
            by_pixels = np.exp(crop.logs[0])
            seen["mini_xception"].append(by_pixels / by_pixels.sum())
            seen["shipped"].append(expression.model.probabilities(crop)[0])
    return {reader: _in_ekman_order(np.mean(found, axis=0)) if found else None for reader, found in seen.items()}


def _in_ekman_order(probabilities: Floats) -> Floats:
    ordered = np.zeros(len(EKMAN7))
    ordered[EKMAN_PLACES] = probabilities
    return ordered


def reading_figures(found: Mapping[tuple[str, str], Floats | None]) -> dict[str, Any]:
    """Of probabilities by (persona, label shown): which were read right, how surely, and as what.

    `right` counts labels of seven, for each persona and of the mean over personas; `probability` is the mean of the
    label that was shown; `confusion` has, for each label shown, the mean probabilities of the labels read.
    """
    personas = list(dict.fromkeys(persona for persona, _ in found))
    none = np.zeros(len(EKMAN7))
    table = np.array(
        [[p if (p := found[persona, label]) is not None else none for label in EKMAN7.labels] for persona in personas]
    )
    shown = np.arange(len(EKMAN7))
    mean = table.mean(axis=0)
    return {
        "right": {
            **{name: int((rows.argmax(axis=1) == shown).sum()) for name, rows in zip(personas, table, strict=True)},
            "mean": int((mean.argmax(axis=1) == shown).sum()),
        },
        "probability": round(float(table[:, shown, shown].mean()), 3),
        "probability_by_label": dict(zip(EKMAN7.labels, mean[shown, shown].round(3).tolist(), strict=True)),
        "confusion": {
            label: dict(zip(EKMAN7.labels, row.round(2).tolist(), strict=True))
            for label, row in zip(EKMAN7.labels, mean, strict=True)
        },
    }
