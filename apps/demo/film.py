"""A conversation as one video: what the person said, then the reply's face and voice, turn by turn, with captions.

Nothing is filmed while people talk. What a film needs of a turn is kept, sound and face track, and the pictures are
drawn when somebody asks for them, whoever drew the face during the talk.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.agent.heard import heard_part
from rapport.agent.stages import FaceRenderer
from rapport.apps.demo.drawing import Picture, drawing_renderer, pictures
from rapport.apps.demo.exports import ExportedFile
from rapport.apps.demo.titles import AGENT, GROUND, captioned, card
from rapport.avatar.animation import FRAME_RATE_HZ
from rapport.avatar.face import FaceTrack
from rapport.avatar.track_file import resampled
from rapport.avatar.video import VideoWriter, h264_encoder
from rapport.persona.errors import ComponentError, InputError
from rapport.speech.audio import Audio
from rapport.speech.captions import Caption, captions_of
from rapport.speech.files import resample

MOST_S = 180.0
"""Of sound is kept of a conversation; the oldest turns go first."""
RATE_HZ = 24_000
SIZE_PX = 512
"""Width and height where no face can be drawn."""
SHORTEST_S, LONGEST_S, WORD_S = 1.0, 8.0, 0.25
"""How long words without a sound are shown."""


@dataclass(frozen=True, eq=False)
class Take:
    """What a film needs of one turn, cut to what was heard."""

    turn: int
    person: str
    person_pcm: NDArray[np.int16] | None
    """The person's sound at RATE_HZ; None where they typed."""
    name: str
    reply: str
    reply_pcm: NDArray[np.int16] | None
    track: FaceTrack | None
    captions: tuple[Caption, ...]

    @property
    def sound_s(self) -> float:
        return sum(len(pcm) for pcm in (self.person_pcm, self.reply_pcm) if pcm is not None) / RATE_HZ


class Film:
    """The takes of one agent's conversation. Used from the event loop of its page only."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._takes: list[Take] = []
        self._sound: Audio | None = None
        """The person's, of the turn that `agent.last_reply` answers."""
        self._next_sound: Audio | None = None
        self._one_at_a_time = asyncio.Lock()

    def hears(self, audio: Audio | None) -> None:
        """What the person is about to give is this sound; None for words."""
        self._next_sound = audio

    def take(self, event: ev.Event) -> None:
        """Take an event of the conversation: a turn that begins settles the one before it."""
        if isinstance(event, ev.Heard):
            self._takes = self.takes
            while len(self._takes) > 1 and sum(take.sound_s for take in self._takes) > MOST_S:
                self._takes.pop(0)
            self._sound, self._next_sound = self._next_sound, None

    @property
    def takes(self) -> list[Take]:
        """Every turn that is over, as far as sound is kept."""
        last = self._agent.last_reply
        if last is None or (self._takes and self._takes[-1].turn >= last.trace.turn):
            return list(self._takes)
        return [*self._takes, take_of(last, self._sound, self._agent.persona.name)]

    async def file(self) -> ExportedFile:
        """The video (mp4, H.264 and AAC); draws about as long as the talk took.

        Raises:
            InputError: nothing was said yet.
            ComponentError: no encoder.
            StageError: the face could not be drawn.
        """
        takes = self.takes
        if not takes:
            raise InputError("there is nothing to film yet; say something, and ask again after the answer")
        h264_encoder()
        async with self._one_at_a_time:
            with tempfile.TemporaryDirectory(prefix="rapport-") as folder:  # mp4 wants a file that it can seek in
                path = Path(folder) / "conversation.mp4"
                await self._shoot(takes, path)
                content = await asyncio.to_thread(path.read_bytes)
        return ExportedFile("conversation.mp4", "video/mp4", content)

    async def _shoot(self, takes: Sequence[Take], path: Path) -> None:
        try:
            renderer = await drawing_renderer(self._agent)
        except ComponentError:
            renderer = None
        still = await self._still(renderer)
        with VideoWriter(path, frame_rate_hz=FRAME_RATE_HZ, sample_rate_hz=RATE_HZ) as video:
            cut = _Cut(video)
            for take in takes:
                await asyncio.to_thread(cut.hold, _sound(take.person_pcm, take.person), card(still, take.person))
                if take.reply:
                    await self._show(cut, take, renderer, still)

    async def _show(self, cut: _Cut, take: Take, renderer: FaceRenderer | None, still: Picture) -> None:
        """The reply: its face with captions, or its words on a card."""
        sound = _sound(take.reply_pcm, take.reply)
        if renderer is None or take.track is None or not take.captions:
            await asyncio.to_thread(cut.hold, sound, card(still, take.reply, take.name.capitalize(), AGENT))
            return
        face, budget_s = self._agent.persona.face, self._agent.runners["rendering"].config.budget_s
        cut.hear(sound)
        last, number = still, 0
        async with aclosing(pictures(renderer, take.track, face, budget_s)) as drawn:
            async for picture in drawn:
                last = captioned(picture, _caption_at(take.captions, number / FRAME_RATE_HZ))
                await asyncio.to_thread(cut.show, last)
                number += 1
        await asyncio.to_thread(cut.fill, last)

    async def _still(self, renderer: FaceRenderer | None) -> Picture:
        """The face at rest, for the cards to lie on."""
        if renderer is None:
            return np.full((SIZE_PX, SIZE_PX, 3), GROUND, np.uint8)
        budget_s = self._agent.runners["rendering"].config.budget_s
        track = FaceTrack.neutral(1, FRAME_RATE_HZ)
        async with aclosing(pictures(renderer, track, self._agent.persona.face, budget_s)) as drawn:
            return await anext(drawn)


