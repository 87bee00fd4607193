"""Where pieces of work are computed: in this process, in processes of this machine, or on a Ray cluster.

Every engine gives the results in the order of the pieces, with a few pieces under way, so that memory stays small and
whoever computed them, what is written is the same.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Literal, TypeVar

from rapport.persona.errors import ComponentError, RapportError

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Handle = TypeVar("Handle")
EngineName = Literal["local", "ray"]

AHEAD = 3
"""Pieces under way for each worker: enough that none waits for the one that writes."""
CONNECT_S = 5.0
DEATHS = 3
"""How often a piece whose worker died is given to another one on a cluster."""


def in_processes(work: Callable[[Piece], Result], pieces: Sequence[Piece], workers: int) -> Iterator[Result]:
    """Results from processes of this machine; from this very process for one worker or one piece.

    Args:
        work: a function that can be imported by other processes, or a `functools.partial` of one.

    Raises:
        ComponentError: a process died; and what `work` raises.
    """
    if workers == 1 or len(pieces) < 2:
        yield from map(work, pieces)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            yield from _in_order(lambda piece: pool.submit(work, piece), _result, pieces, AHEAD * workers, waiting)
        except BrokenProcessPool:
            raise ComponentError("a process of the run died; run the same command again, it goes on there") from None
        finally:
            for future in waiting:
                future.cancel()


def on_ray(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], workers: int | None = None, address: str | None = None
) -> Iterator[Result]:
    """Results from a Ray cluster. A piece whose worker is killed is computed again by another worker.

    Args:
        work: as for `in_processes`; Rapport must be installed on every node.
        workers: of a cluster of our own; with an address, how many pieces are under way at most.
        address: a running cluster, as `ray.init` has it ("auto", "HOST:PORT", "ray://HOST:PORT"); None starts one on
            this machine and stops it at the end. A program that is connected already keeps its connection.

    Raises:
        ComponentError: Ray is not installed, no cluster answers, or workers die again and again; and what `work`
            raises.
    """
    ray = _ray()
    with _connected(ray, workers, address):
        slots = max(1, int(ray.cluster_resources().get("CPU", 1)))
        remote = ray.remote(max_retries=DEATHS)(_called)
        shared = ray.put(work)  # sent once to every node, not with every piece
        waiting: deque[Any] = deque()
        try:
            ahead = workers if workers and address else AHEAD * slots
            yield from _in_order(lambda piece: remote.remote(shared, piece), ray.get, pieces, ahead, waiting)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, RapportError):
                raise error.cause from None
            raise
        except ray.exceptions.RayError as error:
            raise ComponentError(
                f"the Ray cluster failed ({type(error).__name__}); run the same command again, it goes on there"
            ) from None
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)


def _result(future: Future[Result]) -> Result:
    return future.result()


def _called(work: Callable[[Piece], Result], piece: Piece) -> Result:
    return work(piece)


def _in_order(
    submit: Callable[[Piece], Handle], result: Callable[[Handle], Result], pieces: Sequence[Piece], ahead: int,
    waiting: deque[Handle],
) -> Iterator[Result]:  # fmt: skip
    for piece in pieces:
        waiting.append(submit(piece))
        if len(waiting) > ahead:
            yield result(waiting.popleft())
    while waiting:
        yield result(waiting.popleft())


def _ray() -> Any:
    if importlib.util.find_spec("ray") is None:
        raise ComponentError('the engine ray needs the package ray; run: pip install "rapport-agent[ray]"')
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    return importlib.import_module("ray")


@contextmanager
def _connected(ray: Any, workers: int | None, address: str | None) -> Generator[None]:
    if ray.is_initialized():
        yield
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is None:
            ray.init(address="local", num_cpus=workers or os.cpu_count() or 1, include_dashboard=False, **quiet)
        else:
            _reach(address)
            ray.init(address=address, **quiet)
    except Exception as error:  # noqa: BLE001 - where a node does not start, Ray raises bare exceptions
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        where = "no Ray cluster can be started here" if address is None else f"no Ray cluster answers at {address}"
        raise ComponentError(f"{where}: {reason}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError when nobody listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), CONNECT_S).close()
