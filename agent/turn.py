"""One turn: from what a person gave to what they heard, every stage overlapping the next through bounded queues.

    recognise -> look for risk -> (perceive | recall) -> feel -> write -> speak -> animate and draw -> remember

`Turn.events` is the stream that the outside reads. `Turn.interrupt` may come at any moment. A turn works before anybody
reads it, but the agent's state, its history and its memory stay as they were until `Turn.confirm`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.agent.checks import (
    NotDrawn,
    check_exchanges,
    check_picture,
    check_reply_item,
    check_spoken,
    check_state,
    check_track,
    check_transcript,
    not_drawn,
)
from rapport.agent.heard import heard_part
from rapport.agent.perceiving import baseline_after, perceive, perceived
from rapport.agent.response.deliberation import Deliberation
from rapport.agent.runner import StageRunner
from rapport.agent.safety.levels import Finding, Level
from rapport.agent.safety.output import SAFE_SENTENCE, harm
from rapport.agent.safety.resources import crisis_reply
from rapport.agent.stages import EmpathyPlan, PersonTurn, ReplyRequest, Utterance
from rapport.agent.trace import (
    AffectRecord,
    ClauseRecord,
    ConsideredRecord,
    FailureRecord,
    FeltRecord,
    HeardRecord,
    PerceivedRecord,
    PlanRecord,
    RecalledRecord,
    ReplyRecord,
    RiskRecord,
    TimedPhoneme,
    TimedText,
    TimingsRecord,
    TurnTrace,
)
from rapport.avatar.face import FaceTrack
from rapport.memory.records import Exchange
from rapport.persona.affect import AffectState, EmotionEstimate
from rapport.persona.transition import TransitionRequest, decayed
from rapport.speech.audio import Audio, SpokenClause, Transcript, VoiceProfile
from rapport.speech.files import resample

if TYPE_CHECKING:
    from rapport.agent.agent import Agent

PLAIN_SENTENCE = (
    "I'm here, and I'm listening. Something on my side went wrong just now; would you tell me a little more?"
)
"""Said when every responder failed: a turn never ends in silence."""

_MAX_CLAUSES = 60

_STALE = (ev.Perceived, ev.Felt, ev.Planned, ev.Clause, ev.Spoken, ev.Face, ev.Frame)
"""What of a reply is of no use any more once the person has broken in."""

_Item: TypeAlias = "ev.Event | BaseException | None"


@dataclass
class _Findings:
    """What a turn has found out so far; the trace is written from it."""

    perceived: ev.Perceived
    felt: AffectState
    """The agent's feeling: as it was before the turn, until the turn has moved it."""
    transcript: Transcript = field(default_factory=lambda: Transcript(""))
    recalled: Sequence[Exchange] = ()
    plan: EmpathyPlan | None = None
    considered: Deliberation | None = None
    written: list[str] = field(default_factory=list[str])
    spoken: list[ev.Spoken] = field(default_factory=list[ev.Spoken])
    tracks: list[FaceTrack] = field(default_factory=list[FaceTrack])
    risk: Finding = field(default_factory=Finding)
    """What the safety guard found in the person's words."""
    failures: list[ev.Failed] = field(default_factory=list[ev.Failed])
    timings: TimingsRecord = field(default_factory=TimingsRecord)


