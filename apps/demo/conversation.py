"""One visitor's conversation: it turns the agent's event stream into what the page shows.

`Conversation.answer` yields, after each event that changes something, which parts of the page have changed. Nothing in
here knows of widgets, so a test can hold a whole conversation without a page.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.heard import heard_part
from rapport.agent.stages import EmpathyPlan, Utterance
from rapport.agent.trace import TimingsRecord
from rapport.apps.demo.clips import Clip, ClipMaker, encode
from rapport.apps.demo.media import MediaShelf
from rapport.apps.plot.paths import AffectPaths, AffectPoint, because_texts, evidence_texts
from rapport.persona.affect import AffectState
from rapport.persona.errors import RapportError

_log = logging.getLogger(__name__)


class Part(Enum):
    """A part of the page that can change by itself."""

    WORDS = auto()
    AFFECT = auto()
    WHY = auto()
    PLAYER = auto()


class Phase(Enum):
    """What the agent is doing, as the page names it."""

    WAKING = "waking"
    READY = "ready"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


@dataclass
class ShownTurn:
    """One turn as the page shows it."""

    person: str | None = None
    """None until the words are recognised."""
    clauses: list[str] = field(default_factory=list[str])
    interrupted: bool = False
    """The person broke in; `clauses` holds what they had heard by then."""
    notices: list[str] = field(default_factory=list[str])
    """Failures that the turn got over, one line each."""
    perceived: ev.Perceived | None = None
    felt: AffectState | None = None
    plan: EmpathyPlan | None = None
    timings: TimingsRecord | None = None


@dataclass(frozen=True)
class PlayableClip:
    """A clause that waits on the shelf for the browser to fetch it."""

    token: str
    media_type: str
    start_s: float
    duration_s: float


class Conversation:
    """The state of one tab: an agent of its own, the words, the paths of feeling and the clips of the current reply."""

    def __init__(self, agent: Agent, shelf: MediaShelf, persona_key: str) -> None:
        self.agent = agent
        self.persona_key = persona_key
        """The name under which the persona was chosen."""
        self.notices: list[str] = []
        """What could not start, one line each."""
        self._known: set[tuple[str, str]] = set()
        """Components that could not start: said once, not with every turn."""
        self.turns: list[ShownTurn] = []
        self.paths = AffectPaths(agent=[_felt_point(0.0, agent.state)])
        self.phase = Phase.WAKING
        self.reply = 0
        """Counts replies, so that the player knows when a new one begins."""
        self.clips: list[PlayableClip] = []
        self.complete = True
        """Whether every clip of the current reply is there."""
        self.refusal = ""
        """Why the last input could not be answered, empty when it could."""
        self.idle_token: str | None = None
        self.closed = False
        self._began_s = agent.clock.now_s()
        self._one_at_a_time = asyncio.Lock()
        self._shelf = shelf
        self._spoken: list[ev.Spoken] = []
        """The clauses of the current reply as sound."""
        self._pictures = "animation" in agent.runners and "rendering" in agent.runners

    def wake(self, failures: list[ev.Failed]) -> None:
        """The components have started, but for these."""
        self.notices = [failure_line(failure) for failure in failures]
        self._known = {(failure.stage, failure.component) for failure in failures}
        if self.phase is Phase.WAKING:
            self.phase = Phase.READY

    # ---------------------------------------------------------------------------------------------------- talking

    async def answer(self, utterance: Utterance | str) -> AsyncIterator[frozenset[Part]]:
        """Hold one turn; yields the parts of the page that changed. Waits for a turn that `stop` broke into to end."""
        async with self._one_at_a_time:
            turn = self._begin()
            yield frozenset({Part.WORDS, Part.PLAYER})
            clips = ClipMaker(pictures=self._pictures)
            async with aclosing(self.agent.converse(utterance)) as events:
                async for event in events:
                    changed = self._note(event, turn)
                    lost = isinstance(event, ev.Failed) and await self._loses_pictures(event)
                    for clip in clips.give_up() if lost else clips.take(event):
                        if not turn.interrupted:
                            changed |= await self._shelve(clip, turn)
                    if isinstance(event, ev.Done):
                        self.complete = True
                    if changed:
                        yield frozenset(changed)
            if clips.saw_pictures is not None:
                self._pictures = clips.saw_pictures

    async def stop(self, heard_until_s: float | None) -> None:
        """The person breaks in, having heard so many seconds of the reply; None when nothing was playing or to come."""
        silent = "voice" not in self.agent.runners
        self.agent.interrupt(None if silent else heard_until_s)
        if heard_until_s is not None and self._spoken:
            self._cut(self.turns[-1], heard_part(self._spoken, heard_until_s))
            if self.complete:
                await self.agent.save()
        self._drop_clips()

    def _begin(self) -> ShownTurn:
        turn = ShownTurn()
        self.turns.append(turn)
        self._drop_clips()
        self._spoken = []
        self.refusal = ""
        self.reply += 1
        self.complete = False
        self.phase = Phase.LISTENING
        self.paths.agent.append(_felt_point(self._elapsed_s(), self.agent.feeling()))
        return turn

    def _note(self, event: ev.Event, turn: ShownTurn) -> set[Part]:
        """Take an event into the page's state; returns what it changed."""
        match event:
            case ev.Refused():
                self.refusal = event.reason
                self.turns.remove(turn)
                self.complete, self.phase = True, Phase.READY
                return {Part.WORDS, Part.PLAYER}
            case ev.Heard():
                turn.person = event.transcript.text
                self.phase = Phase.THINKING
                return {Part.WORDS, Part.PLAYER}
            case ev.Perceived():
                turn.perceived = event
                self.paths.person.append(self._perceived_point(event, turn))
                return {Part.WORDS, Part.AFFECT, Part.WHY}
            case ev.Felt():
                turn.felt = event.after
                self.paths.agent.append(_felt_point(self._elapsed_s(), event.after))
                return {Part.WORDS, Part.AFFECT, Part.WHY}
            case ev.Planned():
                turn.plan = event.plan
                return {Part.WHY}
            case ev.Clause() if not turn.interrupted:
                turn.clauses.append(event.text)
                self.phase = Phase.SPEAKING
                return {Part.WORDS, Part.PLAYER}
            case ev.Spoken():
                self._spoken.append(event)
                return set()
            case ev.Failed():
                if (event.stage, event.component) in self._known:
                    return set()
                turn.notices.append(failure_line(event))
                return {Part.WORDS}
            case ev.Interrupted():
                self._cut(turn, event.heard_text)
                turn.interrupted = True
                return {Part.WORDS, Part.PLAYER}
            case ev.Done():
                turn.timings = event.reply.trace.timings_s
                self.phase = Phase.READY
                return {Part.WORDS, Part.WHY, Part.PLAYER}
            case _:
                return set()

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

    async def _shelve(self, clip: Clip, turn: ShownTurn) -> set[Part]:
        """Encode a clip and put it where the browser can fetch it. A video that fails leaves the voice."""
        changed = {Part.PLAYER}
        try:
            data, media_type = await asyncio.to_thread(encode, clip)
        except RapportError as error:
            turn.notices.append(f"The video could not be made ({error}); going on with the voice alone.")
            changed.add(Part.WORDS)
            data, media_type = await asyncio.to_thread(encode, replace(clip, frames=()))
        if not self.closed:
            token = self._shelf.put(data, media_type)
            self.clips.append(PlayableClip(token, media_type, clip.start_s, clip.audio.duration_s))
        return changed

    # -------------------------------------------------------------------------------------------------- its end

    async def close(self) -> None:
        """The tab is gone: stop answering and forget everything that was said."""
        self.closed = True
        self.agent.interrupt()
        self._drop_clips()
        if self.idle_token is not None:
            self._shelf.drop(self.idle_token)
        memory = self.agent.runners["memory"]
        for spec in memory.config.chain:
            try:
                store = await memory.load(spec)
                if hasattr(store, "erase"):
                    await store.erase(self.agent.person_id)
            except (RapportError, TimeoutError) as error:
                _log.warning("the memory %s could not be erased: %s", spec, error)

    def show_idle(self, video: bytes | None) -> None:
        """The head at rest, to be shown while nobody speaks (mp4), or None when it cannot be drawn."""
        if video is not None and not self.closed:
            self.idle_token = self._shelf.put(video, "video/mp4")

    def _drop_clips(self) -> None:
        for clip in self.clips:
            self._shelf.drop(clip.token)
        self.clips = []

    async def _loses_pictures(self, failure: ev.Failed) -> bool:
        """Whether what takes over from a failed animator or renderer gives no pictures for the clause at hand."""
        runner = self.agent.runners.get(failure.stage)
        if failure.stage not in {"animation", "rendering"} or runner is None:
            return False
        if failure.fallback not in runner.config.chain:
            return True
        if failure.stage == "animation":
            return False
        try:
            return not (await runner.load(failure.fallback)).capabilities.draws
        except (RapportError, TimeoutError):
            return False  # it fails in the turn as well, which says so with a failure of its own

    def _elapsed_s(self) -> float:
        return self.agent.clock.now_s() - self._began_s


def _felt_point(elapsed_s: float, state: AffectState) -> AffectPoint:
    return AffectPoint(elapsed_s, state.emotion, state.label, reasons=because_texts(state.because), mood=state.mood)


def failure_line(failure: ev.Failed) -> str:
    """A failure in words that a visitor can use."""
    return (
        f"{failure.stage.capitalize()} ({failure.component}) failed: {failure.error}. Going on with {failure.fallback}."
    )
