"""The face while it speaks: the two built-in components of stage `animation`.

`VisemeAnimator` follows exact phoneme times, `EnergyAnimator` the loudness of the sound. Both add what the agent feels
(rapport.avatar.expression) and what a face does on its own (rapport.avatar.life), and shut the lips last.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.expression import expression_weights
from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, AnimatorCapabilities, FaceTrack
from rapport.avatar.life import emphases, liveliness, nods
from rapport.avatar.visemes import Articulation, closure, loudness, mouth_from_loudness, mouth_weights, seal_lips
from rapport.persona.affect import AffectState
from rapport.persona.errors import ComponentError, StageError
from rapport.speech.audio import SpokenClause

Array = NDArray[np.float64]
Frames = NDArray[np.int64]

FRAME_RATE_HZ = 25.0
FRAMES_AT_ONCE = 1024
"""Frames computed together: bounds the memory of an hour-long clause."""

ONSET_S = 0.5
"""A reply begins with the face of the mood; within this time the emotion takes it over."""
_EDGE_S = 0.06
"""The mouth opens from rest and comes back to rest within this time at a clause's edges, so that clauses join."""
_GRID_TOLERANCE = 1e-6
"""Part of a frame by which a clause's edge may miss the grid through rounding and still count as being on it."""


def first_frame(time_s: float) -> int:
    """Number of the first frame at or after a reply time: one clause's end is, by this rule, the next one's begin."""
    return math.ceil(time_s * FRAME_RATE_HZ - _GRID_TOLERANCE)


def frames_of(start_s: float, duration_s: float) -> Frames:
    """The frames k that a clause owns: start_s <= k / 25 < start_s + duration_s."""
    return np.arange(first_frame(start_s), first_frame(start_s + duration_s), dtype=np.int64)


class VisemeAnimator:
    """`viseme`: mouth from phoneme times, with co-articulation and lips that shut on every p, b and m."""

    def __init__(self, model: str | None = None) -> None:
        _refuse_model("viseme", model)
        self.capabilities = AnimatorCapabilities(needs_phonemes=True)

    async def animate(self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int) -> FaceTrack:
        """Frames on the reply's grid. Raises StageError without phonemes or when their times make no sense."""
        return await asyncio.to_thread(_speak_phonemes, clause, felt, start_s, seed)


class EnergyAnimator:
    """`energy`: mouth from the loudness of the sound, for voices that give no phoneme times."""

    def __init__(self, model: str | None = None) -> None:
        _refuse_model("energy", model)
        self.capabilities = AnimatorCapabilities(needs_phonemes=False)

    async def animate(self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int) -> FaceTrack:
        """Frames on the reply's grid."""
        return await asyncio.to_thread(_speak_loudness, clause, felt, start_s, seed)


def _refuse_model(name: str, model: str | None) -> None:
    if model:
        raise ComponentError(f"the animator {name!r} has no models; write {name!r} instead of '{name}:{model}'")


@dataclass(frozen=True)
class _Speech:
    """What speech asks of the face: the mouth at any frames of the clause, and where the head nods.

    `mouth` takes frame numbers, their times in the clause and the loudness there, and gives weights (frames, 52) and
    how firmly the lips must be shut (frames,).
    """

    mouth: Callable[[Frames, Array, Array], tuple[Array, Array]]
    emphases: Array


def _speak_phonemes(clause: SpokenClause, felt: AffectState, start_s: float, seed: int) -> FaceTrack:
    if not clause.phonemes:
        raise StageError("the viseme animator needs phoneme times and this clause has none", retryable=False)
    duration_s = clause.audio.duration_s
    articulation = Articulation.of(clause.phonemes, duration_s)
    owned = _owned_frames(clause, start_s)
    nearest = np.rint((start_s + articulation.closures_s) * FRAME_RATE_HZ).astype(np.int64)
    shut_frames = np.clip(nearest, owned[0], owned[-1]) if len(owned) else nearest

    def mouth(frames: Frames, times_s: Array, loud: Array) -> tuple[Array, Array]:
        weights = mouth_weights(articulation, times_s)
        weights[:, _JAW] *= 0.85 + 0.25 * loud
        return weights, closure(articulation, times_s, np.isin(frames, shut_frames))

    vowels_s = articulation.centres_s[articulation.vowel]
    lengths_s = (articulation.ends_s - articulation.starts_s)[articulation.vowel]
    stress = loudness(clause.audio, vowels_s) * np.minimum(lengths_s / 0.12, 1.5)
    return _compose(clause, felt, start_s, seed, _Speech(mouth, emphases(vowels_s, stress, duration_s)))


