"""The face while it speaks: the two built-in components of stage `animation`.

`VisemeAnimator` follows exact phoneme times, `EnergyAnimator` the loudness of the sound. Both add what the agent feels
(rapport.avatar.feeling), the beats of the words (rapport.avatar.emphasis) and what a face does on its own
(rapport.avatar.life), go on from what was shown before (rapport.avatar.joining), and shut the lips last. While the
person speaks both listen in the same way (rapport.avatar.listening).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.closure import APPROACH_S, PARTING, approach, closure, seal_lips, smoothstep
from rapport.avatar.emphasis import BEAT_S, beat_curve, beats, word_weights
from rapport.avatar.expression import SPEECH_SHARES
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, AnimatorCapabilities, FaceTrack
from rapport.avatar.feeling import shown_feeling
from rapport.avatar.joining import LEAD_FRAMES, Carried, Motion
from rapport.avatar.key_motions import motion_times
from rapport.avatar.life import Temper, eye_look_weights, held_gaze, liveliness
from rapport.avatar.listening import Listener
from rapport.avatar.loudness import Loudness
from rapport.avatar.visemes import Articulation, columns_of, mouth_from_loudness, mouth_weights
from rapport.persona.affect import AffectState
from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import SpokenClause

Array = NDArray[np.float64]
Frames = NDArray[np.int64]

FRAME_RATE_HZ = 25.0
"""Unless a component is asked for another one, as in "viseme:60"."""
FRAME_RATE_RANGE_HZ = (10.0, 240.0)
JAW_S = 0.12
"""A jaw that follows the loudness alone takes so long: sounds begin and end faster than it moves."""
FRAMES_AT_ONCE = 1024
"""Frames computed together: bounds the memory of an hour-long clause."""

_EDGE_S = 0.06
"""The mouth opens from rest and comes back to rest within this time at a clause's edges, so that clauses join."""
_GRID_TOLERANCE = 1e-6
"""Part of a frame by which a clause's edge may miss the grid through rounding and still count as being on it."""


def first_frame(time_s: float, frame_rate_hz: float = FRAME_RATE_HZ) -> int:
    """Number of the first frame at or after a reply time: one clause's end is, by this rule, the next one's begin."""
    return math.ceil(time_s * frame_rate_hz - _GRID_TOLERANCE)


def frames_of(start_s: float, duration_s: float, frame_rate_hz: float = FRAME_RATE_HZ) -> Frames:
    """The frames k that a clause owns: start_s <= k / frame_rate_hz < start_s + duration_s."""
    ends = (first_frame(time_s, frame_rate_hz) for time_s in (start_s, start_s + duration_s))
    return np.arange(*ends, dtype=np.int64)


class _Animator:
    """What both components share. `model` is the frame rate in hertz, 25 without one.

    Raises:
        ComponentError: `model` is no frame rate from 10 to 240.
    """

    def __init__(self, model: str | None = None) -> None:
        self.frame_rate_hz = _frame_rate_hz(model)

    def listen(self, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None) -> Listener:
        """See `FaceAnimator.listen`."""
        return Listener(felt, start_s, seed, before, frame_rate_hz=self.frame_rate_hz)


class VisemeAnimator(_Animator):
    """`viseme`: mouth from phoneme times, with co-articulation and lips that shut on every p, b and m."""

    capabilities = AnimatorCapabilities(needs_phonemes=True)

    async def animate(
        self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None
    ) -> FaceTrack:
        """Frames on the reply's grid. Raises StageError without phonemes or when their times make no sense."""
        return await asyncio.to_thread(_Speaking(clause, felt, start_s, seed, self.frame_rate_hz).by_phonemes, before)


class EnergyAnimator(_Animator):
    """`energy`: mouth from the loudness of the sound, for voices that give no phoneme times."""

    capabilities = AnimatorCapabilities(needs_phonemes=False)

    async def animate(
        self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None
    ) -> FaceTrack:
        """Frames on the reply's grid."""
        return await asyncio.to_thread(_Speaking(clause, felt, start_s, seed, self.frame_rate_hz).by_loudness, before)


def _frame_rate_hz(model: str | None) -> float:
    if not model:
        return FRAME_RATE_HZ
    try:
        rate_hz = float(model)
    except ValueError:
        rate_hz = math.nan
    lowest, highest = FRAME_RATE_RANGE_HZ
    if not lowest <= rate_hz <= highest:
        raise ComponentError(
            f"an animator's model is its frame rate, from {lowest:g} to {highest:g}, as in 'viseme:60'; got {model!r}"
        )
    return rate_hz


