"""`rapport bench face`: is the face quick enough, do its lips shut, is its feeling read, does it nod when it should."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from rapport.agent.config import AgentConfig
from rapport.agent.perception.face_model import FaceExpression
from rapport.agent.registry import create
from rapport.agent.stages import FaceAnimator, SpeechSynthesizer
from rapport.apps.bench.face_reading import READERS, read, reading_figures, speaking_face
from rapport.apps.bench.report import Report
from rapport.apps.bench.voice import shipped_sentences
from rapport.avatar.face import FaceTrack
from rapport.avatar.head import head_of, lip_gap
from rapport.avatar.renderer import PORTRAIT_SIZE, WgpuRenderer
from rapport.avatar.still import feeling, still_face
from rapport.avatar.tiers import TIERS
from rapport.avatar.video import VideoWriter
from rapport.persona.affect import EKMAN7, VAD, AffectState
from rapport.persona.card import FaceCard, load_persona, shipped_personas
from rapport.persona.errors import ComponentError, InputError
from rapport.speech.audio import PAUSE, RECOGNITION_RATE_HZ, Audio, SpokenClause, VoiceProfile
from rapport.speech.files import resample

TIMED_FRAMES = 75
FULL_AROUSAL = VAD(0.0, 1.0, 0.0)
MIC_PIECE_S = 0.032
GAP_S = 0.4
"""Silence that the speaker whom the face listens to leaves after each sentence, beside the voice's own."""
PAUSE_S = 0.2
NEAR_S = 0.6
NOD_RAD_PER_S = 0.12
"""A head that turns down faster than 7 degrees a second nods; it sways slower."""

Floats = NDArray[np.float64]


def run(config: AgentConfig, *, seconds: float, as_json: bool) -> None:
    """Let three personas speak and listen, and report:

    - `yardstick_ms`: how long a product of two matrices of 512 x 512 takes on this machine now, to judge the rest by.
    - `frames_per_s`: pictures of 512 x 512 per second and tier, read back, and read back and encoded into an mp4; how
      much processor time each takes; and how many come in the time of 100 yardsticks.
    - `animation_ms_per_frame`: processor time of speaking, and of listening in pieces of 32 ms.
    - `lips`: how many p, b and m a text of `seconds` has, and at how many of them the lips touch, for every emotion of
      EKMAN7 and at full arousal, on all personas; `widest_gap` as a part of the mouth's width.
    - `jaw_correlation`: Pearson's r of a sentence's jaw curve in each emotion with the neutral one.
    - `reading`: how the expression recogniser reads the faces, still and speaking: see `reading_figures`.
    - `listening`: nods while listening to the text, and which part of them began within 0.6 s after a pause.
    """
    if config.voice is None or config.animation is None:
        raise InputError("the configuration has no voice or no animation; name them, e.g. voice: kokoro")
    voice: SpeechSynthesizer = create("voice", config.voice.use)
    animator: FaceAnimator = create("animation", config.animation.use)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = asyncio.run(_measure(config, voice, animator, seconds, progress))
    Report("face", figures).show(as_json)


async def _measure(
    config: AgentConfig, voice: SpeechSynthesizer, animator: FaceAnimator, seconds: float, progress: Progress
) -> dict[str, Any]:
    card = load_persona(config.persona).voice
    profile = VoiceProfile(dict(card.styles), card.pitch_scale, card.rate_scale)
    task = progress.add_task("speaking", total=None)
    clauses = await _spoken(voice, profile, seconds)
    faces = {name: load_persona(name).face for name in shipped_personas()}
    feelings = [*(feeling(label) for label in EKMAN7.labels), AffectState(FULL_AROUSAL, FULL_AROUSAL)]
    progress.update(task, description="animating")
    began_s = time.process_time()
    tracks = [await _tracks(animator, clauses, felt) for felt in feelings]
    speaking_ms = (time.process_time() - began_s) * 1e3 / sum(len(t) for one in tracks for t in one)
    progress.update(task, description="listening")
    listening = _listening(animator, clauses)
    progress.update(task, description="reading faces")
    reading = await _reading(animator, max(clauses, key=lambda clause: clause.audio.duration_s), faces)
    progress.update(task, description="drawing")
    yardstick_ms = _yardstick_ms()
    frames_per_s = {name: await _frames_per_s(name, tracks[0], faces[config.persona], yardstick_ms) for name in TIERS}
    return {
        "voice": config.voice.use if config.voice else "",
        "animator": config.animation.use if config.animation else "",
        "text_s": round(sum(clause.audio.duration_s for clause in clauses), 1),
        "yardstick_ms": round(yardstick_ms, 3),
        "frames_per_s": frames_per_s,
        "animation_ms_per_frame": {"speaking": round(speaking_ms, 3), "listening": listening.pop("ms_per_frame")},
        "lips": lips(clauses, tracks, faces),
        "jaw_correlation": await jaw_correlation(animator, clauses[0]),
        "reading": reading,
        "listening": listening,
    }


