"""A conversation over a microphone: endpointing, one turn after another, and barge-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.agent.stages import Utterance
from rapport.speech.audio import Audio

if TYPE_CHECKING:
    from rapport.agent.agent import Agent
    from rapport.speech.endpointing import Endpointer


async def listen(
    agent: Agent,
    frames: AsyncIterator[NDArray[np.float32]],
    played_s: Callable[[], float] | None,
    endpointer: Endpointer | None,
    draw: bool,
) -> AsyncGenerator[ev.Event, None]:
    """See `Agent.listen`."""
    from rapport.speech.endpointing import Endpointer, SpeechStarted

    ears = endpointer or Endpointer()
    out: asyncio.Queue[ev.Event | None] = asyncio.Queue(agent.config.queue_items)
    utterances: asyncio.Queue[Audio | None] = asyncio.Queue()
    playing_since_s: float | None = None

    def heard_until_s() -> float:
        if played_s is not None:
            return played_s()
        return 0.0 if playing_since_s is None else agent.clock.now_s() - playing_since_s

    async def hear() -> None:
        async for frame in frames:
            for found in ears.push(frame):
                if isinstance(found, SpeechStarted):
                    before = agent.last_reply
                    until_s = heard_until_s()
                    agent.interrupt(until_s)
                    after = agent.last_reply
                    await out.put(ev.Listening())
                    if after is not None and after is not before:
                        await out.put(ev.Interrupted(until_s, after.text))
                        await agent.save()
                else:
                    await utterances.put(found.audio)
        for found in ears.flush():
            if not isinstance(found, SpeechStarted):
                await utterances.put(found.audio)
        await utterances.put(None)

    async def answer() -> None:
        nonlocal playing_since_s
        while (audio := await utterances.get()) is not None:
            playing_since_s = None
            async with aclosing(agent.converse(Utterance(audio=audio), draw=draw)) as stream:
                async for event in stream:
                    if isinstance(event, ev.Spoken) and playing_since_s is None:
                        playing_since_s = agent.clock.now_s()
                    await out.put(event)
        await out.put(None)

    tasks = [asyncio.create_task(hear()), asyncio.create_task(answer())]
    try:
        while (event := await _next_event(out, tasks)) is not None:
            yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _next_event(out: asyncio.Queue[ev.Event | None], tasks: list[asyncio.Task[None]]) -> ev.Event | None:
    """The next event, or the error of a task that died."""
    getting = asyncio.create_task(out.get())
    try:
        while not getting.done():
            alive = [task for task in tasks if not task.done()]
            await asyncio.wait({getting, *alive}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                    raise error
        return getting.result()
    finally:
        getting.cancel()
