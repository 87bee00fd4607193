"""Who is answered next: a few at a time, the others wait in line and are told their place in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class Turnstile:
    """Lets `at_once` people through together, in the order in which they came. Used from one event loop only."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: list[tuple[asyncio.Event, Callable[[int], None]]] = []

    @asynccontextmanager
    async def passing(self, told: Callable[[int], None]) -> AsyncGenerator[None, None]:
        """Wait in line, and be through until the block ends. `told` is called with every new place, 1 for the next, and
        with 0 once through."""
        await self._wait(told)
        told(0)
        try:
            yield
        finally:
            self._leave()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def _wait(self, told: Callable[[int], None]) -> None:
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return
        mine = (asyncio.Event(), told)
        self._waiting.append(mine)
        told(len(self._waiting))
        try:
            await mine[0].wait()
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
                self._tell()
            else:  # it was this one's turn just now
                self._leave()
            raise

    def _leave(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        next_one, _ = self._waiting.pop(0)
        next_one.set()
        self._tell()

    def _tell(self) -> None:
        for place, (_, told) in enumerate(self._waiting, start=1):
            told(place)
