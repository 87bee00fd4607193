"""`rapport bench conversation`: twenty spoken turns in real time, with interruptions, backchannels and a silence.

A scripted person, in the project's own voice, talks to the agent through `Agent.listen`. It counts whether the right
turns came of it, and whether memory holds what the loudspeaker played; it measures how fast the agent fell silent.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Literal

from rich.console import Console
from rich.progress import Progress

from rapport.agent import Agent, AgentConfig, StageConfig
from rapport.agent import events as ev
from rapport.agent.heard import heard_part
from rapport.apps.bench.report import Report, spread
from rapport.apps.bench.room import Loudspeaker, Microphone, spoken_part
from rapport.persona.affect import AffectState
from rapport.speech.audio import Audio, VoiceProfile
from rapport.speech.kokoro import Kokoro

Act = Literal["say", "interrupt", "backchannel", "silence"]
Script = Sequence[tuple[Act, str]]

SCRIPT: Script = (
    ("say", "Hello, I would like to talk for a while."),
    ("say", "I lost my job today."),
    ("interrupt", "Wait, there is something more."),
    ("say", "My boss told me in front of everybody."),
    ("backchannel", "Mm-hm."),
    ("say", "I had worked there for nine years."),
    ("say", "My wife does not know it yet."),
    ("interrupt", "No, please, I do not want to call her now."),
    ("say", "I am afraid that she will be angry."),
    ("silence", ""),
    ("say", "We have two children and a house to pay for."),
    ("say", "Last night I could not sleep at all."),
    ("backchannel", "Right."),
    ("say", "My brother offered me some money."),
    ("interrupt", "Sorry, I have to tell you about my brother first."),
    ("say", "We have not spoken since our mother died."),
    ("say", "He came to the funeral and left after an hour."),
    ("say", "Maybe I should have called him."),
    ("interrupt", "I was too proud for that."),
    ("say", "I think I will write him a letter."),
    ("say", "It feels good to say these things."),
    ("say", "Tomorrow I will look for a new job."),
    ("say", "Thank you, you have helped me a lot."),
)
"""Twenty turns, four of which interrupt the reply before them; two backchannels; one long silence."""
INTERRUPTED_AFTER_S = 0.9
"""How much of a reply the person listens to before they speak into it."""
SILENCE_S = 5.0
PAUSE_S = 0.6
"""Between the end of a reply and the person's next words."""
ALIKE = 0.6
"""A line and what was recognised of it are the same turn from this share of common words on."""
PERSON = VoiceProfile({"jm_kumo": 1.0}, pitch_scale=1.1)


@dataclass
class _Log:
    """What happened, by the loudspeaker's and the clock's account."""

    heard: list[str] = field(default_factory=list[str])
    replies: list[str] = field(default_factory=list[str])
    """What the loudspeaker played of each reply."""
    held: int = 0
    resumed: int = 0
    gave_way_s: list[float] = field(default_factory=list[float])
    """From the beginning of the person's speech over a reply to silence."""
    answered_s: list[float] = field(default_factory=list[float])
    """From the end of the person's speech to the first sound of the reply."""
    lags_s: list[float] = field(default_factory=list[float])
    """How far the ears were behind the microphone, frame by frame."""
    failures: int = 0


def run(config: AgentConfig, *, as_json: bool) -> None:
    """Hold the conversation and report it."""
    config = config.without_pictures().model_copy(update={"memory": StageConfig(use="sql::memory:")})
    figures = asyncio.run(hold(Agent.from_config(config, seed=1)))
    Report("conversation", figures).show(as_json)


async def hold(agent: Agent, script: Script = SCRIPT) -> dict[str, Any]:
    """The conversation's figures. `wrong_turns` and `wrong_memories` are lists of what differs from what should be."""
    failures = await agent.warm_up()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        voice = Kokoro()
        sounds = {
            text: spoken_part((await voice.speak(text, AffectState(), PERSON, 0)).audio)
            for text in progress.track([text for _, text in script if text], description="the person's voice")
        }
        bar = progress.add_task("talking", total=len(script))
        began_s = time.perf_counter()
        log = await _Conversation(agent, script, sounds, lambda: progress.advance(bar)).hold()
    took_s = time.perf_counter() - began_s
    wanted = [text for act, text in script if act in ("say", "interrupt")]
    remembered = await _remembered(agent)
    return {
        "turns": len(log.heard),
        "wrong_turns": _different(_pairs(wanted, log.heard)),
        "wrong_memories": [f"{a!r}: {b!r}" for a, b in _pairs(log.replies, remembered) if a != b],
        "held": log.held,
        "resumed": log.resumed,
        "gave_way_s": spread(log.gave_way_s or [float("nan")]),
        "first_audio_s": spread(log.answered_s or [float("nan")]),
        "ears_lag_s": spread(log.lags_s),
        "seconds": round(took_s, 1),
        "failures": len(failures) + log.failures,
    }


