"""Sessions with two voices, or with two voices and two faces: sound, video, subtitles, and what is heard in them.

Everything lies in DeepDialogue's layout below a folder:

    data/dialogues_{therapist}_{writer}/{id}.json, {id}.mp4        the words; the two faces side by side
    data/dialogues_{therapist}_{writer}/{id}/{id}_full.wav         the whole sound, with .srt and .vtt of the same name
    .../{id}/segments/{NNN}_{LLMk}_{emotion}.wav                   each turn
    .../{id}/{id}_heard.json                                       words and feelings as machines hear them

The video carries its subtitles in the picture, so that every player shows them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rapport.agent.config import AgentConfig, StageConfig
from rapport.agent.registry import create
from rapport.agent.stages import FaceAnimator, FaceRenderer, SpeechSynthesizer
from rapport.apps.simulate.deepdialogue import LABELS, dialogue_path, write_deepdialogue
from rapport.apps.simulate.media_cast import Player, Who, cast
from rapport.apps.simulate.media_heard import Ears, heard, sound_of
from rapport.apps.simulate.media_picture import Screen
from rapport.apps.simulate.media_stage import FRAME_RATE_HZ, Performance, act, speak
from rapport.apps.simulate.media_subtitles import Cue, cues_of, srt, vtt
from rapport.apps.simulate.records import SessionRecord
from rapport.avatar.video import VideoWriter, h264_encoder
from rapport.persona.errors import ComponentError, StorageError
from rapport.speech.files import encode_wav

Kind = Literal["audio", "video"]
Told = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much."""
VOICE_FEELINGS = "whisper-emotion"
"""The component that reads feelings from voices."""
RENDERER = "wgpu:standard"
"""Nobody waits for a frame, so not the tier that keeps up with a talk: the same pictures on every machine."""


@dataclass(frozen=True)
class Studio:
    """What sessions are performed with. Without faces there is sound alone; without ears nothing is measured."""

    voice: SpeechSynthesizer
    faces: tuple[FaceAnimator, FaceRenderer] | None = None
    ears: Ears | None = None


@dataclass(frozen=True)
class Media:
    """What was made of one session."""

    path: Path
    """The video, or the whole sound."""
    duration_s: float
    turns: int
    heard: dict[str, Any] | None
    """See `media_heard.heard`; None without ears."""


def open_studio(kind: Kind, config: AgentConfig | None = None) -> Studio:
    """The configuration's voice, faces and ears; without one the defaults', with faces drawn by RENDERER.

    Ears that cannot be opened are left out: what is heard is a figure beside the sound, not a part of it.

    Raises:
        ComponentError: no voice can speak here, or, for a video, no face can be drawn or no encoder is there.
    """
    config = config or AgentConfig(rendering=StageConfig(use=RENDERER))
    if config.voice is None or (kind == "video" and config.rendering is None):
        raise ComponentError("no voice or no face is configured; name both, e.g. voice: kokoro, rendering: wgpu")
    if kind == "video":
        h264_encoder()
    voice: SpeechSynthesizer = create("voice", config.voice.use)
    ears = _ears(config)
    if kind == "audio" or config.rendering is None:
        return Studio(voice, None, ears)
    mouth = "viseme" if voice.capabilities.phoneme_times else "energy"
    renderer: FaceRenderer = create("rendering", config.rendering.use)
    if not renderer.capabilities.draws:
        raise ComponentError(f"rendering = {config.rendering.use} draws no pictures; use wgpu, or --media audio")
    return Studio(voice, (create("animation", f"{mouth}:{FRAME_RATE_HZ:g}"), renderer), ears)


