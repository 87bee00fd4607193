"""Faces drawn on the server when somebody asks for them: stills of a simulation, and the film of a conversation."""

from __future__ import annotations

import asyncio
import base64
import io
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rapport.agent.agent import Agent
from rapport.agent.stages import FaceRenderer
from rapport.apps.render_sheet import close_up
from rapport.avatar.face import FaceTrack
from rapport.avatar.still import still_face
from rapport.persona.affect import VAD, AffectState
from rapport.persona.card import FaceCard
from rapport.persona.errors import ComponentError, RapportError, StageError

SERVER_RENDERER = "wgpu"
"""Draws where the agent's own renderer leaves that to the browser."""

FACE_PX = 160
_FACES = 256
"""Stills that are kept, some 7 kB each; the one unused for longest goes first."""
_STEP = 0.1
"""Feelings are drawn to this step on every axis, so that stills can be kept."""

Picture = NDArray[np.uint8]


async def drawing_renderer(agent: Agent) -> FaceRenderer:
    """The agent's own renderer where it draws, else the server's.

    Raises:
        ComponentError: nothing draws on this machine, or the agent has no face at all.
    """
    runner = agent.runners.get("rendering")
    if runner is None:
        raise ComponentError("this page runs without a face; start it with a rendering component")
    for spec in dict.fromkeys((*runner.config.chain, SERVER_RENDERER)):
        try:
            renderer = cast("FaceRenderer", await runner.load(spec))
        except (RapportError, TimeoutError):
            continue
        if renderer.capabilities.draws:
            return renderer
    raise ComponentError("no face can be drawn on this machine; `rapport doctor` tells what is missing")


async def pictures(
    renderer: FaceRenderer, track: FaceTrack, face: FaceCard, budget_s: float
) -> AsyncGenerator[Picture, None]:
    """RGB pictures, uint8 (height, width, 3), one per frame of the track.

    Raises:
        StageError: the renderer failed, or was silent for `budget_s` seconds.
    """
    drawing = cast("AsyncGenerator[Picture, None]", renderer.render(track, face))
    async with aclosing(drawing):
        while True:
            try:
                async with asyncio.timeout(budget_s):
                    picture: Any = await anext(drawing, None)
            except TimeoutError:
                raise StageError(f"no picture within {budget_s:g} s") from None
            if picture is None:
                return
            yield picture


class Faces:
    """Stills of faces as data addresses, by face and feeling: drawn once, and kept for everybody."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, VAD], str] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def draw(self, agent: Agent, face: FaceCard, felt: VAD) -> str | None:
        """The picture's address; None where this machine draws none."""
        key = _key(face, felt)
        async with self._one_at_a_time:
            if key not in self._kept:
                try:
                    self._kept[key] = await _still(agent, face, key[1])
                except (RapportError, TimeoutError):
                    return None
                while len(self._kept) > _FACES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


def _key(face: FaceCard, felt: VAD) -> tuple[str, VAD]:
    return face.model_dump_json(), VAD(*(round(x / _STEP) * _STEP for x in felt.as_tuple()))


async def _still(agent: Agent, face: FaceCard, felt: VAD) -> str:
    """Raises ComponentError, StageError or TimeoutError where nothing draws."""
    renderer = await drawing_renderer(agent)
    track = still_face(AffectState(felt, felt))
    budget_s = agent.runners["rendering"].config.budget_s
    async with aclosing(pictures(renderer, track, face, budget_s)) as drawn:
        picture = await anext(drawn)
    return await asyncio.to_thread(_address, picture)


def _address(picture: Picture) -> str:
    file = io.BytesIO()
    Image.fromarray(close_up(picture)).resize((FACE_PX, FACE_PX)).save(file, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
