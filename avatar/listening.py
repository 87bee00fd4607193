"""The face while the person speaks, while the agent thinks of an answer, and while nobody says anything.

A `Listener` is fed with the person's sound as it arrives and gives the frames up to what was heard, less than a frame
late. It knows nothing of what comes: a nod follows the pause that caused it. It shows a share of what the agent feels
and of what was read in the person (mimicry is weaker than what it mirrors, and anger is not mirrored but met with
concern: Hess & Fischer 2013), looks at them more than a speaker does (Kendon 1967), and looks away to think
(Doherty-Sneddon & Phelps 2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.expression import PROTOTYPES, Mixture, arkit_vector, felt_labels
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.gestures import CYCLE_S, Attitude, Gesture, attitude_of, gestures_at_pause
from rapport.avatar.hearing import Ear, Phrase, Voiced
from rapport.avatar.joining import LEAD_FRAMES, Carried, Motion
from rapport.avatar.life import Temper, eye_look_weights, held_gaze, liveliness
from rapport.avatar.visemes import columns_of
from rapport.persona.affect import EKMAN7, AffectState, EmotionEstimate, convert
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio
from rapport.speech.turn_taking import completeness

Array = NDArray[np.float64]

FELT_SHARE = 0.6
"""Of the agent's own feeling that shows while it does not speak."""
MIRRORED_SHARE = 0.4
"""Of the person's, when it is read for certain."""
MIRRORED: Mapping[str, float] = {"joy": 1.0, "sadness": 1.0, "surprise": 0.6, "fear": 0.4}
"""How much of a feeling is mirrored, by label."""
CONCERN: Mapping[str, float] = {"browInnerUp": 0.5, "browDown": 0.3, "mouthPress": 0.15}
MET_WITH_CONCERN: Mapping[str, float] = {"anger": 1.0, "disgust": 0.5, "fear": 0.6}
THINKING: Mapping[str, float] = {"browDown": 0.16, "mouthPress": 0.22, "mouthPucker": 0.08, "eyeSquint": 0.12}

_FACE_HZ, _HEAD_HZ, _GAZE_HZ = 5.0, 4.0, 30.0
"""Rates of the critically damped springs that follow what is to be shown: 90% of the way after 3.9 / rate seconds."""
_ATTENDING, _IDLE_ATTENTION, _THINKING_ATTENTION = 0.5, 0.0, 0.5
_LEAN_RAD, _TILT_RAD = np.radians(1.2), np.radians(2.0)
_THINK_YAW_RAD, _THINK_UP_RAD, _THINK_ROLL_RAD = np.radians(13.0), np.radians(7.0), np.radians(2.5)
_HEAD_FOLLOWS = 0.3
"""How much of an averted gaze the head turns with."""
_THINK_UP_PROBABILITY = 0.75
_THINK_HOLD_S = (1.4, 2.6)
_LEAST_COMPLETE = 0.25
_PIECE_S = 20.0
_GESTURES, _THOUGHTS, _SIDE = 11, 12, 13
_TOLERANCE = 1e-6
_JAW_SHARE = 0.3
"""Of an expression's open mouth: a listener does not gape."""

_BLINK = columns_of("eyeBlink")
_OPEN_LIDS = columns_of("eyeWide") + columns_of("eyeSquint")
_SHOWS: Mapping[str, tuple[list[int], float]] = {
    "brows_up": ([*columns_of("browInnerUp"), *columns_of("browOuterUp")], 1.0),
    "brows_down": (columns_of("browDown"), 1.0),
    "smile": ([*columns_of("mouthSmile"), *columns_of("cheekSquint")], 0.9),
}
_PITCH, _YAW, _ROLL, _LEFT, _UP, _ATTENTION = range(6)


def _mirror_face(label: str) -> Array:
    """How a listener answers the face of a label."""
    if label not in PROTOTYPES:
        return np.zeros(len(ARKIT_BLENDSHAPES))
    same = Mixture.of(PROTOTYPES[label].point.as_array()[None], _only(label)).weights[0]
    concern = arkit_vector(CONCERN)
    return MIRRORED.get(label, 0.0) * same + MET_WITH_CONCERN.get(label, 0.0) * concern


