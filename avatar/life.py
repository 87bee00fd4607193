"""What a face does on its own: it blinks, looks about, moves its head a little, breathes.

Everything here is a pure function of absolute time and a seed, so the movement runs on from clause to clause and any
moment can be evaluated by itself: time is cut into epochs of two minutes, each with a random stream of its own, and a
call draws only the epochs that it touches.

Blinks and gaze follow the post-processing that EmoFace publishes (Liu et al. 2024, arXiv 2407.12501), there at 60
frames a second, evaluated at any time here:

- the blink rate is drawn from LogNormal(3.518, 0.532) per minute, clamped to [15, 100]; a blink is a profile of 13
  frames;
- gaze holds for 25 to 45 frames, then moves within 5 frames to the centre (probability 0.4) or to a point at radius
  0.1 to 0.2 in any direction. Their code never updates the point it starts from, so that their gaze snaps back before
  each movement; here every movement starts where the last one ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX

Array = NDArray[np.float64]

EPOCH_S = 120.0
"""Length of the pieces that time is drawn in. No blink and no gaze movement crosses from one to the next."""
_PUBLISHED_RATE_HZ = 60.0

BLINK_RATE_MU, BLINK_RATE_SIGMA = 3.518, 0.532
BLINK_RATE_RANGE_PER_MIN = (15.0, 100.0)
BLINK_OPENNESS = (0.95, 0.75, 0.55, 0.3, 0.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.6, 0.75, 0.9)
"""How far the lids are open in each of the 13 frames of a blink, at 60 frames a second."""
BLINK_DURATION_S = (len(BLINK_OPENNESS) + 1) / _PUBLISHED_RATE_HZ

GAZE_HOLD_FRAMES = (25, 45)
GAZE_SACCADE_FRAMES = 5
GAZE_CENTRE_PROBABILITY = 0.4
GAZE_RADIUS = (0.1, 0.2)
GAZE_UNIT_RAD = np.radians(30.0)
"""Angle of one unit of the published gaze control: their radii become 3 to 6 degrees."""

EYE_YAW_RAD = np.radians(14.2)
EYE_UP_RAD, EYE_DOWN_RAD = np.radians(9.3), np.radians(10.6)
"""How far the eyes turn at weight 1 of the eyeLook shapes of the shipped heads (measured on the mesh)."""

_BLINKS, _GAZE, _MOTION = 1, 2, 3
_NOD_S = 0.44
_NOD_APART_S = 0.6
_NOD_DEPTH_RAD = np.radians(2.2)


def _random(seed: int, stream: int, epoch: int) -> np.random.Generator:
    """The random stream of one movement in one epoch. Any integer is a seed."""
    return np.random.default_rng([seed % 2**64, stream, epoch])


def _by_epoch(times_s: Array, evaluate: Callable[[int, Array], Array]) -> Array:
    """Evaluate ascending times epoch by epoch; `evaluate` takes the epoch's number and seconds since its start."""
    epochs = np.floor_divide(times_s, EPOCH_S).astype(np.int64)
    parts = [evaluate(int(e), times_s[epochs == e] - e * EPOCH_S) for e in np.unique(epochs)]
    return np.concatenate(parts) if parts else evaluate(0, times_s)


def blink_rates_per_min(rng: np.random.Generator, count: int) -> Array:
    """Blink rates as EmoFace draws them, before rounding: log-normal, clamped to [15, 100] per minute."""
    return np.clip(rng.lognormal(BLINK_RATE_MU, BLINK_RATE_SIGMA, count), *BLINK_RATE_RANGE_PER_MIN)


def blink_times_s(seed: int, epoch: int) -> Array:
    """Start of each blink in an epoch, in seconds since the epoch's start; each interval has a rate of its own."""
    rng = _random(seed, _BLINKS, epoch)
    most = int(EPOCH_S / 60.0 * BLINK_RATE_RANGE_PER_MIN[1]) + 2
    intervals_s = np.floor(60.0 * _PUBLISHED_RATE_HZ / blink_rates_per_min(rng, most)) / _PUBLISHED_RATE_HZ
    first_s = rng.uniform() * intervals_s[0]
    starts_s = first_s + np.concatenate([[0.0], np.cumsum(intervals_s[1:])])
    return starts_s[starts_s < EPOCH_S - BLINK_DURATION_S]


