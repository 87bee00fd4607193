"""The tab where a visitor watches a simulated session: choose who meets whom, run it, read along, keep the report."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from html import escape
from typing import Any

import gradio as gr

from rapport.agent.agent import Agent
from rapport.apps.demo.drawing import Faces
from rapport.apps.demo.exports import Exports
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.simulate_html import client_html, stage_html, subject_of, transcript_html
from rapport.apps.demo.simulation import (
    MOST_EXCHANGES,
    MOST_OCCUPATION_CHARS,
    MOST_SEED,
    Choice,
    Simulation,
    sessions_of,
)
from rapport.apps.demo.wiring import Trigger, Update, on, tab_of
from rapport.apps.simulate.protocols.names import protocol_names
from rapport.apps.simulate.records import NOTICE
from rapport.apps.simulate.therapists import THERAPISTS
from rapport.persona.card import shipped_personas
from rapport.persona.errors import RapportError

MOST_RUNS = 8
"""Sessions that run at once, of all tabs."""
MOST_TABS = 64
"""Tabs whose last session is kept, to be saved; the one that ran longest ago goes first."""
PACES_S = {"Watch": 1.6, "Quick": 0.4, "At once": 0.0}
"""Seconds from one turn to the next."""

_TITLES = {
    "pe": "Prolonged exposure",
    "supportive": "Supportive listening",
    "mi": "Motivational interviewing",
    "free": "Free talk",
}
_INTRO = (
    '<p class="rp-lead">Watch a simulated session: a client drawn from published odds, and a therapist who keeps to a '
    f"protocol, or does not. {NOTICE}</p>"
)
_EMPTY = (
    '<p class="rp-sim-empty">Choose who meets whom, and press Run.<br>'
    "The session appears here turn by turn, with what both feel.</p>"
)
_FOLLOW = """
const scroller = element.closest(".rp-sim-scroll");
scroller.tabIndex = 0;
scroller.setAttribute("role", "region");
scroller.setAttribute("aria-label", "Words of the session");
let pinned = true;
scroller.addEventListener("scroll", () => {
  pinned = scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - 120;
});
watch("value", () => requestAnimationFrame(() => {
  if (!pinned || !element.querySelector("[data-running]")) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  scroller.scrollTo({ top: scroller.scrollHeight, behavior: calm ? "auto" : "smooth" });
}));
"""
"""JavaScript: keep the newest words in sight, unless the visitor scrolled back; the keyboard can scroll as well."""


class SimulateTab:
    """A session per tab. What it leaves is in memory, and gone with the tab."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._faces = Faces()
        self._runs: OrderedDict[str, tuple[Simulation, Exports]] = OrderedDict()
        self._running: set[Simulation] = set()

    def lay_out(self, page: gr.Blocks, tab: gr.Tab) -> None:
        """Into the tab that is open; what runs ends when the page is left."""
        first = Choice()
        gr.HTML(_INTRO, apply_default_css=False)
        with gr.Row(elem_classes="rp-columns"):
            with gr.Column(scale=3, min_width=300, elem_classes="rp-sim-form"):
                self._lay_out_form(first)
            with gr.Column(scale=8, min_width=320):
                with gr.Row(elem_classes="rp-sim-run"):
                    self._run = gr.Button("Run", variant="primary", min_width=100, elem_id="rapport-sim-run")
                    self._stop = gr.Button("Stop", interactive=False, min_width=80, elem_id="rapport-sim-stop")
                    self._pace = gr.Radio(
                        list(PACES_S), value="Watch", label="Pace", container=False, elem_id="rapport-sim-pace"
                    )
                self._told = gr.HTML(apply_default_css=False, elem_id="rapport-sim-told")
                self._stage = gr.HTML(_EMPTY, apply_default_css=False, elem_id="rapport-sim-stage")
                self._talk = gr.HTML(
                    js_on_load=_FOLLOW,
                    apply_default_css=False,
                    elem_classes="rp-sim-scroll",
                    elem_id="rapport-sim-talk",
                )
                self._links = gr.HTML(apply_default_css=False, elem_id="rapport-sim-links")
        choosing = [self._protocol, self._session, self._therapist, self._seed, self._exchanges, self._temperament,
                    self._occupation]  # fmt: skip
        shown = [self._stage, self._talk, self._links, self._told, self._run, self._stop]
        on([tab.select], self._described, choosing, [self._client, self._told])
        on([self._protocol.input], self._other_protocol, choosing, [self._session, self._client, self._told])
        described = [part.change for part in (self._seed, self._temperament, self._occupation)]
        on(described, self._described, choosing, [self._client, self._told], trigger=Trigger.LAST)
        on([self._another.click], None, [], [self._seed], js=_ANOTHER)
        on([self._run.click, self._seed.submit, self._occupation.submit], self._runs_it, [*choosing, self._pace], shown)
        on([self._stop.click], self._stopped, [], shown)
        page.unload(self._left)

    def _lay_out_form(self, first: Choice) -> None:
        self._protocol = gr.Dropdown(
            [(_TITLES.get(name, name), name) for name in protocol_names()],
            value=first.protocol,
            label="Protocol",
            elem_id="rapport-sim-protocol",
        )
        self._session = gr.Dropdown(
            _session_choices(first.protocol), value=first.session, label="Session", elem_id="rapport-sim-session"
        )
        self._therapist = gr.Dropdown(
            [(f"{one.name.capitalize()}: {one.what}", one.name) for one in THERAPISTS.values()],
            value=first.therapist,
            label="Therapist",
            elem_id="rapport-sim-therapist",
        )
        with gr.Row(elem_classes="rp-sim-number"):
            self._seed = gr.Number(
                first.seed,
                label="Client number",
                info="The same number is the same client, with the same luck.",
                precision=0,
                minimum=0,
                maximum=MOST_SEED,
                scale=3,
                min_width=150,
                elem_id="rapport-sim-seed",
            )
            self._another = gr.Button("Another", scale=1, min_width=90, elem_id="rapport-sim-another")
        self._client = gr.HTML(
            client_html(first.case(), subject_of(first.protocol)), apply_default_css=False, elem_id="rapport-sim-client"
        )
        with gr.Accordion("Change the client", open=False):
            self._temperament = gr.Dropdown(
                [("As drawn", ""), *((f"{name.capitalize()}’s", name) for name in shipped_personas())],
                value="",
                label="Temperament and face",
                elem_id="rapport-sim-temperament",
            )
            self._occupation = gr.Textbox(
                label="Occupation",
                placeholder="As drawn",
                max_length=MOST_OCCUPATION_CHARS,
                elem_id="rapport-sim-occupation",
            )
        self._exchanges = gr.Slider(
            4, MOST_EXCHANGES, value=first.exchanges, step=1, label="At most so many exchanges",
            elem_id="rapport-sim-exchanges",
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------------ events

    async def _other_protocol(self, *values: Any) -> Update:
        try:
            choices = _session_choices(str(values[0]))
        except RapportError as error:
            return {self._told: _refused(error)}
        longest = max(choices, key=lambda choice: choice[1] == Choice.session)[1]  # P10 where there is one
        update: Update = {self._session: gr.update(choices=choices, value=longest)}
        return update | await self._described(values[0], longest, *values[2:])

    async def _described(self, *values: Any) -> Update:
        """Who the client is."""
        try:
            choice = _choice(values)
            return {self._client: client_html(choice.case(), subject_of(choice.protocol)), self._told: ""}
        except RapportError as error:
            return {self._told: _refused(error)}

    async def _runs_it(self, request: gr.Request, *values: Any) -> AsyncIterator[Update]:
        """Run a session and show it while it goes on; one that the tab was still running ends here."""
        tab = tab_of(request)
        self._end(tab)
        if len(self._running) >= MOST_RUNS:
            yield {self._told: _refused_line("Others are watching just now; try again in a minute.")}
            return
        try:
            simulation = await asyncio.to_thread(Simulation, _choice(values[:-1]))
            agent = (await self._sessions.of(tab)).agent
        except RapportError as error:
            yield {self._told: _refused(error)}
            return
        links = self._keep(tab, simulation)
        self._running.add(simulation)
        try:
            running: Update = {self._stop: gr.update(interactive=True)}
            yield running | {self._told: "", self._links: "", self._run: gr.update(value="Run anew")}
            async for update in self._shown(simulation, agent, PACES_S.get(str(values[-1]), 0.0)):
                if self._is_of(tab, simulation):
                    # Again each time: a busy browser may pass over an update that another follows.
                    yield running | update
        finally:
            self._running.discard(simulation)
        if self._is_of(tab, simulation):
            over: Update = {self._links: links, self._stop: gr.update(interactive=False)}
            yield over | {self._run: gr.update(value="Run")}

    async def _shown(self, simulation: Simulation, agent: Agent, pace_s: float) -> AsyncIterator[Update]:
        """The session as it goes on. A face follows its words, since it takes a moment to draw."""
        portraits: dict[str, str | None] = {}
        drawing: asyncio.Task[None] | None = None

        async def draw() -> None:
            for who, face in simulation.faces.items():
                drawn = await self._faces.draw(agent, face, simulation.feeling_of(who))
                portraits[who] = drawn if drawn is not None else portraits.get(who)

        def now(*, running: bool = True) -> Update:
            stage = stage_html(simulation, portraits, running=running)
            return {self._stage: stage, self._talk: transcript_html(simulation.record, running=running)}

        yield now()
        try:
            async with aclosing(simulation.turns()) as turns:
                async for _ in turns:
                    if pace_s == 0.0:
                        continue
                    yield now()
                    if drawing is None or drawing.done():
                        drawing = asyncio.create_task(draw())
                    await simulation.pause(pace_s / 2)
                    if drawing.done():
                        yield {self._stage: stage_html(simulation, portraits, running=True)}
                    await simulation.pause(pace_s / 2)
            yield now(running=False)
            await draw()
            yield {self._stage: stage_html(simulation, portraits, running=False)}
        finally:
            if drawing is not None:
                drawing.cancel()

    async def _stopped(self, request: gr.Request) -> Update:
        self._end(tab_of(request))
        return {self._stop: gr.update(interactive=False)}

    async def _left(self, request: gr.Request) -> None:
        self._end(tab_of(request))
        self._runs.pop(tab_of(request), None)

    # ------------------------------------------------------------------------------------------------- what is kept

    @property
    def running(self) -> int:
        """Sessions that run just now."""
        return len(self._running)

    def _keep(self, tab: str, simulation: Simulation) -> str:
        """Offer what the session leaves for as long as the tab is there; returns the links."""
        exports = Exports()
        exports.offer("session", simulation.session_file)
        exports.offer("report", simulation.report_file)
        self._sessions.desk.register(exports)
        self._end(tab)
        self._runs[tab] = simulation, exports
        self._runs.move_to_end(tab)
        while len(self._runs) > MOST_TABS:
            self._end(next(iter(self._runs)))
            self._runs.popitem(last=False)
        return (
            f'<p class="rp-exports">Keep: <a href="{exports.address("session")}" download="">Session (JSON)</a>'
            f'<a href="{exports.address("report")}" target="_blank" rel="noopener">Open the report</a></p>'
        )

    def _is_of(self, tab: str, simulation: Simulation) -> bool:
        """Whether this is the session that the tab shows."""
        return tab in self._runs and self._runs[tab][0] is simulation

    def _end(self, tab: str) -> None:
        if tab in self._runs:
            self._runs[tab][0].stop()


_ANOTHER = f"() => [Math.floor(Math.random() * {MOST_SEED})]"


def _choice(values: Sequence[Any]) -> Choice:
    """What the form says, in the order of `Choice`."""
    protocol, session, therapist, seed, exchanges, temperament, occupation = values
    return Choice(
        str(protocol),
        str(session),
        str(therapist),
        _whole(seed),
        _whole(exchanges),
        str(temperament or ""),
        str(occupation or ""),
    )


def _whole(value: Any) -> int:
    """A number of the form; what is none becomes one that `Choice` refuses."""
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else -1


def _session_choices(protocol: str) -> list[tuple[str, str]]:
    return [(plan.title, plan.key) for plan in sessions_of(protocol)]


def _refused(error: RapportError) -> str:
    text = str(error)
    return _refused_line(f"{text[:1].upper()}{text[1:]}.")


def _refused_line(text: str) -> str:
    return f'<p class="rp-refusal" role="alert">{escape(text)}</p>'
