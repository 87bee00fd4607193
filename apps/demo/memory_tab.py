"""The tab of what is remembered of the visitor: switch it on, look, search, correct, erase, take along."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from rapport.apps.demo.remembered import Remembered, found_html, known_html
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.wiring import Update, on, tab_of
from rapport.persona.errors import RapportError

_INTRO = (
    '<p class="rp-lead">What the agent remembers of you. Without the switch it is gone when you close the tab; with '
    "it, it stays on the machine that serves this page, under a number that only this browser knows.</p>"
)


class MemoryTab:
    """Over `Remembered`, the memory of the tab's own agent."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def lay_out(self, tab: gr.Tab) -> None:
        gr.HTML(_INTRO, apply_default_css=False)
        with gr.Row(elem_classes="rp-columns"):
            with gr.Column(scale=5, min_width=320):
                self.keep = gr.Checkbox(
                    False,
                    label="Remember me in this browser",
                    info="Begins a new conversation.",
                    visible=self._sessions.can_keep,
                    elem_id="rapport-keep",
                )
                self._known = gr.HTML(apply_default_css=False, elem_id="rapport-known")
                self._links = gr.HTML(apply_default_css=False)
                erase = gr.Button("Erase everything about me", variant="stop", elem_id="rapport-erase")
                self._told = gr.HTML(apply_default_css=False, elem_id="rapport-memory-told")
            with gr.Column(scale=5, min_width=320):
                ask = gr.Textbox(label="What comes to mind for…", elem_id="rapport-memory-search", submit_btn="Search")
                self._found = gr.HTML(apply_default_css=False, elem_id="rapport-found")
                self._line = gr.Dropdown([], label="Something that you said", elem_id="rapport-line")
                self._words = gr.Textbox(label="It should say", lines=2, max_length=4000, elem_id="rapport-correction")
                with gr.Row():
                    correct = gr.Button("Correct it", elem_id="rapport-correct")
                    forget = gr.Button("Forget that line", elem_id="rapport-forget")
        changing = [self._known, self._links, self._told, self._found, self._line, self._words]
        on([tab.select], self._looked, [], changing)
        on([ask.submit], self._searched, [ask], changing)
        on([self._line.input], self._chosen, [self._line], changing)
        on([correct.click], self._corrected, [self._line, self._words], changing)
        on([forget.click], self._forgotten, [self._line], changing)
        on([erase.click], self._erased, [], changing)

    async def _looked(self, request: gr.Request) -> Update:
        return await self._shown(request)

    async def _searched(self, text: str, request: gr.Request) -> Update:
        try:
            return {self._found: found_html(await (await self._remembered(request)).search(text))}
        except (RapportError, TimeoutError) as error:
            return self._refused(error)

    async def _chosen(self, key: str | None, request: gr.Request) -> Update:
        return {self._words: await (await self._remembered(request)).words_of(key) if key else ""}

    async def _corrected(self, key: str | None, words: str, request: gr.Request) -> Update:
        return await self._changed(key, words, "Corrected.", request)

    async def _forgotten(self, key: str | None, request: gr.Request) -> Update:
        return await self._changed(key, "", "Forgotten.", request)

    async def _changed(self, key: str | None, words: str, told: str, request: gr.Request) -> Update:
        if not key:
            return {self._told: _told("Choose one of your lines first.")}
        try:
            await (await self._remembered(request)).correct(key, words)
        except (RapportError, TimeoutError) as error:
            return self._refused(error)
        return await self._shown(request) | {self._told: _told(told), self._words: "", self._found: ""}

    async def _erased(self, request: gr.Request) -> Update:
        try:
            count = await (await self._remembered(request)).erase()
        except (RapportError, TimeoutError) as error:
            return self._refused(error)
        turns = f"{count} turn{'s' * (count != 1)}"
        return await self._shown(request) | {self._told: _told(f"{turns} erased."), self._found: ""}

    async def _shown(self, request: gr.Request) -> Update:
        conversation = await self._sessions.of(tab_of(request))
        remembered = Remembered(conversation.agent)
        conversation.exports.offer("memory", remembered.file)
        try:
            told, lines = await remembered.everything(), await remembered.lines()
        except (RapportError, TimeoutError) as error:
            return self._refused(error)
        address = conversation.exports.address("memory")
        links = f'<p class="rp-exports">Save: <a href="{address}" download="">Everything (JSON)</a></p>'
        return {
            self._known: known_html(told),
            self._links: links,
            self._line: gr.update(choices=lines, value=None),
            self._told: "",
        }

    async def _remembered(self, request: gr.Request) -> Remembered:
        return Remembered((await self._sessions.of(tab_of(request))).agent)

    def _refused(self, error: Any) -> Update:
        text = str(error) or "the memory does not answer; try again in a moment"
        return {self._told: f'<p class="rp-refusal" role="alert">{escape(text[:1].upper() + text[1:])}.</p>'}


def _told(text: str) -> str:
    return f'<p class="rp-notice" role="status">{escape(text)}</p>'
