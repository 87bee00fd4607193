"""Many sessions: spread over processes, written in order, and resumed where a killed run stopped.

A unit is one case with one therapist. Units are independent, since each draws from its own seed; whoever computes them,
their lines are written in the same order, so that the same script gives the same bytes with any number of processes and
however often it was interrupted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from rapport.apps.simulate.case import draw_case
from rapport.apps.simulate.engines import EngineName, in_processes, on_ray
from rapport.apps.simulate.layouts import SESSIONS
from rapport.apps.simulate.measures import acts_of, measure, ratings_of
from rapport.apps.simulate.protocols.names import load_protocol
from rapport.apps.simulate.records import SessionRecord, read_line
from rapport.apps.simulate.script import SimulationScript
from rapport.apps.simulate.session import Frame, Guard, Writers, run_case
from rapport.apps.simulate.therapists import therapist_named
from rapport.persona.errors import InputError, StorageError

SCRIPT = "script.json"
CHUNK = 8
"""Units that a worker gets at a time; one where a model writes."""


@dataclass(frozen=True)
class Unit:
    """One case with one therapist."""

    therapist: str
    case: int


@dataclass(frozen=True)
class Measured:
    """What is kept in memory of a session."""

    therapist: str
    case: int
    session: str
    figures: dict[str, float]
    stopped: str
    failed: str
    ratings: tuple[tuple[float, float], ...] = ()
    """Minute and rating, 0 to 100."""
    acts: tuple[tuple[str, int], ...] = ()
    """How often the therapist did what."""
    client: str = ""
    """What the client is called in a file of trajectories; empty: by the case's number."""


Progress = Callable[[int, int], None]
"""Told how many units of how many are done."""


def units_of(script: SimulationScript) -> list[Unit]:
    """Every unit of a script, in the order in which they are written."""
    return [Unit(therapist, case) for therapist in script.therapists for case in range(script.cases)]


def run_unit(script: SimulationScript, unit: Unit, writers: Writers | None = None) -> list[SessionRecord]:
    """The sessions of one unit, in this process."""
    frame = Frame(
        load_protocol(script.protocol), therapist_named(unit.therapist), script.seed, script.stop.stops,
        script.sessions, shipped_guard() if writers is not None else None,
    )  # fmt: skip
    return run_case(frame, draw_case(unit.case, script.seed, script.odds, script.profile), unit.case, writers)


def shipped_guard() -> Guard:
    """Reads what models and people write; the rules' own sentences are checked by tests, once and for all."""
    from rapport.agent.safety.guard import Guard as SafetyGuard

    guard = SafetyGuard.shipped()
    return lambda text: guard.read(text).note or ""


def run(
    script: SimulationScript, folder: Path, workers: int | None = None, progress: Progress | None = None,
    engine: EngineName = "local", address: str | None = None,
) -> list[Measured]:  # fmt: skip
    """Run a script into `folder`, or go on with what is there; returns the measures of every session.

    Args:
        workers: None takes one per core, and on this machine one where a model writes.
        engine: "local" processes, or "ray": a Ray cluster.
        address: of a running Ray cluster; None starts one on this machine.

    Raises:
        InputError: the folder holds another run.
        StorageError: it cannot be written; what was written stays, and the same call goes on from there.
        ComponentError: a model cannot start, or a process died.
    """
    units = units_of(script)
    done, measured = _resumed(script, folder, units)
    try:
        with (folder / SESSIONS).open("ab") as out:
            computed = _computed(script, units[done:], workers, engine, address)
            for n, (text, figures) in enumerate(computed, done + 1):
                out.write(text)
                measured.extend(figures)
                if progress is not None:
                    progress(n, len(units))
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be written ({error.strerror}); nothing is lost: make room and run the same command again"
        ) from None
    return measured


Computed = tuple[bytes, list[Measured]]


def measured_of(session: SessionRecord) -> Measured:
    """A session's measures."""
    return Measured(
        session.therapist,
        session.case,
        session.session,
        measure(session),
        session.stopped,
        session.failed,
        tuple(ratings_of(session)),
        tuple(acts_of(session).items()),
    )


def compute(script: SimulationScript, units: Sequence[Unit]) -> list[Computed]:
    """Lines and measures of some units; what a worker is asked for."""
    models = script.models
    writers = _writers(models.client, models.therapist, script.seed) if models.any else None
    computed: list[Computed] = []
    for unit in units:
        sessions = run_unit(script, unit, writers)
        lines = "".join(session.line() for session in sessions).encode()
        computed.append((lines, [measured_of(session) for session in sessions]))
    return computed


@lru_cache(maxsize=1)
def _writers(client: str, therapist: str, seed: int) -> Writers:
    """A worker loads its models once."""
    from rapport.apps.simulate.models import load_writers

    return load_writers(client, therapist, seed)


def _computed(
    script: SimulationScript, units: Sequence[Unit], workers: int | None, engine: EngineName, address: str | None
) -> Iterator[Computed]:
    size = 1 if script.models.any else CHUNK
    chunks = [units[i : i + size] for i in range(0, len(units), size)]
    if engine == "ray" and chunks:
        results = on_ray(partial(compute, script), chunks, workers, address)
    else:
        workers = workers or (1 if script.models.any else max(1, os.cpu_count() or 1))
        results = in_processes(partial(compute, script), chunks, workers)
    for computed in results:
        yield from computed


def _resumed(script: SimulationScript, folder: Path, units: Sequence[Unit]) -> tuple[int, list[Measured]]:
    """How many units are there already, and their measures. The last one may be cut off and is taken away."""
    told = script.model_dump_json(indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / SCRIPT
        if path.exists() and json.loads(path.read_text("utf-8")) != json.loads(told):
            raise InputError(f"{folder} holds the run of another script; choose another folder")
        path.write_text(told, "utf-8")
        lines = folder / SESSIONS
        if not lines.exists():
            return 0, []
        return _kept(lines, units)
    except json.JSONDecodeError:
        raise InputError(f"{folder / SCRIPT} is damaged; choose another folder") from None
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written ({error.strerror})") from None


def _kept(path: Path, units: Sequence[Unit]) -> tuple[int, list[Measured]]:
    """Whole units at the beginning of a file; the rest is cut off it."""
    kept: list[Measured] = []
    ends: list[tuple[int, int]] = []
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            session = read_line(line.decode("utf-8", "replace"), f"{path}:{number}")
            unit = Unit(session.therapist, session.case)
            if not ends or Unit(kept[-1].therapist, kept[-1].case) != unit:
                ends.append((place, len(kept)))
            kept.append(measured_of(session))
            place += len(line)
    order = [Unit(kept[first].therapist, kept[first].case) for _, first in ends]
    if order != list(units[: len(order)]):
        raise InputError(f"{path} does not belong to its script; choose another folder")
    if not ends:
        cut, count, sessions = 0, 0, 0
    else:
        # Whether the last unit is whole cannot be seen: it is computed again.
        (cut, sessions), count = ends[-1], len(ends) - 1
    os.truncate(path, cut)
    return count, kept[:sessions]
