"""`rapport chat`: a conversation in the terminal, typed or by voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from rapport.agent import Agent, AgentConfig
from rapport.agent import events as ev
from rapport.persona.errors import StorageError

if TYPE_CHECKING:
    from rapport.speech.devices import Speaker

_WELCOME = "I am {name}, a machine that listens. I am no therapist. Empty line or Ctrl-D to leave."


def chat(config: AgentConfig, *, voice: bool, trace: Path | None, seed: int | None) -> None:
    """Run until the person leaves. Raises ComponentError when `voice` finds no microphone or speaker."""
    config = config.without_pictures() if voice else config.text_only()
    agent = Agent.from_config(config, seed=seed)
    asyncio.run(_Terminal(agent, trace).run(voice))


class _Terminal:
    def __init__(self, agent: Agent, trace: Path | None) -> None:
        self._agent = agent
        self._trace = trace
        self._console = Console(highlight=False)

    async def run(self, voice: bool) -> None:
        with self._console.status("waking up"):
            failures = await self._agent.warm_up()
        for failure in failures:
            self._notice(failure)
        self._console.print(_WELCOME.format(name=self._agent.persona.name.capitalize()), style="dim")
        try:
            await (self._by_voice() if voice else self._typed())
        finally:
            await self._agent.save(self._report)

    async def _typed(self) -> None:
        while True:
            try:
                line = await asyncio.to_thread(self._console.input, "[bold]you[/] ")
            except EOFError:
                return
            if not line:
                return
            await self._print(self._agent.converse(line))

    async def _by_voice(self) -> None:
        from rapport.speech.devices import Speaker, microphone

        with Speaker() as speaker:
            heard = microphone(speaker=speaker)
            async with aclosing(self._agent.listen(heard, played_s=lambda: speaker.played_s)) as stream:
                await self._print(stream, speaker)

    async def _print(self, stream: AsyncIterator[ev.Event], speaker: Speaker | None = None) -> None:
        async for event in stream:
            match event:
                case ev.Held() if speaker is not None:
                    speaker.hold()
                case ev.Resumed() if speaker is not None:
                    speaker.resume()
                case ev.Interrupted() if speaker is not None:
                    speaker.stop()
                    self._console.print(" …", style="dim")
                case ev.Hearing(stable, tentative):
                    line = f"[bold]you[/] {_plain(stable)} [dim]{_plain(tentative)}[/]"
                    self._console.print(line, end="\r", overflow="crop", no_wrap=True)
                case ev.Heard(transcript) if speaker is not None:
                    speaker.stop()  # a new reply: its seconds are counted from zero
                    self._console.print(f"[bold]you[/] {_plain(transcript.text) or '…'}")
                case ev.Perceived(_, fused):
                    self._console.print(f"    [dim]heard {fused.label}[/]", end="")
                case ev.Felt(_, after):
                    self._console.print(f"[dim], feels {after.label}[/]")
                case ev.Clause(index, text):
                    name = f"[bold]{_plain(self._agent.persona.name)}[/] " if index == 0 else ""
                    self._console.print(f"{name}{_plain(text)} ", end="")
                case ev.Spoken(_, clause, _) if speaker is not None:
                    speaker.play(clause.audio)
                case ev.Failed():
                    self._notice(event)
                case ev.Refused(reason):
                    self._console.print(reason, style="yellow")
                case ev.Done(reply):
                    self._console.print()
                    self._write(reply)
                case _:
                    pass

    async def _report(self, failure: ev.Failed) -> None:
        self._notice(failure)

    def _notice(self, failure: ev.Failed) -> None:
        text = f"{failure.stage}: {failure.component}: {failure.error}; going on with {failure.fallback}"
        self._console.print(text, style="yellow", markup=False)

    def _write(self, reply: ev.Reply) -> None:
        if self._trace is None:
            return
        try:
            with self._trace.open("a", encoding="utf-8") as file:
                file.write(reply.trace.model_dump_json() + "\n")
        except OSError as error:
            raise StorageError(f"{self._trace}: cannot be written ({error.strerror}); choose another place") from None


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
