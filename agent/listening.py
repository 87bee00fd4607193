"""A conversation over a microphone: hearing words while they are spoken, answering at once, giving way when spoken to.

    frames -> endpointer -> started      the reply is held
                            speaking     words so far; during a reply they interrupt it
                            paused       a draft of the answer is begun
                            resumed      the draft is thrown away
                            ended        the draft becomes the turn; a backchannel or a noise lets the reply go on

An utterance that has ended but whose answer nobody has seen yet is not lost when the person goes on after all: it is
joined to what follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.agent.attending import Attention
from rapport.agent.checks import check_transcript
from rapport.agent.draft import Draft
from rapport.agent.outbox import Outbox
from rapport.agent.playback import Playback
from rapport.agent.stages import Utterance
from rapport.persona.errors import StageError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio, Transcript
from rapport.speech.backchannels import is_backchannel
from rapport.speech.endpointing import Endpointer, SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted
from rapport.speech.streaming import StreamingTranscriber
from rapport.speech.turn_taking import completeness

if TYPE_CHECKING:
    from rapport.agent.agent import Agent

_WORDLESS_S = 2.0
"""A sound over a reply that has brought no word for so long is no speech to the agent, and the reply goes on."""

_HANGING = 0.25
"""Words less complete than this are not answered before the utterance is over."""


async def listen(
    agent: Agent,
    frames: AsyncIterator[NDArray[np.float32]],
    played_s: Callable[[], float] | None,
    endpointer: Endpointer | None,
    draw: bool,
    attend: bool,
) -> AsyncGenerator[ev.Event, None]:
    """See `Agent.listen`."""
    listener = _Listener(agent, endpointer or Endpointer(), Playback(agent.clock, played_s), draw, attend)
    hearing = asyncio.create_task(listener.hear(frames))
    try:
        while (event := await listener.outbox.get()) is not None:
            yield event
    finally:
        hearing.cancel()
        await asyncio.wait({hearing})
        await listener.close()


@dataclass
class _Utterance:
    """What the person is saying, or has just said."""

    began_s: float
    """On the clock of the sound that was pushed."""
    over_reply: bool
    """Whether it began while a reply was going on."""
    transcriber: StreamingTranscriber
    earlier: Audio
    """Sound of an utterance that seemed to be over and is the beginning of this one; empty for most."""
    preparing: asyncio.Task[Draft | None] | None = None
    """Recognises all of it and begins to answer; None where no answer is called for."""
    audio: Audio | None = None
    """All of it, once it has ended."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def whole(self, audio: Audio) -> Audio:
        return Audio(np.concatenate([self.earlier.samples, audio.samples]), RECOGNITION_RATE_HZ)

    @property
    def is_a_turn(self) -> bool:
        """Whether its answer has been taken, so that it is too late to add to it."""
        task = self.preparing
        if task is None or not task.done():
            return False
        draft = None if task.cancelled() or task.exception() is not None else task.result()
        return draft is None or draft.taken


