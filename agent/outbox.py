"""Events on their way to one consumer: those of a turn wait for it, what the person's voice does jumps the queue."""

from __future__ import annotations

import asyncio
from collections import deque

from rapport.agent import events as ev


class Outbox:
    """`limit`: events of turns that may wait for a slow consumer before their makers do."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._urgent: deque[ev.Event] = deque()
        self._waiting: deque[ev.Event] = deque()
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._over = False
        self._error: BaseException | None = None

    def tell(self, event: ev.Event) -> None:
        """Hand on at once, before all that waits."""
        self._urgent.append(event)
        self._news.set()

    async def put(self, event: ev.Event) -> None:
        """Hand on in order, waiting for room."""
        while len(self._waiting) >= self._limit:
            self._room.clear()
            await self._room.wait()
        self._waiting.append(event)
        self._news.set()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come; the consumer gets the error after what is there."""
        self._over, self._error = True, error
        self._news.set()

    async def get(self) -> ev.Event | None:
        """The next event, None at the end."""
        while not self._urgent and not self._waiting:
            if self._error is not None:
                raise self._error
            if self._over:
                return None
            self._news.clear()
            await self._news.wait()
        event = self._urgent.popleft() if self._urgent else self._waiting.popleft()
        self._room.set()
        return event
