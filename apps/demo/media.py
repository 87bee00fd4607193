"""Clips that wait for a browser to fetch them: in memory, each under a name that cannot be guessed."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

CAPACITY_BYTES = 256 * 1024 * 1024
"""Beyond this the oldest clips go, so that many visitors cannot fill the memory."""
PATH = "/rapport-media"


class MediaShelf:
    """Holds files by token. Used from the page's event loop only."""

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._capacity_bytes = capacity_bytes
        self._items: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._held_bytes = 0

    def put(self, data: bytes, media_type: str) -> str:
        """Keep a file until it is dropped or the shelf is full; returns its token."""
        token = secrets.token_urlsafe(18)
        self._items[token] = (data, media_type)
        self._held_bytes += len(data)
        while self._held_bytes > self._capacity_bytes and len(self._items) > 1:
            self.drop(next(iter(self._items)))
        return token

    def get(self, token: str) -> tuple[bytes, str] | None:
        """The file and its media type, or None when it is not there any more."""
        return self._items.get(token)

    def drop(self, token: str) -> None:
        """Forget a file; one that is gone already is no error."""
        data, _ = self._items.pop(token, (b"", ""))
        self._held_bytes -= len(data)

    @property
    def count(self) -> int:
        return len(self._items)

    def route(self) -> Route:
        """The address under which the page serves the shelf: `/rapport-media/<token>`."""
        from starlette.responses import Response
        from starlette.routing import Route

        async def send(request: Request) -> Response:
            found = self.get(request.path_params["token"])
            if found is None:
                return Response("this clip is gone", status_code=404)
            return Response(found[0], media_type=found[1], headers={"Cache-Control": "no-store"})

        return Route(f"{PATH}/{{token}}", send, methods=["GET"])
