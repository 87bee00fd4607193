"""Draws face tracks with the GPU: a persona's bust, faster than it speaks, on a CPU's software Vulkan too.

A compute shader adds the weighted shapes to the head and turns it on its neck, the key light's view gives the shadows,
one pass draws the bust, another compute shader packs the bytes. Two read-back buffers let the GPU draw a frame while
the one before it travels to memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.bust import Bust
from rapport.avatar.camera import frame_settings
from rapport.avatar.face import FaceTrack
from rapport.avatar.gpu import choose_adapter, failures, first_line
from rapport.avatar.head import Head, head_of
from rapport.avatar.pipelines import Pipelines
from rapport.avatar.tiers import AUTO, TIERS, Tier, best_tier, parse_model
from rapport.persona.card import FaceCard
from rapport.persona.errors import ComponentError, InputError, StageError

if TYPE_CHECKING:
    from rapport.avatar.face import RendererCapabilities

PORTRAIT_SIZE = 512
"""Width and height of a picture, in pixels."""

_BATCH = 5
"""Frames drawn per visit to the worker thread: a fifth of a second, so that agents that share a renderer take turns."""
_HEADS = 8
"""Heads kept on the GPU; the one unused for longest makes room."""


class TrackOnly:
    """Stage `rendering` that draws nothing: the track itself goes out, for a browser or a game engine to draw."""

    def __init__(self, model: str | None = None) -> None:
        from rapport.avatar.face import RendererCapabilities

        self.capabilities: RendererCapabilities = RendererCapabilities(draws=False)

    async def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        """No pictures."""
        for picture in ():
            yield picture


class WgpuRenderer:
    """Stage `rendering` on Vulkan, Metal or Direct3D 12 through wgpu.

    `model` is "TIER", "ADAPTER" or "ADAPTER/TIER". The adapter is a part of a GPU's name; without it a discrete GPU is
    taken before an integrated one, and that before the CPU. The tier is `draft`, `standard`, `high`, or `auto`, which
    draws a few frames and takes the best that the machine is fast enough for. `size` is the pictures' width and height.

    Raises:
        ComponentError: wgpu is not installed, there is no (such) adapter, or no such tier; the message says what to do.
        InputError: the size is no multiple of 16 between 64 and 4096.
    """

    def __init__(self, model: str | None = None, *, size: int = PORTRAIT_SIZE) -> None:
        from rapport.avatar.face import RendererCapabilities

        if size % 16 or not 64 <= size <= 4096:
            raise InputError(f"the size of a picture must be a multiple of 16 between 64 and 4096, got {size}")
        self._adapter_name, tier = parse_model(model)
        self._size = size
        self._lock = threading.Lock()
        self._busts: OrderedDict[str, Bust] = OrderedDict()
        adapter = choose_adapter(self._adapter_name)
        device = str(adapter.info["device"])
        try:
            self._tier, self._pipelines = self._set_up(adapter, tier)
        except failures() as error:
            raise ComponentError(
                f"the GPU {device!r} cannot be set up ({first_line(error)}); name another, or use rendering = track"
            ) from error
        self.capabilities: RendererCapabilities = RendererCapabilities(
            draws=True, device=f"{device}, {self._tier.name}"
        )

    def _set_up(self, adapter: Any, tier: str) -> tuple[Tier, Pipelines]:
        built: dict[str, Pipelines] = {}

        def draw_one(tier: Tier) -> None:
            if tier.name not in built:
                built[tier.name] = Pipelines(adapter, tier, self._size)
            self._draw_sample(built[tier.name])

        if tier != AUTO:
            return TIERS[tier], Pipelines(adapter, TIERS[tier], self._size)
        machine = (str(adapter.info["device"]), self._size)
        best = best_tier(machine, adapter.info["adapter_type"] == "CPU", draw_one)
        pipelines = built.get(best.name) or Pipelines(adapter, best, self._size)
        self._busts = OrderedDict((n, b) for n, b in self._busts.items() if b.pipelines is pipelines)
        return best, pipelines

    async def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        """One RGB picture, uint8 (size, size, 3), per frame of the track.

        Raises:
            InputError: a file of the head's kit is damaged.
            StageError: the GPU was lost or refused the work, and so did a newly made device.
        """
        start, count = 0, 1  # the first picture comes by itself, as soon as it can
        while start < len(track):
            frames = range(start, min(start + count, len(track)))
            for picture in await asyncio.to_thread(self._draw, track, face, frames):
                yield picture
            start, count = frames.stop, _BATCH

    def _draw(self, track: FaceTrack, face: FaceCard, frames: range) -> list[NDArray[np.uint8]]:
        head = head_of(face, fine=self._tier.fine)
        with self._lock:
            try:
                return self._pictures(head, track, face, frames)
            except failures():
                # A GPU that was reset or unplugged gives a lost device: make a new one, once.
                try:
                    self._rebuild()
                    return self._pictures(head, track, face, frames)
                except (*failures(), ComponentError) as error:
                    raise StageError(
                        f"the GPU ({self.capabilities.device}) failed to draw: {first_line(error)}"
                    ) from error

    def _rebuild(self) -> None:
        self._busts.clear()
        self._pipelines = Pipelines(choose_adapter(self._adapter_name), self._tier, self._size)

    def _pictures(self, head: Head, track: FaceTrack, face: FaceCard, frames: range) -> list[NDArray[np.uint8]]:
        bust = self._bust(self._pipelines, head)
        return list(bust.draw(frame_settings(head, track, face, i, bust.grain) for i in frames))

    def _bust(self, pipelines: Pipelines, head: Head) -> Bust:
        bust = self._busts.get(head.name)
        if bust is None:
            bust = self._busts[head.name] = Bust(pipelines, head)
        self._busts.move_to_end(head.name)
        while len(self._busts) > _HEADS:
            self._busts.popitem(last=False)
        return bust

    def _draw_sample(self, pipelines: Pipelines) -> Any:
        face = FaceCard()
        head = head_of(face, fine=pipelines.tier.fine)
        bust = self._bust(pipelines, head)
        return list(bust.draw([frame_settings(head, FaceTrack.neutral(1, 25), face, 0, bust.grain)]))
