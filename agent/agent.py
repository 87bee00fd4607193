"""The agent: a persona, a state of feeling, and the loop that turns what it hears into what it says.

agent = Agent.from_persona("harbor")
reply = agent.say("I lost my job today.")
"""

from __future__ import annotations

import asyncio
import random
import threading
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.agent import registry
from rapport.agent.clock import Clock, SystemClock
from rapport.agent.config import AgentConfig, StageConfig
from rapport.agent.draft import Draft
from rapport.agent.perception.fusion import PrecisionFusion
from rapport.agent.perception.smoothing import SmoothedFeeling
from rapport.agent.perception.voice_baseline import SpeakerBaseline
from rapport.agent.registry import ComponentPool, shared_pool
from rapport.agent.rehearsal import rehearse
from rapport.agent.runner import Report, StageRunner
from rapport.agent.safety.following import Following
from rapport.agent.safety.guard import Guard
from rapport.agent.stages import Utterance
from rapport.agent.turn import Turn
from rapport.agent.utterance import prepared
from rapport.avatar.face import FaceTrack
from rapport.memory.records import Exchange, TurnRecord
from rapport.persona.affect import AffectState, EmotionEstimate
from rapport.persona.card import Persona, load_persona
from rapport.persona.errors import InputError, StageError
from rapport.persona.transition import at_rest, decayed

if TYPE_CHECKING:
    from rapport.speech.endpointing import Endpointer


