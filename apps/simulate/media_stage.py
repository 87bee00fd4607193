"""A session performed: its words as sound on one clock, and both faces to it, one speaking and one listening.

The session's own times are virtual (a client's minute of silence belongs to the turn); here turns follow each other as
in talk, after a short pause. Every sentence is spoken with the feeling that the record gives its speaker in that turn.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rapport.agent.response.clauses import split_sentences
from rapport.agent.stages import FaceAnimator, FaceListener, SpeechSynthesizer
from rapport.apps.simulate.media_cast import PEOPLE, Player, Who
from rapport.apps.simulate.records import SessionRecord, Turn
from rapport.avatar.face import ARKIT_BLENDSHAPES, FaceTrack
from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio, SpokenClause
from rapport.speech.files import resample

FRAME_RATE_HZ = 25.0
LEAD_S, TAIL_S = 0.8, 1.2
"""Before the first word and after the last."""
PAUSE_S: Mapping[Who, float] = {"therapist": 0.5, "client": 0.8}
"""Silence before each begins to speak. Turns of talk follow within a fifth of a second (Stivers et al. 2009), in
therapy later; every clause brings a fifth of a second of its own."""
CUT_IN_S = 0.04
"""Before words that interrupt."""
TOWARDS_RAD = 0.26
"""How far each head is turned to the other: the therapist sits on the left of the picture, the client on the right."""

Told = Callable[[int, int], None]
"""Told how many of how many are done."""


@dataclass(frozen=True)
class Line:
    """One turn as it is spoken."""

    turn: int
    """Which turn of the session."""
    who: Who
    felt: AffectState
    label: str
    """What the feeling is called, one of Ekman's seven."""
    clauses: tuple[tuple[float, SpokenClause], ...]
    """Sentences and when they begin, in seconds of the whole sound."""

    @property
    def start_s(self) -> float:
        return self.clauses[0][0]

    @property
    def end_s(self) -> float:
        start_s, clause = self.clauses[-1]
        return start_s + clause.audio.duration_s


@dataclass(frozen=True)
class Performance:
    """A session's sound, and who says what when. Lines are in order and do not overlap."""

    lines: tuple[Line, ...]
    audio: Audio

    @property
    def frames(self) -> int:
        """Pictures that cover the sound."""
        return math.ceil(self.audio.duration_s * FRAME_RATE_HZ - 1e-6)


async def speak(
    session: SessionRecord, players: Mapping[Who, Player], voice: SpeechSynthesizer, told: Told = lambda done, of: None
) -> Performance:
    """Every turn's words as sound; turns in which there is nothing to say are left out.

    Raises:
        InputError: nobody says anything.
        StageError: the voice failed.
    """
    rate_hz = 0
    lines: list[Line] = []
    pieces: list[Audio] = []
    samples = 0
    for i, turn in enumerate(session.turns):
        said = [
            await voice.speak(text, _felt(turn), players[turn.who].voice, seed_of(session, turn.who))
            for text in split_sentences(turn.text)
            if re.search(r"\w", text)
        ]
        told(i + 1, len(session.turns))
        if not said:
            continue
        rate_hz = rate_hz or said[0].audio.sample_rate_hz
        pause_s = LEAD_S if not lines else CUT_IN_S if "interrupt" in turn.acts else PAUSE_S[turn.who]
        # A line begins on a picture, so that lips and sound have one clock.
        begin_s = math.ceil((samples / rate_hz + pause_s) * FRAME_RATE_HZ - 1e-6) / FRAME_RATE_HZ
        pieces.append(Audio(np.zeros(round(begin_s * rate_hz) - samples, np.float32), rate_hz))
        samples += len(pieces[-1].samples)
        clauses: list[tuple[float, SpokenClause]] = []
        for clause in said:
            clauses.append((samples / rate_hz, clause))
            pieces.append(resample(clause.audio, rate_hz))
            samples += len(pieces[-1].samples)
        lines.append(Line(i, turn.who, _felt(turn), label_of(turn), tuple(clauses)))
    if not lines:
        raise InputError(f"{session.id}: nobody says anything that a voice could read")
    pieces.append(Audio.silence(TAIL_S, rate_hz))
    return Performance(tuple(lines), Audio(np.concatenate([piece.samples for piece in pieces]), rate_hz))