class _Conversation:
    def __init__(self, agent: Agent, script: Script, sounds: dict[str, Audio], step: Callable[[], None]) -> None:
        self._agent = agent
        self._script = script
        self._sounds = sounds
        self._step = step
        self._microphone, self._speaker = Microphone(), Loudspeaker()
        self._log = _Log()
        self._spoken: list[ev.Spoken] = []
        self._answering = False
        """Whether a reply is being made."""
        self._speech_began_s: float | None = None
        self._speech_ended_s: float | None = None

    async def hold(self) -> _Log:
        person = asyncio.create_task(self._play_the_person())
        try:
            stream = self._agent.listen(self._microphone.frames(), played_s=lambda: self._speaker.played_s)
            async with aclosing(stream) as events:
                async for event in events:
                    self._take(event)
        finally:
            person.cancel()
        self._reply_is_over(self._speaker.played_s)
        self._log.lags_s = self._microphone.lags_s
        return self._log

    def _take(self, event: ev.Event) -> None:
        now_s, log = time.perf_counter(), self._log
        match event:
            case ev.Held():
                self._speaker.hold()
                log.held += 1
                if self._speech_began_s is not None:
                    log.gave_way_s.append(now_s - self._speech_began_s)
            case ev.Resumed():
                self._speaker.resume()
                log.resumed += 1
            case ev.Interrupted():
                self._reply_is_over(self._speaker.played_s)
                self._speaker.stop()
            case ev.Heard(transcript):
                self._reply_is_over(self._speaker.played_s)
                self._speaker.stop()
                self._answering = True
                log.heard.append(transcript.text)
            case ev.Spoken():
                if not self._spoken and self._speech_ended_s is not None:
                    log.answered_s.append(now_s - self._speech_ended_s)
                self._spoken.append(event)
                self._speaker.play(event.clause.audio)
            case ev.Done():
                self._answering = False
            case ev.Failed():
                log.failures += 1
            case _:
                pass

    def _reply_is_over(self, played_s: float) -> None:
        if len(self._log.replies) < len(self._log.heard):
            self._log.replies.append(heard_part(self._spoken, played_s))
        self._spoken = []

    # ------------------------------------------------------------------------------------------------- the person

    async def _play_the_person(self) -> None:
        await asyncio.sleep(PAUSE_S)
        for act, text in self._script:
            if act in ("interrupt", "backchannel"):
                await self._until(lambda: self._speaker.played_s >= INTERRUPTED_AFTER_S)
            else:
                await self._until(lambda: not self._answering and not self._speaker.playing)
                await asyncio.sleep(SILENCE_S if act == "silence" else PAUSE_S)
            if text:
                turns, resumed = len(self._log.heard), self._log.resumed
                sound = self._sounds[text]
                ended_s = self._microphone.say(sound)
                self._speech_began_s, self._speech_ended_s = ended_s - sound.duration_s, ended_s
                await self._until(lambda: self._microphone.silent)
                if act == "backchannel":
                    await self._until(lambda before=resumed: self._log.resumed > before)
                else:
                    await self._until(lambda before=turns: len(self._log.heard) > before)
            self._step()
        await self._until(lambda: not self._answering and not self._speaker.playing)
        self._microphone.close()

    async def _until(self, condition: Callable[[], bool], at_most_s: float = 20.0) -> None:
        """Wait for it; a conversation that hangs goes on, and its figures show it."""
        end_s = time.perf_counter() + at_most_s
        while not condition() and time.perf_counter() < end_s:  # noqa: ASYNC110 - it waits for time itself to pass
            await asyncio.sleep(0.01)


async def _remembered(agent: Agent) -> list[str]:
    """The agent's side of the conversation, as memory has it."""
    memory = agent.runners["memory"]
    store = await memory.load(memory.config.use)
    kept = await store.export(agent.person_id)
    return [turn["agent"] for conversation in kept["conversations"] for turn in conversation["turns"]]


def _pairs(wanted: list[str], found: list[str]) -> list[tuple[str, str]]:
    return list(zip_longest(wanted, found, fillvalue=""))


def _different(pairs: list[tuple[str, str]]) -> list[str]:
    return [f"{a!r}: {b!r}" for a, b in pairs if SequenceMatcher(None, _words(a), _words(b)).ratio() < ALIKE]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