@dataclass(frozen=True)
class _Mouth:
    """What speech asks of the face. `at` takes frame numbers, their times in the clause and the loudness there, and
    gives weights (frames, 52), how firmly the lips must be shut (frames,) and how near that is (frames,); `beats` are
    (beats, 2)."""

    at: Callable[[Frames, Array, Array], tuple[Array, Array, Array]]
    beats: Array


_JAW = BLENDSHAPE_INDEX["jawOpen"]
_ROUNDING = [BLENDSHAPE_INDEX["mouthFunnel"], BLENDSHAPE_INDEX["mouthPucker"]]
_SPREADING = [column for stem in ("mouthSmile", "mouthStretch") for column in columns_of(stem)]
_LIPS = [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith("mouth")]
_BLINK = columns_of("eyeBlink")
_OPEN_LIDS = columns_of("eyeWide") + columns_of("eyeSquint")
_BROWS_UP = [*columns_of("browInnerUp"), *columns_of("browOuterUp")]
_BROWS_DOWN = columns_of("browDown")

_BEAT_NOD_RAD = np.radians(2.2)
_BEAT_BROWS = 0.28
_JAW_GAIN = 1.7
"""How much wider the jaw of speech moves in a face that would have it wide open."""
_QUESTION_BROWS = 0.8
"""Strength of the beat that a question ends with, for the brows alone."""


