"""Draws face tracks on a photograph: any picture of one face becomes the head.

The tracker finds the face, our own head is laid over it, and its shapes move the photograph's pixels on the GPU. What a
photograph cannot show is made in its light: teeth, tongue and the dark of the mouth, closing lids, moving irises.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import FaceTrack, RendererCapabilities
from rapport.avatar.gpu import choose_adapter, failures, first_line
from rapport.avatar.head import head_of
from rapport.avatar.landmarks import FaceMesh
from rapport.avatar.portrait_frame import portrait_frame
from rapport.avatar.portrait_gpu import PortraitDrawing
from rapport.avatar.portrait_mesh import Portrait, portrait_of
from rapport.avatar.portrait_photo import cut_out, one_face, read_photograph
from rapport.avatar.renderer import PORTRAIT_SIZE
from rapport.persona.card import FaceCard
from rapport.persona.errors import ComponentError, InputError, StageError

_BATCH = 5
"""Frames drawn per visit to the worker thread: a fifth of a second, so that agents that share a renderer take turns."""


class PhotoRenderer:
    """Stage `rendering` with a photograph for a head: `photo:FILE`.

    The file is read once, into memory; nothing of it is stored. The persona's card does not change how it looks. The
    head turns by at most 12 degrees, for a photograph does not show what lies behind.

    Raises:
        InputError: no file is named, it cannot be used (`read_photograph`, `one_face`), or the size is no multiple of
            16 between 64 and 4096.
        ComponentError: wgpu is not installed or there is no adapter; the message says what to do.
    """

    def __init__(self, model: str | None = None, *, size: int = PORTRAIT_SIZE) -> None:
        if not model:
            raise InputError("name the photograph, as in rendering = photo:me.jpg")
        if size % 16 or not 64 <= size <= 4096:
            raise InputError(f"the size of a picture must be a multiple of 16 between 64 and 4096, got {size}")
        picture = read_photograph(Path(model).expanduser())
        cutout = cut_out(picture, one_face(picture, FaceMesh()), size)
        self._portrait: Portrait = portrait_of(cutout, head_of(FaceCard()))
        self._lock = threading.Lock()
        adapter = choose_adapter(None)
        device = str(adapter.info["device"])
        try:
            self._drawing = PortraitDrawing(adapter, self._portrait)
        except failures() as error:
            raise ComponentError(
                f"the GPU {device!r} cannot be set up ({first_line(error)}); use rendering = track"
            ) from error
        self.capabilities: RendererCapabilities = RendererCapabilities(draws=True, device=f"{device}, photograph")

    async def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        """One RGB picture, uint8 (size, size, 3), per frame of the track.

        Raises:
            StageError: the GPU was lost or refused the work, and so did a newly made device.
        """
        start, count = 0, 1  # the first picture comes by itself, as soon as it can
        while start < len(track):
            frames = range(start, min(start + count, len(track)))
            for picture in await asyncio.to_thread(self._draw, track, frames):
                yield picture
            start, count = frames.stop, _BATCH

    def _draw(self, track: FaceTrack, frames: range) -> list[NDArray[np.uint8]]:
        with self._lock:
            try:
                return self._pictures(track, frames)
            except failures():
                # A GPU that was reset or unplugged gives a lost device: make a new one, once.
                try:
                    self._drawing = PortraitDrawing(choose_adapter(None), self._portrait)
                    return self._pictures(track, frames)
                except (*failures(), ComponentError) as error:
                    raise StageError(
                        f"the GPU ({self.capabilities.device}) failed to draw: {first_line(error)}"
                    ) from error

    def _pictures(self, track: FaceTrack, frames: range) -> list[NDArray[np.uint8]]:
        return list(self._drawing.draw(portrait_frame(self._portrait, track, i) for i in frames))