class Turn:
    """A turn in flight, begun as it is made. Made by `Draft`, used once."""

    def __init__(self, agent: Agent, utterance: Utterance, number: int, *, draw: bool, given_at_s: float) -> None:
        self._agent = agent
        self._utterance = utterance
        self._number = number
        self._wants_pictures = draw
        self._seed = (agent.seed * 1_000_003 + number) & 0x7FFF_FFFF
        self._began_s = given_at_s
        self._before = agent.state
        self._following = agent.following
        self._found = _Findings(perceived("", {}, EmotionEstimate.unknown(), agent.person_feeling), agent.state)
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(agent.config.queue_items * 16)
        self._confirmed = asyncio.Event()
        self._interrupted = False
        self._heard_until_s: float | None = None
        self._taken_written = 0
        self._taken_spoken = 0
        """Clauses that the consumer has taken from the stream, as text and as sound."""
        self._abandoned = False
        self._recognised = False
        self._settled = False
        self._voice_tried = asyncio.Event()
        if "voice" not in agent.runners:
            self._voice_tried.set()
        self._answering: asyncio.Task[None] = asyncio.create_task(self._answer())
        self._producer = asyncio.create_task(self._produce())

    # ------------------------------------------------------------------------------------------------ from outside

    def confirm(self) -> None:
        """The turn is wanted: from now on it moves the agent."""
        self._confirmed.set()
        self._commit()

    async def discard(self) -> None:
        """The turn is not wanted: it stops, and nothing of it remains."""
        self._producer.cancel()
        await asyncio.wait({self._producer})

    async def events(self) -> AsyncGenerator[ev.Event, None]:
        """The turn's events. Leaving the iteration early counts as an interruption after the last clause taken."""
        producer = self._producer
        try:
            while (item := await self._queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                if self._interrupted and isinstance(item, _STALE):
                    continue
                self._taken_written += isinstance(item, ev.Clause)
                self._taken_spoken += isinstance(item, ev.Spoken)
                yield item
        finally:
            if not producer.done():
                self.interrupt(None)
                self._abandoned = True
                self._drop_pending()
                await asyncio.wait({producer})

    def interrupt(self, heard_until_s: float | None) -> None:
        """Stop answering. Without a time, everything that the consumer has taken so far counts as heard.

        A turn that is over may still be playing: with a time, what is remembered of it is cut as well.
        """
        if self._settled:
            cut_s = math.inf if self._heard_until_s is None else self._heard_until_s
            if heard_until_s is not None and self._found.spoken and heard_until_s < min(cut_s, self._sound_end_s()):
                self._heard_until_s = heard_until_s
                self._agent.rewrite(self._number, heard_part(self._found.spoken, heard_until_s))
            return
        if self._interrupted:
            return
        self._interrupted = True
        self._heard_until_s = heard_until_s
        if self._recognised:
            self._answering.cancel()

    # ------------------------------------------------------------------------------------------------- the producer

    async def _produce(self) -> None:
        try:
            await asyncio.wait({self._answering})
            if not self._answering.cancelled() and (error := self._answering.exception()) is not None:
                raise error
            await self._confirmed.wait()
            await self._settle()
        except BaseException as error:
            self._answering.cancel()
            self._drop_pending()
            self._queue.put_nowait(error)
            raise
        else:
            await self._emit(None)

    async def _answer(self) -> None:
        await self._recognise()
        await self._look_for_risk()
        if self._interrupted:  # what the person said before they broke in was said all the same
            return
        await asyncio.gather(self._perceive(), self._recall())
        self._found.timings.perception = self._elapsed_s()
        await self._emit(self._found.perceived)
        await self._feel()
        depth = self._agent.config.queue_items
        texts: asyncio.Queue[str | None] = asyncio.Queue(depth)
        sounds: asyncio.Queue[ev.Spoken | None] = asyncio.Queue(depth)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(texts))
            group.create_task(self._speak(texts, sounds))
            group.create_task(self._show(sounds))

    async def _recognise(self) -> None:
        found, runner = self._found, self._agent.runners["recognition"]
        text, audio = self._utterance.text, self._utterance.audio
        if text is not None:
            found.transcript = Transcript(text)
        elif self._utterance.transcript is not None:
            found.transcript = self._utterance.transcript
        elif audio is not None:
            heard = await runner.call(
                lambda component: component.transcribe(audio), check_transcript, self._report, without="no words"
            )
            found.transcript = heard or Transcript("")
        found.timings.recognition = self._elapsed_s()
        await self._emit(ev.Heard(found.transcript))

    async def _look_for_risk(self) -> None:
        """Before any model is asked. What follows from it is kept only once the turn is wanted."""
        found = self._found
        found.risk = await self._agent.guard.look(found.transcript.text)
        self._recognised = True  # not earlier: who breaks in here is read for danger all the same
        self._commit()
        if found.risk.level is not Level.NONE:
            await self._emit(ev.Risk(found.risk))

    async def _perceive(self) -> None:
        heard = PersonTurn(self._found.transcript, self._utterance.audio, self._utterance.frames, self._context())
        silence_s = self._began_s - self._agent.silent_since_s
        self._found.perceived = await perceive(self._agent, heard, silence_s, self._report)
        self._commit()

    async def _recall(self) -> None:
        agent, text = self._agent, self._found.transcript.text
        if not text or agent.config.recalled_turns == 0:
            return
        recent = {(item.session, item.turn) for item in agent.history}
        wanted, mood = agent.config.recalled_turns, agent.person_feeling.vad
        recalled = await agent.runners["memory"].call(
            lambda store: store.recall(text, person_id=agent.person_id, limit=wanted + len(recent), mood=mood),
            check_exchanges,
            self._report,
            without="what was said lately",
        )
        self._found.recalled = [
            item for item in recalled or () if (item.session, item.turn) not in recent and not self._is_left_over(item)
        ][:wanted]

    def _is_left_over(self, item: Exchange) -> bool:
        """Whether it is of an earlier run of this session: this turn and later ones have not been said yet."""
        return item.session == self._agent.session and item.turn >= self._number

    def _context(self) -> tuple[Exchange, ...]:
        """The exchanges that the turn is read with."""
        history = tuple(self._agent.history)
        return history[max(0, len(history) - self._agent.config.context_turns) :]

    async def _feel(self) -> None:
        agent, found = self._agent, self._found
        said_before = tuple(line for item in agent.history for line in (item.person, item.agent) if line)
        request = TransitionRequest(
            self._before, found.perceived.fused, agent.persona, agent.clock.now_s(), found.transcript.text, said_before
        )
        state = await agent.runners["transition"].call(
            lambda component: component.step(request), check_state, self._report, without="a calming feeling"
        )
        found.felt = state or decayed(self._before, agent.persona, agent.clock.now_s())
        self._commit()
        await self._emit(ev.Felt(self._before, found.felt))

    def _commit(self) -> None:
        """What the turn has found out so far becomes the agent's, once the turn is wanted."""
        if self._confirmed.is_set():
            self._agent.person_feeling = self._found.perceived.smoothed
            self._agent.voice_baseline = baseline_after(self._agent.voice_baseline, self._found.perceived)
            self._agent.state = self._found.felt
            if self._recognised:
                self._agent.following = self._following.after(self._found.risk)

    async def _write(self, texts: asyncio.Queue[str | None]) -> None:
        agent, found = self._agent, self._found
        request = ReplyRequest(
            text=found.transcript.text,
            perceived=found.perceived.fused,
            felt=found.felt,
            persona=agent.persona,
            history=tuple(agent.history),
            recalled=tuple(found.recalled),
            seed=self._seed,
            max_sentences=agent.config.max_sentences,
            reading=found.perceived.explanation.as_text(),
            guidance=self._following.guidance(found.risk),
            budget_s=agent.config.response.budget_s,
        )
        if found.risk.level is Level.CRISIS:
            await self._meet_crisis(texts)
            return
        replied = spoke = False
        if self._following.question is not None:
            await self._wrote(self._following.question, texts)
        stream = agent.runners["response"].stream(
            lambda component: component.respond(request),
            check_reply_item,
            self._report,
            without="a plain sentence",
            counts=lambda item: isinstance(item, str),
            ahead=False,
        )
        async with aclosing(stream):
            async for item in stream:
                if isinstance(item, str):
                    spoke = True
                    if harm(item, " ".join(found.written[-2:])) is not None:
                        continue
                    await self._wrote(item, texts)
                    replied = True
                    if len(found.written) == _MAX_CLAUSES:
                        break
                    # The first sound is what the person waits for: nothing else computes until it is there.
                    await self._voice_tried.wait()
                elif isinstance(item, Deliberation):
                    found.considered = item
                else:
                    found.plan = item
                    await self._emit(ev.Planned(item))
        if not replied:
            await self._wrote(SAFE_SENTENCE if spoke else PLAIN_SENTENCE, texts)
        await texts.put(None)

    async def _meet_crisis(self, texts: asyncio.Queue[str | None]) -> None:
        """The fixed answer, without asking any responder."""
        found = self._found
        found.plan = EmpathyPlan(
            "", found.perceived.fused.label, "", "keep somebody safe, and bring them to people who help", "information"
        )
        await self._emit(ev.Planned(found.plan))
        for sentence in crisis_reply(found.risk, self._agent.config.locale):
            await self._wrote(sentence, texts)
            await self._voice_tried.wait()
        await texts.put(None)

    async def _wrote(self, text: str, texts: asyncio.Queue[str | None]) -> None:
        found = self._found
        if not found.written:
            found.timings.first_token = self._elapsed_s()
        found.written.append(text.strip())
        await self._emit(ev.Clause(len(found.written) - 1, found.written[-1]))
        await texts.put(found.written[-1])

    async def _speak(self, texts: asyncio.Queue[str | None], sounds: asyncio.Queue[ev.Spoken | None]) -> None:
        agent, found = self._agent, self._found
        card = agent.persona.voice
        profile = VoiceProfile(dict(card.styles), card.pitch_scale, card.rate_scale)
        runner = agent.runners.get("voice")
        start_s, index = 0.0, 0
        while (text := await texts.get()) is not None:
            if runner is not None:
                clause = await runner.call(
                    lambda component, text=text: component.speak(text, found.felt, profile, self._seed),
                    check_spoken,
                    self._report,
                    without="text alone",
                )
                self._voice_tried.set()
                if clause is not None:
                    if not found.spoken:
                        found.timings.first_audio = self._elapsed_s()
                    spoken = ev.Spoken(index, clause, start_s)
                    found.spoken.append(spoken)
                    start_s += clause.audio.duration_s
                    await self._emit(spoken)
                    await sounds.put(spoken)
            index += 1
        await sounds.put(None)

    async def _show(self, sounds: asyncio.Queue[ev.Spoken | None]) -> None:
        agent, found = self._agent, self._found
        animation, rendering = agent.runners.get("animation"), agent.runners.get("rendering")
        while (spoken := await sounds.get()) is not None:
            if animation is None:
                continue
            before = found.tracks[-1] if found.tracks else await self._face_shown()
            track = await animation.call(
                lambda component, s=spoken, b=before: component.animate(s.clause, found.felt, s.start_s, self._seed, b),
                lambda track, s=spoken: check_track(track, s.clause),
                self._report,
                without="the voice alone",
            )
            if track is None:
                continue
            found.tracks.append(track)
            await self._emit(ev.Face(spoken.index, track))
            if rendering is not None and self._wants_pictures and len(track):
                await self._draw(rendering, spoken.index, track)

    async def _face_shown(self) -> FaceTrack | None:
        """What the reply's first frame goes on from. A face that listens moves on while the turn is but a draft."""
        if self._agent.face_shown is not None:
            await self._confirmed.wait()
        return self._agent.face_shown

    async def _draw(self, rendering: StageRunner, index: int, track: FaceTrack) -> None:
        """Pictures of a track by the first renderer that can; one that draws nothing is as good as asked for."""
        face, found, number = self._agent.persona.face, self._found, 0

        def work(component: Any) -> AsyncIterator[NDArray[np.uint8] | NotDrawn]:
            return component.render(track, face) if component.capabilities.draws else not_drawn()

        stream = rendering.stream(work, check_picture, self._report, without="the track alone")
        async with aclosing(stream):
            async for image in stream:
                if isinstance(image, NotDrawn) or number == len(track):
                    break
                if found.timings.first_frame is None:
                    found.timings.first_frame = self._elapsed_s()
                await self._emit(ev.Frame(index, track.start_s + number / track.frame_rate_hz, image))
                number += 1

    # ------------------------------------------------------------------------------------------------ the turn's end

    async def _settle(self) -> None:
        """Whatever happened, the turn ends with what was heard of it in history, memory and the trace."""
        found, agent = self._found, self._agent
        self._settled = True
        text = " ".join(found.written)
        if self._interrupted:
            self._drop_pending()
            text = self._heard_text()
            await self._emit(ev.Interrupted(self._heard_until_s or 0.0, text))
        exchange = Exchange(found.transcript.text, text, found.perceived.fused.label, agent.session, self._number)
        if exchange.person or exchange.agent:
            agent.history.append(exchange)
            await agent.remember(exchange, found.perceived.fused, self._report, risk=found.risk.note)
        found.timings.total = self._elapsed_s()
        reply = self._reply(agent.heard_of(self._number, text))
        agent.last_reply = reply
        await self._emit(ev.Done(reply))

    def _heard_text(self) -> str:
        found = self._found
        if not found.spoken:
            waited_for_a_voice = self._heard_until_s is not None and "voice" in self._agent.runners
            return "" if waited_for_a_voice else " ".join(found.written[: self._taken_written])
        if self._heard_until_s is None:
            taken = found.spoken[: self._taken_spoken]
            self._heard_until_s = max((s.start_s + s.clause.audio.duration_s for s in taken), default=0.0)
        return heard_part(found.spoken, self._heard_until_s)

    def _sound_end_s(self) -> float:
        last = self._found.spoken[-1]
        return last.start_s + last.clause.audio.duration_s

    def _reply(self, text: str) -> ev.Reply:
        found = self._found
        clauses = tuple(spoken.clause for spoken in found.spoken)
        return ev.Reply(
            text=text,
            plan=found.plan,
            felt=found.felt,
            perceived=found.perceived.fused,
            clauses=clauses,
            audio=_joined_audio(clauses),
            track=_joined_track(found.tracks),
            trace=self._trace(text),
        )

    def _trace(self, text: str) -> TurnTrace:
        found, agent = self._found, self._agent
        plan = found.plan
        spoken = {item.index: item for item in found.spoken}
        return TurnTrace(
            session=agent.session,
            turn=self._number,
            persona=agent.persona.name,
            seed=agent.seed,
            heard=HeardRecord(
                text=found.transcript.text,
                words=[TimedText(text=w.text, start_s=w.start_s, end_s=w.end_s) for w in found.transcript.words],
                language=found.transcript.language,
            ),
            risk=_risk_record(found.risk),
            perceived=PerceivedRecord.of(found.perceived),
            felt=FeltRecord(
                before=AffectRecord.of(self._before),
                after=AffectRecord.of(found.felt),
                because={axis: dict(parts) for axis, parts in found.felt.because.items()},
            ),
            recalled=[RecalledRecord.of(memory) for memory in found.recalled],
            plan=PlanRecord(
                event=plan.event, emotion=plan.emotion, cause=plan.cause, goal=plan.goal, strategy=plan.strategy
            )
            if plan is not None
            else PlanRecord(),
            considered=ConsideredRecord.of(found.considered) if found.considered is not None else None,
            reply=ReplyRecord(
                text=text, clauses=[_clause_record(t, spoken.get(i)) for i, t in enumerate(found.written)]
            ),
            timings_s=found.timings,
            failures=[
                FailureRecord(stage=f.stage, component=f.component, error=f.error, fallback=f.fallback)
                for f in found.failures
            ],
        )

    # ---------------------------------------------------------------------------------------------------- the stream

    async def _emit(self, event: ev.Event | None) -> None:
        """Hand an event on, waiting while the consumer is slow; None ends the stream. Nobody reads an abandoned one."""
        if self._abandoned:
            return
        if self._queue.full():
            await self._queue.put(event)
        else:
            self._queue.put_nowait(event)

    async def _report(self, failure: ev.Failed) -> None:
        self._found.failures.append(failure)
        await self._emit(failure)

    def _drop_pending(self) -> None:
        """Forget events that nobody has taken yet, so that an interruption or an error is seen at once."""
        while not self._queue.empty():
            self._queue.get_nowait()

    def _elapsed_s(self) -> float:
        return self._agent.clock.now_s() - self._began_s


