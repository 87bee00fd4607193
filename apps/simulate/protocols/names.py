"""Protocols by name: the built-in ones, and those that other packages declare in the group `rapport.protocol`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

from rapport.apps.simulate.protocols.contract import SimulationProtocol
from rapport.persona.errors import ComponentError

GROUP = "rapport.protocol"
BUILT_IN = {
    "pe": "rapport.apps.simulate.protocols.exposure:ProlongedExposure",
    "supportive": "rapport.apps.simulate.protocols.supportive:SupportiveListening",
    "mi": "rapport.apps.simulate.protocols.motivational:MotivationalInterviewing",
    "free": "rapport.apps.simulate.protocols.free:FreeTalk",
}


def protocol_names() -> tuple[str, ...]:
    """Every protocol there is, the built-in ones first."""
    return tuple(dict.fromkeys((*BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP)))))


def load_protocol(name: str) -> SimulationProtocol:
    """A protocol by name. Raises ComponentError that lists the choices, or says why a plug-in does not start."""
    target = BUILT_IN.get(name) or next(
        (point.value for point in entry_points(group=GROUP) if point.name == name), None
    )
    if target is None:
        raise ComponentError(f"unknown protocol {name!r}; choose one of {', '.join(protocol_names())}")
    module, _, attribute = target.partition(":")
    try:
        factory = cast("Callable[[], Any]", getattr(import_module(module), attribute.strip()))
        return cast("SimulationProtocol", factory())
    except Exception as error:  # a plug-in may fail in any way
        raise ComponentError(f"protocol {name!r} cannot start from {target}: {error}") from error
