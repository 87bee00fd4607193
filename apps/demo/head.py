"""The head that the browser draws: the script that draws it, and each person as a GLB."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from rapport.avatar.gltf import glb_of
from rapport.persona.card import FaceCard
from rapport.persona.errors import RapportError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PATH = "/rapport-head.js"
MEDIA_TYPE = "model/gltf-binary"


def head_of(face: FaceCard) -> bytes | None:
    """The person of a card as a GLB, or None when it cannot be built here: the page then shows an outline."""
    try:
        return glb_of(face)
    except RapportError:
        return None


@cache
def _script() -> bytes:
    return (resources.files("rapport.avatar") / "web" / "rapport_head.js").read_bytes()


def script_route() -> Route:
    """The address under which the page serves `RapportHead` (avatar/web) as a module."""
    from starlette.responses import Response
    from starlette.routing import Route

    async def send(_: Request) -> Response:
        return Response(_script(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    return Route(PATH, send, methods=["GET"])
