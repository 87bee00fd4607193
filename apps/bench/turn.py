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

from rapport.agent import Agent, AgentConfig, StageConfig
from rapport.agent import events as ev
from rapport.apps.bench.report import Report, spread
from rapport.apps.bench.room import Microphone, spoken_part
from rapport.apps.recording import ReplyRecorder
from rapport.avatar.video import VideoWriter
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio
from rapport.speech.files import read_audio

_LEAD_S = 0.5
"""Silence before a clip."""
_SUFFIXES = {".flac", ".wav", ".mp3", ".ogg", ".m4a"}


def run(config: AgentConfig, *, clips: Path | None, rounds: int, as_json: bool) -> None:
    """Answer every clip `rounds` times, with voice, face and mp4, after one turn that warms up.

    Clips are streamed in real time, as a microphone would, into `Agent.listen`. Times count from the end of speech in
    them, so the silence that the endpointer waits for is part of them: `heard_s` until the turn is certain,
    `first_words_s` until the reply's first clause is written, `first_audio_s` until its sound is there, `first_frame_s`
    until its first picture. Two ratios say how long making takes over how long the reply lasts, so below 1 is faster
    than it plays: `video_ratio` for drawing and encoding the reply's track by itself, `reply_ratio` from the first
    sound to the last encoded picture while the words and the voice of later clauses are made on the same cores.
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
    waits = ("heard_s", "first_words_s", "first_audio_s", "first_frame_s")
    return {
        "clips": len(sounds),
        "turns": len(turns),
        "start_s": round(start_s, 2),
        **{
            key: spread([turn[key] for turn in turns if key in turn] or [float("nan")])
            for key in (*waits, "video_ratio", "reply_ratio")
        },
        "not_one_turn": sum(turn["turns"] != 1 for turn in turns),
        "failures": len(failures) + int(sum(turn["failures"] for turn in turns)),
    }


async def _one(agent: Agent, sound: Audio) -> dict[str, float]:
    """Say one clip and hear the answer; `turns` counts what it was taken for (2: cut in two)."""
    figures: dict[str, float] = {"failures": 0.0, "turns": 0.0}
    microphone = Microphone()
    microphone.say(Audio.silence(_LEAD_S))
    ended_s = microphone.say(spoken_part(sound))
    first_sound_s = last_picture_s = 0.0
    marks: dict[type, str] = {
        ev.Heard: "heard_s",
        ev.Clause: "first_words_s",
        ev.Spoken: "first_audio_s",
        ev.Frame: "first_frame_s",
    }
    with TemporaryDirectory() as folder, ReplyRecorder(Path(folder) / "reply.mp4") as recorder:
        async with aclosing(agent.listen(microphone.frames())) as events:
            async for event in events:
                now_s = time.perf_counter()
                if (key := marks.get(type(event))) is not None and key not in figures:
                    figures[key] = now_s - ended_s
                if isinstance(event, ev.Spoken):
                    first_sound_s = first_sound_s or now_s
                await asyncio.to_thread(recorder.add, event)
                if isinstance(event, ev.Frame):
                    last_picture_s = time.perf_counter()
                elif isinstance(event, ev.Failed):
                    figures["failures"] += 1
                elif isinstance(event, ev.Done):
                    figures["turns"] += 1
                    microphone.close()
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