def _risk_record(found: Finding) -> RiskRecord | None:
    if found.kind is None:
        return None
    return RiskRecord(
        level=found.level.word,
        kind=found.kind,
        probability=round(found.probability, 4),
        words=list(found.words),
        rule=found.rule,
    )


def _clause_record(text: str, spoken: ev.Spoken | None) -> ClauseRecord:
    if spoken is None:
        return ClauseRecord(text=text)
    start_s, clause = spoken.start_s, spoken.clause
    return ClauseRecord(
        text=text,
        start_s=start_s,
        end_s=start_s + clause.audio.duration_s,
        phonemes=[
            TimedPhoneme(symbol=p.symbol, start_s=start_s + p.start_s, end_s=start_s + p.end_s) for p in clause.phonemes
        ],
    )


def _joined_audio(clauses: Sequence[SpokenClause]) -> Audio | None:
    """The clauses' sounds one after the other, at the first one's rate (a fallback voice may have another)."""
    if not clauses:
        return None
    rate_hz = clauses[0].audio.sample_rate_hz
    return Audio(np.concatenate([resample(clause.audio, rate_hz).samples for clause in clauses]), rate_hz)


def _joined_track(tracks: Sequence[FaceTrack]) -> FaceTrack | None:
    if not tracks:
        return None
    return FaceTrack(
        np.concatenate([track.weights for track in tracks]),
        np.concatenate([track.head_pose for track in tracks]),
        np.concatenate([track.gaze for track in tracks]),
        tracks[0].frame_rate_hz,
        tracks[0].start_s,
    )
