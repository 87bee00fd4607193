"""The few errors Rapport raises. Each message is one line that says what happened and what to do."""

from __future__ import annotations


class RapportError(Exception):
    """Base of every error that Rapport raises on purpose; commands print it in one line and exit with code 2."""


class InputError(RapportError):
    """What the user gave cannot be used: a file, a text, a card, a configuration."""


class ComponentError(RapportError):
    """A component is unknown, not installed, or cannot start on this machine."""


class StageError(RapportError):
    """A component failed at its work. `retryable` tells whether the same call may succeed later."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class StorageError(RapportError):
    """Something could not be read from or written to disk or a database."""
