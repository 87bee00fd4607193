"""The clips of the current reply: gathered from its events, encoded one after another, and kept for the browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.apps.demo.clips import Clip, ClipMaker, Sight, encode
from rapport.apps.demo.film import Film
from rapport.apps.demo.media import MediaShelf
from rapport.avatar.face import FaceTrack
from rapport.avatar.track_file import track_json
from rapport.persona.errors import RapportError
from rapport.speech.audio import Word


@dataclass(frozen=True)
class PlayableClip:
    """A clause that waits on the shelf for the browser to fetch it."""

    token: str
    media_type: str
    start_s: float
    duration_s: float
    words: tuple[Word, ...] = ()
    """With times in seconds of the clip."""
    track_token: str | None = None
    """Where the face track is, for a page that draws the face itself."""


class Reel:
    """`take` never waits for the encoder, so that nothing the person says or does waits for it either."""

    def __init__(self, agent: Agent, shelf: MediaShelf) -> None:
        self.clips: list[PlayableClip] = []
        self.complete = True
        """Whether every clip of the current reply is there."""
        self.dropped = False
        """Nothing more of the current reply will be heard."""
        self.film = Film(agent)
        """The whole conversation, for whoever wants to keep it."""
        self._agent = agent
        self._shelf = shelf
        self._reply = 0
        self.drawn_here = False
        """Whether the page draws the face, from the next reply on; else it is shown pictures."""
        self._comes = True
        """Whether what there is to see came the last time."""
        self._maker = self._new_maker()
        self._made: asyncio.Queue[tuple[int, Clip | None] | None] = asyncio.Queue()
        """Clips that wait to be encoded, with the number of their reply; None after its last one."""

    def begin(self) -> None:
        """A new reply."""
        self.drop()
        self._reply += 1
        self._maker = self._new_maker()
        self.complete = self.dropped = False

    async def take(self, event: ev.Event) -> None:
        """Take an event of the reply; what it completes is encoded by and by."""
        self.film.take(event)
        lost = isinstance(event, ev.Failed) and await self._loses_pictures(event)
        for clip in self._maker.give_up() if lost else self._maker.take(event):
            self._made.put_nowait((self._reply, clip))
        if isinstance(event, ev.Done):
            self._made.put_nowait((self._reply, None))
            if self._maker.was_seen is not None:
                self._comes = self._maker.was_seen
        elif isinstance(event, ev.Refused):
            self.complete = True

    def drop(self) -> None:
        """Forget the reply's clips, those that are still to come as well."""
        self.dropped = True
        for clip in self.clips:
            self._shelf.drop(clip.token)
            if clip.track_token is not None:
                self._shelf.drop(clip.track_token)
        self.clips = []

    def encoding(self, changed: Callable[[], None], failed: Callable[[str], None]) -> asyncio.Task[None]:
        """Encode what is taken from now on, until `end`. A video that cannot be made leaves the voice, and a line."""
        self._made = asyncio.Queue()
        return asyncio.create_task(self._encode(changed, failed))

    def end(self) -> None:
        """Nothing more will be taken."""
        self._made.put_nowait(None)

    async def _encode(self, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        while (item := await self._made.get()) is not None:
            await self._shelve(*item, failed)
            changed()

    async def _shelve(self, reply: int, clip: Clip | None, failed: Callable[[str], None]) -> None:
        if reply != self._reply:
            return
        if clip is None:
            self.complete = True
            return
        if self.dropped:
            return
        try:
            data, media_type = await asyncio.to_thread(encode, clip)
        except RapportError as error:
            failed(f"The video could not be made ({error}); going on with the voice alone.")
            data, media_type = await asyncio.to_thread(encode, replace(clip, frames=()))
        track = None
        if self.drawn_here and clip.track is not None and len(clip.track) and not clip.frames:
            track = await asyncio.to_thread(_track_bytes, clip.track)
        if reply == self._reply and not self.dropped:
            token = self._shelf.put(data, media_type)
            track_token = None if track is None else self._shelf.put(track, "application/json")
            self.clips.append(
                PlayableClip(token, media_type, clip.start_s, clip.audio.duration_s, clip.words, track_token)
            )

    def _new_maker(self) -> ClipMaker:
        runners = self._agent.runners
        if "animation" not in runners:
            sight = Sight.NOTHING
        elif self.drawn_here:
            sight = Sight.TRACK
        else:
            sight = Sight.PICTURES if "rendering" in runners else Sight.NOTHING
        return ClipMaker(sight, waits=self._comes)

    async def _loses_pictures(self, failure: ev.Failed) -> bool:
        """Whether what takes over from a failed animator or renderer gives no pictures for the clause at hand."""
        runner = self._agent.runners.get(failure.stage)
        if failure.stage not in {"animation", "rendering"} or runner is None:
            return False
        if failure.fallback not in runner.config.chain:
            return True
        if failure.stage == "animation":
            return False
        try:
            return not (await runner.load(failure.fallback)).capabilities.draws
        except (RapportError, TimeoutError):
            return False  # it fails in the turn as well, which says so with a failure of its own


def _track_bytes(track: FaceTrack) -> bytes:
    return json.dumps(track_json(track), separators=(",", ":")).encode()
