"""Engines: the same results in the same order, whoever computes them, and whoever dies meanwhile."""

from __future__ import annotations

import importlib.util
import operator
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from rapport.apps.simulate import engines, runner
from rapport.apps.simulate.engines import in_processes, on_ray
from rapport.apps.simulate.runner import SESSIONS, run
from rapport.apps.simulate.script import script_of
from rapport.apps.simulate.therapists import therapist_named
from rapport.persona.errors import ComponentError, InputError

SMALL = {"protocol": "supportive", "cases": 24, "seed": 5, "therapists": ["true", "absent"]}

with_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray: pip install -e '.[ray]'")


# What is sent to other processes must be importable there, as a test module is not.
def test_results_come_in_order_from_one_process_or_two() -> None:
    expected = [-n for n in range(9)]
    assert list(in_processes(operator.neg, range(9), 1)) == expected
    assert list(in_processes(operator.neg, range(9), 2)) == expected


def test_what_the_work_raises_is_raised_here() -> None:
    with pytest.raises(InputError, match="unknown therapist 'nobody'"):
        list(in_processes(therapist_named, ["nobody", "true"], 2))


def test_a_process_that_dies_ends_the_run_with_what_to_do() -> None:
    with pytest.raises(ComponentError, match="run the same command again"):
        list(in_processes(os._exit, [3, 3], 2))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ComponentError, match=r"rapport-agent\[ray\]"):
        run(script_of({"cases": 1}), tmp_path, engine="ray")


def parents() -> dict[int, int]:
    """The parent of every process."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
    return found


def busy_workers(title: str) -> list[int]:
    """Ray's workers below this process that compute a task of this name right now."""
    above = parents()

    def ours(pid: int) -> bool:
        while pid in above:
            pid = above[pid]
            if pid == os.getpid():
                return True
        return False

    found: list[int] = []
    for pid in above:
        try:
            name = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if name.startswith(title) and ours(pid):
            found.append(pid)
    return found


@pytest.mark.models
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for workers in /proc")
@with_ray
def test_a_ray_cluster_gives_the_same_bytes_though_a_worker_is_killed(tmp_path: Path) -> None:
    run(script_of(SMALL), tmp_path / "local", workers=1)
    killed: list[int] = []

    def kill_one(done: int, of: int) -> None:
        # While the first results are written, others are computed.
        if not killed and 0 < done < of // 2:
            for pid in busy_workers("ray::_called")[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    measured = run(script_of(SMALL), tmp_path / "ray", workers=2, progress=kill_one, engine="ray")
    assert killed and not Path(f"/proc/{killed[0]}").exists()
    assert (tmp_path / "ray" / SESSIONS).read_bytes() == (tmp_path / "local" / SESSIONS).read_bytes()
    assert len(measured) == 48


@pytest.mark.models
@with_ray
def test_a_killed_run_goes_on_with_another_engine(tmp_path: Path) -> None:
    script = script_of(SMALL)
    run(script, tmp_path, workers=1)
    whole = (tmp_path / SESSIONS).read_bytes()
    (tmp_path / SESSIONS).write_bytes(whole[: len(whole) // 3])
    run(script, tmp_path, workers=2, engine="ray")
    assert (tmp_path / SESSIONS).read_bytes() == whole


@pytest.mark.models
@with_ray
def test_errors_of_the_work_and_of_the_cluster_are_told_apart() -> None:
    with pytest.raises(InputError, match="unknown therapist 'nobody'"):
        list(on_ray(therapist_named, ["nobody"], workers=1))
    with pytest.raises(ComponentError, match="no Ray cluster answers at"):
        list(on_ray(operator.neg, [1], address="127.0.0.1:1"))


@pytest.mark.models
@with_ray
def test_a_worker_that_always_dies_ends_the_run_with_what_to_do() -> None:
    with pytest.raises(ComponentError, match=r"the Ray cluster failed.*run the same command again"):
        list(on_ray(os._exit, [3], workers=1))


def test_the_work_of_a_run_can_be_sent_to_other_processes() -> None:
    script = script_of({**SMALL, "cases": 2})
    units = [[unit] for unit in runner.units_of(script)]
    work = partial(runner.compute, script)
    assert [r[0][0] for r in in_processes(work, units, 2)] == [r[0][0] for r in in_processes(work, units, 1)]