def blink(times_s: Array, seed: int) -> Array:
    """How far the lids are shut by blinking, shape (times,) in [0, 1], at ascending times >= 0."""
    frames_s = np.arange(len(BLINK_OPENNESS) + 2) / _PUBLISHED_RATE_HZ
    shut = np.concatenate([[0.0], 1.0 - np.array(BLINK_OPENNESS), [0.0]])

    def evaluate(epoch: int, since_s: Array) -> Array:
        starts_s = np.concatenate([[-EPOCH_S], blink_times_s(seed, epoch)])
        last = np.searchsorted(starts_s, since_s, side="right") - 1
        return np.interp(since_s - starts_s[last], frames_s, shut, right=0.0)

    return _by_epoch(times_s, evaluate)


def gaze_path(seed: int, epoch: int) -> tuple[Array, Array]:
    """The gaze of an epoch as a polyline: times (knots,) since its start and points (knots, 2) in published units.

    Begins and ends at the centre, so that epochs join. Knots come in pairs: a hold's begin and end.
    """
    rng = _random(seed, _GAZE, epoch)
    lowest, highest = GAZE_HOLD_FRAMES
    saccade_s = GAZE_SACCADE_FRAMES / _PUBLISHED_RATE_HZ
    count = int(EPOCH_S * _PUBLISHED_RATE_HZ / (lowest + GAZE_SACCADE_FRAMES)) + 2
    holds_s = rng.integers(lowest, highest, count, endpoint=True) / _PUBLISHED_RATE_HZ
    radius = rng.uniform(*GAZE_RADIUS, count) * (rng.uniform(size=count) >= GAZE_CENTRE_PROBABILITY)
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    targets = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    targets[0] = 0.0
    begins_s = np.concatenate([[0.0], np.cumsum(holds_s + saccade_s)[:-1]])
    keep = begins_s < EPOCH_S - 2.0 * saccade_s
    begins_s, ends_s, targets = begins_s[keep], (begins_s + holds_s)[keep], targets[keep]
    ends_s[-1] = EPOCH_S - saccade_s
    knots_s = np.stack([begins_s, ends_s], axis=1).ravel()
    return np.append(knots_s, EPOCH_S), np.concatenate([np.repeat(targets, 2, axis=0), np.zeros((1, 2))])


def gaze_units(times_s: Array, seed: int) -> Array:
    """Where the eyes point, shape (times, 2): left and up in the published units, at ascending times >= 0."""

    def evaluate(epoch: int, since_s: Array) -> Array:
        knots_s, points = gaze_path(seed, epoch)
        return np.stack([np.interp(since_s, knots_s, points[:, k]) for k in (0, 1)], axis=1)

    return _by_epoch(times_s, evaluate)


def head_sway(times_s: Array, seed: int) -> Array:
    """Slow, band-limited head motion, shape (times, 3): pitch, yaw, roll in radians, about half a degree to a degree.

    A sum of sines between 0.06 and 0.9 Hz whose amplitudes fall with frequency, with phases from the seed.
    """
    rng = _random(seed, _MOTION, 0)
    frequencies_hz = np.array([0.061, 0.107, 0.173, 0.269, 0.419, 0.617, 0.887])
    detune = rng.uniform(0.93, 1.07, (3, len(frequencies_hz)))
    phases = rng.uniform(0.0, 2.0 * np.pi, (3, len(frequencies_hz)))
    amplitudes = frequencies_hz**-0.7
    amplitudes /= np.sqrt(0.5 * (amplitudes**2).sum())
    scale_rad = np.radians([0.55, 0.95, 0.6])
    turns = 2.0 * np.pi * frequencies_hz * detune
    return (
        np.stack([np.sin(np.outer(times_s, turns[k]) + phases[k]) @ amplitudes for k in range(3)], axis=1) * scale_rad
    )


def breath(times_s: Array, seed: int) -> Array:
    """The breath, shape (times,) in [0, 1] from out to in: 13 to 17 a minute, breathing in faster than out."""
    rng = _random(seed, _MOTION, 1)
    rate_hz = rng.uniform(13.0, 17.0) / 60.0
    phase = 2.0 * np.pi * (times_s * rate_hz + rng.uniform())
    return 0.5 - 0.5 * np.cos(phase + 0.35 * np.sin(phase))


