"""A tab's open line: sound of its microphone comes in, with how far the reply has been played; commands go out.

    browser -> blocks of sound    Line.frames()     what the agent listens to
            -> positions          Line.played_s()   what it knows of its own voice
            <- hold, resume, stop, hear             what the page must do at once
            <- attend             Line.show()       the face that listens

`Lines` serves them as WebSockets, each under a name that cannot be guessed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from rapport.agent.clock import Clock
from rapport.avatar.face import FaceTrack
from rapport.avatar.track_file import track_json
from rapport.persona.errors import InputError
from rapport.speech.audio import RECOGNITION_RATE_HZ

if TYPE_CHECKING:
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

PATH = "/rapport-talk"
MOST_LINES = 8
"""Microphones that are listened to at the same time."""
CONNECT_WITHIN_S = 20.0
"""A line to which no browser has connected by then is closed."""
MAX_BLOCK_S = 0.25
"""Longest block of sound; the page sends 32 ms."""
MAX_AHEAD_S = 3.0
"""Sound may come so much faster than time passes: after a network's hiccup it comes in a burst."""
MAX_WAITING_S = 10.0
"""Sound that may wait to be listened to."""
MAX_MESSAGES_PER_S = 100
"""Blocks and positions together; the page sends about forty."""
MAX_POSITION_CHARACTERS = 200
MAX_REPLY_S = 3600.0
MOST_COMMANDS = 50
"""Commands that wait for a slow page; beyond this it gets no more of the listening face."""
_SAMPLE_BYTES = 2


@dataclass(frozen=True)
class _Position:
    """How far a reply had been played at `at_s`; it plays on by itself up to `until_s`."""

    reply: int
    heard_s: float
    until_s: float
    at_s: float


class Line:
    """One microphone and one player. Used from the page's event loop only."""

    def __init__(self, clock: Clock) -> None:
        self.token = secrets.token_urlsafe(18)
        self.connected = False
        self.closed = False
        self.reason = ""
        """Why it was closed, one line; empty when somebody hung up."""
        self._clock = clock
        self._since_s = 0.0
        """When the browser connected."""
        self._blocks: deque[NDArray[np.float32]] = deque()
        self._waiting_samples = 0
        self._came_samples = 0
        self._came_messages = 0
        self._position = _Position(0, 0.0, 0.0, 0.0)
        self._commands: deque[dict[str, Any]] = deque()
        self._sound, self._orders = asyncio.Event(), asyncio.Event()

    # -------------------------------------------------------------------------------------------- from the browser

    def connect(self) -> None:
        """The browser is there."""
        self.connected, self._since_s = True, self._clock.now_s()

    def hear(self, block: bytes) -> None:
        """Take a block of sound: 16-bit little-endian mono samples at 16 kHz. After the end it is ignored.

        Raises:
            InputError: not such samples, too many at a time, or faster than they can have been recorded.
        """
        self._count()
        if self.closed:
            return
        count, odd = divmod(len(block), _SAMPLE_BYTES)
        if odd or not 0 < count <= MAX_BLOCK_S * RECOGNITION_RATE_HZ:
            raise InputError(f"a block of sound is up to {MAX_BLOCK_S:g} s of 16-bit samples at 16 kHz")
        self._came_samples += count
        if self._came_samples / RECOGNITION_RATE_HZ > self._connected_s() + MAX_AHEAD_S:
            raise InputError("sound comes faster than it can have been recorded")
        self._waiting_samples += count
        if self._waiting_samples > MAX_WAITING_S * RECOGNITION_RATE_HZ:
            raise InputError("this machine is too busy to listen; try again in a moment")
        self._blocks.append(np.frombuffer(block, "<i2").astype(np.float32) / 32768.0)
        self._sound.set()

    def report(self, text: str) -> None:
        """Take a position: JSON with `reply` (its number), `heard_s`, and `until_s`, to which it plays on by itself.

        Raises:
            InputError: anything else, or too often.
        """
        self._count()
        try:
            if len(text) > MAX_POSITION_CHARACTERS:
                raise ValueError
            told = json.loads(text)
            reply, heard_s, until_s = int(told["reply"]), float(told["heard_s"]), float(told["until_s"])
            if not 0.0 <= heard_s <= until_s <= MAX_REPLY_S:
                raise ValueError
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise InputError("a position is JSON with reply, heard_s and until_s, in order") from None
        self._position = _Position(reply, heard_s, until_s, self._clock.now_s())

    async def commands(self) -> AsyncIterator[dict[str, Any]]:
        """What the page must do, as it comes, until the line is closed."""
        while True:
            while self._commands:
                yield self._commands.popleft()
            if self.closed:
                return
            self._orders.clear()
            await self._orders.wait()

    # ---------------------------------------------------------------------------------------------- from the agent

    async def frames(self) -> AsyncIterator[NDArray[np.float32]]:
        """The microphone: float32 mono at 16 kHz, in [-1, 1], until the line is closed."""
        while True:
            while self._blocks:
                block = self._blocks.popleft()
                self._waiting_samples -= len(block)
                yield block
            if self.closed:
                return
            self._sound.clear()
            try:
                async with asyncio.timeout(None if self.connected else CONNECT_WITHIN_S):
                    await self._sound.wait()
            except TimeoutError:
                self.close("the microphone did not connect")

    def played_s(self, reply: int) -> float:
        """Seconds of a reply that have been played by now, as far as the page has told."""
        position = self._position
        if position.reply != reply:
            return 0.0
        return min(position.heard_s + self._clock.now_s() - position.at_s, position.until_s)

    def tell(self, do: str, **what: Any) -> None:
        """Have the page do something at once."""
        self._commands.append({"do": do, **what})
        self._orders.set()

    def show(self, track: FaceTrack) -> None:
        """Have the page show the next frames of a face that listens. A page that cannot keep up goes without some."""
        if len(self._commands) < MOST_COMMANDS:
            self.tell("attend", track=track_json(track))

    def close(self, reason: str = "") -> None:
        """The end: what has come is still listened to, nothing more is taken."""
        if not self.closed:
            self.closed, self.reason = True, reason
            self._sound.set()
            self._orders.set()

    def _count(self) -> None:
        self._came_messages += 1
        if self._came_messages > MAX_MESSAGES_PER_S * (self._connected_s() + MAX_AHEAD_S):
            raise InputError("messages come too often")

    def _connected_s(self) -> float:
        return self._clock.now_s() - self._since_s


