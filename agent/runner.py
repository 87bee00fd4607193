"""Calls one stage: within its time budget, checking what comes back, down its chain of components.

A turn never waits longer than the budgets allow, whatever a component does: an await that ignores cancellation is left
behind, and a component that ran out of time rests for a while, so that a hung thread is not joined by another each turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
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
    try:
        done, _ = await asyncio.wait({task}, timeout=budget_s)
    except BaseException:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise TimeoutError(f"{what} within {budget_s:g} s")
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
        async for spec, component in self._usable(report, without):
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
    ) -> AsyncIterator[T]:
        """The items of the first component down the chain that yields one that counts; may end without any.

        A component that fails after such an item is not replaced: what it gave stands, and the failure is reported.
        The budget holds for each item.
        """
        async for spec, component in self._usable(report, without):
            count = 0
            queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=_AHEAD_ITEMS)
            pump = asyncio.ensure_future(_pump(work(component), queue))
            try:
                while (item := await self._next(queue)) is not _END:
                    if isinstance(item, _Raised):
                        raise item.error
                    check(item)
                    count += counts(item)
                    yield item
                if count == 0:
                    raise StageError("returned nothing")
            except Exception as error:  # noqa: BLE001 - as above
                await self._failed(spec, error, report, without if count == 0 else "what came before it failed")
            else:
                self._rests[spec] = _Rest()
            finally:
                _abandon(pump)
            if count:
                return

    async def _next(self, queue: asyncio.Queue[Any]) -> Any:
        return queue.get_nowait() if not queue.empty() else await within(self.config.budget_s, queue.get())

    async def _usable(self, report: Report, without: str) -> AsyncIterator[tuple[str, Any]]:
        for spec in self.config.chain:
            if self._rests[spec].until_s > self._clock.now_s():
                continue
            try:
                yield spec, await self.load(spec)
            except (RapportError, TimeoutError) as error:
                await self._failed(spec, error, report, without)

    async def _failed(self, spec: str, error: Exception, report: Report, without: str) -> None:
        if isinstance(error, TimeoutError):
            rest = self._rests[spec]
            rest.until_s = self._clock.now_s() + self._retry_after_s * 2.0 ** min(rest.strikes, 10)
            rest.strikes += 1
        chain = self.config.chain
        now_s = self._clock.now_s()
        later = [s for s in chain[chain.index(spec) + 1 :] if self._rests[s].until_s <= now_s]
        await report(Failed(self.stage, spec, describe(error), later[0] if later else without))


_END: Any = object()

_AHEAD_ITEMS = 4
"""Items that a stream may be ahead of its consumer."""


@dataclass(frozen=True)
class _Raised:
    error: Exception


async def _pump(items: AsyncIterator[Any], queue: asyncio.Queue[Any]) -> None:
    """Run a stream in one task of its own (libraries tie resources to the task that opened them)."""
    try:
        async for item in items:
            await queue.put(item)
    except Exception as error:  # noqa: BLE001 - handed to the consumer, which reports it
        await queue.put(_Raised(error))
    else:
        await queue.put(_END)
