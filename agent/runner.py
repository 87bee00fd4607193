"""Calls one stage: within its time budget, checking what comes back, down its chain of components.

A turn never waits longer than the budgets allow, whatever a component does: an await that ignores cancellation is left
behind, and a component that ran out of time rests for a while, so that hung threads do not pile up turn by turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from rapport.agent.clock import Clock
from rapport.agent.config import StageConfig
from rapport.agent.events import Failed
from rapport.agent.registry import ComponentPool
from rapport.persona.errors import RapportError, StageError

T = TypeVar("T")
Report = Callable[[Failed], Awaitable[None]]


@dataclass
class _Rest:
    """How often in a row a component ran out of time, and until when it is left alone."""

    strikes: int = 0
    until_s: float = 0.0


def describe(error: BaseException) -> str:
    """One line for people: what went wrong, without a traceback."""
    if isinstance(error, TimeoutError):
        return str(error) or "ran out of time"
    text = " ".join(str(error).split()) or "no details"
    return text if isinstance(error, RapportError) else f"{type(error).__name__}: {text}"


async def within(budget_s: float, awaitable: Awaitable[T], what: str = "no answer") -> T:
    """Await, at most `budget_s` seconds of the running loop's time; then TimeoutError, and nobody waits any more."""
    task = asyncio.ensure_future(awaitable)
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    task.add_done_callback(wake)
    timer = loop.call_later(budget_s, wake)
    try:
        await over
    except BaseException:
        _abandon(task)
        raise
    finally:
        timer.cancel()
        task.remove_done_callback(wake)
    if not task.done():
        _abandon(task)
        raise TimeoutError(f"{what} within {budget_s:g} s")
    if task.cancelled():
        raise StageError("was cancelled from within")
    return task.result()


def _abandon(task: asyncio.Future[Any]) -> None:
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())


class StageRunner:
    """One stage of one agent."""

    def __init__(
        self,
        stage: str,
        config: StageConfig,
        *,
        pool: ComponentPool,
        clock: Clock,
        load_budget_s: float,
        retry_after_s: float,
    ) -> None:
        self.stage = stage
        self.config = config
        self._pool = pool
        self._clock = clock
        self._load_budget_s = load_budget_s
        self._retry_after_s = retry_after_s
        self._rests = {spec: _Rest() for spec in config.chain}

    async def load(self, spec: str) -> Any:
        """The component, started if need be. Raises ComponentError or TimeoutError."""
        instance = self._pool.loaded(self.stage, spec)
        if instance is None:
            starting = asyncio.to_thread(self._pool.get, self.stage, spec)
            instance = await within(self._load_budget_s, starting, f"{spec} did not start")
        return instance

    async def call(
        self, work: Callable[[Any], Awaitable[T]], check: Callable[[T], None], report: Report, *, without: str
    ) -> T | None:
        """The first good result down the chain, or None when every component failed.

        `work` calls the stage's method on a component; `check` raises StageError on a result that nobody can use. Each
        failure is reported with the component that comes next, or `without`, which says what the turn goes on without.
        """
        for spec in self.config.chain:
            component = await self._ready(spec, report, without)
            if component is None:
                continue
            try:
                result = await within(self.config.budget_s, work(component))
                check(result)
            except Exception as error:  # noqa: BLE001 - whatever a component raises is its failure, never the turn's
                await self._failed(spec, error, report, without)
            else:
                self._rests[spec] = _Rest()
                return result
        return None

    async def stream(
        self,
        work: Callable[[Any], AsyncIterator[T]],
        check: Callable[[T], None],
        report: Report,
        *,
        without: str,
        counts: Callable[[T], bool] = lambda _: True,
        ahead: bool = True,
    ) -> AsyncGenerator[T, None]:
        """The items of the first component down the chain that yields one that counts; may end without any.

        A component that fails after such an item is not replaced: what it gave stands, and the failure is reported.
        The budget holds for each item. With `ahead` false the component works only while an item is being awaited.
        """
        for spec in self.config.chain:
            component = await self._ready(spec, report, without)
            if component is None:
                continue
            count = 0
            queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=_AHEAD_ITEMS)
            asked = None if ahead else asyncio.Semaphore(0)
            pump = asyncio.ensure_future(_pump(work, component, queue, asked))
            try:
                while True:
                    item = await self._next(queue, asked) if queue.empty() else queue.get_nowait()
                    if item is _END:
                        break
                    if isinstance(item, _Raised):
                        raise item.error
                    check(item)
                    count += counts(item)
                    yield item
                if count == 0:
                    raise StageError("returned nothing")
            except Exception as error:  # noqa: BLE001 - as above
                await self._failed(spec, error, report, without, stands="what came before it failed" if count else None)
            else:
                self._rests[spec] = _Rest()
            finally:
                _abandon(pump)
            if count:
                return

    async def _next(self, queue: asyncio.Queue[Any], asked: asyncio.Semaphore | None) -> Any:
        if asked is not None:
            asked.release()
        try:
            async with asyncio.timeout(self.config.budget_s):
                return await queue.get()
        except TimeoutError:
            raise TimeoutError(f"no answer within {self.config.budget_s:g} s") from None

    async def _ready(self, spec: str, report: Report, without: str) -> Any | None:
        """The component, started; None, reported, while it rests or when it cannot start."""
        rest_s = self._rests[spec].until_s - self._clock.now_s()
        if rest_s > 0:
            await self._failed(spec, StageError("rests after it ran out of time"), report, without)
            return None
        try:
            return await self.load(spec)
        except Exception as error:  # noqa: BLE001 - whatever a constructor raises is its component's failure
            await self._failed(spec, error, report, without)
            return None

    async def _failed(
        self, spec: str, error: Exception, report: Report, without: str, *, stands: str | None = None
    ) -> None:
        if isinstance(error, TimeoutError):
            rest = self._rests[spec]
            rest.until_s = self._clock.now_s() + self._retry_after_s * 2.0 ** min(rest.strikes, 10)
            rest.strikes += 1
        chain = self.config.chain
        now_s = self._clock.now_s()
        later = [s for s in chain[chain.index(spec) + 1 :] if self._rests[s].until_s <= now_s]
        fallback = stands or (later[0] if later else without)
        await report(Failed(self.stage, spec, describe(error), fallback))


_END: Any = object()

_AHEAD_ITEMS = 16
"""Items that a stream may be ahead of its consumer."""


@dataclass(frozen=True)
class _Raised:
    error: Exception


async def _pump(
    work: Callable[[Any], AsyncIterator[Any]],
    component: Any,
    queue: asyncio.Queue[Any],
    asked: asyncio.Semaphore | None,
) -> None:
    """Run a stream in one task of its own (libraries tie resources to the task that opened them)."""
    items: Any = None
    try:
        if asked is not None:
            await asked.acquire()
        items = work(component)
        async for item in items:
            if queue.full():
                await queue.put(item)
            else:
                queue.put_nowait(item)
            if asked is not None:
                await asked.acquire()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            if isinstance(items, AsyncGenerator):
                await items.aclose()
            raise
        await queue.put(_Raised(StageError("was cancelled from within")))
    except Exception as error:  # noqa: BLE001 - handed to the consumer, which reports it
        await queue.put(_Raised(error))
    else:
        await queue.put(_END)
