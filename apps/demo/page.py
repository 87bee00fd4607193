"""The page: layout, and which event changes which part of it. `serve` is what `rapport demo` runs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Any, cast

import gradio as gr
from gradio.themes import Base, Soft

from rapport.agent.config import AgentConfig
from rapport.agent.stages import Utterance
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.line import PATH as TALK_PATH
from rapport.apps.demo.media import PATH as MEDIA_PATH
from rapport.apps.demo.panels import disclosure_html, persona_html, why_html, words_html
from rapport.apps.demo.plots import feelings_html
from rapport.apps.demo.recordings import take_recording
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.shown import Part
from rapport.apps.plot.strokes import plot_style
from rapport.persona.card import load_persona, shipped_personas
from rapport.persona.errors import InputError

MAX_UPLOAD = "25mb"
ANSWERS_AT_ONCE = 4
"""Tabs that are answered at the same time; the others wait in line."""
_HEARD = "window.rapport ? window.rapport.interrupt() : null"
"""JavaScript: fall silent, and say how many seconds of the reply were heard."""
_HEADER = '<header class="rp-header"><h1>Rapport</h1><p>It listens, feels along, and answers with a face.</p></header>'
_FOLLOW = """
const scroller = element.closest(".rp-scroll");
watch("value", () => scroller.scrollTo({ top: scroller.scrollHeight, behavior: "smooth" }));
"""
"""JavaScript: keep the newest words in sight."""
_HANG_UP = "() => { window.rapport?.talk.hangUp(); return []; }"
"""JavaScript: what is recorded is answered once, and not heard over the line as well."""
_FOCUS = "() => { document.querySelector('#rapport-text textarea')?.focus({ preventScroll: true }); return []; }"
"""JavaScript: ready to type, with the face still in sight on a small screen."""
_CACHE_S = (300, 300)
"""Gradio deletes what is left of uploads this often, once they are this old."""

Update = dict[Any, Any]
"""New values by component, as Gradio's listeners return them."""


class _Line(Enum):
    """Where events queue up: answers wait for one another, everything else is done at once."""

    ANSWERS = "answers"
    OTHERS = "others"


def build_page(config: AgentConfig | None = None, *, sessions: Sessions | None = None) -> gr.Blocks:
    """The page as Gradio blocks, for an application that mounts it itself.

    Such an application must also serve `sessions.routes()`, or words come without voice and face, and nobody can talk;
    `serve` does.

    Args:
        config: components, budgets and the persona to begin with; its memory is replaced by one per process.
        sessions: the conversations behind the page; made from `config` when not given.
    """
    behind = Sessions.from_config(config or AgentConfig()) if sessions is None else sessions
    with gr.Blocks(title="Rapport", analytics_enabled=False, fill_width=True, delete_cache=_CACHE_S) as page:
        _Page(behind).lay_out(page)
    return page


