"""What a face does on its own: it blinks, looks about, moves its head a little, breathes.

Everything here is a pure function of time and a seed, so the movement runs on from clause to clause and any moment can
be evaluated by itself: time is cut into epochs of two minutes, each with a random stream of its own, and a call draws
only the epochs that it touches.

Blinks and gaze follow the post-processing that EmoFace publishes (Liu et al. 2024, arXiv 2407.12501), there at 60
frames a second, evaluated at any time here:

- the blink rate is drawn from LogNormal(3.518, 0.532) per minute, clamped to [15, 100]; a blink is a profile of 13
  frames;
- gaze holds for 25 to 45 frames, then moves within 5 frames to the centre (probability 0.4) or to a point at radius
  0.1 to 0.2 in any direction. Their code never updates the point it starts from, so that their gaze snaps back before
  each movement; here every movement starts where the last one ended.

A feeling changes both (`Temper`); a neutral one leaves them as published. Fixational saccades are added to the gaze.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from rapport.avatar.sway import breath, head_sway
from rapport.persona.affect import VAD

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

FIXATION_RATE_HZ = 1.2
"""Fixational saccades a second, of at most half a degree (Martinez-Conde et al. 2009 give 1 to 2)."""
_FIXATION_SD_RAD = np.radians(0.15)
_FIXATION_SACCADE_S = 0.025

EYE_YAW_RAD = np.radians(14.2)
EYE_UP_RAD, EYE_DOWN_RAD = np.radians(9.3), np.radians(10.6)
"""How far the eyes turn at weight 1 of the eyeLook shapes of the shipped heads (measured on the mesh)."""
VESTIBULO_OCULAR_GAIN = 0.8
"""How much of a turn of the head the eyes take back to hold their target."""

_BLINKS, _GAZE, _FIXATION = 1, 2, 5


@dataclass(frozen=True)
class Temper:
    """How a feeling changes what the eyes do on their own. Constant over a reply: its blinks stay where they are."""

    blink_rate: float = 1.0
    """Multiplies how often the eyes blink: more in anxiety and arousal (Harrigan & O'Connell 1996)."""
    hold: float = 1.0
    """Multiplies how long the gaze holds: short in fear, long in calm and in anger's stare."""
    aversion: float = 1.0
    """Multiplies how far the gaze strays: far in submission and sadness, little in dominance."""

    @classmethod
    def of(cls, feeling: VAD) -> Temper:
        """The temper of a feeling; 1, 1, 1 for the neutral one."""
        v, a, d = feeling.as_tuple()
        anxiety, stare = max(a, 0.0) * max(-d, 0.0), max(-v, 0.0) * max(d, 0.0)
        return cls(
            blink_rate=float(np.clip(1.0 + 1.2 * anxiety + 0.25 * a, 0.6, 2.0)),
            hold=float(np.clip(1.0 - 0.8 * anxiety + 0.3 * max(-a, 0.0) + 1.5 * stare, 0.6, 1.5)),
            aversion=float(np.clip(1.0 + 0.6 * max(-d, 0.0) - 2.0 * stare - 0.2 * max(d, 0.0), 0.5, 1.6)),
        )


def _random(seed: int, stream: int, epoch: int) -> np.random.Generator:
    """The random stream of one movement in one epoch. Any integer is a seed."""
    return np.random.default_rng([seed % 2**64, stream, epoch % 2**32])


def _by_epoch(times_s: Array, evaluate: Callable[[int, Array], Array]) -> Array:
    """Evaluate ascending times epoch by epoch; `evaluate` takes the epoch's number and seconds since its start."""
    epochs = np.floor_divide(times_s, EPOCH_S).astype(np.int64)
    parts = [evaluate(int(e), times_s[epochs == e] - e * EPOCH_S) for e in np.unique(epochs)]
    return np.concatenate(parts) if parts else evaluate(0, times_s)


# -------------------------------------------------------------------------------------------------------------- blinks


def blink_rates_per_min(rng: np.random.Generator, count: int) -> Array:
    """Blink rates as EmoFace draws them, before rounding: log-normal, clamped to [15, 100] per minute."""
    return np.clip(rng.lognormal(BLINK_RATE_MU, BLINK_RATE_SIGMA, count), *BLINK_RATE_RANGE_PER_MIN)


@lru_cache(maxsize=64)
def blink_times_s(seed: int, epoch: int, rate: float = 1.0) -> Array:
    """Start of each blink in an epoch, in seconds since the epoch's start; each interval has a rate of its own, here
    multiplied by `rate`."""
    rng = _random(seed, _BLINKS, epoch)
    most = int(EPOCH_S / 60.0 * BLINK_RATE_RANGE_PER_MIN[1] * max(rate, 1.0)) + 2
    rates = blink_rates_per_min(rng, most) * rate
    intervals_s = np.maximum(np.floor(60.0 * _PUBLISHED_RATE_HZ / rates) / _PUBLISHED_RATE_HZ, BLINK_DURATION_S)
    first_s = rng.uniform() * intervals_s[0]
    starts_s = first_s + np.concatenate([[0.0], np.cumsum(intervals_s[1:])])
    return starts_s[starts_s < EPOCH_S - BLINK_DURATION_S]


def blink(times_s: Array, seed: int, rate: float = 1.0) -> Array:
    """How far the lids are shut by blinking, shape (times,) in [0, 1], at ascending times."""
    frames_s = np.arange(len(BLINK_OPENNESS) + 2) / _PUBLISHED_RATE_HZ
    shut = np.concatenate([[0.0], 1.0 - np.array(BLINK_OPENNESS), [0.0]])

    def evaluate(epoch: int, since_s: Array) -> Array:
        starts_s = np.concatenate([[-EPOCH_S], blink_times_s(seed, epoch, rate)])
        last = np.searchsorted(starts_s, since_s, side="right") - 1
        return np.interp(since_s - starts_s[last], frames_s, shut, right=0.0)

    return _by_epoch(times_s, evaluate)


# ---------------------------------------------------------------------------------------------------------------- gaze


@lru_cache(maxsize=64)
def gaze_path(seed: int, epoch: int, hold: float = 1.0) -> tuple[Array, Array]:
    """The gaze of an epoch as a polyline: times (knots,) since its start and points (knots, 2) in published units.

    Begins and ends at the centre, so that epochs join. Knots come in pairs: a hold's begin and end. `hold` multiplies
    how long each lasts.
    """
    rng = _random(seed, _GAZE, epoch)
    lowest, highest = GAZE_HOLD_FRAMES
    saccade_s = GAZE_SACCADE_FRAMES / _PUBLISHED_RATE_HZ
    count = int(EPOCH_S * _PUBLISHED_RATE_HZ / (lowest * min(hold, 1.0) + GAZE_SACCADE_FRAMES)) + 2
    holds_s = hold * rng.integers(lowest, highest, count, endpoint=True) / _PUBLISHED_RATE_HZ
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


def gaze_units(times_s: Array, seed: int, hold: float = 1.0) -> Array:
    """Where the eyes point, shape (times, 2): left and up in the published units, at ascending times."""

    def evaluate(epoch: int, since_s: Array) -> Array:
        knots_s, points = gaze_path(seed, epoch, hold)
        return np.stack([np.interp(since_s, knots_s, points[:, k]) for k in (0, 1)], axis=1)

    return _by_epoch(times_s, evaluate)


@lru_cache(maxsize=64)
def _fixation_path(seed: int, epoch: int) -> tuple[Array, Array]:
    rng = _random(seed, _FIXATION, epoch)
    count = int(EPOCH_S * FIXATION_RATE_HZ)
    starts_s = np.sort(rng.uniform(0.1, EPOCH_S - 0.1, count))
    starts_s = starts_s[np.diff(starts_s, prepend=0.0) > 2.0 * _FIXATION_SACCADE_S]
    points = np.clip(rng.normal(0.0, _FIXATION_SD_RAD, (len(starts_s), 2)), -2.0 * _FIXATION_SD_RAD, None)
    points = np.minimum(points, 2.0 * _FIXATION_SD_RAD)
    points[-1] = 0.0
    before = np.concatenate([np.zeros((1, 2)), points[:-1]])
    knots_s = np.stack([starts_s, starts_s + _FIXATION_SACCADE_S], axis=1).ravel()
    return knots_s, np.stack([before, points], axis=1).reshape(-1, 2)


def fixation(times_s: Array, seed: int) -> Array:
    """Fixational saccades, shape (times, 2): left and up in radians, at ascending times."""

    def evaluate(epoch: int, since_s: Array) -> Array:
        knots_s, points = _fixation_path(seed, epoch)
        return np.stack([np.interp(since_s, knots_s, points[:, k]) for k in (0, 1)], axis=1)

    return _by_epoch(times_s, evaluate)


# --------------------------------------------------------------------------------------------------- all of it together


@dataclass(frozen=True)
class Liveliness:
    """`shut` (times,): lids by blinking. `head_pose` (times, 3) and `gaze` (times, 2) as in FaceTrack."""

    shut: Array
    head_pose: Array
    gaze: Array


def liveliness(times_s: Array, seed: int, temper: Temper, liveness: Array, attention: Array) -> Liveliness:
    """All of it at ascending times, about a head that faces straight on.

    `liveness` (times,) multiplies the head's movement, 1 at rest. `attention` (times,) in [0, 1] keeps the gaze on the
    person. The eyes hold their target while the head moves (`held_gaze` adds it).
    """
    head_pose = head_sway(times_s, seed) * liveness[:, None]
    head_pose[:, 0] -= np.radians(0.35) * breath(times_s, seed)
    strays = temper.aversion * (1.0 - attention)
    gaze = gaze_units(times_s, seed, temper.hold) * GAZE_UNIT_RAD * strays[:, None] + fixation(times_s, seed)
    return Liveliness(blink(times_s, seed, temper.blink_rate), head_pose, gaze)


def held_gaze(gaze: Array, head_pose: Array) -> Array:
    """The gaze relative to the head, (times, 2), that holds a target while the head moves (vestibulo-ocular reflex)."""
    turned = np.stack([-head_pose[:, 1], head_pose[:, 0]], axis=1)
    return gaze + VESTIBULO_OCULAR_GAIN * turned


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
