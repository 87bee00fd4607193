"""How events of the page reach the work behind it, and how a conversation's state reaches the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from importlib import resources
from typing import Any

import gradio as gr

Update = dict[Any, Any]
"""New values by component, as Gradio's listeners return them."""


class Trigger(Enum):
    """What becomes of an event that comes while an earlier one of its kind is still worked on."""

    EVERY = "multiple"
    LAST = "always_last"
    """Only the newest is worked on when the earlier one is done."""


def on(
    listeners: Sequence[Any],
    work: Callable[..., Any] | None,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    *,
    js: str | None = None,
    trigger: Trigger = Trigger.EVERY,
) -> None:
    """Connect events to work that updates some of `outputs`. Nothing waits in Gradio's own queue."""
    for listener in listeners:
        listener(
            work,
            list(inputs),
            list(outputs),
            js=js,
            trigger_mode=trigger.value,
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=None,
        )


def tab_of(request: gr.Request) -> str:
    """What tells one open tab from another."""
    return request.session_hash or ""


def read(name: str) -> str:
    """A file of this package."""
    return (resources.files("rapport.apps.demo") / name).read_text("utf-8")