def serve(
    config: AgentConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    sessions: Sessions | None = None,
    open_browser: bool = False,
    on_ready: Callable[[str], None] | None = None,
    block: bool = True,
) -> gr.Blocks:
    """Serve the page, by default to this machine only, until interrupted. Components start in the background.

    Port 0 takes a free one. `on_ready` is called with the page's address once it is up. With `block` false the call
    returns then; `close()` on the result ends the page.

    Raises:
        InputError: unknown persona, or the port is taken.
    """
    config = config or AgentConfig()
    load_persona(config.persona)
    behind = Sessions.from_config(config) if sessions is None else sessions
    page = build_page(config, sessions=behind)
    behind.wake()
    page.queue(default_concurrency_limit=ANSWERS_AT_ONCE)
    try:
        page.launch(
            server_name=host,
            server_port=port or _free_port(host),
            share=False,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            show_error=True,
            ssr_mode=False,
            footer_links=[],
            max_file_size=MAX_UPLOAD,
            app_kwargs={"routes": behind.routes()},
            theme=_theme(),
            css=plot_style() + _read("style.css"),
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


class _Page:
    """The widgets and what happens to them."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def lay_out(self, page: gr.Blocks) -> None:
        first = load_persona(self._sessions.persona)
        gr.HTML(_HEADER, apply_default_css=False)
        with gr.Row(elem_classes="rp-columns"):
            with gr.Column(scale=5, min_width=320):
                self.player = gr.HTML(
                    value=None,
                    html_template=_read("player.html"),
                    js_on_load=_read("player.js") + _read("talk.js"),
                    apply_default_css=False,
                    elem_id="rapport-player",
                    worklet=_read("worklet.js"),
                )
                self.persona = gr.Radio(
                    _persona_choices(self._sessions.persona),
                    value=self._sessions.persona,
                    label="Talk to",
                    info="Another persona begins a new conversation.",
                    elem_id="rapport-persona",
                )
                self.about = gr.HTML(persona_html(first), apply_default_css=False, elem_id="rapport-about")
                self.feelings = gr.HTML(apply_default_css=False, elem_id="rapport-feelings")
            with gr.Column(scale=7, min_width=340):
                gr.HTML(disclosure_html(), apply_default_css=False)
                self.words = gr.HTML(
                    js_on_load=_FOLLOW, apply_default_css=False, elem_classes="rp-scroll", elem_id="rapport-words"
                )
                with gr.Row(elem_classes="rp-composer"):
                    self.box = gr.Textbox(
                        placeholder="Type what is on your mind…",
                        show_label=False,
                        lines=1,
                        max_lines=6,
                        scale=8,
                        elem_id="rapport-text",
                    )
                    send = gr.Button("Send", variant="primary", scale=1, min_width=84, elem_id="rapport-send")
                    stop = gr.Button("Stop", scale=1, min_width=84, elem_id="rapport-stop")
                self.recording = gr.Audio(
                    sources=["microphone", "upload"],
                    type="filepath",
                    label="Or say it: a recording is answered as soon as it ends",
                    elem_id="rapport-recording",
                )
                with gr.Accordion("Why this answer", open=False):
                    self.why = gr.HTML(apply_default_css=False)
                anew = gr.Button("Start over and forget this conversation", size="sm", elem_id="rapport-anew")
        heard = gr.Number(visible=False)

        def on(
            *listeners: Any, work: Callable[..., Any], inputs: list[Any], js: str | None = None, line: _Line
        ) -> None:
            """Connect events to work whose updates may touch every changing part of the page."""
            for listener in listeners:
                listener(
                    work,
                    inputs,
                    [self.player, self.about, self.feelings, self.words, self.box, self.recording, self.why],
                    js=js,
                    trigger_mode="multiple",
                    show_progress="hidden",
                    api_visibility="private",
                    concurrency_id=line.value,
                    concurrency_limit=ANSWERS_AT_ONCE if line is _Line.ANSWERS else None,
                )

        falls_silent = f"(given, _) => [given, {_HEARD}]"
        begins_anew = f"(persona) => {{ {_HEARD}; return [persona]; }}"
        on(page.load, work=self._arrive, inputs=[], js=_FOCUS, line=_Line.OTHERS)
        on(send.click, self.box.submit, work=self._typed, inputs=[self.box, heard], js=falls_silent, line=_Line.ANSWERS)
        on(
            self.recording.stop_recording,
            self.recording.upload,
            work=self._recorded,
            inputs=[self.recording, heard],
            js=falls_silent,
            line=_Line.ANSWERS,
        )
        self.recording.start_recording(None, js=_HANG_UP)
        on(self.player.click, work=self._talked, inputs=[heard], js=f"(_) => [{_HEARD}]", line=_Line.OTHERS)
        on(stop.click, work=self._stopped, inputs=[heard], js=f"(_) => [{_HEARD}]", line=_Line.OTHERS)
        on(self.persona.input, anew.click, work=self._changed, inputs=[self.persona], js=begins_anew, line=_Line.OTHERS)
        page.unload(self._left)

    # ------------------------------------------------------------------------------------------------------ events

    async def _arrive(self, request: gr.Request) -> AsyncIterator[Update]:
        conversation = await self._sessions.begin(_tab(request), self._sessions.persona)
        async for update in self._prepare(conversation):
            yield update

    async def _changed(self, persona: str, request: gr.Request) -> AsyncIterator[Update]:
        if persona not in {value for _, value in _persona_choices(self._sessions.persona)}:
            raise gr.Error("There is no such persona.")
        conversation = await self._sessions.begin(_tab(request), persona)
        async for update in self._prepare(conversation):
            yield update

    async def _prepare(self, conversation: Conversation) -> AsyncIterator[Update]:
        """Show a fresh conversation, then say when the components are awake, then bring the face."""
        persona = conversation.agent.persona
        yield {**self._render(conversation, Part), self.about: persona_html(persona)}
        conversation.wake(await self._sessions.awake())
        if conversation.closed:
            return
        yield self._render(conversation, {Part.WORDS, Part.PLAYER})
        conversation.show_idle(await self._sessions.idle_film(conversation.persona_key))
        if not conversation.closed:
            yield self._render(conversation, {Part.PLAYER})

    async def _typed(self, text: str, heard_until_s: float | None, request: gr.Request) -> AsyncIterator[Update]:
        conversation = await self._sessions.of(_tab(request))
        conversation.hang_up()
        await conversation.stop(heard_until_s)
        yield {self.box: ""}
        async for update in self._updates(conversation, conversation.answer(text)):
            yield update
        if conversation.refusal and not conversation.closed:
            yield {self.box: text}  # nothing that somebody wrote is lost

    async def _recorded(
        self, path: str | None, heard_until_s: float | None, request: gr.Request
    ) -> AsyncIterator[Update]:
        if path is None:
            return
        conversation = await self._sessions.of(_tab(request))
        conversation.hang_up()
        await conversation.stop(heard_until_s)
        yield {self.recording: None}
        try:
            audio = await asyncio.to_thread(take_recording, Path(path), conversation.agent.config.max_audio_s)
        except InputError as error:
            conversation.refusal = str(error)
            yield self._render(conversation, {Part.WORDS})
            return
        async for update in self._updates(conversation, conversation.answer(Utterance(audio=audio))):
            yield update

    async def _talked(self, heard_until_s: float | None, request: gr.Request) -> AsyncIterator[Update]:
        """The microphone is open in the browser: give it a line, and talk until either side hangs up."""
        conversation = await self._sessions.of(_tab(request))
        await conversation.stop(heard_until_s)
        try:
            line = self._sessions.lines.open(conversation.agent.clock)
        except InputError as error:
            conversation.refusal = str(error)
            yield self._render(conversation, {Part.WORDS, Part.PLAYER})
            return
        async for update in self._updates(conversation, conversation.listen(line)):
            yield update

    async def _updates(
        self, conversation: Conversation, changes: AsyncGenerator[frozenset[Part], None]
    ) -> AsyncIterator[Update]:
        async with aclosing(changes):
            async for changed in changes:
                if conversation.closed:
                    return
                yield self._render(conversation, changed)

    async def _stopped(self, heard_until_s: float | None, request: gr.Request) -> Update:
        conversation = await self._sessions.of(_tab(request))
        await conversation.stop(heard_until_s)
        return self._render(conversation, {Part.WORDS, Part.PLAYER})

    async def _left(self, request: gr.Request) -> None:
        await self._sessions.end(_tab(request))

    # ------------------------------------------------------------------------------------------------------- looks

    def _render(self, conversation: Conversation, parts: Iterable[Part]) -> Update:
        update: Update = {}
        for part in parts:
            match part:
                case Part.WORDS:
                    update[self.words] = words_html(conversation)
                case Part.AFFECT:
                    update[self.feelings] = feelings_html(conversation.paths)
                case Part.WHY:
                    update[self.why] = why_html(conversation)
                case Part.PLAYER:
                    update[self.player] = player_value(conversation)
        return update


def player_value(conversation: Conversation) -> dict[str, Any]:
    """What `player.js` is told."""
    idle, line = conversation.idle_token, conversation.line
    return {
        "reply": conversation.reply,
        "phase": conversation.phase.value,
        "complete": conversation.reel.complete,
        "idle": _url(idle) if idle is not None else None,
        "line": f".{TALK_PATH}/{line.token}" if line is not None else None,
        "refused": bool(conversation.refusal),
        "clips": [
            {"url": _url(c.token), "type": c.media_type, "start_s": c.start_s, "duration_s": c.duration_s}
            for c in conversation.reel.clips
        ],
    }


def _url(token: str) -> str:
    return f".{MEDIA_PATH}/{token}"


def _persona_choices(first: str) -> list[tuple[str, str]]:
    """Labels and names of the personas to choose from: the shipped ones, and the one that the page begins with."""
    names = dict.fromkeys((*shipped_personas(), first))
    return [(load_persona(name).name.capitalize(), name) for name in names]


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _tab(request: gr.Request) -> str:
    """What tells one open tab from another."""
    return request.session_hash or ""


def _read(name: str) -> str:
    return (resources.files("rapport.apps.demo") / name).read_text("utf-8")


def _theme() -> Base:
    """Calm, and with the fonts of the visitor's own system: no font is fetched from anywhere."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "monospace"]
    theme = Soft(
        primary_hue="teal", secondary_hue="orange", neutral_hue="slate", font=fonts, font_mono=mono, radius_size="lg"
    )
    plain = dict.fromkeys(("block_title_background_fill", "block_label_background_fill"), "transparent")
    faint = dict.fromkeys(("block_title_text_color", "block_label_text_color"), "*body_text_color_subdued")
    dark = {f"{name}_dark": value for name, value in (plain | faint).items()}
    return cast(Any, theme).set(
        **plain, **faint, **dark, block_title_padding="0", block_shadow="none", block_shadow_dark="none"
    )