def emphases(times_s: Array, stress: Array, duration_s: float) -> Array:
    """The moments of a clause worth a nod: shape (nods, 2), time and depth in radians.

    Of the candidates (ascending times with a stress >= 0 each) those that no other exceeds within 0.6 s, when they
    stand out of the clause's mean; none so near the clause's edges that the nod would be cut.
    """
    if len(times_s) == 0:
        return np.zeros((0, 2))
    from_, to = (np.searchsorted(times_s, times_s + shift) for shift in (-_NOD_APART_S, _NOD_APART_S))
    mean, most = float(stress.mean()), float(stress.max())
    chosen: list[tuple[float, float]] = []
    for i in np.flatnonzero(stress > 1.1 * mean):
        at_s = float(times_s[i])
        inside = _NOD_S / 2 < at_s < duration_s - _NOD_S / 2
        if inside and i == from_[i] + int(np.argmax(stress[from_[i] : to[i]])):
            chosen.append((at_s, _NOD_DEPTH_RAD * (float(stress[i]) - mean) / (most - mean)))
    return np.array(chosen).reshape(-1, 2)


def nods(times_s: Array, emphases: Array) -> Array:
    """Pitch of small nods in radians, shape (times,): emphases is (nods, 2), time and depth in radians of each.

    A nod begins before its syllable and is deepest on it.
    """
    if len(emphases) == 0:
        return np.zeros(len(times_s))
    near = emphases[(emphases[:, 0] > times_s[0] - _NOD_S) & (emphases[:, 0] < times_s[-1] + _NOD_S)]
    away = np.clip((times_s[:, None] - near[None, :, 0]) / (0.5 * _NOD_S), -1.0, 1.0)
    return (0.5 + 0.5 * np.cos(np.pi * away)) @ near[:, 1]


@dataclass(frozen=True)
class Liveliness:
    """`weights` (times, 52): lids by blink and gaze. `head_pose` (times, 3) and `gaze` (times, 2) as in FaceTrack."""

    weights: Array
    head_pose: Array
    gaze: Array


def liveliness(times_s: Array, vad: Array, seed: int, nodding: Array | None = None) -> Liveliness:
    """All of it together at ascending times >= 0 (reply time), for the feeling (times, 3) shown at each.

    Arousal widens the motion. The posture follows the feeling: the head and the eyes sink in sadness and submission and
    rise with dominance. The eyes hold their target while the head moves (vestibulo-ocular reflex), so `gaze`, which is
    relative to the head, turns against it; the eyeLook weights always agree with `gaze`.
    """
    valence, arousal, dominance = vad.T
    drooping = np.clip(-0.6 * valence - 0.5 * arousal - 0.5 * dominance, -0.6, 1.0)
    head_pose = head_sway(times_s, seed) * (1.0 + 0.35 * arousal)[:, None]
    head_pose[:, 0] += np.radians(5.0) * drooping - np.radians(0.35) * breath(times_s, seed)
    head_pose[:, 2] += np.radians(1.5) * np.clip(valence - 0.5 * dominance, -0.5, 1.0)
    if nodding is not None:
        head_pose[:, 0] += nodding

    gaze = gaze_units(times_s, seed) * GAZE_UNIT_RAD
    gaze[:, 0] -= 0.8 * head_pose[:, 1]
    gaze[:, 1] += 0.8 * head_pose[:, 0] - np.radians(2.5) * np.clip(drooping, 0.0, 1.0)

    weights = eye_look_weights(gaze)
    weights[:, [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]] = blink(times_s, seed)[:, None]
    return Liveliness(weights, head_pose, gaze)


def eye_look_weights(gaze: Array) -> Array:
    """The eyeLook weights of a gaze (times, 2) in radians, left and up positive: shape (times, 52), others zero."""
    out = np.zeros((len(gaze), len(ARKIT_BLENDSHAPES)))
    left, up = gaze[:, 0] / EYE_YAW_RAD, gaze[:, 1]
    for names, value in (
        (("eyeLookOutLeft", "eyeLookInRight"), left),
        (("eyeLookInLeft", "eyeLookOutRight"), -left),
        (("eyeLookUpLeft", "eyeLookUpRight"), up / EYE_UP_RAD),
        (("eyeLookDownLeft", "eyeLookDownRight"), -up / EYE_DOWN_RAD),
    ):
        for name in names:
            out[:, BLENDSHAPE_INDEX[name]] = np.clip(value, 0.0, 1.0)
    return out
