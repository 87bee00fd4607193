"""Gradio's own scripts and styles, from memory: a page asks for some eighty of them before it can be typed into.

Their names change with their content, so browsers may keep them for good. Gradio looks each up on the disk anew, in
more time than the browser takes to run most of them.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from importlib import resources
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PREFIX = "/assets/"
_FOR_GOOD = b"public, max-age=31536000, immutable"


class Assets:
    """ASGI middleware that answers for the files of Gradio's `assets` folder; all else goes on to the application."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _asked(scope)
        if name is None:
            await self._app(scope, receive, send)
            return
        body, kind = _content(name), mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = [
            (b"cache-control", _FOR_GOOD),
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})


def _asked(scope: Scope) -> str | None:
    """The name of the asset that a request asks for, or None."""
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return None
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    name = path.removeprefix(_PREFIX)
    return name if name != path and name in _names() else None


@cache
def _folder() -> Any:
    return resources.files("gradio") / "templates" / "frontend" / "assets"


@cache
def _names() -> frozenset[str]:
    return frozenset(entry.name for entry in _folder().iterdir() if entry.is_file())


@cache
def _content(name: str) -> bytes:
    return (_folder() / name).read_bytes()
