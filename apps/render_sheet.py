"""A sheet for people: feelings and mouths, a row a persona, with their names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rapport.agent.stages import FaceRenderer
from rapport.avatar.closure import seal_lips
from rapport.avatar.face import FaceTrack
from rapport.avatar.still import feeling, still_face
from rapport.avatar.visemes import VISEMES, columns_of
from rapport.persona.affect import EKMAN7
from rapport.persona.card import FaceCard
from rapport.persona.errors import StorageError

Picture = NDArray[np.uint8]

MOUTHS = {"rest": "", "p": "p b m", "f": "f v", "th": "th", "s": "s z", "a": "a", "u": "oo"}
"""Visemes on the sheet, and the sounds that they are for."""
_PAPER, _INK = (244, 243, 240), (40, 42, 46)


async def draw_sheet(renderer: FaceRenderer, rows: Sequence[tuple[str, FaceCard]]) -> Picture:
    """The feelings of EKMAN7 and MOUTHS on each face, (height, width, 3); `rows` has names and faces.

    Raises:
        StageError: the renderer failed.
    """
    columns = [(label, still_face(feeling(label))) for label in EKMAN7.labels]
    columns += [(says or name, _mouth(name)) for name, says in MOUTHS.items()]
    half = len(EKMAN7.labels)
    cells: list[list[Picture]] = []
    for _, face in rows:
        for part in (columns[:half], columns[half:]):
            cells.append([close_up(await _drawn(renderer, track, face)) for _, track in part])
    labels = [name for name, _ in columns]
    return await asyncio.to_thread(_laid_out, cells, labels[:half], labels[half:], [name for name, _ in rows])


def save_picture(path: Path, picture: Picture) -> None:
    """As PNG. Raises StorageError when the file cannot be written."""
    try:
        Image.fromarray(picture).save(path, "PNG", optimize=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another place") from None


async def _drawn(renderer: FaceRenderer, track: FaceTrack, face: FaceCard) -> Picture:
    drawn = [picture async for picture in renderer.render(track, face)]
    return drawn[0]


def _mouth(name: str) -> FaceTrack:
    viseme = VISEMES[name]
    weights = np.zeros((1, 52))
    for stem, weight in {"jawOpen": viseme.jaw, "tongueOut": viseme.tongue, **viseme.lips}.items():
        weights[:, columns_of(stem)] = weight
    if name == "p":
        weights = seal_lips(weights, np.ones(1))
    still = FaceTrack.neutral(1, 25)
    return FaceTrack(weights.astype(np.float32), still.head_pose, still.gaze, 25)


def close_up(picture: Picture) -> Picture:
    """The face of a bust as our renderers frame it: two thirds of the picture about nose and eyes."""
    size = len(picture)
    top, left, side = round(0.10 * size), round(0.17 * size), round(0.66 * size)
    return picture[top : top + side, left : left + side]


def _laid_out(cells: list[list[Picture]], above: list[str], below: list[str], names: list[str]) -> Picture:
    size = len(cells[0][0])
    gap, line = max(size // 32, 4), max(size // 10, 14)
    font = ImageFont.load_default(max(size // 16, 11))
    width = gap + len(cells[0]) * (size + gap)
    block = 2 * (line + size + gap)
    sheet = Image.new("RGB", (width, gap + len(names) * (line + block)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    y = gap
    for row, name in enumerate(names):
        pen.text((gap, y), name, _INK, font=ImageFont.load_default(max(size // 12, 13)))
        y += line
        for labels, pictures in ((above, cells[2 * row]), (below, cells[2 * row + 1])):
            for k, (label, picture) in enumerate(zip(labels, pictures, strict=True)):
                x = gap + k * (size + gap)
                pen.text((x, y), label, _INK, font=font)
                sheet.paste(Image.fromarray(picture), (x, y + line))
            y += line + size + gap
    return np.asarray(sheet)
