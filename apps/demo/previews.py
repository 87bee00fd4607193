"""How a persona looks and sounds, before it is met: one picture and one sentence."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.checks import check_spoken
from rapport.apps.demo.clips import Clip, encode
from rapport.avatar.face import FaceTrack
from rapport.persona.card import FaceCard, Persona
from rapport.persona.transition import at_rest
from rapport.speech.audio import VoiceProfile

_SMILE = {"mouthSmileLeft": 0.12, "mouthSmileRight": 0.12}


async def face_picture(agent: Agent, face: FaceCard) -> bytes | None:
    """The face at rest as a JPEG, or None where no face can be drawn."""
    runner = agent.runners.get("rendering")
    if runner is None:
        return None
    track = FaceTrack.neutral(1, 25.0)
    for name, weight in _SMILE.items():
        track.curve(name)[:] = weight

    async def draw(renderer: Any) -> AsyncIterator[NDArray[np.uint8] | None]:
        if not renderer.capabilities.draws:
            yield None
            return
        async for picture in renderer.render(track, face):
            yield picture

    stream = runner.stream(draw, _anything, _unreported, without="no picture")
    pictures = [picture async for picture in stream if picture is not None]
    return await asyncio.to_thread(_jpeg, pictures[0]) if pictures else None


def picture_html(jpeg: bytes | None) -> str:
    """The picture itself in the page, so that nothing of it has to be served or kept."""
    if jpeg is None:
        return '<p class="rp-empty">No face can be drawn on this machine; the persona still talks and writes.</p>'
    code = base64.b64encode(jpeg).decode("ascii")
    return f'<img class="rp-face" alt="the persona\'s face at rest" src="data:image/jpeg;base64,{code}">'


async def voice_sample(agent: Agent, persona: Persona) -> tuple[bytes, str] | None:
    """A sentence in the persona's voice at its resting mood: a file and its media type; None without a voice."""
    runner = agent.runners.get("voice")
    if runner is None:
        return None
    felt = at_rest(persona, agent.clock.now_s())
    profile = VoiceProfile(dict(persona.voice.styles), persona.voice.pitch_scale, persona.voice.rate_scale)
    clause = await runner.call(
        lambda voice: voice.speak("Hello. I am glad that you are here. How was your day?", felt, profile, 0),
        check_spoken,
        _unreported,
        without="no voice",
    )
    return None if clause is None else await asyncio.to_thread(encode, Clip(0, 0.0, clause.audio))


async def voice_names(agent: Agent) -> tuple[str, ...]:
    """The voices that the agent's synthesiser can blend; empty without one."""
    runner = agent.runners.get("voice")
    if runner is None:
        return ()
    return tuple((await runner.load(runner.config.use)).capabilities.voices)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=88)
    return file.getvalue()


def _anything(_: object) -> None:
    """Any picture will do."""


async def _unreported(_: ev.Failed) -> None:
    """A preview that does not come says so by itself."""
