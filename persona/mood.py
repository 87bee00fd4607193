"""The mood variant: the person moves the agent's mood, and the emotion is spoken out of the mood that was reached.

After the follow-up of PELD in ACM TOIS 2024 (arXiv 2404.07229), where

    mood_r = softmax(Dense([VAD of the utterance; text features])) * P + mood_i,    emotion_r = head(mood_r, text, P)

Taken from it: the order (mood first, emotion out of it), a softmax that shares the step out over the axes, and
Mehrabian's weights ten times as strong but for openness and conscientiousness.

Replaced, since no trained layers and no NRC-VAD lexicon are used here:

- the VAD of the utterance's words by the VAD that was perceived;
- the trained softmax, which can only add, by attention to the axes on which person and mood lie furthest apart, on
  the signed way from the one to the other, so that the mood goes towards the person and stays inside the space;
- P by the logistic function of the centred weights, a share in (0, 1), with stability = -neuroticism and the reactivity
  of `persona/temperament.py`, ten times as strong like the weights;
- the trained head by a step from the last emotion to the mood that was reached, coloured by the person's feeling as far
  as it is contagious; how far the step goes is again the personality's;
- their four moods (neutral and three quadrants of pleasure and arousal), looked up from an utterance's emotion, by the
  mood that the agent is in, a point like any other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD, AffectState
from rapport.persona.big_five import BigFive
from rapport.persona.temperament import REACTIVITY, baseline, contagion, step_rate
from rapport.persona.transition import (
    Parts,
    TransitionCapabilities,
    TransitionRequest,
    decayed,
    known_share,
    reasons,
    whole,
)

Vector = NDArray[np.float64]

ATTENTION = 4.0
"""Sharpness of the softmax: 0 shares the step out evenly, a large one gives it all to the axis that is furthest off."""
_WEIGHTS = np.array([[0.0, 0.0, 2.1, 5.9, 1.9], [0.15, 0.0, 0.0, 3.0, -5.7], [0.25, 0.17, 6.0, -3.2, 0.0]])
"""Pleasure, arousal, dominance by openness, conscientiousness, extraversion, agreeableness, stability."""

_AVERAGE = BigFive()


class MoodTransition:
    """Mood first, emotion out of it. Only the perceived feeling counts, not whose doing it is."""

    def __init__(self, model: str | None = None) -> None:
        self.capabilities = TransitionCapabilities()

    async def step(self, request: TransitionRequest) -> AffectState:
        persona, traits = request.persona, request.persona.big_five
        rested = decayed(request.state, persona, request.now_s)
        known = known_share(request.perceived)
        stimulus, home = request.perceived.vad.as_array(), baseline(persona).as_array()

        here, before = rested.emotion.as_array(), rested.mood.as_array()
        mood = before + known * mood_step(traits, stimulus, before, home)
        delta = whole(_way(traits, stimulus, mood, here))
        moved = VAD.from_array(here - known * delta * np.expm1(-step_rate(traits, delta)))

        way = _way(_AVERAGE, stimulus, before + known * mood_step(_AVERAGE, stimulus, before, home), here)
        delta = whole(way)
        average = -known * np.expm1(-step_rate(_AVERAGE, delta))
        parts = {
            "decay": here - request.state.emotion.as_array(),
            **{cause: average * part for cause, part in way.items()},
            "personality": moved.as_array() - here - average * delta,
        }
        return AffectState(moved, VAD.from_array(mood), rested.at_s, reasons(parts))


def mood_step(traits: BigFive, stimulus: Vector, mood: Vector, home: Vector) -> Vector:
    """How far (3,) a stimulus moves the mood: attention times personality times the way to what is caught of it.

    What is not caught leaves the mood to its baseline `home`.
    """
    share = contagion(traits)
    way = share * stimulus + (1.0 - share) * home - mood
    attention = np.exp(ATTENTION * np.abs(way))
    return attention / attention.sum() * personality_share(traits, way) * way


def personality_share(traits: BigFive, way: Vector) -> Vector:
    """P (3,), each in (0, 1); 1/2 for an average personality."""
    o, c, e, a, n = traits.centred
    exponent = _WEIGHTS @ (o, c, e, a, -n)
    exponent[0] += 10.0 * REACTIVITY * (e if way[0] >= 0 else n)
    return 1.0 / (1.0 + np.exp(-exponent))


def _way(traits: BigFive, stimulus: Vector, mood: Vector, here: Vector) -> Parts:
    """delta (3,) by cause: from the emotion to the mood, and to what is caught of the person's feeling."""
    share = contagion(traits)
    return {"mood": (1.0 - share) * (mood - here), "contagion": share * (stimulus - here)}
