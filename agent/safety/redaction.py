"""A filter that takes secrets and personal data out of logs; `apps` put it on the root handler once."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from rapport.memory.redaction import redacted


class RedactingFilter(logging.Filter):
    """Redacts the message, its arguments and the traceback of every record that passes. `names` may grow meanwhile."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__()
        self.names = set(names)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage(), self.names), None
        if record.exc_info:
            record.exc_text = redacted(logging.Formatter().formatException(record.exc_info), self.names)
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = redacted(record.exc_text, self.names)
        return True


def redact_logs() -> RedactingFilter:
    """Put one filter on all handlers of the root logger (a plain one is made where there is none), and return it."""
    root = logging.getLogger()
    present = [f for handler in root.handlers for f in handler.filters if isinstance(f, RedactingFilter)]
    chosen = present[0] if present else RedactingFilter()
    if not root.handlers:
        logging.basicConfig()
    for handler in root.handlers:
        if not any(isinstance(f, RedactingFilter) for f in handler.filters):
            handler.addFilter(chosen)
    return chosen
