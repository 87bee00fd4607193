"""The webcam, for those who switch it on: pictures come in, are looked at, and are gone with the next ones.

    browser -> pictures (JPEG)      Camera.look()       the last few, for the agent's next turn
            <- what the face shows  Camera.read()       bars and words for the page

Nothing is written anywhere: a picture lives in this process until newer ones push it out, at most a few seconds.
"""

from __future__ import annotations

import asyncio
import io
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.draft import Draft
from rapport.agent.stages import PersonTurn, Utterance
from rapport.persona.affect import EmotionEstimate
from rapport.persona.errors import InputError, RapportError
from rapport.speech.audio import Transcript

if TYPE_CHECKING:
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

PATH = "/rapport-camera"
MOST_FRAMES = 12
"""Pictures that are kept, and given to a turn."""
FRESH_S = 8.0
"""Older pictures are not given to a turn."""
MAX_PICTURE_BYTES = 200_000
MAX_PICTURE_PX = 1280
MAX_PICTURES_PER_S = 10.0
READ_EVERY_S = 0.7
_CLOSED_FOR = "the camera sent something that is no picture, or too much of it; switch it on again"

Frame = NDArray[np.uint8]
"""RGB, (height, width, 3)."""


class SeeingAgent(Agent):
    """An agent whose every turn, typed or spoken, is given what a camera saw lately."""

    eyes: Callable[[], tuple[Frame, ...]] | None = None

    def draft(self, utterance: Utterance | str, *, draw: bool = True, given_at_s: float | None = None) -> Draft:
        frames = self.eyes() if self.eyes is not None else ()
        if frames:
            given = Utterance(text=utterance) if isinstance(utterance, str) else utterance
            utterance = given if given.frames else replace(given, frames=frames)
        return super().draft(utterance, draw=draw, given_at_s=given_at_s)


class Camera:
    """What one visitor's camera saw in the last seconds. Used from the page's event loop only."""

    def __init__(self, agent: Agent) -> None:
        self.token = secrets.token_urlsafe(18)
        self.closed = False
        self._agent = agent
        self._seen: deque[tuple[float, Frame]] = deque(maxlen=MOST_FRAMES)
        self._began_s = 0.0
        self._count = 0
        if isinstance(agent, SeeingAgent):
            agent.eyes = self.frames

    def begin(self) -> None:
        """The camera is switched on."""
        self._began_s, self._count = self._agent.clock.now_s(), 0

    def look(self, data: bytes) -> None:
        """Take a picture, a JPEG of at most `MAX_PICTURE_BYTES`.

        Raises:
            InputError: no such picture, or they come too fast.
        """
        now_s = self._agent.clock.now_s()
        self._count += 1
        if self._count > MAX_PICTURES_PER_S * (max(0.0, now_s - self._began_s) + 3.0):
            raise InputError(_CLOSED_FOR)
        self._seen.append((now_s, decoded(data)))

    def frames(self) -> tuple[Frame, ...]:
        """What was seen in the last seconds, oldest first; empty while the camera is off."""
        now_s = self._agent.clock.now_s()
        return tuple(frame for at_s, frame in self._seen if 0.0 <= now_s - at_s <= FRESH_S)

    async def read(self) -> EmotionEstimate | None:
        """What the last pictures show of the person's feeling; None where no face is seen, or nobody can read one."""
        frames = self.frames()[-3:]
        if not frames:
            return None
        for runner in self._agent.emotion_runners:
            try:
                reader = await runner.load(runner.config.use)
            except (RapportError, TimeoutError):
                continue
            if reader.capabilities.modality == "face":
                turn = PersonTurn(Transcript(""), frames=frames)

                async def estimate(component: Any, turn: PersonTurn = turn) -> EmotionEstimate | None:
                    return await component.estimate(turn)

                return await runner.call(estimate, _anything, _unreported, without="no reading")
        return None

    def forget(self) -> None:
        """The camera is off: nothing that it saw stays."""
        self._seen.clear()

    def close(self) -> None:
        """The conversation is over."""
        self.closed = True
        self.forget()


class Cameras:
    """Every conversation's camera that is still there, served as WebSockets."""

    def __init__(self) -> None:
        self._cameras: WeakValueDictionary[str, Camera] = WeakValueDictionary()

    def register(self, camera: Camera) -> None:
        self._cameras[camera.token] = camera

    def route(self) -> WebSocketRoute:
        """The address under which pictures are taken: `/rapport-camera/<token>`."""
        from starlette.routing import WebSocketRoute

        async def connect(socket: WebSocket) -> None:
            camera = self._cameras.get(socket.path_params["token"])
            if camera is None or camera.closed:
                await socket.close()
                return
            await socket.accept()
            await _serve(camera, socket)

        return WebSocketRoute(f"{PATH}/{{token}}", connect)


def decoded(data: bytes) -> Frame:
    """A JPEG as RGB, decoded in memory.

    Raises:
        InputError: too large, or no JPEG.
    """
    if not 0 < len(data) <= MAX_PICTURE_BYTES:
        raise InputError(_CLOSED_FOR)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            if max(picture.size) > MAX_PICTURE_PX:
                raise InputError(_CLOSED_FOR)
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise InputError(_CLOSED_FOR) from None


def reading_record(estimate: EmotionEstimate | None) -> dict[str, Any]:
    """A reading as the page is told: the likeliest labels with their shares, and what the face does in words."""
    if estimate is None:
        return {"bars": [], "words": "No face is seen clearly."}
    likeliest = sorted(estimate.distribution.as_dict().items(), key=lambda pair: -pair[1])[:3]
    signs = ", ".join(clue.text for clue in estimate.evidence[:3])
    return {"bars": [[label, round(share, 3)] for label, share in likeliest], "words": signs or "A face at rest."}


async def _serve(camera: Camera, socket: WebSocket) -> None:
    """Take pictures and tell readings until either side ends it."""
    camera.begin()
    telling = asyncio.create_task(_tell(camera, socket))
    reason = ""
    try:
        while (message := await socket.receive())["type"] == "websocket.receive" and not camera.closed:
            data = message.get("bytes")
            camera.look(cast(bytes, data) if data is not None else b"")
    except InputError as error:
        reason = str(error)
    finally:
        camera.forget()
        telling.cancel()
        await asyncio.wait({telling})
    if reason:
        await socket.close(1008, reason)


async def _tell(camera: Camera, socket: WebSocket) -> None:
    from starlette.websockets import WebSocketDisconnect

    while True:
        await asyncio.sleep(READ_EVERY_S)
        if not camera.frames():
            continue
        try:
            await socket.send_json(reading_record(await camera.read()))
        except (WebSocketDisconnect, RuntimeError):
            return


def _anything(_: object) -> None:
    """No face is an answer too."""


async def _unreported(_: ev.Failed) -> None:
    """The turn meets the same failure and reports it."""
