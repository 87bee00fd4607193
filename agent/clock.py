"""Time, injected: everything that the loop measures or waits for goes by one clock, so that tests own it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
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
        with asyncio.Runner(loop_factory=_loop) as runner:
            return runner.run(coroutine)


def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    give_threads(loop)
    return loop


def give_threads(loop: asyncio.AbstractEventLoop) -> None:
    """Let every `asyncio.to_thread` of this loop have a thread of its own at once.

    A loop of one's own making has few (six on two cores): where many are answered, they are all taken by voices and
    language models at work, and who speaks next is not even heard before one of them is done.
    """
    loop.set_default_executor(_Threads())


class _Threads(ThreadPoolExecutor):
    """A thread of its own for every call, which nobody waits for at the end.

    A library call that hangs cannot be stopped; the loop's own executor would hold its few threads for it, and join it
    before `run` may return and before the interpreter may exit.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to whoever awaits it
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """There is nothing to wait for."""
