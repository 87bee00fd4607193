"""Components by name: entry points in, instances out, nothing imported before it is asked for.

A component is named `"name"` or `"name:model"`, e.g. `"kokoro:am_puck"`. It is declared in the entry-point group
`rapport.<stage>` of any installed distribution, Rapport's own included:

    [project.entry-points."rapport.voice"]
    hum = "my_package:Hum"

An extra that it needs stands in brackets behind it, as the packaging standard has it: `"my_package:Hum [hum]"`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any, cast

from rapport.agent.stages import STAGES
from rapport.persona.errors import ComponentError

DISTRIBUTION = "rapport-agent"


@dataclass(frozen=True)
class ComponentInfo:
    """One component as its entry point declares it, known without importing it."""

    stage: str
    name: str
    target: str
    """`module:attribute` of its factory."""
    source: str
    """The distribution that declares it."""
    extras: tuple[str, ...]
    missing: tuple[str, ...]
    """Packages that its extras need and that are not installed."""

    @property
    def installed(self) -> bool:
        return not self.missing

    @property
    def install_hint(self) -> str:
        return f'pip install "{self.source}[{",".join(self.extras)}]"'


def _missing_packages(point: EntryPoint) -> tuple[str, ...]:
    """Requirements of an entry point's extras that are not installed, read from its distribution's metadata."""
    if not point.extras or point.dist is None:
        return ()
    missing: list[str] = []
    for requirement in point.dist.requires or ():
        marker = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", requirement)
        package = re.match(r"[A-Za-z0-9._-]+", requirement)
        if marker is None or package is None or marker.group(1) not in point.extras:
            continue
        try:
            distribution(package.group())
        except PackageNotFoundError:
            missing.append(package.group())
    return tuple(missing)


def _points(stage: str) -> dict[str, EntryPoint]:
    if stage not in STAGES:
        raise ComponentError(f"unknown stage {stage!r}; the stages are {', '.join(STAGES)}")
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"rapport.{stage}"):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise ComponentError(
                f"two packages declare the {stage} component {point.name!r} ({other.value} and {point.value}); "
                "uninstall one of them"
            )
    return found


def components(stage: str) -> list[ComponentInfo]:
    """Every component of a stage, by name. Raises ComponentError for an unknown stage."""
    return [
        ComponentInfo(
            stage=stage,
            name=point.name,
            target=point.value.partition("[")[0].strip(),
            source=point.dist.name if point.dist is not None else "?",
            extras=tuple(point.extras),
            missing=_missing_packages(point),
        )
        for _, point in sorted(_points(stage).items())
    ]


def check(stage: str, spec: str) -> None:
    """Raise ComponentError, listing the choices, unless some distribution declares this component."""
    name = spec.partition(":")[0]
    points = _points(stage)
    if name not in points:
        raise ComponentError(f"unknown {stage} component {name!r}; choose one of {', '.join(sorted(points))}")


def create(stage: str, spec: str) -> Any:
    """Import and construct a component. Loads its weights, which may take seconds.

    Raises:
        ComponentError: unknown (lists the choices), not installed (names the `pip install` that brings it), or unable
            to start here.
    """
    check(stage, spec)
    name, _, model = spec.partition(":")
    info = next(item for item in components(stage) if item.name == name)
    if not info.installed:
        raise ComponentError(f"{stage} component {name!r} needs {', '.join(info.missing)}: {info.install_hint}")
    try:
        factory = cast("Callable[[str | None], Any]", _points(stage)[name].load())
    except Exception as error:  # a plug-in may fail at import in any way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ComponentError(f"{stage} component {name!r} cannot be imported from {info.target}: {reason}") from error
    return factory(model or None)


class ComponentPool:
    """Instances shared by every agent of a process: heavy weights are loaded once, whoever asks first.

    Thread-safe. A component that failed to start is tried again at the next `get`.
    """

    def __init__(self, create: Callable[[str, str], Any] = create) -> None:
        self._create = create
        self._instances: dict[tuple[str, str], Any] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._guard = threading.Lock()

    def add(self, stage: str, spec: str, instance: Any) -> None:
        """Put a ready instance in, under any name: a component that an application made itself, or a fake."""
        self._instances[(stage, spec)] = instance

    def loaded(self, stage: str, spec: str) -> Any | None:
        """The instance if it is already there."""
        return self._instances.get((stage, spec))

    def get(self, stage: str, spec: str) -> Any:
        """The instance, constructed on first use. Blocks while another thread constructs it."""
        key = (stage, spec)
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._instances:
                self._instances[key] = self._create(stage, spec)
            return self._instances[key]


shared_pool = ComponentPool()
"""The pool that agents use unless they are given another."""