def make_media(sessions: Iterable[SessionRecord], studio: Studio, out: Path, told: Told) -> Iterator[Media]:
    """Perform sessions one after the other; those that are there already are left as they are.

    Raises:
        InputError: a session without words.
        StageError: voice, face or ears failed.
        StorageError: the folder cannot be written. What is finished stays.
    """
    for session in sessions:
        path = media_path(session, studio, out)
        if not path.exists():
            try:
                yield asyncio.run(perform(session, studio, out, told))
            except OSError as error:
                raise StorageError(
                    f"{out}: cannot be written ({error.strerror or error}); what is finished stays: make room and run "
                    "the same command again"
                ) from None


def media_path(session: SessionRecord, studio: Studio, out: Path) -> Path:
    """Where a session's video, or without faces its sound, is written."""
    dialogue = dialogue_path(session, out)
    if studio.faces is None:
        return _folder(dialogue) / f"{dialogue.stem}_full.wav"
    return dialogue.with_suffix(".mp4")


async def perform(session: SessionRecord, studio: Studio, out: Path, told: Told) -> Media:
    """One session: sound, segments, subtitles, figures, and with faces the video.

    Raises:
        OSError: a file cannot be written; and what `make_media` raises.
    """
    players = cast(session, studio.voice.capabilities.voices)
    performance = await speak(session, players, studio.voice, lambda done, of: told("speaking", done, of))
    cues = cues_of(performance)
    write_deepdialogue([session], out)
    dialogue = dialogue_path(session, out)
    _write_sound(performance, cues, _folder(dialogue), dialogue.stem)
    figures = (
        None
        if studio.ears is None
        else await heard(performance, studio.ears, lambda done, of: told("listening", done, of))
    )
    if figures is not None:
        text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
        (_folder(dialogue) / f"{dialogue.stem}_heard.json").write_text(text, "utf-8")
    path = media_path(session, studio, out)
    unfinished = path.with_name(path.name + ".part")
    try:
        if studio.faces is None:
            unfinished.write_bytes(encode_wav(performance.audio))
        else:
            (_folder(dialogue) / f"{dialogue.stem}_full.wav").write_bytes(encode_wav(performance.audio))
            await _film(performance, session, players, studio.faces, cues, unfinished, told)
        # Only what is finished has its name: a session without it is performed again.
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return Media(path, performance.audio.duration_s, len(performance.lines), figures)


async def _film(
    performance: Performance, session: SessionRecord, players: dict[Who, Player],
    faces: tuple[FaceAnimator, FaceRenderer], cues: list[Cue], path: Path, told: Told,
) -> None:  # fmt: skip
    animator, renderer = faces
    tracks = await act(performance, session, animator)
    screen = Screen(performance, cues)
    drawn = {who: renderer.render(track, players[who].face) for who, track in tracks.items()}
    rate_hz = performance.audio.sample_rate_hz
    with VideoWriter(path, frame_rate_hz=FRAME_RATE_HZ, sample_rate_hz=rate_hz) as video:
        video.add_audio(performance.audio)
        for frame in range(performance.frames):
            therapist, client = await anext(drawn["therapist"]), await anext(drawn["client"])
            picture = screen.picture(frame, therapist, client)
            await asyncio.to_thread(video.add_pictures, [picture])
            told("drawing", frame + 1, performance.frames)


def _write_sound(performance: Performance, cues: list[Cue], folder: Path, name: str) -> None:
    segments = folder / "segments"
    segments.mkdir(parents=True, exist_ok=True)
    for line in performance.lines:
        speaker = "LLM1" if line.who == "therapist" else "LLM2"
        path = segments / f"{line.turn + 1:03d}_{speaker}_{LABELS[line.label]}.wav"
        path.write_bytes(encode_wav(sound_of(performance, line)))
    (folder / f"{name}_full.srt").write_text(srt(cues), "utf-8")
    (folder / f"{name}_full.vtt").write_text(vtt(cues), "utf-8")


def _folder(dialogue: Path) -> Path:
    return dialogue.with_suffix("")


def _ears(config: AgentConfig) -> Ears | None:
    try:
        return Ears(create("recognition", config.recognition.use), create("emotion", VOICE_FEELINGS))
    except ComponentError:
        return None
