"""The head at rest: a short film without a seam, shown while nobody speaks.

It is made by the agent's own animator and renderer, from silence and the persona's resting mood, and runs forwards and
then backwards, so that its end meets its beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.avatar.face import FaceTrack
from rapport.persona.errors import StageError
from rapport.persona.transition import at_rest
from rapport.speech.audio import PAUSE, Audio, Phoneme, SpokenClause

HALF_S = 2.4
"""Length of the movement before it runs back."""
_SEED = 5


async def idle_film(agent: Agent) -> bytes | None:
    """The persona at rest as an mp4 of `2 * HALF_S` seconds, or None when this agent has no face that can be drawn.

    Raises:
        StageError: the video cannot be encoded.
    """
    animation, rendering = agent.runners.get("animation"), agent.runners.get("rendering")
    if animation is None or rendering is None:
        return None
    felt = at_rest(agent.persona, agent.clock.now_s())
    silence = SpokenClause("", Audio.silence(HALF_S), phonemes=(Phoneme(PAUSE, 0.0, HALF_S),))
    track = await animation.call(
        lambda animator: animator.animate(silence, felt, 0.0, _SEED), _has_frames, _unreported, without="no face"
    )
    if track is None:
        return None

    async def draw(renderer: Any) -> AsyncIterator[NDArray[np.uint8] | None]:
        if not renderer.capabilities.draws:
            yield None
            return
        async for image in renderer.render(track, agent.persona.face):
            yield image

    stream = rendering.stream(draw, _anything, _unreported, without="no face")
    pictures = [image async for image in stream if image is not None]
    if not pictures:
        return None
    from rapport.avatar.video import encode_segment

    film = [*pictures, *pictures[-2:0:-1]]
    quiet = Audio.silence(len(film) / track.frame_rate_hz)
    return await asyncio.to_thread(encode_segment, film, quiet, track.frame_rate_hz)


def _has_frames(track: FaceTrack) -> None:
    if len(track) == 0:
        raise StageError("the animator gave no frames")


def _anything(_: object) -> None:
    """Any picture will do."""


async def _unreported(_: ev.Failed) -> None:
    """The first turn meets the same failure and reports it."""
