"""Serving the page: alone (`serve`, which is what `rapport demo` runs), or inside another application (`mount`).

No page that is served here may ask anything of another host: the content security policy forbids it to the browser.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any, cast

import gradio as gr
from gradio.themes import Base, Soft

from rapport.agent.config import AgentConfig
from rapport.apps.demo.assets import App, Assets, Receive, Scope, Send
from rapport.apps.demo.page import build_page
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.wiring import read
from rapport.apps.plot.strokes import plot_style
from rapport.persona.card import load_persona
from rapport.persona.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

_M_ARENA_MAX = -8
"""The parameter's number in glibc's malloc.h."""
MAX_UPLOAD = "25mb"
MAX_UPLOAD_BYTES = 26_000_000
"""What a request may bring in all; Gradio's own limit counts files."""
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio builds components with both
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(self), geolocation=()",
}


class Guarding:
    """ASGI middleware: every answer carries `HEADERS`, and what says that it is too large is refused unread."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message.get("headers", ())}
                extra = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *(e for e in extra if e[0] not in known)]
            await send(message)

        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > MAX_UPLOAD_BYTES:
            headers = [(b"content-type", b"application/json")]
            await guarded({"type": "http.response.start", "status": 413, "headers": headers})
            told = b'{"detail": "that is larger than 25 MB; cut the recording into parts"}'
            await guarded({"type": "http.response.body", "body": told})
            return
        await self._app(scope, receive, guarded)


def serve(
    config: AgentConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    sessions: Sessions | None = None,
    open_browser: bool = False,
    on_ready: Callable[[str], None] | None = None,
    block: bool = True,
) -> gr.Blocks:
    """Serve the page, by default to this machine only, until interrupted. Components start in the background.

    Args:
        config: components, budgets and the persona to begin with.
        host: address to listen at; on another than this machine's own, visitors may not swap components.
        port: 0 takes a free one.
        auth: a name and a password that everybody has to give.
        sessions: the conversations behind the page; made from `config` when not given.
        open_browser: open the page here.
        on_ready: called with the page's address once it is up.
        block: false returns then; `close()` on the result ends the page.

    Raises:
        InputError: unknown persona, or the port is taken.
    """
    from starlette.middleware import Middleware

    config = config or AgentConfig()
    load_persona(config.persona)
    _share_memory()
    behind = Sessions.from_config(config) if sessions is None else sessions
    page = build_page(config, sessions=behind, own=is_local(host))
    behind.wake()
    _queue(page)
    try:
        page.launch(
            server_name=host,
            server_port=port or _free_port(host),
            auth=auth,
            share=False,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            show_error=True,
            ssr_mode=False,
            footer_links=[],
            run_history=False,
            max_file_size=MAX_UPLOAD,
            app_kwargs={"routes": behind.routes(), "middleware": [Middleware(Guarding), Middleware(Assets)]},  # pyright: ignore[reportArgumentType]
            theme=theme(),
            css=style(),
        )
    except OSError as error:
        behind.shut_down()
        raise InputError(f"the page cannot be served at {host}:{port} ({error}); choose another --port") from None
    if on_ready is not None:
        on_ready(page.local_url or f"http://{host}:{port}/")
    if block:
        try:
            page.block_thread()
        finally:
            behind.shut_down()
    return page


def mount(app: FastAPI, path: str, config: AgentConfig | None = None, *, sessions: Sessions | None = None) -> FastAPI:
    """Put the page into an application of yours, beside your own routes.

    Args:
        app: the application.
        path: where the page begins, e.g. "/talk".
        config: components, budgets and the persona to begin with.
        sessions: the conversations behind the page; made from `config` when not given.

    Raises:
        InputError: unknown persona, or a path that does not begin with "/".
    """
    from starlette.middleware import Middleware

    if not path.startswith("/"):
        raise InputError(f"the path must begin with /, got {path!r}")
    config = config or AgentConfig()
    load_persona(config.persona)
    behind = Sessions.from_config(config) if sessions is None else sessions
    page = build_page(config, sessions=behind, own=False)
    _queue(page)
    behind.wake()
    return cast("Any", gr).mount_gradio_app(
        app,
        page,
        path=path,
        ssr_mode=False,
        footer_links=[],
        run_history=False,
        max_file_size=MAX_UPLOAD,
        app_kwargs={"routes": behind.routes(), "middleware": [Middleware(Guarding), Middleware(Assets)]},
        theme=theme(),
        css=style(),
    )


def _share_memory() -> None:
    """Keep threads from hoarding: glibc gives each an arena, in which every model that ran there leaves 60 MB."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)


def _queue(page: gr.Blocks) -> None:
    # After every event Gradio would sum up all those since the start, in pandas, for a page that is not shown.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    page.queue(default_concurrency_limit=None)


def account(text: str) -> tuple[str, str]:
    """A name and a password from `NAME:PASSWORD`.

    Raises:
        InputError: one of them is missing.
    """
    name, _, password = text.partition(":")
    if not name or not password:
        raise InputError("--auth takes NAME:PASSWORD, with a colon between them")
    return name, password


def is_local(host: str) -> bool:
    """Whether nobody but this machine can reach a page at this address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def style() -> str:
    """The page's own rules."""
    return plot_style() + read("style.css")


def theme() -> Base:
    """Calm, and with the fonts of the visitor's own system: no font is fetched from anywhere."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "monospace"]
    made = Soft(
        primary_hue="teal", secondary_hue="orange", neutral_hue="slate", font=fonts, font_mono=mono, radius_size="lg"
    )
    plain = dict.fromkeys(("block_title_background_fill", "block_label_background_fill"), "transparent")
    ink = dict.fromkeys(
        ("block_title_text_color", "block_label_text_color", "block_info_text_color"), "var(--rp-faint)"
    )
    button = {
        "button_primary_background_fill": "#0b7681",
        "button_primary_background_fill_hover": "#0a6670",
        "button_primary_text_color": "#ffffff",
    }
    dark = {f"{name}_dark": value for name, value in (plain | ink | button).items()}
    return cast(Any, made).set(
        **plain, **ink, **button, **dark, block_title_padding="0", block_shadow="none", block_shadow_dark="none"
    )


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
