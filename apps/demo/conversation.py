"""One visitor's conversation: it turns the agent's event stream into what the page shows.

`Conversation.answer` and `listen` yield which parts of the page have changed; what cannot wait for the page to be drawn
goes over the open line. Nothing in here knows of widgets, so a test can hold a whole conversation without a page.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.heard import heard_part
from rapport.agent.stages import Utterance
from rapport.agent.trace import TurnTrace
from rapport.apps.demo import exports as ex
from rapport.apps.demo.camera import Camera
from rapport.apps.demo.form import card_file, yaml_file
from rapport.apps.demo.limits import Limits
from rapport.apps.demo.line import Line
from rapport.apps.demo.media import MediaShelf
from rapport.apps.demo.reel import Reel
from rapport.apps.demo.shown import Changes, Part, Phase, ShownFace, ShownTurn, failure_line
from rapport.apps.demo.traits import trait_effects
from rapport.apps.demo.turnstile import Turnstile
from rapport.apps.plot.paths import AffectPaths, AffectPoint, because_texts, evidence_texts
from rapport.persona.affect import AffectState
from rapport.persona.card import Persona
from rapport.persona.errors import InputError, RapportError
from rapport.persona.transition import TransitionRequest
from rapport.speech.endpointing import Endpointer

Work = Callable[[Changes], Coroutine[Any, Any, None]]
"""What goes on beside the page, and tells which parts of it have changed."""

_log = logging.getLogger(__name__)


class Conversation:
    """The state of one tab: an agent of its own, the words, the paths of feeling and the clips of the current reply."""

    def __init__(
        self,
        agent: Agent,
        shelf: MediaShelf,
        persona_key: str,
        *,
        turnstile: Turnstile | None = None,
        limits: Limits | None = None,
        kept: bool = False,
        drawn_here: bool = False,
    ) -> None:
        self.agent = agent
        self.kept = kept
        """Whether what is said outlives the conversation, because the person asked for it."""
        self.limits = limits or Limits(agent.clock)
        self.place = 0
        """How many are answered before this one, and it; 0 when nobody waits."""
        self.camera = Camera(agent)
        self.exports = ex.Exports()
        self._offer()
        self._turnstile = turnstile
        self.looks_changed = False
        """Whether the head at rest shows a face that the persona has no more."""
        self._sample: str | None = None
        self.persona_key = persona_key
        """The name under which the persona was chosen."""
        self.notices: list[str] = []
        """What could not start, one line each."""
        self._known: set[tuple[str, str]] = set()
        """Components that could not start: said once, not with every turn."""
        self.turns: list[ShownTurn] = []
        self.paths = AffectPaths(agent=[_felt_point(0.0, agent.state)])
        self.reply = 0
        """Counts replies, so that the player knows when a new one begins."""
        self.reel = Reel(agent, shelf)
        self.reel.drawn_here = drawn_here
        self.refusal = ""
        """Why the last input could not be answered, empty when it could."""
        self.face: ShownFace | None = None
        """The face between replies, once it is there."""
        self.line: Line | None = None
        """Where the microphone is, while it is listened to."""
        self.closed = False
        self._awake = False
        self._turn: ShownTurn | None = None
        """The turn at hand, None between turns."""
        self._spoken: list[ev.Spoken] = []
        """The clauses of the current reply as sound."""
        self._began_s = agent.clock.now_s()
        self._one_at_a_time = asyncio.Lock()
        self._working: set[asyncio.Task[None]] = set()
        self._shelf = shelf

    @property
    def drawn_here(self) -> bool:
        """Whether the page draws the face, or is shown pictures; to be changed between replies."""
        return self.reel.drawn_here

    @drawn_here.setter
    def drawn_here(self, drawn_here: bool) -> None:
        self.reel.drawn_here = drawn_here

    @property
    def phase(self) -> Phase:
        if self._turn is not None:
            if self._turn.person is None:
                return Phase.HEARING
            return Phase.SPEAKING if self._turn.clauses or self._turn.interrupted else Phase.THINKING
        if not self.reel.complete:
            return Phase.SPEAKING
        if self.line is not None:
            return Phase.LISTENING
        return Phase.READY if self._awake else Phase.WAKING

    def wake(self, failures: list[ev.Failed]) -> None:
        """The components have started, but for these."""
        self.notices = [failure_line(failure) for failure in failures]
        self._known = {(failure.stage, failure.component) for failure in failures}
        self._awake = True

    # ---------------------------------------------------------------------------------------------------- talking

    def answer(self, utterance: Utterance | str) -> AsyncGenerator[frozenset[Part], None]:
        """Hold one turn; yields the parts of the page that changed. Waits for a turn that `stop` broke into to end."""

        async def work(changes: Changes) -> None:
            try:
                self.limits.take_turn()
            except InputError as error:
                self.refusal = str(error)
                changes.add({Part.WORDS, Part.PLAYER})
                return

            def placed(place: int) -> None:
                self.place = place
                changes.add({Part.WORDS})

            async with self._turnstile.passing(placed) if self._turnstile is not None else nullcontext():
                self._begin()
                changes.add({Part.WORDS, Part.PLAYER})
                self.reel.film.hears(utterance.audio if isinstance(utterance, Utterance) else None)
                await self._follow(self.agent.converse(utterance, draw=not self.drawn_here), changes)

        return self._shown(work)

    def listen(self, line: Line, endpointer: Endpointer | None = None) -> AsyncGenerator[frozenset[Part], None]:
        """Talk over an open line until it is closed and the last answer is complete; yields as `answer` does."""

        async def frames(changes: Changes) -> AsyncIterator[NDArray[np.float32]]:
            async for frame in line.frames():
                yield frame
            self.line = None
            changes.add({Part.PLAYER})

        async def work(changes: Changes) -> None:
            self.line, self.refusal = line, ""
            changes.add({Part.WORDS, Part.PLAYER})
            try:
                ears = endpointer or await asyncio.to_thread(Endpointer)
                events = self.agent.listen(
                    frames(changes),
                    played_s=lambda: self._played_s(line),
                    endpointer=ears,
                    draw=not self.drawn_here,
                    attend=self.drawn_here and "animation" in self.agent.runners,
                )
                await self._follow(events, changes)
            except RapportError as error:
                self.refusal = str(error)
            finally:
                line.close()
                self.line = None
                changes.add({Part.WORDS, Part.PLAYER})

        return self._shown(work)

    def hang_up(self) -> None:
        """Close the line, if there is one. What was said into it is still answered."""
        if self.line is not None:
            self.line.close()

    async def stop(self, heard_until_s: float | None) -> None:
        """The person breaks in, having heard so many seconds of the reply; None when nothing was playing or to come."""
        silent = "voice" not in self.agent.runners
        self.agent.interrupt(None if silent else heard_until_s)
        if heard_until_s is not None and self._spoken:
            self._cut(self.turns[-1], heard_part(self._spoken, heard_until_s))
            if self._turn is None:
                await self.agent.save()
        self.reel.drop()

    async def _shown(self, work: Work) -> AsyncGenerator[frozenset[Part], None]:
        """Work beside whoever shows its changes: one after another, and ended when they are not shown any more."""
        changes = Changes()

        async def alone() -> None:
            async with self._one_at_a_time:
                await work(changes)

        task = asyncio.create_task(alone())
        self._working.add(task)
        task.add_done_callback(lambda _: changes.end())
        try:
            async for changed in changes:
                yield changed
            if not task.cancelled():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._working.discard(task)

    async def _follow(self, events: AsyncGenerator[ev.Event, None], changes: Changes) -> None:
        """Take the events of one turn or many."""

        def failed(notice: str) -> None:
            self.turns[-1].notices.append(notice)
            changes.add({Part.WORDS})

        encoding = self.reel.encoding(lambda: changes.add({Part.PLAYER}), failed)
        try:
            async with aclosing(events):
                async for event in events:
                    changes.add(self._note(event))
                    if isinstance(event, ev.Felt):
                        await self._weigh_traits(event)
                    await self.reel.take(event)
            self.reel.end()
            await encoding
        finally:
            encoding.cancel()

    def _begin(self) -> None:
        self._turn = ShownTurn()
        self.turns.append(self._turn)
        self.reel.begin()
        self.reply += 1
        self._spoken = []
        self.refusal = ""
        self._awake = True
        self.paths.agent.append(_felt_point(self._elapsed_s(), self.agent.feeling()))

    def _note(self, event: ev.Event) -> set[Part]:
        """Take an event into the page's state; returns what it changed."""
        match event:
            case ev.Listening():
                self._tell("hear", stable="", tentative="")
                return set()
            case ev.Hearing("", ""):
                self._tell("forget")
                return set()
            case ev.Hearing(stable, tentative):
                self._tell("hear", stable=stable, tentative=tentative)
                return set()
            case ev.Attending():
                if self.line is not None:
                    self.line.show(event.track)
                return set()
            case ev.Held():
                self._tell("hold")
                return set()
            case ev.Resumed():
                self._tell("resume")
                return set()
            case ev.Interrupted():
                self._tell("stop")
                self.reel.drop()
                self._cut(self.turns[-1], event.heard_text)
                self.turns[-1].interrupted = True
                return {Part.WORDS, Part.PLAYER}
            case ev.Refused():
                self.refusal = event.reason
                if self._turn is not None:
                    self.turns.remove(self._turn)
                self._turn = None
                return {Part.WORDS, Part.PLAYER}
            case _:
                if self._turn is None:  # what was said into the line has become a turn
                    self._begin()
                assert self._turn is not None
                return self._note_turn(event, self._turn)

    def _note_turn(self, event: ev.Event, turn: ShownTurn) -> set[Part]:
        match event:
            case ev.Heard():
                turn.person = event.transcript.text
                return {Part.WORDS, Part.PLAYER}
            case ev.Perceived():
                turn.perceived = event
                self.paths.person.append(self._perceived_point(event, turn))
                return {Part.WORDS, Part.AFFECT, Part.WHY}
            case ev.Felt():
                turn.before, turn.felt = event.before, event.after
                self.paths.agent.append(_felt_point(self._elapsed_s(), event.after))
                return {Part.WORDS, Part.AFFECT, Part.WHY}
            case ev.Planned():
                turn.plan = event.plan
                return {Part.WHY}
            case ev.Clause() if not turn.interrupted:
                turn.clauses.append(event.text)
                return {Part.WORDS, Part.PLAYER}
            case ev.Spoken():
                self._spoken.append(event)
                return set()
            case ev.Failed():
                if (event.stage, event.component) in self._known:
                    return set()
                turn.notices.append(failure_line(event))
                return {Part.WORDS}
            case ev.Done():
                turn.trace = event.reply.trace
                self._turn = None
                return {Part.WORDS, Part.WHY, Part.PLAYER}
            case _:
                return set()

    async def _weigh_traits(self, event: ev.Felt) -> None:
        """Find out which traits moved the feeling; a transition that cannot be asked again tells nothing."""
        turn = self._turn
        if turn is None or turn.perceived is None:
            return
        said_before = tuple(line for item in self.agent.history for line in (item.person, item.agent) if line)
        request = TransitionRequest(
            event.before,
            turn.perceived.fused,
            self.agent.persona,
            event.after.at_s,
            turn.person or "",
            said_before,
        )
        runner = self.agent.runners["transition"]
        try:
            turn.traits = await trait_effects((await runner.load(runner.config.use)).step, request)
        except (RapportError, TimeoutError) as error:
            _log.debug("the traits' shares are not known: %s", error)

    def _perceived_point(self, event: ev.Perceived, turn: ShownTurn) -> AffectPoint:
        conflict, smoothed = event.conflict, event.smoothed
        return AffectPoint(
            self._elapsed_s(),
            event.fused.vad,
            event.fused.label,
            turn.person or "",
            (*evidence_texts(event.fused.evidence), *([conflict.description] if conflict is not None else [])),
            smoothed=(smoothed.vad, smoothed.vad_sd),
            conflict=conflict is not None,
        )

    def _cut(self, turn: ShownTurn, heard: str) -> None:
        if heard != " ".join(turn.clauses):
            turn.clauses = [heard] if heard else []
            turn.interrupted = True

    def _tell(self, do: str, **what: str) -> None:
        """Have the page do something to the current reply at once."""
        if self.line is not None:
            self.line.tell(do, reply=self.reply, **what)

    def _played_s(self, line: Line) -> float:
        return math.inf if self.reel.dropped else line.played_s(self.reply)

    # --------------------------------------------------------------------------------------- what may be taken along

    @property
    def traces(self) -> list[TurnTrace]:
        """Of every turn that is over, cut to what was heard."""
        last = self.agent.last_reply
        found = [turn.trace for turn in self.turns if turn.trace is not None]
        if found and last is not None and last.trace.turn == found[-1].turn:
            found[-1] = last.trace
        return found

    def _offer(self) -> None:
        async def transcript() -> ex.ExportedFile:
            name = self.agent.persona.name
            lines: list[tuple[str, str]] = []
            for turn in self.turns:
                lines += [("You", turn.person or "(no words)"), (name, " ".join(turn.clauses))]
            return ex.transcript_file(lines)

        async def trace() -> ex.ExportedFile:
            return ex.trace_file(self.traces)

        async def emotionml() -> ex.ExportedFile:
            return ex.emotionml_file(self.traces)

        async def persona() -> ex.ExportedFile:
            return yaml_file(self.agent.persona)

        async def card() -> ex.ExportedFile:
            return card_file(self.agent.persona)

        async def video() -> ex.ExportedFile:
            return await self.reel.film.file()

        self.exports.offer(ex.VIDEO, video)
        self.exports.offer("persona", persona)
        self.exports.offer("card", card)
        self.exports.offer("transcript", transcript)
        self.exports.offer("trace", trace)
        self.exports.offer("emotionml", emotionml)

    def become(self, persona: Persona) -> None:
        """The agent is this persona from its next turn on; what was said and felt stays."""
        self.looks_changed = self.looks_changed or persona.face != self.agent.persona.face
        self.agent.persona = persona

    def keep_sample(self, data: bytes, media_type: str) -> str:
        """Put a sample of the voice on the shelf, in the place of the one before; returns its token."""
        if self._sample is not None:
            self._shelf.drop(self._sample)
        self._sample = self._shelf.put(data, media_type)
        return self._sample

    # -------------------------------------------------------------------------------------------------- its end

    def show_face(self, data: bytes | None, media_type: str) -> None:
        """The face between replies: a film of the head at rest, or the head itself where the page draws it; None when
        there is none."""
        if self.face is not None:
            self._shelf.drop(self.face.token)
            self.face = None
        if data is not None and not self.closed:
            self.face = ShownFace(self._shelf.put(data, media_type), media_type)

    async def close(self) -> None:
        """The tab is gone: stop listening and answering, and forget everything that was said."""
        self.closed = True
        self.hang_up()
        self.camera.close()
        for task in (working := set(self._working)):
            task.cancel()
        if working:
            await asyncio.wait(working)
        self.reel.drop()
        self.show_face(None, "")
        if self._sample is not None:
            self._shelf.drop(self._sample)
        if self.kept:
            return
        memory = self.agent.runners["memory"]
        for spec in memory.config.chain:
            try:
                store = await memory.load(spec)
                if hasattr(store, "erase"):
                    await store.erase(self.agent.person_id)
            except (RapportError, TimeoutError) as error:
                _log.warning("the memory %s could not be erased: %s", spec, error)

    def _elapsed_s(self) -> float:
        return self.agent.clock.now_s() - self._began_s


def _felt_point(elapsed_s: float, state: AffectState) -> AffectPoint:
    return AffectPoint(elapsed_s, state.emotion, state.label, reasons=because_texts(state.because), mood=state.mood)
