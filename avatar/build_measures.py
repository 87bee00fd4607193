"""Makes what the tracker compares a face with: a mean neutral face, and how measures answer to each ARKit weight.

    python -m rapport.avatar.build_measures --pictures fer2013/validation.npz --out avatar/tracker

`neutral_face.npz`: the mean of the landmarks found in the neutral pictures of FER2013 (Goodfellow et al. 2013), laid
over one another, made symmetric; no picture can be told from it. Half its depth is that of our own heads, drawn from
the front, since small pictures show little of it. `face_response.npz`: the landmarks are found on our own heads, drawn
at rest and with each weight alone, and what changes in the measures is the weight's column.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.face_measures import MEASURES, Floats, laid_over, measures_of
from rapport.avatar.landmarks import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, FaceMesh
from rapport.avatar.renderer import WgpuRenderer
from rapport.persona.card import load_persona
from rapport.persona.errors import InputError

PERSONAS = ("harbor", "spark", "willow")
ROUNDS = 4
"""How often faces are laid over their mean."""
DRAWN_AT = 0.8
"""Each weight is drawn at this value; answers are per unit of weight."""


def found_landmarks(pictures: Sequence[NDArray[np.uint8]]) -> list[Floats]:
    """Landmarks of the largest face of each picture; pictures without one are left out."""
    mesh = FaceMesh(irises=False)
    found = [mesh.find(picture, most=1, thorough=False) for picture in pictures]
    return [faces[0].landmarks.astype(np.float64) for faces in found if faces]


def mean_face(faces: Sequence[Floats]) -> Floats:
    """The mean of faces laid over one another: symmetric, turned as they are on average, in the common frame."""
    mean = faces[0]
    for _ in range(ROUNDS):
        laid = [laid_over(face, mean) for face in faces]
        moved = [(f - middle) @ turn / scale for f, (turn, scale, middle) in zip(faces, laid, strict=True)]
        # Of all ways to turn the mean, the one that the faces have on average, by their summed rotations.
        u, _, vt = np.linalg.svd(np.sum([turn for turn, _, _ in laid], axis=0))
        mean = _normalised(np.mean(moved, axis=0) @ (u @ vt).T)
    partner = _partners(mean)
    return _normalised((mean + mean[partner] * [-1.0, 1.0, 1.0]) / 2)


def _partners(points: Floats) -> NDArray[np.int64]:
    """The landmark on the other side of each landmark of a nearly symmetric face, (468,)."""
    flipped = points * [-1.0, 1.0, 1.0]
    return np.array([int(np.argmin(((points - p) ** 2).sum(axis=1))) for p in flipped])


def _normalised(points: Floats) -> Floats:
    """Eyes level, equally far, a unit apart, and the origin between them."""
    right, left = RIGHT_EYE_CORNERS[0], LEFT_EYE_CORNERS[1]
    across = points[left] - points[right]
    roll, yaw = np.arctan2(across[1], across[0]), -np.arctan2(across[2], np.hypot(across[0], across[1]))
    level = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    facing = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    turned = points @ (facing @ level).T
    return (turned - turned[[right, left]].mean(axis=0)) / np.linalg.norm(across)


def drawn(weights: Floats, persona: str, renderer: WgpuRenderer) -> list[NDArray[np.uint8]]:
    """A persona from the front with these weights (frames, 52)."""
    still = FaceTrack.neutral(len(weights), 25.0)
    track = FaceTrack(weights.astype(np.float32), still.head_pose, still.gaze, 25.0)

    async def collect() -> list[NDArray[np.uint8]]:
        return [picture async for picture in renderer.render(track, load_persona(persona).face)]

    return asyncio.run(collect())


def measured(faces: Sequence[Floats], neutral: Floats) -> Floats:
    """MEASURES of landmarks (468, 3) of faces, (n, M)."""
    laid = [laid_over(face, neutral) for face in faces]
    return np.array([measures_of((f - middle) @ turn / s) for f, (turn, s, middle) in zip(faces, laid, strict=True)])


def responses(neutral: Floats, renderer: WgpuRenderer) -> Floats:
    """What each weight changes in the measures, per unit of weight, the mean over the personas, (M, 52)."""
    frames = np.concatenate([np.zeros((1, len(ARKIT_BLENDSHAPES))), DRAWN_AT * np.eye(len(ARKIT_BLENDSHAPES))])
    answers: list[Floats] = []
    for persona in PERSONAS:
        faces = found_landmarks(drawn(frames, persona, renderer))
        if len(faces) != len(frames):
            raise InputError(f"the tracker does not find {persona}'s face in every picture; look at the renderer first")
        found = measured(faces, neutral)
        answers.append((found[1:] - found[0]).T / DRAWN_AT)
    mean = np.mean(answers, axis=0)
    return (mean + mirrored(mean)) / 2


def mirrored(response: Floats) -> Floats:
    """The response (M, 52) as the mirror image has it."""
    rows = [MEASURES.index(_other(name)) for name in MEASURES]
    columns = [BLENDSHAPE_INDEX[_other(name)] for name in ARKIT_BLENDSHAPES]
    sign = np.array([-1.0 if name.endswith("_aside") else 1.0 for name in MEASURES])
    return sign[:, None] * response[rows][:, columns]


def _other(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return {"mouthLeft": "mouthRight", "jawLeft": "jawRight"}.get(name, name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description="Make the face tracker's neutral face and responses.")
    parser.add_argument("--pictures", type=Path, required=True, help="FER2013's npz with images, labels and names")
    parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
    options = parser.parse_args(arguments)
    with np.load(options.pictures, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["names"]]
        pictures = list(arrays["images"][arrays["labels"] == names.index("neutral")])
    renderer = WgpuRenderer()
    at_rest = [f for p in PERSONAS for f in found_landmarks(drawn(np.zeros((1, 52)), p, renderer))]
    people = found_landmarks(pictures)
    photographs, heads = mean_face(people), mean_face(at_rest)
    rotation, scale, middle = laid_over(photographs, heads)
    neutral = (photographs - middle) @ rotation / scale
    neutral[:, 2] = (neutral[:, 2] + heads[:, 2]) / 2
    np.savez_compressed(options.out / "neutral_face.npz", landmarks=neutral.astype(np.float32))
    rest, response = measured(people, neutral), responses(neutral, renderer)
    np.savez_compressed(
        options.out / "face_response.npz",
        response=response.astype(np.float32),
        rest=rest.mean(axis=0).astype(np.float32),
        spread=rest.std(axis=0).astype(np.float32),
    )


if __name__ == "__main__":
    main()
