"""What a visitor can take along: the conversation, its trace, the feelings of both, and who they talked to.

    GET /rapport-export/<token>/<kind>

The token is the conversation's own and cannot be guessed; a file is made when it is asked for, in memory.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from rapport.agent.trace import TurnTrace
from rapport.apps.export import annotations_of
from rapport.apps.traces import TurnSeen
from rapport.persona.emotionml.writing import to_emotionml
from rapport.persona.errors import RapportError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PATH = "/rapport-export"
VIDEO = "video"
"""The kind that `film.Film` makes."""


@dataclass(frozen=True)
class ExportedFile:
    """A file to be saved: its name, its media type, and what is in it."""

    name: str
    media_type: str
    content: bytes
    shown_by: str = ""
    """The content security policy under which the browser is to show it instead; empty for a file that is saved."""


Make = Callable[[], Awaitable[ExportedFile]]


class Exports:
    """The files of one conversation, by kind."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(18)
        self._makers: dict[str, Make] = {}

    def offer(self, kind: str, make: Make) -> None:
        """Have a file of this kind made whenever it is asked for."""
        self._makers[kind] = make

    def offers(self, kind: str) -> bool:
        return kind in self._makers

    async def make(self, kind: str) -> ExportedFile | None:
        """The file, or None where there is no such kind. Raises RapportError when it cannot be made."""
        maker = self._makers.get(kind)
        return None if maker is None else await maker()

    def address(self, kind: str) -> str:
        return f".{PATH}/{self.token}/{kind}"


class ExportDesk:
    """Serves the files of every conversation that is still there."""

    def __init__(self) -> None:
        self._open: WeakValueDictionary[str, Exports] = WeakValueDictionary()

    def register(self, exports: Exports) -> None:
        self._open[exports.token] = exports

    def route(self) -> Route:
        """The address under which the page serves them."""
        from starlette.responses import Response
        from starlette.routing import Route

        async def send(request: Request) -> Response:
            exports = self._open.get(request.path_params["token"])
            try:
                file = None if exports is None else await exports.make(request.path_params["kind"])
            except RapportError as error:
                text = str(error)
                return Response(f"{text[:1].upper()}{text[1:]}.", status_code=409, media_type="text/plain")
            if file is None:
                return Response("this conversation is gone", status_code=404)
            placed = "inline" if file.shown_by else "attachment"
            headers = {"Content-Disposition": f'{placed}; filename="{file.name}"', "Cache-Control": "no-store"}
            if file.shown_by:
                headers["Content-Security-Policy"] = file.shown_by
            return Response(file.content, media_type=file.media_type, headers=headers)

        return Route(f"{PATH}/{{token}}/{{kind}}", send, methods=["GET"])


_KINDS: Mapping[str, tuple[str, str]] = {
    "transcript": ("Transcript", "What both said, as Markdown"),
    "trace": ("Trace", "Everything about every turn, as JSON lines; rapport plot draws it"),
    "emotionml": ("EmotionML", "The feelings of both in W3C's exchange format"),
}


def conversation_links(exports: Exports) -> str:
    """Links that save the conversation."""
    links = "".join(
        f'<a href="{exports.address(kind)}" download="" title="{told}">{label}</a>'
        for kind, (label, told) in _KINDS.items()
    )
    if exports.offers(VIDEO):
        # In a tab of its own, which shows why when there is no video, and closes itself when there is.
        links += (
            f'<a href="{exports.address(VIDEO)}" target="_blank" rel="noopener" title="Both, one after the other, with '
            'captions; it is drawn when you ask for it, which takes about as long as the talk">Video (mp4)</a>'
        )
    return f'<p class="rp-exports">Save: {links}</p>'


def transcript_file(lines: list[tuple[str, str]]) -> ExportedFile:
    """What was said, oldest first, as (who, words)."""
    text = "".join(f"**{who}:** {words}\n\n" for who, words in lines)
    return ExportedFile("conversation.md", "text/markdown; charset=utf-8", f"# A conversation\n\n{text}".encode())


def trace_file(traces: list[TurnTrace]) -> ExportedFile:
    """Every turn's trace as a line of JSON."""
    text = "".join(trace.model_dump_json() + "\n" for trace in traces)
    return ExportedFile("conversation.jsonl", "application/x-ndjson", text.encode())


def emotionml_file(traces: list[TurnTrace]) -> ExportedFile:
    """The feelings of both as EmotionML 1.0."""
    turns = [TurnSeen.model_validate(json.loads(trace.model_dump_json())) for trace in traces]
    return ExportedFile("feelings.emotionml.xml", "application/xml", to_emotionml(annotations_of(turns)).encode())
