"""Simulations in Python: `simulate(...)` gives sessions, `run_to(...)` a folder with sessions, summary and report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rapport.apps.simulate.records import SessionRecord
from rapport.apps.simulate.runner import run_unit, units_of
from rapport.apps.simulate.script import script_of
from rapport.apps.simulate.session import Writers


def simulate(writers: Writers | None = None, **keys: Any) -> Iterator[SessionRecord]:
    """Sessions of a script given as keywords, one after the other, in this process.

        for session in simulate(protocol="pe", cases=2, seed=7, therapists=["true", "breathless"]):
            print(session.id, session.ratings)

    Args:
        writers: your own writers of either side; they go over `models`.
        keys: as in a YAML script, see `rapport.apps.simulate.script`.

    Raises:
        InputError: a wrong key or value.
        ComponentError: an unknown protocol, or a model that cannot start.
    """
    script = script_of(keys)
    if writers is None and script.models.any:
        from rapport.apps.simulate.models import load_writers

        writers = load_writers(script.models.client, script.models.therapist, script.seed)
    for unit in units_of(script):
        yield from run_unit(script, unit, writers)
