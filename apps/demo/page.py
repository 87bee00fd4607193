"""The page: layout, and which event changes which part of it. `rapport.apps.demo.serving` serves it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import gradio as gr

from rapport.agent.config import AgentConfig
from rapport.agent.stages import Utterance
from rapport.apps.demo.camera import PATH as CAMERA_PATH
from rapport.apps.demo.components_tab import ComponentsTab
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.head import MEDIA_TYPE as HEAD_TYPE
from rapport.apps.demo.head import PATH as HEAD_PATH
from rapport.apps.demo.line import PATH as TALK_PATH
from rapport.apps.demo.media import PATH as MEDIA_PATH
from rapport.apps.demo.memory_tab import MemoryTab
from rapport.apps.demo.panels import disclosure_html, persona_html, words_html
from rapport.apps.demo.persona_tab import PersonaTab
from rapport.apps.demo.plots import feelings_html
from rapport.apps.demo.recordings import take_recording
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.shown import Part
from rapport.apps.demo.simulate_tab import SimulateTab
from rapport.apps.demo.why import why_html
from rapport.apps.demo.wiring import Update, on, read, tab_of
from rapport.persona.card import Persona, load_persona, shipped_personas
from rapport.persona.errors import InputError

_HEARD = "window.rapport ? window.rapport.interrupt() : null"
"""JavaScript: fall silent, and say how many seconds of the reply were heard."""
_HEADER = '<header class="rp-header"><h1>Rapport</h1><p>It listens, feels along, and answers with a face.</p></header>'
_FOLLOW = """
const scroller = element.closest(".rp-scroll");
watch("value", () => scroller.scrollTo({ top: scroller.scrollHeight, behavior: "smooth" }));
"""
"""JavaScript: keep the newest words in sight."""
_CARDS = """
const opened = new Map(); // what the visitor opened or closed by hand
element.addEventListener("click", (event) => {
  const card = event.target.closest("summary")?.parentElement;
  if (card?.dataset.turn) opened.set(card.dataset.turn, !card.open);
});
watch("value", () => {
  for (const card of element.querySelectorAll(".rp-card")) {
    if (opened.has(card.dataset.turn)) card.open = opened.get(card.dataset.turn);
  }
});
"""
"""JavaScript: a card stays as the visitor left it when the page is drawn anew."""
_HANG_UP = "() => { window.rapport?.talk.hangUp(); return []; }"
"""JavaScript: what is recorded is answered once, and not heard over the line as well."""
_ARRIVE = """() => {
  document.querySelector('#rapport-text textarea')?.focus({ preventScroll: true });
  let person = null;
  try { person = localStorage.getItem('rapport-person'); } catch {}
  return [person, Boolean(document.createElement('canvas').getContext('webgl2'))];
}"""
"""JavaScript: ready to type; the number under which this browser wants to be remembered, if it does, and whether it can
draw a head."""
_KEEP = """(keep, persona, _) => {
  HEARD;
  let person = null;
  try {
    if (keep) {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      person = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      localStorage.setItem('rapport-person', person);
    } else localStorage.removeItem('rapport-person');
  } catch {}
  return [keep, persona, person];
}""".replace("HEARD", _HEARD)
"""JavaScript: make or forget that number."""
_PERSON = re.compile(r"[0-9a-f]{32}")


def build_page(
    config: AgentConfig | None = None, *, sessions: Sessions | None = None, own: bool = True, cache_s: int = 300
) -> gr.Blocks:
    """The page as Gradio blocks, for an application that mounts it itself.

    Such an application must also serve `sessions.routes()`, or words come without voice and face, and nobody can talk;
    `serving.mount` does.

    Args:
        config: components, budgets and the persona to begin with.
        sessions: the conversations behind the page; made from `config` when not given.
        own: whether the page is only for whoever runs it, who may then swap components and see what is installed.
        cache_s: Gradio deletes what is left of uploads this often, once they are this old.
    """
    behind = Sessions.from_config(config or AgentConfig()) if sessions is None else sessions
    with gr.Blocks(title="Rapport", analytics_enabled=False, fill_width=True, delete_cache=(cache_s, cache_s)) as page:
        _Page(behind, own=own).lay_out(page)
    return page


class _Page:
    """The widgets and what happens to them."""

    def __init__(self, sessions: Sessions, *, own: bool) -> None:
        self._sessions = sessions
        self._own = own

    def lay_out(self, page: gr.Blocks) -> None:
        gr.HTML(_HEADER, apply_default_css=False)
        self.disclosure = gr.HTML(disclosure_html(), apply_default_css=False)
        with gr.Tabs(elem_id="rapport-tabs"):
            with gr.Tab("Talk", id="talk") as talk, gr.Row(elem_classes="rp-columns"):
                self._lay_out_talk()
            first = load_persona(self._sessions.persona)
            with gr.Tab("Persona", id="persona") as tab:
                PersonaTab(self._sessions, self.about).lay_out(tab, first)
            with gr.Tab("Memory", id="memory") as tab:
                memory = MemoryTab(self._sessions)
                memory.lay_out(tab)
            with gr.Tab("Simulate", id="simulate") as tab:
                SimulateTab(self._sessions).lay_out(page, tab)
            with gr.Tab("Components", id="components") as tab:
                ComponentsTab(self._sessions, own=self._own).lay_out(tab)
        self.keep = memory.keep
        self._connect(page, talk)

    def _lay_out_talk(self) -> None:
        with gr.Column(scale=4, min_width=300, elem_classes="rp-left"):
            self.player = gr.HTML(
                value=None,
                html_template=read("player.html"),
                js_on_load=read("face.js") + read("player.js") + read("talk.js") + read("camera.js"),
                apply_default_css=False,
                elem_id="rapport-player",
                worklet=read("worklet.js"),
            )
            self.drawn_here = gr.Radio(
                [("drawn by this browser", True), ("video from the server", False)],
                value=True,
                label="The face",
                elem_id="rapport-drawn",
            )
            self.persona = gr.Radio(
                _persona_choices(self._sessions.persona),
                value=self._sessions.persona,
                label="Talk to",
                info="Another persona begins a new conversation.",
                elem_id="rapport-persona",
            )
            self.about = gr.HTML(
                persona_html(load_persona(self._sessions.persona)), apply_default_css=False, elem_id="rapport-about"
            )
        with gr.Column(scale=5, min_width=320, elem_classes="rp-middle"):
            self.words = gr.HTML(
                js_on_load=_FOLLOW, apply_default_css=False, elem_classes="rp-scroll", elem_id="rapport-words"
            )
            with gr.Row(elem_classes="rp-composer"):
                self.box = gr.Textbox(
                    placeholder="Type what is on your mind…",
                    label="Your words",
                    show_label=False,
                    container=False,
                    lines=1,
                    max_lines=6,
                    scale=8,
                    elem_id="rapport-text",
                )
                self.send = gr.Button("Send", variant="primary", scale=1, min_width=76, elem_id="rapport-send")
                self.stop = gr.Button("Stop", scale=1, min_width=76, elem_id="rapport-stop")
            with gr.Accordion("Or give a recording", open=False, elem_id="rapport-recordings") as recordings:
                # Browsers load a third of all the page's scripts for it: only once somebody wants it.
                self.recording = gr.Audio(
                    sources=["microphone", "upload"],
                    type="filepath",
                    label="A recording is answered as soon as it ends",
                    visible=False,
                    elem_id="rapport-recording",
                )
            on([recordings.expand], lambda: gr.Audio(visible=True), [], [self.recording])
            self.anew = gr.Button("Start over and forget this conversation", size="sm", elem_id="rapport-anew")
        with gr.Column(scale=4, min_width=300, elem_classes="rp-right"):
            gr.HTML('<h2 class="rp-h2">Why</h2>', apply_default_css=False)
            self.feelings = gr.HTML(apply_default_css=False, elem_id="rapport-feelings")
            self.why = gr.HTML(js_on_load=_CARDS, apply_default_css=False, elem_id="rapport-why")

    def _connect(self, page: gr.Blocks, talk: gr.Tab) -> None:
        heard, person, webgl = gr.Number(visible=False), gr.Textbox(visible=False), gr.Checkbox(visible=False)
        parts = [
            self.player, self.about, self.feelings, self.words, self.box, self.recording, self.why, self.disclosure,
            self.keep, self.persona, self.drawn_here,
        ]  # fmt: skip
        falls_silent = f"(given, _) => [given, {_HEARD}]"
        on([page.load], self._arrive, [person, webgl], parts, js=_ARRIVE)
        on([self.send.click, self.box.submit], self._typed, [self.box, heard], parts, js=falls_silent)
        recorded = [self.recording.stop_recording, self.recording.upload]
        on(recorded, self._recorded, [self.recording, heard], parts, js=falls_silent)
        self.recording.start_recording(None, js=_HANG_UP)
        on([self.player.click], self._talked, [heard], parts, js=f"(_) => [{_HEARD}]")
        on([self.stop.click], self._stopped, [heard], parts, js=f"(_) => [{_HEARD}]")
        chosen = [self.persona.input, self.anew.click]
        on(chosen, self._changed, [self.persona], parts, js=f"(persona) => {{ {_HEARD}; return [persona]; }}")
        on([self.keep.input], self._kept, [self.keep, self.persona, person], parts, js=_KEEP)
        on([self.drawn_here.input], self._redrawn, [self.drawn_here], parts)
        on([talk.select], self._looked, [], parts)
        page.unload(self._left)

    # ------------------------------------------------------------------------------------------------------ events

    async def _arrive(self, person: str | None, webgl: bool, request: gr.Request) -> AsyncIterator[Update]:
        known = person if self._sessions.can_keep and _PERSON.fullmatch(person or "") else None
        conversation = await self._sessions.begin(tab_of(request), self._sessions.persona, known, drawn_here=webgl)
        async for update in self._prepare(conversation):
            yield update

    async def _changed(self, persona: str, request: gr.Request) -> AsyncIterator[Update]:
        async for update in self._anew(persona, request, keep=None):
            yield update

    async def _kept(self, keep: bool, persona: str, person: str | None, request: gr.Request) -> AsyncIterator[Update]:
        async for update in self._anew(persona, request, keep=person if keep else ""):
            yield update

    async def _anew(self, persona: str, request: gr.Request, keep: str | None) -> AsyncIterator[Update]:
        """Begin a new conversation; `keep` is under what number it is remembered, empty for none, None as before."""
        if persona not in {value for _, value in _persona_choices(self._sessions.persona)}:
            raise gr.Error("There is no such persona.")
        before = await self._sessions.of(tab_of(request))
        if keep is None:
            keep = before.agent.person_id if before.kept else ""
        person = keep if self._sessions.can_keep and _PERSON.fullmatch(keep) else None
        conversation = await self._sessions.begin(tab_of(request), persona, person, drawn_here=before.drawn_here)
        async for update in self._prepare(conversation):
            yield update

    async def _prepare(self, conversation: Conversation) -> AsyncIterator[Update]:
        """Show a fresh conversation, then say when the components are awake, then bring the face."""
        yield {
            **self._render(conversation, Part),
            self.about: persona_html(conversation.agent.persona),
            self.disclosure: disclosure_html(kept=conversation.kept),
            self.keep: conversation.kept,
            self.persona: conversation.persona_key,
            self.drawn_here: conversation.drawn_here,
        }
        if conversation.drawn_here:  # needs no component
            async for update in self._face(conversation, conversation.persona_key):
                yield update
        conversation.wake(await self._sessions.awake())
        if conversation.closed:
            return
        yield self._render(conversation, {Part.WORDS, Part.PLAYER})
        if not conversation.drawn_here:
            async for update in self._face(conversation, conversation.persona_key):
                yield update

    async def _face(self, conversation: Conversation, persona: str | Persona) -> AsyncIterator[Update]:
        """Bring the face between replies."""
        face = await self._sessions.face_of(persona, drawn_here=conversation.drawn_here)
        if not conversation.closed:
            conversation.show_face(*face)
            yield self._render(conversation, {Part.PLAYER})

    async def _redrawn(self, drawn_here: bool, request: gr.Request) -> AsyncIterator[Update]:
        """The face is to be drawn by the other side, from the next reply on."""
        conversation = await self._sessions.of(tab_of(request))
        conversation.drawn_here = drawn_here
        async for update in self._face(conversation, conversation.agent.persona):
            yield update

    async def _looked(self, request: gr.Request) -> AsyncIterator[Update]:
        """Back at the talk: the head at rest is made anew when it was made up meanwhile."""
        conversation = await self._sessions.of(tab_of(request))
        yield self._unchanged()
        if conversation.looks_changed:
            conversation.looks_changed = False
            async for update in self._face(conversation, conversation.agent.persona):
                yield update

    async def _typed(self, text: str, heard_until_s: float | None, request: gr.Request) -> AsyncIterator[Update]:
        conversation = await self._sessions.of(tab_of(request))
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
            yield self._unchanged()
            return
        conversation = await self._sessions.of(tab_of(request))
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
        conversation = await self._sessions.of(tab_of(request))
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
        conversation = await self._sessions.of(tab_of(request))
        await conversation.stop(heard_until_s)
        return self._render(conversation, {Part.WORDS, Part.PLAYER})

    async def _left(self, request: gr.Request) -> None:
        await self._sessions.end(tab_of(request))

    # ------------------------------------------------------------------------------------------------------- looks

    def _unchanged(self) -> Update:
        """Nothing new: a listener that gave nothing at all would empty every part of the page."""
        return {self.player: cast("Any", gr).skip()}

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
    face, line = conversation.face, conversation.line
    url = None if face is None else _url(face.token)
    head = url if face is not None and face.media_type == HEAD_TYPE else None
    return {
        "reply": conversation.reply,
        "phase": conversation.phase.value,
        "complete": conversation.reel.complete,
        "idle": url if head is None else None,
        "head": head,
        "script": f".{HEAD_PATH}",
        "line": f".{TALK_PATH}/{line.token}" if line is not None else None,
        "camera": f".{CAMERA_PATH}/{conversation.camera.token}",
        "refused": bool(conversation.refusal),
        "clips": [
            {
                "url": _url(c.token),
                "type": c.media_type,
                "start_s": c.start_s,
                "duration_s": c.duration_s,
                "words": [[word.text, word.start_s] for word in c.words],
                "track": None if c.track_token is None else _url(c.track_token),
            }
            for c in conversation.reel.clips
        ],
    }


def _url(token: str) -> str:
    return f".{MEDIA_PATH}/{token}"


def _persona_choices(first: str) -> list[tuple[str, str]]:
    """Labels and names of the personas to choose from: the shipped ones, and the one that the page begins with."""
    names = dict.fromkeys((*shipped_personas(), first))
    return [(load_persona(name).name.capitalize(), name) for name in names]
