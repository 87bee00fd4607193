"""Everybody who has the page open: one conversation per tab, what they share, and what goes when a tab closes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.clock import give_threads
from rapport.agent.config import AgentConfig, StageConfig
from rapport.apps.demo import head
from rapport.apps.demo.camera import Cameras, SeeingAgent
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.exports import ExportDesk
from rapport.apps.demo.limits import IDLE_S, Limits
from rapport.apps.demo.line import Lines
from rapport.apps.demo.media import MediaShelf
from rapport.apps.demo.portrait import idle_film
from rapport.apps.demo.turnstile import Turnstile
from rapport.persona.card import Persona, load_persona
from rapport.persona.errors import InputError, RapportError

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

MOST_CONVERSATIONS = 64
"""When more tabs are open, the one that was idle for longest starts anew."""

ANSWERS_AT_ONCE = 8
"""Tabs that are answered at the same time; the others wait in line. The first words of all come early: what takes long
is to speak."""

MakeAgent = Callable[[str], Agent]
"""Makes a fresh agent for a persona's name."""
MakeKeepingAgent = Callable[[str, str], Agent]
"""Makes a fresh agent that remembers a person, for a persona's name and the person's id."""


def private(config: AgentConfig) -> AgentConfig:
    """The configuration with a memory that lives in this process only."""
    return config.model_copy(update={"memory": StageConfig(use="sql::memory:", fallback=("none",), budget_s=3)})


class Sessions:
    """Conversations by tab. Agents share their components; every state belongs to one conversation.

    Apart from `wake`, to be used from the page's event loop only.

    Args:
        make_agent: makes a fresh agent for a persona's name.
        persona: the persona that is woken first.
        make_keeping: makes one with a memory that outlives the tab, for people who want that; None offers it to nobody.
    """

    def __init__(self, make_agent: MakeAgent, persona: str, make_keeping: MakeKeepingAgent | None = None) -> None:
        self.persona = persona
        self.shelf = MediaShelf()
        self.lines = Lines()
        self.cameras = Cameras()
        self.desk = ExportDesk()
        self.turnstile = Turnstile(ANSWERS_AT_ONCE)
        self._make_keeping = make_keeping
        self._make_agent = make_agent
        self._open: OrderedDict[str, Conversation] = OrderedDict()
        self._background = ThreadPoolExecutor(2, thread_name_prefix="rapport-demo")
        self._waking: Future[list[ev.Failed]] | None = None
        self._faces: dict[tuple[str, bool], Future[bytes | None]] = {}

    @classmethod
    def from_config(cls, config: AgentConfig) -> Sessions:
        """Sessions of agents as a configuration describes them, with a memory that is gone with the tab."""
        alone = private(config)
        return cls(
            lambda persona: SeeingAgent.from_persona(persona, alone),
            config.persona,
            lambda persona, person: SeeingAgent.from_persona(persona, config, person_id=person),
        )

    @property
    def can_keep(self) -> bool:
        """Whether people may switch a lasting memory on."""
        return self._make_keeping is not None

    # ------------------------------------------------------------------------------------------------ what is shared

    def wake(self) -> Future[list[ev.Failed]]:
        """Start every component in the background, once; the result is what could not start."""
        if self._waking is None:
            self._waking = self._background.submit(lambda: asyncio.run(self._make_agent(self.persona).warm_up()))
        return self._waking

    async def awake(self) -> list[ev.Failed]:
        """Wait until the components have started."""
        return await asyncio.shield(asyncio.wrap_future(self.wake()))

    async def face_of(self, persona: str | Persona, *, drawn_here: bool) -> tuple[bytes | None, str]:
        """The face between replies and its media type: the head for a page that draws it, else a film of the head at
        rest. None when it cannot be made. Of a persona by name it is made once per process; an edited one is given as
        it is."""
        if isinstance(persona, str):
            made = self._faces.get((persona, drawn_here))
            if made is None:
                made = self._background.submit(self._make_face, load_persona(persona), drawn_here)
                self._faces[persona, drawn_here] = made
        else:
            made = self._background.submit(self._make_face, persona, drawn_here)
        data = await asyncio.shield(asyncio.wrap_future(made))
        return data, head.MEDIA_TYPE if drawn_here else "video/mp4"

    def _make_face(self, persona: Persona, drawn_here: bool) -> bytes | None:
        if drawn_here:
            return head.head_of(persona.face)
        agent = self._make_agent(self.persona)
        agent.persona = persona
        try:
            return asyncio.run(idle_film(agent))
        except RapportError:
            return None  # the page shows a drawn outline in its place; the first turn reports what is broken

    # -------------------------------------------------------------------------------------------------- what is not

    async def begin(
        self, tab: str, persona: str, person: str | None = None, *, drawn_here: bool = False
    ) -> Conversation:
        """A new conversation for a tab; the one that it had is forgotten.

        Args:
            tab: names the tab.
            persona: whom to talk to.
            person: who talks, when they want to be remembered after this conversation.
            drawn_here: whether the page draws the face itself.

        Raises:
            InputError: unknown persona, or nothing can be remembered here.
        """
        give_threads(asyncio.get_running_loop())
        if person is None:
            agent = self._make_agent(persona)
        elif self._make_keeping is None:
            raise InputError("nothing is kept here; the conversation goes on without a lasting memory")
        else:
            agent = self._make_keeping(persona, person)
        await self.end(tab)
        await self._sweep()
        while len(self._open) >= MOST_CONVERSATIONS:
            await self.end(next(iter(self._open)))
        conversation = Conversation(
            agent,
            self.shelf,
            persona,
            turnstile=self.turnstile,
            limits=Limits(agent.clock),
            kept=person is not None,
            drawn_here=drawn_here,
        )
        self._open[tab] = conversation
        self.cameras.register(conversation.camera)
        self.desk.register(conversation.exports)
        return conversation

    async def _sweep(self) -> None:
        """Forget the conversations that nobody has touched for long."""
        idle = [tab for tab, conversation in self._open.items() if conversation.limits.idle_s > IDLE_S]
        for tab in idle:
            await self.end(tab)

    async def of(self, tab: str) -> Conversation:
        """The conversation of a tab, begun when there is none."""
        conversation = self._open.get(tab)
        if conversation is None:
            return await self.begin(tab, self.persona)
        self._open.move_to_end(tab)
        conversation.limits.touch()
        return conversation

    async def end(self, tab: str) -> None:
        """Forget a tab's conversation."""
        conversation = self._open.pop(tab, None)
        if conversation is not None:
            await conversation.close()

    def routes(self) -> list[BaseRoute]:
        """What must be served beside the page: clips for the player, and lines for the microphone."""
        return [head.script_route(), self.shelf.route(), self.lines.route(), self.cameras.route(), self.desk.route()]

    @property
    def open_tabs(self) -> int:
        return len(self._open)

    def shut_down(self) -> None:
        """Let the background thread go."""
        self._background.shutdown(wait=False, cancel_futures=True)
