"""Clauses as clips that a browser plays: an mp4 with the talking head, or the voice with what the face does to it.

`ClipMaker` decides, from the event stream of one turn, when a clause is complete; `encode` makes the file.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from rapport.agent import events as ev
from rapport.avatar.face import FaceTrack
from rapport.speech.audio import Audio, Word


class Sight(Enum):
    """What there is to see of a reply."""

    NOTHING = auto()
    TRACK = auto()
    """Face tracks: whoever plays them draws the face."""
    PICTURES = auto()


@dataclass(frozen=True)
class Clip:
    """A finished clause: its sound, and its pictures or its face track, where there are any."""

    index: int
    start_s: float
    """Place on the reply clock."""
    audio: Audio
    words: tuple[Word, ...] = ()
    """When each word is spoken, in seconds of the clause."""
    track: FaceTrack | None = None
    frames: tuple[NDArray[np.uint8], ...] = ()
    """RGB, uint8 (height, width, 3)."""
    frame_rate_hz: float = 25.0


@dataclass
class _Waiting:
    """A spoken clause whose face is still being made."""

    spoken: ev.Spoken
    track: FaceTrack | None = None
    frames: list[NDArray[np.uint8]] = field(default_factory=list[NDArray[np.uint8]])

    def clip(self) -> Clip:
        return Clip(
            self.spoken.index,
            self.spoken.start_s,
            self.spoken.clause.audio,
            self.spoken.clause.words,
            self.track,
            tuple(self.frames),
            self.track.frame_rate_hz if self.track is not None else 25.0,
        )


class ClipMaker:
    """Gathers the sound and the face of each clause of one turn.

    Args:
        sight: what there is to see.
        waits: whether a clause is complete only with that; without, once it is spoken.
    """

    def __init__(self, sight: Sight, *, waits: bool = True) -> None:
        self._sight = sight
        self._waits = waits and sight is not Sight.NOTHING
        self._waiting: deque[_Waiting] = deque()
        self.was_seen: bool | None = None
        """Whether this turn brought what there is to see; None while no face has moved at all."""

    def take(self, event: ev.Event) -> list[Clip]:
        """The clips that this event completes, in the order of the reply."""
        match event:
            case ev.Spoken():
                waiting = _Waiting(event)
                if not self._waits:
                    return [waiting.clip()]
                self._waiting.append(waiting)
                return []
            case ev.Face():
                self.was_seen = self._sight is Sight.TRACK or bool(self.was_seen)
                done = self._until(event.index)
                if self._waiting and self._waiting[0].spoken.index == event.index:
                    self._waiting[0].track = event.track
                    if self._sight is Sight.TRACK or len(event.track) == 0:
                        done.append(self._waiting.popleft().clip())
                return done
            case ev.Frame():
                self.was_seen = True
                return self._draw(event)
            case ev.Interrupted():
                self._waiting.clear()
                return []
            case ev.Done():
                return self._until(None)
            case _:
                return []

    def give_up(self) -> list[Clip]:
        """Nothing more will be seen of the clause at hand: it is complete as it is."""
        return [self._waiting.popleft().clip()] if self._waiting else []

    def _draw(self, event: ev.Frame) -> list[Clip]:
        first = self._waiting[0] if self._waiting else None
        if first is None or first.spoken.index != event.index:
            return []
        first.frames.append(event.image)
        if first.track is None or len(first.frames) < len(first.track):
            return []
        return [self._waiting.popleft().clip()]

    def _until(self, index: int | None) -> list[Clip]:
        """Clauses before `index` (all for None): the turn has gone on, so nothing more comes for them."""
        done: list[Clip] = []
        while self._waiting and (index is None or self._waiting[0].spoken.index < index):
            done.append(self._waiting.popleft().clip())
        return done


def encode(clip: Clip) -> tuple[bytes, str]:
    """The clip as a file in memory and its media type: mp4 (H.264 and AAC) with pictures, WAV without.

    Raises:
        StageError: the video cannot be encoded.
    """
    if clip.frames:
        from rapport.avatar.video import encode_segment

        return encode_segment(clip.frames, clip.audio, clip.frame_rate_hz), "video/mp4"
    from rapport.speech.files import encode_wav

    return encode_wav(clip.audio), "audio/wav"
