"""Makes the file that says where the tracker's 468 landmarks lie on our own heads.

    python -m rapport.avatar.build_portrait --out avatar/heads

Heads are drawn from the front, the landmarks are found on the pictures, and each is laid on the skin below it. So
whatever the tracker is used to see a little beside its place is there on both sides, and cancels. Landmarks of the lips
are found on open mouths, where upper and lower lip cannot be taken for one another.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.camera import view_projection
from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.head import Head, head_of
from rapport.avatar.landmarks import LANDMARKS, FaceMesh
from rapport.avatar.portrait_fit import LIPS, face_skin
from rapport.avatar.renderer import PORTRAIT_SIZE, WgpuRenderer
from rapport.persona.card import FaceCard, load_persona
from rapport.persona.errors import InputError

PERSONAS = ("harbor", "spark", "willow")
_OPEN = 0.35
"""The jawOpen at which lips are looked at."""

Floats = NDArray[np.float64]


def seen_at(points: Floats) -> Floats:
    """Where points (n, 3) of a head at rest are in a picture, (n, 2) pixels."""
    clip = np.column_stack([points, np.ones(len(points))]) @ view_projection().T
    return clip[:, :2] / clip[:, 3:] * [0.5, -0.5] * PORTRAIT_SIZE + PORTRAIT_SIZE / 2


def places_on(head: Head, points: Floats, landmarks: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Of landmarks (468, 2) in pixels the corners (468, 3) of the skin triangle below each, and their shares (468, 3).

    `points` (V, 3) are the head's vertices. A landmark beside the skin, on an eye or in the mouth, takes the nearest
    vertex that faces the camera.
    """
    seen = seen_at(points)
    skin = face_skin(head)
    a, b, c = (seen[skin[:, i]] for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    facing = area < -1e-6  # y points down, so what faces the camera runs clockwise
    front = np.unique(skin[facing])
    corners, shares = np.zeros((LANDMARKS, 3), np.int64), np.zeros((LANDMARKS, 3))
    for i, p in enumerate(landmarks):
        u = ((b - p)[:, 0] * (c - p)[:, 1] - (b - p)[:, 1] * (c - p)[:, 0]) / np.where(facing, area, 1)
        v = ((c - p)[:, 0] * (a - p)[:, 1] - (c - p)[:, 1] * (a - p)[:, 0]) / np.where(facing, area, 1)
        inside = np.flatnonzero(facing & (u >= 0) & (v >= 0) & (u + v <= 1))
        if len(inside):
            barycentric = np.stack([u, v, 1 - u - v], -1)[inside]
            nearest = int(np.argmax((points[skin[inside], 2] * barycentric).sum(1)))
            corners[i], shares[i] = skin[inside[nearest]], barycentric[nearest]
        else:
            corners[i] = front[np.argmin(((seen[front] - p) ** 2).sum(1))]
            shares[i] = (1, 0, 0)
    return corners, shares


def _found(renderer: WgpuRenderer, face: FaceCard, weights: NDArray[np.float32]) -> Floats:
    track = FaceTrack(weights[None], np.zeros((1, 3), np.float32), np.zeros((1, 2), np.float32), 25)

    async def drawn() -> NDArray[np.uint8]:
        return [picture async for picture in renderer.render(track, face)][-1]

    faces = FaceMesh(irises=False).find(asyncio.run(drawn()))
    if len(faces) != 1:
        raise InputError("the tracker does not see one face on a head; look at it with: rapport render --sheet")
    return faces[0].landmarks[:, :2].astype(np.float64)


def _posed(head: Head, weights: NDArray[np.float32]) -> Floats:
    return head.vertices_at(weights[None], np.arange(len(head.positions)))[0].astype(np.float64)


def landmark_places(faces: Sequence[FaceCard]) -> tuple[NDArray[np.int64], Floats]:
    """Corners and shares, as `places_on`, on the control mesh that all heads have in common: the mean over faces."""
    renderer = WgpuRenderer("high")
    mean = head_of(FaceCard())
    rest, opened = np.zeros((2, len(BLENDSHAPE_INDEX)), np.float32)
    opened[BLENDSHAPE_INDEX["jawOpen"]] = _OPEN
    corners, shares = np.zeros((LANDMARKS, 3), np.int64), np.zeros((LANDMARKS, 3))
    for weights, which in ((rest, np.arange(LANDMARKS)), (opened, np.array(LIPS))):
        on_mean = _posed(mean, weights)
        total = np.zeros((LANDMARKS, 3))
        for face in faces:
            head = head_of(face)
            at, share = places_on(head, _posed(head, weights), _found(renderer, face, weights))
            total += (on_mean[at] * share[..., None]).sum(1) / len(faces)
        at, share = places_on(mean, on_mean, seen_at(total))
        corners[which], shares[which] = at[which], share[which]
    return corners, shares


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("avatar/heads"))
    arguments = parser.parse_args()
    faces = [FaceCard(), *(load_persona(name).face for name in PERSONAS)]
    corners, shares = landmark_places(faces)
    np.savez_compressed(
        arguments.out / "landmarks.npz",
        corners=corners.astype(np.uint16),
        shares=shares.astype(np.float32),
        vertices=np.array(len(head_of(FaceCard()).positions), np.uint32),
    )


if __name__ == "__main__":
    main()
