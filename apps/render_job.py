"""The work of `rapport render`: gets a track by speaking or from a file, then draws it, stores it or sends it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rapport.agent.config import AgentConfig
from rapport.agent.registry import create
from rapport.agent.response.clauses import split_sentences
from rapport.agent.stages import FaceAnimator, FaceRenderer, SpeechSynthesizer
from rapport.apps.render_sheet import draw_sheet, save_picture
from rapport.avatar.face import FaceTrack
from rapport.avatar.gltf import write_glb
from rapport.avatar.live_link import PORT, LiveLinkSender
from rapport.avatar.renderer import WgpuRenderer
from rapport.avatar.still import feeling, still_face
from rapport.avatar.track_file import read_track, resampled
from rapport.avatar.video import VideoWriter
from rapport.persona.affect import EKMAN7, VAD, AffectState
from rapport.persona.card import Persona, load_persona, shipped_personas
from rapport.persona.errors import ComponentError, InputError, StageError, StorageError
from rapport.persona.transition import at_rest
from rapport.speech.audio import Audio, SpokenClause, VoiceProfile
from rapport.speech.files import read_audio

LONGEST_TEXT = 5000
"""Characters; some five minutes."""
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class Job:
    """The options of `rapport render`, see there."""

    text: str | None = None
    track: Path | None = None
    audio: Path | None = None
    persona: str | None = None
    photo: Path | None = None
    feeling: str | None = None
    out: Path | None = None
    still: Path | None = None
    sheet: Path | None = None
    glb: Path | None = None
    udp: str | None = None
    at_s: float | None = None
    tier: str = "auto"
    size: int = 512
    fps: float | None = None
    seed: int = 0

    @property
    def moves(self) -> bool:
        return self.text is not None or self.track is not None


@dataclass(frozen=True)
class Performance:
    """What is drawn: a track and its sound, which is empty when nothing is heard."""

    track: FaceTrack
    audio: Audio


async def run(job: Job) -> None:
    """Do what the options ask for.

    Raises:
        InputError: options that do not fit together, or a file that cannot be used.
        ComponentError: nothing on this machine can speak or draw.
        StorageError: an output cannot be written.
    """
    _check(job)
    persona = load_persona(job.persona or "harbor")
    felt = _felt(job.feeling, persona)
    console = Console(stderr=True, highlight=False)
    performance = await _performance(job, persona, felt, console)
    if job.glb is not None:
        write_glb(job.glb, persona.face, performance.track if job.moves else None)
    if job.out or job.still or job.sheet:
        renderer = _renderer(job)
        console.print(f"drawn by {renderer.capabilities.device}", markup=False)
        if job.still is not None:
            await _still(job, job.still, renderer, persona, performance.track)
        if job.sheet is not None:
            await _sheet(job, job.sheet, renderer, console)
        if job.out is not None:
            await _video(job.out, renderer, persona, performance, console)
    if job.udp is not None:
        await _stream(job.udp, performance.track, console)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
    )


# ------------------------------------------------------------------------------------------------------------ options


def _check(job: Job) -> None:
    outputs = ((job.out, ".mp4"), (job.still, ".png"), (job.sheet, ".png"), (job.glb, ".glb"))
    if not any(path for path, _ in outputs) and job.udp is None:
        raise InputError(
            "say what to make: --out talk.mp4, --still face.png, --sheet sheet.png, --glb head.glb or --udp HOST"
        )
    for path, suffix in outputs:
        if path is not None:
            _check_writable(path, suffix)
    if job.text is not None and job.track is not None:
        raise InputError("give either --text or --track")
    if (job.out is not None or job.udp is not None) and not job.moves:
        raise InputError("a video or a stream needs --text LINE or --track FILE")
    if job.audio is not None and job.track is None:
        raise InputError("--audio is the sound of a --track; with --text the persona speaks for itself")
    if job.feeling is not None and job.track is not None:
        raise InputError("--feeling is for --text, stills and sheets: a recorded --track has its own")
    if job.text is not None and not 0 < len(job.text.strip()) <= LONGEST_TEXT:
        raise InputError(f"--text must have 1 to {LONGEST_TEXT:,} characters, got {len(job.text.strip()):,}")


def _check_writable(path: Path, suffix: str) -> None:
    """Find out before the work, not after it."""
    if path.suffix.lower() != suffix:
        raise InputError(f"{path}: this output is a {suffix} file; name it so")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise StorageError(f"{path}: cannot be written; name a file in a folder that exists and can be written")


def _felt(named: str | None, persona: Persona) -> AffectState:
    """A feeling by its name or by its point; without one, the persona at rest."""
    if named is None:
        return at_rest(persona, 0.0)
    if named in EKMAN7.labels:
        return feeling(named)
    parts = named.split(",")
    try:
        point = VAD(*(float(part) for part in parts))
    except (TypeError, ValueError):
        point = None
    if point is None or len(parts) != 3:
        raise InputError(
            f"--feeling {named!r}: name one of {', '.join(EKMAN7.labels)}, or give valence,arousal,dominance "
            "from -1 to 1, as in 0.8,0.4,0.2"
        )
    return AffectState(point, VAD().towards(point, 0.5))


def _renderer(job: Job) -> FaceRenderer:
    if job.photo is None:
        return WgpuRenderer(f"/{job.tier}", size=job.size)
    from rapport.avatar.portrait import PhotoRenderer

    return PhotoRenderer(str(job.photo), size=job.size)


# -------------------------------------------------------------------------------------------------------- performance


async def _performance(job: Job, persona: Persona, felt: AffectState, console: Console) -> Performance:
    if job.text is not None:
        return await _spoken(job, job.text, persona, felt, console)
    if job.track is not None:
        track = read_track(job.track)
        sound = Audio.silence(0.0) if job.audio is None else read_audio(job.audio)
        return Performance(track if job.fps is None else resampled(track, job.fps), sound)
    return Performance(
        FaceTrack.neutral(1, DEFAULT_FPS) if job.feeling is None else still_face(felt), Audio.silence(0.0)
    )


async def _spoken(job: Job, text: str, persona: Persona, felt: AffectState, console: Console) -> Performance:
    config = AgentConfig()
    if config.voice is None or config.animation is None:
        raise ComponentError("no voice or animation is configured")
    sentences = split_sentences(text)
    rate_hz = job.fps or DEFAULT_FPS
    profile = VoiceProfile(dict(persona.voice.styles), persona.voice.pitch_scale, persona.voice.rate_scale)
    clauses: list[SpokenClause] = []
    tracks: list[FaceTrack] = []
    start_s = 0.0
    with _progress(console) as progress:
        task = progress.add_task("speaking", total=len(sentences))
        voice: SpeechSynthesizer = create("voice", config.voice.use)
        for sentence in sentences:
            clause = await voice.speak(sentence, felt, profile, job.seed)
            # Where a voice gives no phonemes, the mouth follows its loudness.
            animator: FaceAnimator = create("animation", f"{'viseme' if clause.phonemes else 'energy'}:{rate_hz:g}")
            tracks.append(await animator.animate(clause, felt, start_s, job.seed, tracks[-1] if tracks else None))
            clauses.append(clause)
            start_s += clause.audio.duration_s
            progress.advance(task)
    track = FaceTrack(
        np.concatenate([one.weights for one in tracks]),
        np.concatenate([one.head_pose for one in tracks]),
        np.concatenate([one.gaze for one in tracks]),
        rate_hz,
    )
    if not len(track):
        raise InputError("--text: there is nothing to say in it")
    samples = np.concatenate([clause.audio.samples for clause in clauses])
    return Performance(track, Audio(samples, clauses[0].audio.sample_rate_hz))


# ------------------------------------------------------------------------------------------------------------ outputs


async def _still(job: Job, path: Path, renderer: FaceRenderer, persona: Persona, track: FaceTrack) -> None:
    at_s = track.duration_s / 2 if job.at_s is None else job.at_s
    if job.at_s is not None and at_s >= track.duration_s:
        raise InputError(f"--at {at_s:g}: the face lasts {track.duration_s:.1f} s")
    i = min(int(at_s * track.frame_rate_hz), len(track) - 1)
    one = FaceTrack(track.weights[[i]], track.head_pose[[i]], track.gaze[[i]], track.frame_rate_hz)
    async for picture in renderer.render(one, persona.face):
        save_picture(path, picture)


async def _sheet(job: Job, path: Path, renderer: FaceRenderer, console: Console) -> None:
    if job.photo is not None:
        rows = [(job.photo.stem[:24], load_persona(job.persona or "harbor").face)]
    else:
        names = [job.persona] if job.persona else list(shipped_personas())
        rows = [(card.name, card.face) for card in map(load_persona, names)]
    with console.status("drawing the sheet"):
        save_picture(path, await draw_sheet(renderer, rows))


async def _video(
    path: Path, renderer: FaceRenderer, persona: Persona, performance: Performance, console: Console
) -> None:
    track, sound = performance.track, performance.audio
    unfinished = path.with_name(path.name + ".part")
    try:
        with (
            _progress(console) as progress,
            VideoWriter(unfinished, frame_rate_hz=track.frame_rate_hz, sample_rate_hz=sound.sample_rate_hz) as video,
        ):
            task = progress.add_task("drawing", total=len(track))
            video.add_audio(sound)
            async for picture in renderer.render(track, persona.face):
                await asyncio.to_thread(video.add_pictures, [picture])
                progress.advance(task)
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
    except StageError as error:
        raise ComponentError(str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)


async def _stream(address: str, track: FaceTrack, console: Console) -> None:
    host, colon, port = address.rpartition(":")
    if not colon:
        host, port = address, str(PORT)
    if not host or not port.isdecimal():
        raise InputError(f"--udp {address!r}: give HOST or HOST:PORT, as in 192.168.1.20:{PORT}")
    with (
        LiveLinkSender(host.strip("[]"), int(port)) as sender,
        console.status(f"sending {track.duration_s:.1f} s to {host} at port {port}"),
    ):
        await sender.play(track)