@dataclass(frozen=True)
class _Speaking:
    """One call of `animate`."""

    clause: SpokenClause
    felt: AffectState
    start_s: float
    seed: int
    rate_hz: float

    def by_phonemes(self, before: FaceTrack | None) -> FaceTrack:
        clause = self.clause
        if not clause.phonemes:
            raise StageError("the viseme animator needs phoneme times and this clause has none", retryable=False)
        articulation = Articulation.of(clause.phonemes, clause.audio.duration_s)
        sound = Loudness.of(clause.audio)
        owned = self._owned()
        nearest = np.rint((self.start_s + articulation.closures_s) * self.rate_hz).astype(np.int64)
        shut_frames = np.clip(nearest, owned[0], owned[-1]) if len(owned) else nearest
        keys_s = articulation.centres_s[articulation.sounding]

        def mouth(frames: Frames, times_s: Array, loud: Array) -> tuple[Array, Array, Array]:
            weights = mouth_weights(articulation, motion_times(keys_s, sound, times_s))
            weights[:, _JAW] *= 0.85 + 0.25 * loud
            # Nobody knows in which sound the next clause begins, so held-up lips come together between clauses too.
            inside = _edges(times_s, clause.audio.duration_s, APPROACH_S)
            nearly = np.maximum(approach(articulation, times_s), 1.0 - inside)
            return weights, closure(articulation, times_s, np.isin(frames, shut_frames)), nearly

        vowels_s = articulation.centres_s[articulation.vowel]
        lengths_s = (articulation.ends_s - articulation.starts_s)[articulation.vowel]
        stress = sound.at(vowels_s) * np.minimum(lengths_s / 0.12, 1.5)
        return self._composed(sound, _Mouth(mouth, self._beats(vowels_s, stress)), before)

    def by_loudness(self, before: FaceTrack | None) -> FaceTrack:
        sound = Loudness.of(self.clause.audio)
        followed = sound.smoothed(JAW_S)

        def mouth(frames: Frames, times_s: Array, loud: Array) -> tuple[Array, Array, Array]:
            never = np.zeros(len(frames))
            return mouth_from_loudness(followed.at(times_s)), never, never

        return self._composed(sound, _Mouth(mouth, self._beats(sound.at_s, sound.values)), before)

    def _owned(self) -> Frames:
        if not math.isfinite(self.start_s) or self.start_s < 0.0:
            raise StageError(f"a clause must start at a reply time >= 0, got {self.start_s}", retryable=False)
        return frames_of(self.start_s, self.clause.audio.duration_s, self.rate_hz)

    def _beats(self, times_s: Array, stress: Array) -> Array:
        clause = self.clause
        return beats(times_s, stress * word_weights(times_s, clause.words), clause.audio.duration_s)

    def _composed(self, sound: Loudness, mouth: _Mouth, before: FaceTrack | None) -> FaceTrack:
        """All layers, a piece of the clause at a time."""
        frames = self._owned()
        weights = np.empty((len(frames), len(ARKIT_BLENDSHAPES)), np.float32)
        head_pose = np.empty((len(frames), 3), np.float32)
        gaze = np.empty((len(frames), 2), np.float32)
        carried = None
        if before is not None and len(before) and len(frames):
            lead, _ = self._motion(frames[0] + np.arange(-LEAD_FRAMES, 0), sound, mouth)
            carried = Carried.of(before, lead, self.rate_hz)
        for a in range(0, len(frames), FRAMES_AT_ONCE):
            part = slice(a, min(a + FRAMES_AT_ONCE, len(frames)))
            motion, shut = self._motion(frames[part], sound, mouth)
            if carried is not None:
                motion = carried.added(motion, (frames[part] - frames[0] + 1) / self.rate_hz)
            sealed = seal_lips(motion.weights, shut)
            weights[part] = np.maximum(sealed, eye_look_weights(motion.gaze))
            head_pose[part] = motion.head_pose
            gaze[part] = motion.gaze
        begin = int(frames[0]) if len(frames) else first_frame(self.start_s, self.rate_hz)
        return FaceTrack(weights, head_pose, gaze, self.rate_hz, begin / self.rate_hz)

    def _motion(self, frames: Frames, sound: Loudness, mouth: _Mouth) -> tuple[Motion, Array]:
        """Speech, feeling and life laid over one another, and how firmly the lips must be shut."""
        reply_s = frames / self.rate_hz
        clause_s = reply_s - self.start_s
        feeling = shown_feeling(self.felt, reply_s)
        arousal = feeling.vad[:, 1]

        duration_s = self.clause.audio.duration_s
        speech, shut, nearly = mouth.at(frames, clause_s, sound.at(clause_s))
        speech *= _edges(clause_s, duration_s, _EDGE_S)[:, None]
        # JALI's two fields: how much the jaw takes part, and how much the lips. A feeling that drops the jaw makes its
        # movements wider and leaves them where they are.
        speech[:, _JAW] *= 1.0 + 0.22 * arousal + _JAW_GAIN * feeling.weights[:, _JAW]
        speech[:, _LIPS] *= (1.0 + 0.12 * arousal)[:, None]

        face = feeling.weights * SPEECH_SHARES
        # A rounded mouth can't be spread by a smile at the same time.
        rounding = np.clip(speech[:, _ROUNDING].max(axis=1) / 0.6, 0.0, 1.0)
        face[:, _SPREADING] *= (1.0 - 0.65 * rounding)[:, None]
        face[:, PARTING] *= 1.0 - nearly[:, None]

        beat = beat_curve(clause_s, mouth.beats)
        alive = liveliness(reply_s, self.seed, Temper.of(self.felt.emotion), 1.0 + 0.35 * arousal, 0.7 * beat)
        brows = self._brows(clause_s, beat, face)
        blink = np.zeros_like(face)
        blink[:, _BLINK] = alive.shut[:, None]
        combined = 1.0 - (1.0 - np.clip(speech, 0.0, 1.0)) * (1.0 - face) * (1.0 - brows) * (1.0 - blink)
        combined[:, _OPEN_LIDS] *= 1.0 - alive.shut[:, None]

        head_pose = alive.head_pose
        head_pose[:, 0] += feeling.posture[:, 0] + _BEAT_NOD_RAD * beat * (1.0 + 0.4 * arousal)
        head_pose[:, 2] += feeling.posture[:, 1]
        gaze = alive.gaze
        gaze[:, 1] += feeling.posture[:, 2]
        return Motion(combined, head_pose, held_gaze(gaze, head_pose)), shut

    def _brows(self, clause_s: Array, beat: Array, face: Array) -> Array:
        """Beats raise the brows; a frown is deepened by them instead. A question ends with raised brows."""
        duration_s = self.clause.audio.duration_s
        raised = beat
        if self.clause.text.rstrip().endswith("?") and duration_s > 2.0 * BEAT_S:
            asked = beat_curve(clause_s, np.array([[duration_s - 0.5 * BEAT_S, _QUESTION_BROWS]]))
            raised = np.maximum(beat, asked)
        frown = face[:, _BROWS_DOWN].mean(axis=1)
        brows = np.zeros_like(face)
        brows[:, _BROWS_UP] = (_BEAT_BROWS * raised * (1.0 - frown))[:, None]
        brows[:, _BROWS_DOWN] = (_BEAT_BROWS * beat * frown)[:, None]
        return brows


def _edges(clause_s: Array, duration_s: float, within_s: float) -> Array:
    """1 within a clause, falling to 0 at its edges."""
    return smoothstep(np.minimum(clause_s, duration_s - clause_s) / within_s)
