"""`rapport talk`: one recording or one line in, one video of the answer out."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from rapport.agent import Agent, AgentConfig, StageConfig, Utterance
from rapport.agent import events as ev
from rapport.agent.trace import write_traces
from rapport.agent.utterance import prepared
from rapport.apps.recording import ReplyRecorder
from rapport.persona.errors import ComponentError, InputError, StorageError
from rapport.speech.files import read_audio, write_wav


def talk(
    config: AgentConfig, *, audio: Path | None, text: str | None, out: Path, trace: Path | None, seed: int | None
) -> None:
    """Answer `audio` or `text` and write the answer to `out`, an .mp4, or a .wav for the voice alone.

    One turn stands for itself: memory lasts as long as the command, unless the configuration names a store.

    Raises:
        InputError: not exactly one of audio and text, unreadable audio, or an `out` that is neither .mp4 nor .wav.
        ComponentError: nothing on this machine could speak, or draw for an .mp4.
        StorageError: `out` or `trace` cannot be written.
    """
    if out.suffix.lower() not in {".mp4", ".wav"}:
        raise InputError(f"{out}: the answer is an .mp4 with voice and face or a .wav with the voice; name it so")
    for path in (out, trace):
        if path is not None:
            _check_writable(path)
    utterance = _utterance(config, audio, text)
    if "memory" not in config.model_fields_set:
        config = config.model_copy(update={"memory": StageConfig(use="sql::memory:")})
    if out.suffix.lower() == ".wav":
        config = config.without_pictures()
    agent = Agent.from_config(config.patient(), seed=seed)
    reply = asyncio.run(_record(agent, utterance, out))
    if trace is not None:
        write_traces(trace, [reply.trace])


async def _record(agent: Agent, utterance: Utterance, out: Path) -> ev.Reply:
    console = Console(stderr=True, highlight=False)
    reply: ev.Reply | None = None
    unfinished = out.with_name(out.name + ".part")
    try:
        with console.status("waking up") as status, ReplyRecorder(unfinished) as recorder:
            for failure in await agent.warm_up():
                _tell(console, failure)
            async with aclosing(agent.converse(utterance)) as events:
                async for event in events:
                    match event:
                        case ev.Heard(transcript):
                            console.print(f"heard: {transcript.text or 'no words'}", markup=False)
                        case ev.Perceived(_, fused):
                            status.update(f"thinking about {fused.label}")
                        case ev.Clause(_, text):
                            console.print(f"says: {text}", markup=False)
                            status.update("speaking")
                        case ev.Failed():
                            _tell(console, event)
                        case ev.Refused(reason):
                            raise InputError(reason)
                        case ev.Done(done):
                            reply = done
                        case _:
                            pass
                    await asyncio.to_thread(recorder.add, event)
        if reply is None or reply.audio is None:
            raise ComponentError("no voice could speak the answer; `rapport doctor` tells what is missing")
        if recorder.has_pictures:
            unfinished.replace(out)
        elif out.suffix.lower() == ".wav":
            write_wav(out, reply.audio)
        else:
            sound = out.with_suffix(".wav")
            write_wav(sound, reply.audio)
            raise ComponentError(f"no face could be drawn, so {sound} holds the voice alone; see `rapport doctor`")
    finally:
        unfinished.unlink(missing_ok=True)
    console.print(f"wrote {out}", markup=False)
    return reply


def _tell(console: Console, failure: ev.Failed) -> None:
    text = f"{failure.stage}: {failure.component}: {failure.error}; going on with {failure.fallback}"
    console.print(text, style="yellow", markup=False)


def _utterance(config: AgentConfig, audio: Path | None, text: str | None) -> Utterance:
    if (audio is None) == (text is None):
        raise InputError("give either --audio FILE or --text LINE")
    if audio is None:
        return prepared(Utterance(text=text), config)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("reading", total=None)
        sound = read_audio(
            audio,
            max_duration_s=config.max_audio_s,
            on_progress=lambda done_s: progress.update(bar, completed=done_s, description=f"reading {done_s:.0f} s"),
        )
    return prepared(Utterance(audio=sound), config)


def _check_writable(path: Path) -> None:
    """Find out before the work, not after it."""
    if path.is_dir():
        raise StorageError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise StorageError(f"{path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise StorageError(f"{path}: the folder cannot be written; choose another place")