class _Listener:
    """One conversation: `hear` runs to its end, and everything that happens goes to `outbox`."""

    def __init__(self, agent: Agent, ears: Endpointer, playback: Playback, draw: bool, attend: bool) -> None:
        self.outbox = Outbox(agent.config.queue_items)
        attends = attend and "animation" in agent.runners
        self._attention = Attention(agent, playback, self.outbox) if attends else None
        self._words = ""
        """Of the utterance that is being spoken."""
        self._agent = agent
        self._ears = ears
        self._playback = playback
        self._draw = draw
        self._now: _Utterance | None = None
        """The utterance that is being spoken, or the last one until it has become a turn."""
        self._pushed_s = 0.0
        self._partial: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        """Answers on their way to the consumer."""

    async def hear(self, frames: AsyncIterator[NDArray[np.float32]]) -> None:
        try:
            async for frame in frames:
                begin_s, self._pushed_s = self._pushed_s, self._pushed_s + len(frame) / RECOGNITION_RATE_HZ
                for change in self._ears.push(frame):
                    await self._take(change)
                self._recognise_so_far()
                if self._attention is not None:
                    self._attention.hear(Audio(frame, RECOGNITION_RATE_HZ), begin_s, self._words)
            for change in self._ears.flush():
                await self._take(change)
            while self._tasks:
                await asyncio.wait(self._tasks)
        except Exception as error:  # noqa: BLE001 - of the microphone or of a turn: the consumer gets it
            self.outbox.end(error)
        else:
            self.outbox.end()

    async def close(self) -> None:
        """Leave no task behind."""
        if self._now is not None and not self._now.is_a_turn:
            await self._drop(self._now)
        tasks = [task for task in (self._partial, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._attention is not None:
            await self._attention.close()

    # ------------------------------------------------------------------------------------------ what the ears notice

    async def _take(self, change: SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded) -> None:
        if isinstance(change, SpeechStarted):
            await self._begin(change.at_s)
        elif self._now is None:
            return
        elif isinstance(change, SpeechPaused):
            self._prepare(self._now, change.audio)
        elif isinstance(change, SpeechResumed):
            await self._drop(self._now)
        else:
            self._end(self._now, change.audio)

    async def _begin(self, at_s: float) -> None:
        self.outbox.tell(ev.Listening())
        self._words = ""
        over_reply = self._playback.going_on
        if over_reply:
            self._playback.hold()
            self.outbox.tell(ev.Held(self._playback.heard_s))
        before, earlier = self._now, Audio.silence(0.0)
        if before is not None and before.audio is not None and not before.is_a_turn:
            await self._drop(before)
            earlier, over_reply = before.audio, over_reply or before.over_reply
        self._now = _Utterance(at_s, over_reply, StreamingTranscriber(self._decode), earlier)

    def _end(self, utterance: _Utterance, audio: Audio) -> None:
        utterance.audio = utterance.whole(audio)
        utterance.ended.set()
        if utterance.preparing is None:
            self._prepare(utterance, audio)
        assert utterance.preparing is not None
        task = asyncio.create_task(self._answer(utterance.preparing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------------------------------------------ what was said

    def _recognise_so_far(self) -> None:
        """Decode what has been said so far, if it is time to, and nothing else is being decoded."""
        utterance = self._now
        if utterance is None or utterance.audio is not None or utterance.preparing is not None:
            return
        if self._partial is not None and not self._partial.done():
            return
        audio_s = self._pushed_s - utterance.began_s + utterance.earlier.duration_s
        if utterance.transcriber.due(audio_s):
            self._partial = asyncio.create_task(self._hear_words(utterance, utterance.whole(self._ears.utterance())))

    async def _hear_words(self, utterance: _Utterance, audio: Audio) -> None:
        try:
            found = await utterance.transcriber.update(audio)
        except StageError:  # of no account yet: the whole utterance will be recognised, and that failure is told
            return
        text = found.text
        if utterance is not self._now or utterance.audio is not None:
            return
        self._words = text
        self._ears.heard_words(text)
        if text:
            self.outbox.tell(ev.Hearing(found.stable, found.tentative))
        if text and not is_backchannel(text, audio.duration_s):
            await self._break_in()
        elif not text and audio.duration_s >= _WORDLESS_S:
            self._let_go_on()

    def _prepare(self, utterance: _Utterance, audio: Audio) -> None:
        utterance.preparing = asyncio.create_task(self._draft(utterance, utterance.whole(audio)))

    async def _draft(self, utterance: _Utterance, audio: Audio) -> Draft | None:
        """An answer to all that was said, begun; None where nothing was said that calls for one."""
        began_s = self._agent.clock.now_s()
        if self._partial is not None and not self._partial.done():
            await asyncio.wait({self._partial})
        try:
            transcript = await utterance.transcriber.finish(audio)
        except StageError:
            transcript = None  # the turn tries again, and tells what fails
        else:
            self._ears.heard_words(transcript.text)
            if not transcript.text:
                return None
            over_reply = utterance.over_reply and self._playback.going_on
            if over_reply and is_backchannel(transcript.text, audio.duration_s):
                return None
        await self._break_in()
        if transcript is not None and completeness(transcript.text) < _HANGING:
            await utterance.ended.wait()  # more will come, and an answer to half a sentence would be thrown away
        given = Utterance(audio=audio, transcript=transcript)
        return self._agent.draft(given, draw=self._draw, given_at_s=began_s)

    async def _decode(self, audio: Audio) -> Transcript:
        async def ignore(_: ev.Failed) -> None:
            return

        recognition = self._agent.runners["recognition"]
        heard = await recognition.call(
            lambda component: component.transcribe(audio), check_transcript, ignore, without="the turn's own attempt"
        )
        if heard is None:
            raise StageError("no recogniser could decode it")
        return heard

    async def _drop(self, utterance: _Utterance) -> None:
        """Throw the prepared answer away: it was not all, after all."""
        task, utterance.preparing = utterance.preparing, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None and (draft := task.result()) is not None:
            await draft.discard()

    # ---------------------------------------------------------------------------------------------------- the reply

    async def _answer(self, preparing: asyncio.Task[Draft | None]) -> None:
        await asyncio.wait({preparing})
        if preparing.cancelled():  # what was said goes on in another utterance
            return
        try:
            draft = preparing.result()
            if draft is None:
                self._let_go_on()
                return
            async with aclosing(draft.events()) as events:
                async for event in events:
                    if isinstance(event, (ev.Heard, ev.Refused)):
                        self._playback.begin()
                    self._playback.note(event)
                    if self._attention is not None:
                        self._attention.note(event)
                    await self.outbox.put(event)
        except Exception as error:  # noqa: BLE001 - the consumer gets it
            self.outbox.end(error)

    async def _break_in(self) -> None:
        """The person's words interrupt the reply, if there is one."""
        if not self._playback.going_on:
            return
        agent, heard_until_s = self._agent, self._playback.heard_s
        before = agent.last_reply
        self._playback.stop()
        if self._attention is not None:
            self._attention.cut(heard_until_s)
        agent.interrupt(heard_until_s)
        after = agent.last_reply
        if after is not None and after is not before:  # it was complete, and is cut in retrospect
            self.outbox.tell(ev.Interrupted(heard_until_s, after.text))
            await agent.save()

    def _let_go_on(self) -> None:
        """It was no turn: what was heard is nothing, and the reply goes on where it was held."""
        self.outbox.tell(ev.Hearing("", ""))
        if self._playback.held:
            self._playback.resume()
            self.outbox.tell(ev.Resumed())
