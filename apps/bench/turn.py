"""`rapport bench turn`: how long a person waits for the first sound, and whether the video keeps up with playing."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import Progress

from rapport.agent import Agent, AgentConfig, StageConfig, Utterance
from rapport.agent import events as ev
from rapport.apps.bench.report import Report, spread
from rapport.apps.recording import ReplyRecorder
from rapport.avatar.video import VideoWriter
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio
from rapport.speech.files import read_audio

_SUFFIXES = {".flac", ".wav", ".mp3", ".ogg", ".m4a"}


def run(config: AgentConfig, *, clips: Path | None, rounds: int, as_json: bool) -> None:
    """Answer every clip `rounds` times, with voice, face and mp4, after one turn that warms up.

    `first_audio_s` is the time from the end of the person's audio to the first clause's sound. Two ratios say how long
    making takes over how long the reply lasts, so below 1 is faster than it plays: `video_ratio` for drawing and
    encoding the reply's track by itself, `reply_ratio` from the first sound to the last encoded picture while the
    words and the voice of later clauses are made on the same cores.
    """
    sounds = _clips(clips)
    config = config.model_copy(update={"memory": StageConfig(use="sql::memory:")})
    agent = Agent.from_config(config, seed=1)
    figures = asyncio.run(_measure(agent, sounds, rounds))
    Report("turn", figures).show(as_json)


async def _measure(agent: Agent, sounds: dict[str, Audio], rounds: int) -> dict[str, Any]:
    began_s = time.perf_counter()
    failures = await agent.warm_up()
    start_s = time.perf_counter() - began_s
    turns: list[dict[str, float]] = []
    await _one(agent, next(iter(sounds.values())))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for sound in progress.track(list(sounds.values()) * rounds, description="answering"):
            turns.append(await _one(agent, sound))
    waits = ("recognition_s", "perception_s", "first_words_s", "first_audio_s", "first_frame_s")
    return {
        "clips": len(sounds),
        "turns": len(turns),
        "start_s": round(start_s, 2),
        **{
            key: spread([turn[key] for turn in turns if key in turn] or [float("nan")])
            for key in (*waits, "video_ratio", "reply_ratio")
        },
        "failures": len(failures) + int(sum(turn["failures"] for turn in turns)),
    }


async def _one(agent: Agent, sound: Audio) -> dict[str, float]:
    figures: dict[str, float] = {"failures": 0.0}
    first_sound_s = last_picture_s = 0.0
    with TemporaryDirectory() as folder, ReplyRecorder(Path(folder) / "reply.mp4") as recorder:
        async with aclosing(agent.converse(Utterance(audio=sound))) as events:
            async for event in events:
                if isinstance(event, ev.Spoken) and not first_sound_s:
                    first_sound_s = time.perf_counter()
                await asyncio.to_thread(recorder.add, event)
                if isinstance(event, ev.Frame):
                    last_picture_s = time.perf_counter()
                elif isinstance(event, ev.Failed):
                    figures["failures"] += 1
                elif isinstance(event, ev.Done):
                    took = event.reply.trace.timings_s
                    named = {
                        "recognition_s": took.recognition,
                        "perception_s": took.perception,
                        "first_words_s": took.first_token,
                        "first_audio_s": took.first_audio,
                        "first_frame_s": took.first_frame,
                    }
                    figures |= {key: value for key, value in named.items() if value is not None}
                    if event.reply.audio is not None and last_picture_s:
                        figures["reply_ratio"] = (last_picture_s - first_sound_s) / event.reply.audio.duration_s
                        figures["video_ratio"] = await _video_ratio(agent, event.reply)
    return figures


async def _video_ratio(agent: Agent, reply: ev.Reply) -> float:
    """Draw and encode a reply's track again, with nothing else to do."""
    assert reply.track is not None and reply.audio is not None
    rendering = agent.runners["rendering"]
    renderer = await rendering.load(rendering.config.use)
    began_s = time.perf_counter()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reply.mp4"
        rate_hz = reply.audio.sample_rate_hz
        with VideoWriter(path, frame_rate_hz=reply.track.frame_rate_hz, sample_rate_hz=rate_hz) as video:
            video.add_audio(reply.audio)
            async for picture in renderer.render(reply.track, agent.persona.face):
                await asyncio.to_thread(video.add_pictures, [picture])
    return (time.perf_counter() - began_s) / reply.audio.duration_s


def _clips(folder: Path | None) -> dict[str, Audio]:
    if folder is None:
        shipped = resources.files("rapport.apps.bench") / "clips"
        with resources.as_file(shipped) as path:
            return _clips(path)
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give one with speech files")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError(f"{folder}: holds no speech files ({', '.join(sorted(_SUFFIXES))})")
    return {path.name: read_audio(path) for path in files}
