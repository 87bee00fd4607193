"""The tab of what the agent is made of: the registry, a swap of any stage, and what the doctor finds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from html import escape

import gradio as gr

from rapport.apps.demo.parts import SWAPPABLE, choices, components_html, doctor_html, swap, used
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.wiring import Update, on, tab_of
from rapport.apps.doctor import examine
from rapport.persona.errors import RapportError

_INTRO = (
    '<p class="rp-lead">Every stage can be done by another component; a swap holds from the next turn on. What is '
    "greyed out is not installed here.</p>"
)


class ComponentsTab:
    """Swapping and the doctor are for whoever runs the page, not for visitors of a public one."""

    def __init__(self, sessions: Sessions, *, own: bool) -> None:
        self._sessions = sessions
        self._own = own

    def lay_out(self, tab: gr.Tab) -> None:
        gr.HTML(_INTRO, apply_default_css=False)
        with gr.Row(elem_classes="rp-columns"):
            with gr.Column(scale=6, min_width=320):
                gr.HTML(components_html(), apply_default_css=False, elem_id="rapport-components")
            with gr.Column(scale=5, min_width=320, visible=self._own):
                self._stages = {
                    stage: gr.Dropdown([("none", ""), *choices(stage)], label=stage.capitalize(), value="")
                    for stage in SWAPPABLE
                }
                self._told = gr.HTML(apply_default_css=False, elem_id="rapport-swapped")
                self._doctor = gr.HTML(apply_default_css=False, elem_id="rapport-doctor")
        if not self._own:
            return
        changing = [*self._stages.values(), self._told]
        on([tab.select], self._looked, [], changing)
        # Apart, since it takes seconds: a box must not be set again while somebody chooses in it.
        on([tab.select], self._examined, [], [self._doctor])
        for stage, box in self._stages.items():
            on([box.input], self._swapping(stage), [box], changing)

    async def _looked(self, request: gr.Request) -> Update:
        agent = (await self._sessions.of(tab_of(request))).agent
        update: Update = {}
        for stage, box in self._stages.items():
            name = used(agent, stage)
            update[box] = gr.update(value=name, choices=sorted({name, *choices(stage)}))
        return update

    async def _examined(self) -> Update:
        return {self._doctor: doctor_html(await asyncio.to_thread(examine))}

    def _swapping(self, stage: str) -> Callable[[str, gr.Request], Awaitable[Update]]:
        async def work(name: str, request: gr.Request) -> Update:
            agent = (await self._sessions.of(tab_of(request))).agent
            try:
                return {self._told: _told(await swap(agent, stage, name))}
            except (RapportError, TimeoutError) as error:
                refused = _told(str(error) or f"{name} did not start in time")
                return {self._told: refused, self._stages[stage]: used(agent, stage)}

        return work


def _told(text: str) -> str:
    return f'<p class="rp-notice" role="status">{escape(text[:1].upper() + text[1:])}</p>'