async def act(performance: Performance, session: SessionRecord, animator: FaceAnimator) -> dict[Who, FaceTrack]:
    """Both faces for the whole of the sound, turned to each other.

    Raises:
        StageError: the animator failed.
    """
    seat: dict[Who, _Seat] = {}
    for who in PEOPLE:
        first = next((line.felt for line in performance.lines if line.who == who), AffectState())
        seat[who] = _Seat(performance.frames, animator, seed_of(session, who), first)
    heard = 0.0

    def listen(until_s: float, speaker: Who | None, words: str = "", seen: EmotionEstimate | None = None) -> None:
        """Everybody but the speaker hears what sounds until then."""
        nonlocal heard
        sound = performance.audio.between(heard, until_s)
        for who in PEOPLE:
            if who != speaker:
                seat[who].hear(sound, words, seen)
        heard = until_s

    for line in performance.lines:
        seat[line.who].about_to_speak()
        listen(line.start_s, None)
        seen = EmotionEstimate(EmotionDistribution.certain(EKMAN7, line.label), line.felt.emotion)
        words = ""
        for start_s, clause in line.clauses:
            await seat[line.who].say(clause, line.felt, start_s)
            words = f"{words} {clause.text}".strip()
            listen(start_s + clause.audio.duration_s, line.who, words, seen)
        seat[line.who].listen(line.felt, line.end_s)
    listen(performance.audio.duration_s, None)
    return {who: seat[who].track(TOWARDS_RAD if who == "therapist" else -TOWARDS_RAD) for who in PEOPLE}


def seed_of(session: SessionRecord, who: Who) -> int:
    """Of blinks, gaze and all else that a person does by chance in a session."""
    return zlib.crc32(f"{session.id}/{who}".encode())


def label_of(turn: Turn) -> str:
    """The turn's feeling among Ekman's seven; foreign names go by their point."""
    return turn.feeling if turn.feeling in EKMAN7.labels else EKMAN7.called(VAD(*turn.vad))


def _felt(turn: Turn) -> AffectState:
    return AffectState(VAD(*turn.vad), VAD(*turn.mood))


@dataclass
class _Seat:
    """One person's face while the session runs."""

    frames: int
    animator: FaceAnimator
    seed: int
    felt: AffectState
    listener: FaceListener = field(init=False)
    weights: NDArray[np.float32] = field(init=False)
    head_pose: NDArray[np.float32] = field(init=False)
    gaze: NDArray[np.float32] = field(init=False)
    shown: int = 0
    """Frames so far."""
    thinking: bool = False

    def __post_init__(self) -> None:
        self.weights = np.zeros((self.frames, len(ARKIT_BLENDSHAPES)), np.float32)
        self.head_pose = np.zeros((self.frames, 3), np.float32)
        self.gaze = np.zeros((self.frames, 2), np.float32)
        self.listener = self.animator.listen(self.felt, 0.0, self.seed)

    def hear(self, sound: Audio, words: str, seen: EmotionEstimate | None) -> None:
        self._put(self.listener.hear(sound, words=words, perceived=seen, thinking=self.thinking))

    def about_to_speak(self) -> None:
        self.thinking = True

    async def say(self, clause: SpokenClause, felt: AffectState, start_s: float) -> None:
        self._put(await self.animator.animate(clause, felt, start_s, self.seed, self._before()))

    def listen(self, felt: AffectState, start_s: float) -> None:
        """From here on the other one may speak."""
        self.felt, self.thinking = felt, False
        self.listener = self.animator.listen(felt, start_s, self.seed, self._before())

    def track(self, yaw_rad: float) -> FaceTrack:
        """All of it, the head turned by an angle to its left."""
        # The last picture may begin after the last whole sample was heard.
        for frames in (self.weights, self.head_pose, self.gaze):
            frames[self.shown :] = frames[max(self.shown - 1, 0)]
        pose = self.head_pose + np.array([0.0, yaw_rad, 0.0], np.float32)
        return FaceTrack(self.weights, pose, self.gaze, FRAME_RATE_HZ)

    def _put(self, track: FaceTrack) -> None:
        begin = round(track.start_s * FRAME_RATE_HZ)
        end = min(begin + len(track), self.frames)
        if end > begin:
            count = end - begin
            self.weights[begin:end] = track.weights[:count]
            self.head_pose[begin:end] = track.head_pose[:count]
            self.gaze[begin:end] = track.gaze[:count]
            self.shown = max(self.shown, end)

    def _before(self) -> FaceTrack | None:
        tail = slice(max(self.shown - 2, 0), self.shown)
        if not self.shown:
            return None
        return FaceTrack(
            self.weights[tail], self.head_pose[tail], self.gaze[tail], FRAME_RATE_HZ, tail.start / FRAME_RATE_HZ
        )