async def _spoken(voice: SpeechSynthesizer, profile: VoiceProfile, seconds: float) -> list[SpokenClause]:
    clauses: list[SpokenClause] = []
    for text in shipped_sentences():
        if sum(clause.audio.duration_s for clause in clauses) >= seconds:
            break
        clauses.append(await voice.speak(text, AffectState(), profile, 0))
    if not clauses[0].phonemes:
        raise ComponentError("this voice gives no phoneme times, so nobody knows when lips must shut; try kokoro")
    return clauses


async def _tracks(animator: FaceAnimator, clauses: Sequence[SpokenClause], felt: AffectState) -> list[FaceTrack]:
    """One reply: each clause goes on from the one before."""
    tracks: list[FaceTrack] = []
    start_s = 0.0
    for clause in clauses:
        tracks.append(await animator.animate(clause, felt, start_s, 0, tracks[-1] if tracks else None))
        start_s += clause.audio.duration_s
    return tracks


def lips(
    clauses: Sequence[SpokenClause], tracks: Sequence[Sequence[FaceTrack]], faces: dict[str, FaceCard]
) -> dict[str, Any]:
    """Figures of closed lips: `tracks` has for each feeling the clauses' tracks, one after the other from 0 s on."""
    shut: list[NDArray[np.float32]] = []
    closures = 0
    for one in tracks:
        start_s = 0.0
        for clause, track in zip(clauses, one, strict=True):
            for phoneme in clause.phonemes:
                if any(letter in "pbm" for letter in phoneme.symbol) and phoneme.symbol != PAUSE:
                    at_s = start_s + 0.5 * (phoneme.start_s + phoneme.end_s) - track.start_s
                    frame = int(np.clip(np.rint(at_s * track.frame_rate_hz), 0, len(track) - 1))
                    shut.append(track.weights[frame])
                    closures += one is tracks[0]
            start_s += clause.audio.duration_s
    gaps = np.array([lip_gap(head_of(face), np.array(shut)) for face in faces.values()])
    return {
        "closures": closures,
        "touching": round(float((gaps == 0.0).mean()), 4),
        "widest_gap": round(float(gaps.max()), 5),
    }


async def jaw_correlation(animator: FaceAnimator, clause: SpokenClause) -> dict[str, float]:
    """Of each emotion's jaw curve with the neutral one, over one clause."""
    curves = {
        label: (await animator.animate(clause, feeling(label), 0.0, 0)).curve("jawOpen") for label in EKMAN7.labels
    }
    return {
        label: round(float(np.corrcoef(curve, curves["neutral"])[0, 1]), 4)
        for label, curve in curves.items()
        if label != "neutral"
    }


def _listening(animator: FaceAnimator, clauses: Sequence[SpokenClause]) -> dict[str, Any]:
    """A friendly listener hears the text."""
    gap = np.zeros(round(GAP_S * RECOGNITION_RATE_HZ), np.float32)
    parts: list[NDArray[np.float32]] = [gap]
    pauses_s: list[float] = []
    for clause in clauses:
        start_s = sum(len(part) for part in parts) / RECOGNITION_RATE_HZ
        pauses_s.extend(start_s + at_s for at_s in pauses_of(clause))
        parts += [resample(clause.audio, RECOGNITION_RATE_HZ).samples, gap]
    sound = np.concatenate(parts)
    listener = animator.listen(AffectState(VAD(0.4, 0.1, 0.1), VAD(0.3, 0.0, 0.0)), 0.0, 0)
    step = round(MIC_PIECE_S * RECOGNITION_RATE_HZ)
    began_s = time.process_time()
    tracks = [listener.hear(Audio(sound[a : a + step], RECOGNITION_RATE_HZ)) for a in range(0, len(sound), step)]
    took_s = time.process_time() - began_s
    pitch = np.concatenate([track.head_pose[:, 0] for track in tracks]).astype(np.float64)
    nods_s = nods_of(pitch, tracks[0].frame_rate_hz)
    after = [min((nod - at_s for at_s in pauses_s if at_s <= nod), default=np.inf) for nod in nods_s]
    return {
        "ms_per_frame": round(took_s * 1e3 / len(pitch), 3),
        "pauses": len(pauses_s),
        "nods": len(nods_s),
        "nods_within_0.6_s_after_a_pause": round(float(np.mean(np.array(after) <= NEAR_S)), 3) if after else None,
    }


