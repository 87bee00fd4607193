"""Time, injected: everything that the loop measures or waits for goes by one clock, so that tests own it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Seconds that never run backwards, and an event loop whose timers go by them."""

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Drive a coroutine to its end on an event loop that keeps this clock's time."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now_s(self) -> float:
        return time.monotonic()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)