class Lines:
    """The lines that are open. One that nobody holds any more is gone."""

    def __init__(self) -> None:
        self._lines: WeakValueDictionary[str, Line] = WeakValueDictionary()

    def open(self, clock: Clock) -> Line:
        """A line for a browser to connect to, once.

        Raises:
            InputError: too many are open.
        """
        if sum(not line.closed for line in self._lines.values()) >= MOST_LINES:
            raise InputError("too many people are talking just now; type instead, or try again in a moment")
        line = Line(clock)
        self._lines[line.token] = line
        return line

    def route(self) -> WebSocketRoute:
        """The address under which the page serves the lines: `/rapport-talk/<token>`."""
        from starlette.routing import WebSocketRoute

        async def connect(socket: WebSocket) -> None:
            line = self._lines.get(socket.path_params["token"])
            if line is None or line.connected or line.closed:
                await socket.close()  # before it is accepted: the browser gets an error and no words
                return
            line.connect()
            await socket.accept()
            await _serve(line, socket)

        return WebSocketRoute(f"{PATH}/{{token}}", connect)


async def _serve(line: Line, socket: WebSocket) -> None:
    """Carry both ways until either side hangs up. What does not belong here ends it with the reason."""
    sending = asyncio.create_task(_send(line, socket))
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            if (block := message.get("bytes")) is not None:
                line.hear(cast(bytes, block))
            else:
                line.report(cast(str, message["text"]))
    except InputError as error:
        line.close(str(error))
    finally:
        line.close()
        await asyncio.wait({sending})


async def _send(line: Line, socket: WebSocket) -> None:
    from starlette.websockets import WebSocketDisconnect

    try:
        async for command in line.commands():
            await socket.send_json(command)
        await socket.close(1008 if line.reason else 1000, line.reason)
    except (WebSocketDisconnect, RuntimeError):  # it is the browser that hung up
        line.close()
