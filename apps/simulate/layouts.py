"""Layouts by name: what can be written and read beside our own JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rapport.apps.simulate.deepdialogue import read_deepdialogue, write_deepdialogue
from rapport.apps.simulate.records import SessionRecord, read_sessions
from rapport.apps.simulate.thousand_voices import is_thousand_voices, read_thousand_voices, write_thousand_voices
from rapport.persona.errors import InputError, StorageError

SESSIONS = "sessions.jsonl"
"""The sessions of a run's folder."""


def write_layout(layout: str, sessions: Iterable[SessionRecord], out: Path) -> int:
    """Write sessions to a folder, or to a .jsonl file; returns how many. Raises StorageError, InputError."""
    try:
        if layout == "thousand-voices":
            return write_thousand_voices(sessions, out)
        if layout == "deepdialogue":
            return write_deepdialogue(sessions, out)
        out.parent.mkdir(parents=True, exist_ok=True)
        n = 0
        with out.open("w", encoding="utf-8", newline="\n") as file:
            for n, session in enumerate(sessions, 1):  # noqa: B007 - the count is what is returned
                file.write(session.line())
        return n
    except OSError as error:
        raise StorageError(f"{out}: cannot be written ({error.strerror})") from None


def layout_of(source: Path) -> str:
    """What a file or a folder holds: "jsonl", "thousand-voices" or "deepdialogue".

    Raises:
        InputError: there is nothing.
    """
    if source.is_file() or (source / SESSIONS).is_file():
        return "jsonl"
    if not source.is_dir():
        raise InputError(f"{source}: there is no such file or folder")
    return "thousand-voices" if is_thousand_voices(source) else "deepdialogue"


def read_any(source: Path) -> Iterator[SessionRecord]:
    """Sessions of a .jsonl file, of a run's folder, or of a folder in one of the published layouts.

    Raises:
        InputError: nothing there that is known.
    """
    layout = layout_of(source)
    if layout == "jsonl":
        yield from read_sessions(source if source.is_file() else source / SESSIONS)
    elif layout == "thousand-voices":
        yield from read_thousand_voices(source)
    else:
        yield from read_deepdialogue(source)


def convert(source: Path, to: str, out: Path) -> int:
    """Read one layout and write another."""
    return write_layout(to, read_any(source), out)
