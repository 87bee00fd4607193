"""The face between the replies of a conversation: it listens, thinks of an answer, and goes on from what was shown.

The frames of a reply and those in between are one movement: a listening face goes on from the last frame of a reply
that was seen, also when the person broke into it, and `Agent.face_shown` lets the next reply go on from the listener.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rapport.agent import events as ev
from rapport.agent.outbox import Outbox
from rapport.agent.playback import Playback
from rapport.agent.runner import describe
from rapport.agent.stages import FaceAnimator, FaceListener
from rapport.avatar.face import FaceTrack
from rapport.persona.affect import AffectState, EmotionEstimate
from rapport.speech.audio import Audio

if TYPE_CHECKING:
    from rapport.agent.agent import Agent

_WITHOUT = "a face that rests between replies"


class Attention:
    """Makes `Attending` events of the person's sound while no reply is to be seen. A failure ends that, and no more."""

    def __init__(self, agent: Agent, playback: Playback, outbox: Outbox) -> None:
        self._agent, self._playback, self._outbox = agent, playback, outbox
        self._animator = asyncio.create_task(self._load())
        self._listener: FaceListener | None = None
        self._reply: list[FaceTrack] = []
        """What the last reply showed, as far as it has come."""
        self._seen_s = math.inf
        """How much of it was seen."""
        self._awaited = False
        """Whether an answer is on its way that shows no face yet."""
        self._perceived: EmotionEstimate | None = None
        self._felt: AffectState | None = None
        """Where the listener doesn't know of it yet."""
        self._failed = False

    async def close(self) -> None:
        """Leave no task behind."""
        self._animator.cancel()
        await asyncio.wait({self._animator})
        self._agent.face_shown = None

    def note(self, event: ev.Event) -> None:
        """Take an event of a turn."""
        if isinstance(event, ev.Heard):
            self._awaited = True
        elif isinstance(event, ev.Perceived):
            self._perceived = event.fused
        elif isinstance(event, ev.Felt):
            self._felt = event.after
        elif isinstance(event, ev.Face) and len(event.track):
            if self._awaited:
                self._reply, self._seen_s = [], math.inf
            self._awaited, self._listener = False, None
            self._reply.append(event.track)
        elif isinstance(event, ev.Done):
            self._awaited = False

    def cut(self, seen_s: float) -> None:
        """The person broke into the reply, of which they saw so much."""
        if not self._awaited:
            self._seen_s = min(self._seen_s, seen_s)
        self._awaited = False

    def hear(self, sound: Audio, begin_s: float, words: str) -> None:
        """The next piece of the person's sound, which begins at `begin_s` of it, and their words of late."""
        replying = self._listener is None and bool(self._reply) and self._playback.going_on
        if self._failed or replying or not self._animator.done() or (animator := self._animator.result()) is None:
            return
        try:
            if self._listener is None:
                before = _seen(self._reply, self._seen_s)
                self._listener = animator.listen(self._agent.feeling(), begin_s, self._agent.seed, before)
                self._felt = None
            track = self._listener.hear(
                sound, words=words, perceived=self._perceived, felt=self._felt, thinking=self._awaited
            )
            self._agent.face_shown = self._listener.shown
        except Exception as error:  # noqa: BLE001 - whatever a component raises is its failure, not the conversation's
            use = self._agent.runners["animation"].config.use
            self._outbox.tell(ev.Failed("animation", use, describe(error), _WITHOUT))
            self._failed, self._agent.face_shown = True, None
            return
        self._felt = None
        if len(track):
            self._outbox.tell(ev.Attending(track))

    async def _load(self) -> FaceAnimator | None:
        async def itself(animator: FaceAnimator) -> FaceAnimator:
            return animator

        async def report(failure: ev.Failed) -> None:
            self._outbox.tell(failure)

        runner = self._agent.runners["animation"]
        return await runner.call(itself, lambda _: None, report, without=_WITHOUT)


def _seen(tracks: Sequence[FaceTrack], seen_s: float) -> FaceTrack | None:
    """The last two frames of a reply of which so much was seen; None for a reply that showed none."""
    for track in reversed(tracks):
        count = len(track)
        if math.isfinite(seen_s):
            count = min(count, math.floor((seen_s - track.start_s) * track.frame_rate_hz) + 1)
        if count > 0:
            k = max(count - 2, 0)
            return FaceTrack(
                track.weights[k:count],
                track.head_pose[k:count],
                track.gaze[k:count],
                track.frame_rate_hz,
                track.start_s + k / track.frame_rate_hz,
            )
    return None