def _speak_loudness(clause: SpokenClause, felt: AffectState, start_s: float, seed: int) -> FaceTrack:
    def mouth(frames: Frames, times_s: Array, loud: Array) -> tuple[Array, Array]:
        return mouth_from_loudness(loud), np.zeros(len(frames))

    times_s = _owned_frames(clause, start_s) / FRAME_RATE_HZ - start_s
    stress = loudness(clause.audio, times_s)
    return _compose(clause, felt, start_s, seed, _Speech(mouth, emphases(times_s, stress, clause.audio.duration_s)))


def _owned_frames(clause: SpokenClause, start_s: float) -> Frames:
    if not math.isfinite(start_s) or start_s < 0.0:
        raise StageError(f"a clause must start at a reply time >= 0, got {start_s}", retryable=False)
    return frames_of(start_s, clause.audio.duration_s)


def shown_feeling(felt: AffectState, times_s: Array) -> Array:
    """The VAD point that the face shows at each reply time, shape (times, 3): from the mood to the emotion."""
    ramp = np.clip(times_s / ONSET_S, 0.0, 1.0)[:, None]
    mood, emotion = felt.mood.as_array(), felt.emotion.as_array()
    return mood + (ramp * ramp * (3.0 - 2.0 * ramp)) * (emotion - mood)


_JAW = BLENDSHAPE_INDEX["jawOpen"]
_ROUNDING = [BLENDSHAPE_INDEX["mouthFunnel"], BLENDSHAPE_INDEX["mouthPucker"]]
_SPREADING = [BLENDSHAPE_INDEX[f"mouth{part}{side}"] for part in ("Smile", "Stretch") for side in ("Left", "Right")]
_LIPS = [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith("mouth")]
_WIDE = [BLENDSHAPE_INDEX[f"eyeWide{side}"] for side in ("Left", "Right")]
_SQUINT = [BLENDSHAPE_INDEX[f"eyeSquint{side}"] for side in ("Left", "Right")]
_BLINK = [BLENDSHAPE_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]


def _compose(clause: SpokenClause, felt: AffectState, start_s: float, seed: int, spoken: _Speech) -> FaceTrack:
    """Lay speech, feeling and life over one another, a piece of the clause at a time."""
    frames = _owned_frames(clause, start_s)
    weights = np.empty((len(frames), len(ARKIT_BLENDSHAPES)), np.float32)
    head_pose = np.empty((len(frames), 3), np.float32)
    gaze = np.empty((len(frames), 2), np.float32)
    loud = loudness(clause.audio, frames / FRAME_RATE_HZ - start_s)
    for a in range(0, len(frames), FRAMES_AT_ONCE):
        part = slice(a, min(a + FRAMES_AT_ONCE, len(frames)))
        reply_s = frames[part] / FRAME_RATE_HZ
        clause_s = reply_s - start_s
        vad = shown_feeling(felt, reply_s)
        arousal = vad[:, 1]

        speech, shut = spoken.mouth(frames[part], clause_s, loud[part])
        speech *= _edges(clause_s, clause.audio.duration_s)[:, None]
        # JALI's two fields: how much the jaw takes part, and how much the lips.
        speech[:, _JAW] *= 1.0 + 0.22 * arousal
        speech[:, _LIPS] *= (1.0 + 0.12 * arousal)[:, None]

        feeling = expression_weights(vad, speaking=True)
        # A rounded mouth can't be spread by a smile at the same time.
        rounding = np.clip(speech[:, _ROUNDING].max(axis=1) / 0.6, 0.0, 1.0)
        feeling[:, _SPREADING] *= (1.0 - 0.65 * rounding)[:, None]

        alive = liveliness(reply_s, vad, seed, nods(clause_s, spoken.emphases) * (1.0 + 0.4 * arousal))
        combined = 1.0 - (1.0 - np.clip(speech, 0.0, 1.0)) * (1.0 - feeling) * (1.0 - alive.weights)
        lids = 1.0 - alive.weights[:, _BLINK]
        combined[:, _WIDE] *= lids
        combined[:, _SQUINT] *= lids

        weights[part] = seal_lips(combined, shut)
        head_pose[part] = alive.head_pose
        gaze[part] = alive.gaze
    first_s = float(frames[0]) / FRAME_RATE_HZ if len(frames) else first_frame(start_s) / FRAME_RATE_HZ
    return FaceTrack(weights, head_pose, gaze, FRAME_RATE_HZ, first_s)


def _edges(clause_s: Array, duration_s: float) -> Array:
    """1 within a clause, falling to 0 at its edges."""
    ramp = np.clip(np.minimum(clause_s, duration_s - clause_s) / _EDGE_S, 0.0, 1.0)
    return ramp * ramp * (3.0 - 2.0 * ramp)