class _Cut:
    """Puts sounds and pictures one after the other, and keeps both equally long."""

    def __init__(self, video: VideoWriter) -> None:
        self._video = video
        self._sound_s = 0.0
        self._frames = 0

    def hear(self, sound: Audio) -> None:
        self._video.add_audio(sound)
        self._sound_s += sound.duration_s

    def show(self, picture: Picture) -> None:
        """A frame; one that the sound has no room for is left out."""
        if self._frames < round(self._sound_s * FRAME_RATE_HZ):
            self._video.add_pictures([picture])
            self._frames += 1

    def fill(self, picture: Picture) -> None:
        """Hold a picture until the sound is over."""
        while self._frames < round(self._sound_s * FRAME_RATE_HZ):
            self.show(picture)

    def hold(self, sound: Audio, picture: Picture) -> None:
        self.hear(sound)
        self.fill(picture)


# ---------------------------------------------------------------------------------------------------- what is kept


def take_of(reply: ev.Reply, person_sound: Audio | None, name: str) -> Take:
    """A turn, cut to what was heard of its reply."""
    spoken: list[ev.Spoken] = []
    start_s = 0.0
    for index, clause in enumerate(reply.clauses):
        spoken.append(ev.Spoken(index, clause, start_s))
        start_s += clause.audio.duration_s
    heard_s = heard_until_s(spoken, reply.text)
    audio, track = reply.audio, reply.track
    if track is not None:
        track = track if track.frame_rate_hz == FRAME_RATE_HZ else resampled(track, FRAME_RATE_HZ)
        n = min(len(track), round(heard_s * FRAME_RATE_HZ))
        track = FaceTrack(track.weights[:n], track.head_pose[:n], track.gaze[:n], FRAME_RATE_HZ)
    return Take(
        turn=reply.trace.turn,
        person=reply.trace.heard.text,
        person_pcm=None if person_sound is None else _pcm(person_sound),
        name=name,
        reply=reply.text,
        reply_pcm=None if audio is None else _pcm(audio.between(0.0, heard_s)),
        track=track,
        captions=tuple(captions_of((item.start_s, item.clause) for item in spoken if item.start_s < heard_s)),
    )


def heard_until_s(spoken: Sequence[ev.Spoken], heard: str) -> float:
    """The moment on the reply clock up to which `heard` is what was heard: the inverse of `heard_part`."""
    ends_s = sorted(
        {
            item.start_s + end_s
            for item in spoken
            for end_s in (item.clause.audio.duration_s, *(word.end_s for word in item.clause.words))
        }
    )
    return next((end_s for end_s in ends_s if heard_part(spoken, end_s) == heard), ends_s[-1] if ends_s else 0.0)


def _caption_at(captions: Sequence[Caption], at_s: float) -> str:
    return next((caption.text for caption in captions if caption.start_s <= at_s < caption.end_s), "")


def _pcm(audio: Audio) -> NDArray[np.int16]:
    return np.round(np.clip(resample(audio, RATE_HZ).samples, -1.0, 1.0) * 32767.0).astype(np.int16)


def _sound(pcm: NDArray[np.int16] | None, words: str) -> Audio:
    """A turn's sound, or silence for as long as its words take to be read."""
    if pcm is not None and len(pcm) > 0:
        return Audio(pcm.astype(np.float32) / 32767.0, RATE_HZ)
    return Audio.silence(min(LONGEST_S, SHORTEST_S + WORD_S * len(words.split())), RATE_HZ)