def pauses_of(clause: SpokenClause) -> list[float]:
    """Where the clause falls silent, for at least 0.2 s or to its end."""
    sounds = [p for p in clause.phonemes if p.symbol != PAUSE]
    inner = [a.end_s for a, b in pairwise(sounds) if b.start_s - a.end_s >= PAUSE_S]
    return [*inner, sounds[-1].end_s] if sounds else []


def nods_of(pitch_rad: Floats, frame_rate_hz: float) -> list[float]:
    """When a head begins to nod: rows of nods count once."""
    speed = np.diff(pitch_rad, prepend=pitch_rad[:1]) * frame_rate_hz
    begins = np.flatnonzero((speed[1:] > NOD_RAD_PER_S) & (speed[:-1] <= NOD_RAD_PER_S)) + 1
    found: list[float] = []
    last_s = -np.inf
    for at_s in (begins / frame_rate_hz).tolist():
        if at_s - last_s > NEAR_S:
            found.append(at_s)
        last_s = at_s
    return found


async def _reading(animator: FaceAnimator, clause: SpokenClause, faces: dict[str, FaceCard]) -> dict[str, Any]:
    renderer, expression = WgpuRenderer("standard"), FaceExpression()
    found: dict[str, dict[tuple[str, str], Floats | None]] = {f"{r}_{m}": {} for r in READERS for m in _MANNERS}
    for persona, face in faces.items():
        for label in EKMAN7.labels:
            felt = feeling(label)
            shown = {"still": still_face(felt), "speaking": await speaking_face(animator, clause, felt)}
            for manner, track in shown.items():
                pictures = [picture async for picture in renderer.render(track, face)]
                for reader, probabilities in read(expression, pictures).items():
                    found[f"{reader}_{manner}"][persona, label] = probabilities
    return {name: reading_figures(table) for name, table in found.items()}


_MANNERS = ("still", "speaking")


def _yardstick_ms() -> float:
    matrix = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    took: list[float] = []
    for _ in range(50):
        began_s = time.perf_counter()
        np.matmul(matrix, matrix)
        took.append(time.perf_counter() - began_s)
    return float(np.median(took)) * 1e3


async def _frames_per_s(
    tier: str, tracks: Sequence[FaceTrack], face: FaceCard, yardstick_ms: float
) -> dict[str, float]:
    renderer = WgpuRenderer(tier)
    track = max(tracks, key=len)
    weights, head_pose, gaze = (np.resize(a, (TIMED_FRAMES, a.shape[1])) for a in _arrays(track))
    track = FaceTrack(weights, head_pose, gaze, track.frame_rate_hz)

    async def timed(video: VideoWriter | None) -> float:
        began_s = time.perf_counter()
        async for picture in renderer.render(track, face):
            if video is not None:
                video.add_pictures([picture])
        return round(TIMED_FRAMES / (time.perf_counter() - began_s), 1)

    await timed(None)  # builds the head and compiles
    began_s = time.process_time()
    read_back = await timed(None)
    processor_ms = (time.process_time() - began_s) * 1e3 / TIMED_FRAMES
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "face.mp4"
        with VideoWriter(target, frame_rate_hz=track.frame_rate_hz, sample_rate_hz=RECOGNITION_RATE_HZ) as video:
            encoded = await timed(video)
    return {
        "read_back": read_back,
        "with_encode": encoded,
        "processor_ms": round(processor_ms, 2),
        "in_100_yardsticks": round(read_back * 100 * yardstick_ms / 1e3, 2),
        "size": PORTRAIT_SIZE,
    }


def _arrays(track: FaceTrack) -> tuple[NDArray[np.float32], ...]:
    return track.weights, track.head_pose, track.gaze
