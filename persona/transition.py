"""How the agent's own feeling moves: what a transition is asked, what time alone does, and the baseline `hold`.

A transition takes the form of PELD (Wen et al. 2021, arXiv 2106.15846), elementwise on valence, arousal and dominance:

    VAD_r = VAD_i + delta * P

from the agent's emotion VAD_i to VAD_r, by what was heard (delta) and by personality (P). `persona/analytic.py` and
`persona/mood.py` implement it.

Emotion is fast and lies over a slow mood. In silence emotion falls to the mood and the mood to the personality's
baseline, exactly as

    d mood / dt = -(mood - baseline) / tau_mood,    d emotion / dt = -(emotion - mood) / tau_emotion

so that looking at a feeling twice changes nothing. Both stay inside the space, since every state is a mean of points
inside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.card import Persona
from rapport.persona.errors import InputError
from rapport.persona.temperament import baseline, inertia

AXES = ("valence", "arousal", "dominance")

EMOTION_HALF_LIFE_S = 90.0
"""Time in which half of an average personality's emotion has gone back to its mood."""
MOOD_HALF_LIFE_S = 300.0
"""Time in which half of an average personality's mood has gone back to its baseline.

Induced moods fall quickly within the first minutes (Kuijsters et al. 2016, Frontiers in Psychology 7:1141), and after
an hour of silence a conversation starts afresh: from any corner of the space even the most inert personality
(half-lives times 1.49) must be within 0.02 of its baseline by then, which allows 303 s at most. What lasts for days
is the baseline.
"""
MOOD_SHARE = 0.08
"""Share of the way to where a new emotion draws it that the mood goes with it."""
MOOD_RANGE = 0.6
"""An emotion draws the mood to this share of its own distance from the baseline: however often the same is felt, the
mood stays nearer home than the emotion, and both stop short of the stimulus."""

Parts = Mapping[str, NDArray[np.float64]]
"""Signed parts of a move by cause, each (3,)."""


@dataclass(frozen=True)
class TransitionRequest:
    """The stimulus that may move the agent's feeling, and who feels it. `now_s` is on the agent's clock."""

    state: AffectState
    perceived: EmotionEstimate
    persona: Persona
    now_s: float
    text: str = ""
    """What the person said; empty when only voice or face are known."""
    context: tuple[str, ...] = ()
    """The turns before, of both sides, oldest first."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.now_s):
            raise InputError(f"the time of a transition must be a number of seconds, got {self.now_s!r}")


@dataclass(frozen=True)
class TransitionCapabilities:
    learned: bool = False
    """Whether its parameters come from data rather than from published equations."""


def decayed(state: AffectState, persona: Persona, now_s: float) -> AffectState:
    """The state after the silence since `state.at_s`. A clock that ran backwards, or is none, counts as no time at
    all."""
    elapsed_s = now_s - state.at_s
    if not 0 < elapsed_s < math.inf:
        return AffectState(state.emotion, state.mood, state.at_s)
    home, slowness = baseline(persona).as_array(), inertia(persona.big_five)
    kept_mood = 0.5 ** (elapsed_s / (MOOD_HALF_LIFE_S * slowness))
    kept_emotion = 0.5 ** (elapsed_s / (EMOTION_HALF_LIFE_S * slowness))
    lag = MOOD_HALF_LIFE_S / (MOOD_HALF_LIFE_S - EMOTION_HALF_LIFE_S)
    from_home = state.mood.as_array() - home
    mood = home + kept_mood * from_home
    emotion = home + kept_emotion * (state.emotion.as_array() - home) + lag * (kept_mood - kept_emotion) * from_home
    return AffectState(VAD.from_array(emotion), VAD.from_array(mood), now_s)


def at_rest(persona: Persona, now_s: float) -> AffectState:
    """The state of an agent that nothing has happened to yet."""
    return AffectState(baseline(persona), baseline(persona), now_s)


def known_share(perceived: EmotionEstimate) -> NDArray[np.float64]:
    """How much an estimate says on each axis, (3,) in [0, 1]: 1 - sd^2, so that a standard deviation of 1 moves
    nothing."""
    return np.clip(1.0 - np.square(perceived.vad_sd), 0.0, 1.0)


def mood_after(mood: VAD, emotion: VAD, persona: Persona) -> VAD:
    """The mood once an emotion has drawn on it."""
    return mood.towards(baseline(persona).towards(emotion, MOOD_RANGE), MOOD_SHARE)


def whole(parts: Parts) -> NDArray[np.float64]:
    """The move (3,) that the parts add up to."""
    return sum(parts.values(), np.zeros(3))


def reasons(parts: Parts) -> dict[str, dict[str, float]]:
    """Parts (3,) by cause as `AffectState.because`: per axis, without the causes that did nothing."""
    return {
        axis: {cause: float(part[i]) for cause, part in parts.items() if part[i] != 0.0} for i, axis in enumerate(AXES)
    }


class HoldTransition:
    """Keeps the emotion as it was: the baseline that every learned transition is measured against."""

    def __init__(self, model: str | None = None) -> None:
        self.capabilities = TransitionCapabilities()

    async def step(self, request: TransitionRequest) -> AffectState:
        state = request.state
        return AffectState(state.emotion, state.mood, max(request.now_s, state.at_s), reasons({}))