def _only(label: str) -> Array:
    return (np.arange(len(EKMAN7)) == EKMAN7.index(label)).astype(np.float64)


_MIRROR_FACES = np.stack([_mirror_face(label) for label in EKMAN7.labels])
_THINKING_FACE = arkit_vector(THINKING)


class Spring:
    """Follows a target without overshoot; exact for a target that stands still, at any step."""

    def __init__(self, value: Array, rates_hz: Array) -> None:
        self.value = value.copy()
        self._speed = np.zeros_like(value)
        self._rates_hz = rates_hz

    def step(self, target: Array, step_s: float) -> Array:
        """The value after a step; a new array."""
        rate, away = self._rates_hz, self.value - target
        pull = self._speed + rate * away
        left = np.exp(-rate * step_s)
        self.value = target + (away + pull * step_s) * left
        self._speed = (self._speed - rate * pull * step_s) * left
        return self.value


class Listener:
    """One conversation's face between two replies: see `FaceListener` in rapport.agent.stages."""

    def __init__(
        self, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None, *, frame_rate_hz: float
    ) -> None:
        if not math.isfinite(start_s):
            raise InputError(f"a listener must start at a time, got {start_s}")
        self._start_s, self._seed, self._rate_hz = start_s, seed, frame_rate_hz
        self._ear = Ear()
        self._next = math.ceil(start_s * frame_rate_hz - _TOLERANCE)
        self._first = self._next
        self._temper = Temper.of(felt.emotion)
        self._tilt_rad = float(_random(seed, _SIDE, 0).uniform(-1.0, 1.0)) * _TILT_RAD
        self._felt, self._words, self._thinking = felt, "", False
        self._perceived: EmotionEstimate | None = None
        self._talking = False
        self._gestures: list[Gesture] = []
        self._pauses = self._thoughts = 0
        self._looks_away: tuple[float, float, float] = (0.0, 0.0, -math.inf)
        """Left, up, and until when."""
        self._aim()
        self._face = Spring(self._face_target, np.full(len(ARKIT_BLENDSHAPES), _FACE_HZ))
        rates_hz = np.array([_HEAD_HZ, _HEAD_HZ, _HEAD_HZ, _GAZE_HZ, _GAZE_HZ, _HEAD_HZ])
        self._stance = Spring(self._stance_target(start_s), rates_hz)
        self._carried: Carried | None = None
        self._shown = FaceTrack.neutral(0, frame_rate_hz, self._next / frame_rate_hz)
        if before is not None and len(before):
            lead = self._motion(self._next + np.arange(-LEAD_FRAMES, 0), moving=False)
            self._carried, self._shown = Carried.of(before, lead, frame_rate_hz), before

    @property
    def shown(self) -> FaceTrack:
        """The last two frames shown, for `before` of what follows."""
        return self._shown

    def hear(
        self,
        sound: Audio,
        *,
        words: str = "",
        perceived: EmotionEstimate | None = None,
        felt: AffectState | None = None,
        thinking: bool = False,
    ) -> FaceTrack:
        """See `FaceListener.hear`."""
        self._words = words
        given = (felt or self._felt, perceived or self._perceived, thinking)
        if any(new is not old for new, old in zip(given, (self._felt, self._perceived, self._thinking), strict=True)):
            self._felt, self._perceived, self._thinking = given
            self._aim()
        step = max(1, round(_PIECE_S * sound.sample_rate_hz))
        tracks: list[FaceTrack] = []
        for a in range(0, max(len(sound.samples), 1), step):  # an hour in one piece takes no more memory than it must
            piece = Audio(sound.samples[a : a + step], sound.sample_rate_hz)
            tracks.append(self._hear(piece))
        return tracks[0] if len(tracks) == 1 else _joined(tracks)

    def _hear(self, piece: Audio) -> FaceTrack:
        noticed = self._ear.push(piece)
        heard_s = self._start_s + self._ear.heard_s
        frames = np.arange(self._next, math.floor(heard_s * self._rate_hz + _TOLERANCE) + 1)
        begin_s = self._next / self._rate_hz
        if len(frames) == 0:
            self._notice(noticed)
            return FaceTrack.neutral(0, self._rate_hz, begin_s)
        motion = self._motion(frames, noticed)
        if self._carried is not None:
            motion = self._carried.added(motion, (frames - self._first + 1) / self._rate_hz)
        weights = np.maximum(motion.weights, eye_look_weights(motion.gaze))
        track = FaceTrack(*_single(weights, motion.head_pose, motion.gaze), self._rate_hz, begin_s)
        self._next = int(frames[-1]) + 1
        self._shown = _last_two(self._shown, track)
        return track

    # ------------------------------------------------------------------------------------------------- what to show

    def _aim(self) -> None:
        """What the face is to show, by what is felt and perceived."""
        felt = self._felt
        mixture = Mixture.of(felt.emotion.as_array()[None], felt_labels(felt))
        own = FELT_SHARE * mixture.weights[0]
        own[BLENDSHAPE_INDEX["jawOpen"]] *= _JAW_SHARE
        self._posture = FELT_SHARE * mixture.posture[0]
        mirrored = np.zeros_like(own)
        if self._perceived is not None:
            sure = 1.0 - min(1.0, sum(self._perceived.vad_sd[:2]) / 2.0)
            labels = np.array(convert(self._perceived.distribution, EKMAN7).probabilities)
            mirrored = MIRRORED_SHARE * sure * (labels @ _MIRROR_FACES)
            mirrored[BLENDSHAPE_INDEX["jawOpen"]] *= _JAW_SHARE
        face = 1.0 - (1.0 - own) * (1.0 - np.minimum(mirrored, 1.0))
        self._face_target = np.maximum(face, _THINKING_FACE) if self._thinking else face
        self._attitude: Attitude = attitude_of(felt)

    def _stance_target(self, time_s: float) -> Array:
        """Pitch, yaw, roll, gaze to the left and up, attention."""
        pitch, roll, up = self._posture.tolist()
        if self._thinking:
            left_rad, up_rad = self._averted(time_s)
            turned, tilted = _HEAD_FOLLOWS * left_rad, math.copysign(_THINK_ROLL_RAD, left_rad)
            return np.array(
                [pitch - _HEAD_FOLLOWS * up_rad, turned, roll - tilted, left_rad, up_rad, _THINKING_ATTENTION]
            )
        self._looks_away = (0.0, 0.0, -math.inf)
        if not self._talking:
            return np.array([pitch, 0.0, roll, 0.0, up, _IDLE_ATTENTION])
        return np.array([pitch + _LEAN_RAD, 0.0, roll + self._tilt_rad, 0.0, 0.4 * up, _ATTENDING])

    def _averted(self, time_s: float) -> tuple[float, float]:
        """Where the eyes of somebody who thinks are: mostly up, to a side, for a second or two each."""
        left, up, until_s = self._looks_away
        if time_s >= until_s:
            chance = _random(self._seed, _THOUGHTS, self._thoughts)
            self._thoughts += 1
            side = (1.0 if chance.uniform() < 0.5 else -1.0) if left == 0.0 else math.copysign(1.0, left)
            side = -side if left != 0.0 and chance.uniform() < 0.3 else side
            high = 1.0 if chance.uniform() < _THINK_UP_PROBABILITY else -0.8
            left, up = side * _THINK_YAW_RAD * chance.uniform(0.7, 1.0), high * _THINK_UP_RAD * chance.uniform(0.7, 1.0)
            self._looks_away = (left, up, time_s + chance.uniform(*_THINK_HOLD_S))
        return left, up

    def _notice(self, noticed: list[Phrase | Voiced]) -> None:
        for event in noticed:
            if isinstance(event, Voiced):
                self._talking = event.on
                continue
            now_s = self._start_s + event.at_s
            hanging = bool(self._words.strip()) and completeness(self._words) < _LEAST_COMPLETE
            chance = _random(self._seed, _GESTURES, self._pauses)
            self._pauses += 1
            nodding = any(gesture.kind in CYCLE_S and gesture.end_s > now_s for gesture in self._gestures)
            if not self._thinking:
                self._gestures.extend(gestures_at_pause(self._attitude, now_s, hanging, chance, nodding))

    # --------------------------------------------------------------------------------------------------- its frames

    def _motion(
        self, frames: NDArray[np.int64], noticed: list[Phrase | Voiced] | None = None, *, moving: bool = True
    ) -> Motion:
        times_s = frames / self._rate_hz
        faces = np.empty((len(frames), len(ARKIT_BLENDSHAPES)))
        stances = np.empty((len(frames), 6))
        waiting = list(noticed or ())
        for i, time_s in enumerate(times_s.tolist()):
            now = [e for e in waiting if self._start_s + e.at_s <= time_s + _TOLERANCE]
            waiting = waiting[len(now) :]
            self._notice(now)
            step_s = 1.0 / self._rate_hz if moving else 0.0
            faces[i] = self._face.step(self._face_target, step_s)
            stances[i] = self._stance.step(self._stance_target(time_s), step_s)
            self._gesture(time_s, faces[i], stances[i])
        self._notice(waiting)
        arousal = self._felt.emotion.arousal
        alive = liveliness(
            times_s, self._seed, self._temper, np.full(len(frames), 1.0 + 0.35 * arousal), stances[:, _ATTENTION]
        )
        shut = alive.shut[:, None]
        faces[:, _BLINK] = 1.0 - (1.0 - faces[:, _BLINK]) * (1.0 - shut)
        faces[:, _OPEN_LIDS] *= 1.0 - shut
        head_pose = alive.head_pose + stances[:, [_PITCH, _YAW, _ROLL]]
        return Motion(faces, head_pose, held_gaze(alive.gaze + stances[:, [_LEFT, _UP]], head_pose))

    def _gesture(self, time_s: float, face: Array, stance: Array) -> None:
        """Add what the gestures in progress do, and forget those that are over."""
        if not self._gestures:
            return
        for gesture in self._gestures:
            extent = gesture.at(time_s)
            if gesture.kind == "nod":
                stance[_PITCH] += extent
            elif gesture.kind == "shake":
                stance[_YAW] += extent
            else:
                columns, share = _SHOWS[gesture.kind]
                face[columns] = 1.0 - (1.0 - face[columns]) * (1.0 - share * extent)
        self._gestures = [gesture for gesture in self._gestures if gesture.end_s > time_s]


def _random(seed: int, stream: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed % 2**64, stream, number])


def _single(
    weights: Array, head_pose: Array, gaze: Array
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    return weights.astype(np.float32), head_pose.astype(np.float32), gaze.astype(np.float32)


def _last_two(before: FaceTrack, track: FaceTrack) -> FaceTrack:
    if len(track) >= LEAD_FRAMES or before.frame_rate_hz != track.frame_rate_hz:
        tail = track
    else:
        tail = _joined([before, track])
    k = max(len(tail) - LEAD_FRAMES, 0)
    return FaceTrack(
        tail.weights[k:],
        tail.head_pose[k:],
        tail.gaze[k:],
        track.frame_rate_hz,
        track.start_s + (len(track) - LEAD_FRAMES) / track.frame_rate_hz,
    )


def _joined(tracks: list[FaceTrack]) -> FaceTrack:
    weights, head_pose, gaze = (
        np.concatenate([getattr(track, name) for track in tracks]) for name in ("weights", "head_pose", "gaze")
    )
    return FaceTrack(weights, head_pose, gaze, tracks[0].frame_rate_hz, tracks[0].start_s)