class Agent:
    """One conversation of one persona with one person.

    Components are shared between agents; the state of feeling, the history and the trace are the agent's own. A turn
    runs to its end before the next begins, and an agent is driven from one event loop at a time.

    Args:
        persona: who the agent is.
        config: a component per stage, budgets and fallbacks.
        session: names the conversation in memory and traces; made up when not given, from the seed if there is one.
        person_id: whose memories may come to mind; without one, those of this session only.
        seed: makes everything that is drawn at random repeat; drawn itself when not given.
        clock: where time comes from.
        pool: where components come from.
        guard: what reads the person's words for danger; the shipped one when not given, loaded when first needed.

    Raises:
        ComponentError: the configuration names a component that no installed package declares.
    """

    def __init__(
        self,
        persona: Persona,
        config: AgentConfig | None = None,
        *,
        session: str | None = None,
        person_id: str | None = None,
        seed: int | None = None,
        clock: Clock | None = None,
        pool: ComponentPool = shared_pool,
        guard: Guard | None = None,
    ) -> None:
        self.persona = persona
        self.config = config or AgentConfig()
        self.clock: Clock = clock or SystemClock()
        self.seed = random.SystemRandom().randrange(2**31) if seed is None else seed
        self.session = session or (uuid.uuid4().hex if seed is None else f"{persona.name}-{seed}")
        self.person_id = person_id or self.session
        self.state: AffectState = at_rest(persona, self.clock.now_s())
        self.person_feeling = SmoothedFeeling()
        """How the person has felt over the turns so far, at the time of the last one."""
        self.voice_baseline: SpeakerBaseline | None = None
        """How the person's voice usually is, from the turns in which it was heard."""
        self.silent_since_s = self.clock.now_s()
        """When the last turn was over."""
        self.following = Following()
        """What is kept in mind of a danger that the person spoke of."""
        self._safety = guard
        self.history: deque[Exchange] = deque(maxlen=self.config.history_turns)
        self.last_reply: ev.Reply | None = None
        self.face_shown: FaceTrack | None = None
        """What a listening face showed last, for the next reply to go on from; None where none listens."""
        self.turns = 0
        self._unsaved: deque[TurnRecord] = deque()
        self._last_record: TurnRecord | None = None
        self._turn: Turn | None = None
        """The turn in flight, or the last one."""
        self._saving = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock: asyncio.Lock | None = None
        self._guard = threading.Lock()
        self._pool = pool

        config = self.config
        named: dict[str, StageConfig | None] = {
            "recognition": config.recognition,
            "fusion": config.fusion,
            "transition": config.transition,
            "response": config.response,
            "voice": config.voice,
            "animation": config.animation,
            "rendering": config.rendering,
            "memory": config.memory,
        }
        if pool.loaded("fusion", "precision") is None:
            pool.add("fusion", "precision", PrecisionFusion())  # nothing to load, so no turn waits for a thread
        self.runners = {stage: self._runner(stage, wanted) for stage, wanted in named.items() if wanted is not None}
        self.emotion_runners = [self._runner("emotion", wanted) for wanted in config.emotion]

    def _runner(self, stage: str, wanted: StageConfig) -> StageRunner:
        for spec in wanted.chain:
            if self._pool.loaded(stage, spec) is None:
                registry.check(stage, spec)
        return StageRunner(
            stage,
            wanted,
            pool=self._pool,
            clock=self.clock,
            load_budget_s=self.config.load_budget_s,
            retry_after_s=self.config.retry_after_s,
        )

    @classmethod
    def from_persona(cls, name_or_path: str | Path, config: AgentConfig | None = None, **options: Any) -> Agent:
        """An agent for a shipped persona or a card file; `options` as for the constructor.

        Raises:
            InputError: unknown persona, or a card that does not fit.
        """
        return cls(load_persona(name_or_path), config, **options)

    @classmethod
    def from_config(cls, config: AgentConfig, **options: Any) -> Agent:
        """An agent as a configuration describes it, the persona included."""
        return cls(load_persona(config.persona), config, **options)

    # ---------------------------------------------------------------------------------------------------- talking

    def say(self, utterance: Utterance | str) -> ev.Reply:
        """Answer, and return when the answer is complete: text, feeling, sound, face track and trace, no pictures.

        Raises:
            InputError: nothing to answer, or too long; or called from a coroutine, where `converse` belongs.
        """
        if _running_loop() is not None:
            raise InputError("say() blocks the event loop; in a coroutine use `async for event in agent.converse(...)`")
        return self.clock.run(self._say(utterance))

    async def _say(self, utterance: Utterance | str) -> ev.Reply:
        prepared(utterance, self.config)
        done: ev.Done | None = None
        async for event in self.converse(utterance, draw=False):
            if isinstance(event, ev.Done):
                done = event
        if done is None:
            raise StageError("the turn ended without an answer")
        return done.reply

    async def converse(self, utterance: Utterance | str, *, draw: bool = True) -> AsyncGenerator[ev.Event, None]:
        """Answer as a stream of events, see `rapport.agent.events`. What cannot be answered yields one `Refused`.

        With `draw` false the face track comes without pictures. Leaving the iteration early interrupts the turn after
        the last clause that was taken.
        """
        async with aclosing(self.draft(utterance, draw=draw).events()) as stream:
            async for event in stream:
                yield event

    def draft(self, utterance: Utterance | str, *, draw: bool = True, given_at_s: float | None = None) -> Draft:
        """Begin to answer before it is sure that the person has finished; see `rapport.agent.draft`.

        `given_at_s`: when the person gave the utterance, by the agent's clock; now when not said. A draft waits for the
        turn before it to end, and the next turn waits for the draft: take its events, or discard it.
        """
        return Draft(self, utterance, draw=draw, given_at_s=given_at_s)

    def take(self, turn: Turn) -> None:
        """A draft has become the agent's next turn."""
        self.turns += 1
        self._turn = turn
        turn.confirm()

    def interrupt(self, heard_until_s: float | None = None) -> None:
        """The person breaks in. `heard_until_s`: how much of the reply they have heard, in seconds of its audio.

        Without a time, everything that the consumer of the stream has taken counts as heard. A reply that is complete
        but still playing is cut in history and memory all the same. May be called from any thread.
        """
        turn, loop = self._turn, self._loop
        if turn is None or loop is None:
            return
        if loop is _running_loop() or not loop.is_running():
            turn.interrupt(heard_until_s)
        else:
            loop.call_soon_threadsafe(turn.interrupt, heard_until_s)

    async def listen(
        self,
        frames: AsyncIterator[NDArray[np.float32]],
        *,
        played_s: Callable[[], float] | None = None,
        endpointer: Endpointer | None = None,
        draw: bool = True,
        attend: bool = False,
    ) -> AsyncGenerator[ev.Event, None]:
        """Hold a conversation over a stream of microphone frames (float32 mono, 16 kHz, any length).

        While the person speaks, `Hearing` tells the words so far. What they say is answered when they have finished;
        the answer is prepared at the first pause that may be the end. Speech during an answer holds it (`Held`: fall
        silent at once). Words then interrupt it (`Interrupted`: forget the rest); a backchannel ("mm-hm") or a noise
        does not, and the answer goes on where it stopped (`Resumed`).

        `played_s` tells how many seconds of the current reply have been played; without it, playback is taken to run
        since the first clause was handed out, but for the time that it is held. Ends when the frames end and the last
        answer is complete.

        With `attend`, the face goes on between replies (`Attending`, the frames of each piece of sound): it listens,
        nods, thinks, and moves from there into the reply and back.
        """
        from rapport.agent.listening import listen

        async with aclosing(listen(self, frames, played_s, endpointer, draw, attend)) as stream:
            async for event in stream:
                yield event

    def one_at_a_time(self) -> asyncio.Lock:
        """What a turn holds from its beginning to its end.

        Raises:
            StageError: the agent is in a turn on another event loop.
        """
        loop = asyncio.get_running_loop()
        with self._guard:
            if self._lock is None or self._loop is not loop:
                held = self._lock is not None and self._lock.locked()
                if held and self._loop is not None and not self._loop.is_closed():
                    raise StageError("this agent is in a turn on another event loop; use one agent per conversation")
                self._lock, self._loop = asyncio.Lock(), loop
            return self._lock

    # --------------------------------------------------------------------------------------------------- its state

    def feeling(self) -> AffectState:
        """How the agent feels now: its last state, decayed by the time since."""
        return decayed(self.state, self.persona, self.clock.now_s())

    @property
    def guard(self) -> Guard:
        """What reads the person's words for danger."""
        if self._safety is None:
            self._safety = Guard.shipped()
        return self._safety

    async def warm_up(self) -> list[ev.Failed]:
        """Start every component that the configuration names first and use it once, so that no turn waits for it.

        Returns what failed; turns will use the fallbacks.
        """
        return await rehearse(self)

    async def remember(
        self, exchange: Exchange, perceived: EmotionEstimate, report: Report, *, risk: str | None = None
    ) -> None:
        """Store a turn, with what a safety guard found in it.

        While the store fails, turns wait in this process and are stored before the next one.
        """
        self._last_record = TurnRecord(
            exchange=exchange,
            persona=self.persona.name,
            said_at=datetime.now(UTC).isoformat(),
            person_id=self.person_id,
            person_vad=perceived.vad,
            agent_emotion=self.state.label,
            agent_vad=self.state.emotion,
            agent_mood=self.state.mood,
            risk=risk,
        )
        self._unsaved.append(self._last_record)
        await self.save(report)

    async def save(self, report: Report | None = None) -> None:
        """Store the turns that wait, oldest first, until one fails."""

        async def ignore(_: ev.Failed) -> None:
            return

        if self._saving:  # the one who is at it will come to what was added meanwhile
            return
        self._saving = True
        try:
            await self._save(report or ignore)
        finally:
            self._saving = False

    async def _save(self, report: Report) -> None:
        while self._unsaved:
            record = self._unsaved.popleft()

            async def store(component: Any, record: TurnRecord = record) -> bool:
                await component.remember(record)
                return True

            kept: bool | None = None
            try:
                kept = await self.runners["memory"].call(
                    store, lambda _: None, report, without="this process until the store works again"
                )
            finally:
                if kept is None:
                    self._unsaved.appendleft(record)
            if kept is None:
                return

    def heard_of(self, turn: int, text: str) -> str:
        """What stands in the record of a turn, which an interruption may have cut while it was being stored."""
        record = self._last_record
        return record.exchange.agent if record is not None and record.exchange.turn == turn else text

    def rewrite(self, turn: int, heard: str) -> None:
        """Cut the last reply to what was heard of it: in history, `last_reply` and, with the next save, in memory."""
        record = self._last_record
        if record is None or record.exchange.turn != turn or record.exchange.agent == heard:
            return
        exchange = replace(record.exchange, agent=heard)
        self._last_record = replace(record, exchange=exchange)
        self._unsaved.append(self._last_record)
        if self.history and self.history[-1].turn == turn:
            self.history[-1] = exchange
        if self.last_reply is not None and self.last_reply.trace.turn == turn:
            trace = self.last_reply.trace.model_copy(deep=True)
            trace.reply.text = heard
            self.last_reply = replace(self.last_reply, text=heard, trace=trace)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
