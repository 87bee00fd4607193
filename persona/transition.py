"""How the agent's own feeling moves: the personality-affected transition in VAD space, and the slow mood beneath it.

The form is PELD's (Wen et al. 2021, arXiv 2106.15846), elementwise on valence, arousal and dominance:

    VAD_r = VAD_i + delta * P

There, delta and P come from trained layers; here both are analytic. *delta* is the way from the current emotion to
what the person's feeling calls up in the agent (emotional contagion, stronger for agreeable personalities). *P* is how
much of that way the personality goes in one step, 0 to 1. Since the step never goes past its target and the target lies
inside the space, no number of equal stimuli can saturate the state.

Personality enters by Mehrabian's (1996) regression of the PAD temperaments on the Big Five, the one behind PELD's
prior P'. Its last trait is emotional *stability*. PELD's code puts its neuroticism column in that place unchanged
(`published_prior` reproduces it); we read it as Mehrabian wrote it, stability = -neuroticism, with traits centred
to [-1, 1] so that an average personality has the prior 0 (with traits in [0, 1] the arousal weight nearly vanishes
for everybody).

Two priors come from the literature on affective reactivity: extraverts move further on pleasant, neurotics on
unpleasant stimuli (Larsen & Ketelaar 1991), and neurotics recover more slowly (Suls & Martin 2005). Their sizes,
and the half-lives, are design choices; only their direction is evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.card import BigFive, Persona

EMOTION_HALF_LIFE_S = 90.0
"""Time in which half of an average personality's emotion has gone back to its mood."""
MOOD_HALF_LIFE_S = 1800.0
"""Time in which half of a mood has gone back to the personality's baseline."""
MOOD_SHARE = 0.08
"""Share of the way to a new emotion that the mood goes with it."""
STEP_RATE = 0.8
"""Rate of an average personality: one stimulus moves it 1 - exp(-0.8) = 55 % of the way."""
STABILITY_RECOVERY = 0.5
"""Neuroticism of +1 multiplies the emotion's half-life by exp(0.5) = 1.65, of -1 divides it by as much."""
REACTIVITY = 0.6
"""Strength of the extravert's pleasant and the neurotic's unpleasant reactivity, in the exponent of the rate."""

_AXES = ("valence", "arousal", "dominance")


@dataclass(frozen=True)
class TransitionRequest:
    """The stimulus that may move the agent's feeling, and who feels it. `now_s` is on the agent's clock."""

    state: AffectState
    perceived: EmotionEstimate
    persona: Persona
    now_s: float


@dataclass(frozen=True)
class TransitionCapabilities:
    learned: bool = False
    """Whether its parameters come from data rather than from published equations."""


def published_prior(traits: BigFive) -> VAD:
    """P' exactly as PELD's released code computes it: traits in [0, 1], neuroticism in the place of stability."""
    o, c, e, a, n = _ocean(traits)
    return VAD.clamped(
        0.21 * e + 0.59 * a + 0.19 * n, 0.15 * o + 0.30 * a - 0.57 * n, 0.25 * o + 0.17 * c + 0.60 * e - 0.32 * a
    )


def temperament(traits: BigFive) -> VAD:
    """Mehrabian's PAD temperament: centred traits, stability = -neuroticism. An average personality is at 0."""
    o, c, e, a, n = (2.0 * x - 1.0 for x in _ocean(traits))
    s = -n
    return VAD.clamped(
        0.21 * e + 0.59 * a + 0.19 * s, 0.15 * o + 0.30 * a - 0.57 * s, 0.25 * o + 0.17 * c + 0.60 * e - 0.32 * a
    )


def baseline(persona: Persona) -> VAD:
    """Where the persona's mood rests: its card's baseline mood, or half its temperament when the card names none."""
    if persona.baseline_mood is not None:
        return persona.baseline_mood.vad
    return VAD.from_array(0.5 * temperament(persona.big_five).as_array())


def contagion(traits: BigFive) -> float:
    """Share of another's feeling that a personality takes on, 0.35 (not agreeable at all) to 0.85."""
    return 0.35 + 0.5 * traits.agreeableness


def step_share(traits: BigFive, delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """P: the share of `delta` (3,) that is gone in one step, each in (0, 1)."""
    exponent = temperament(traits).as_array()
    reactive = traits.extraversion if delta[0] >= 0 else traits.neuroticism
    exponent[0] += REACTIVITY * (2.0 * reactive - 1.0)
    return 1.0 - np.exp(-STEP_RATE * np.exp(exponent))


def decayed(state: AffectState, persona: Persona, now_s: float) -> AffectState:
    """The state after the time since `state.at_s`: emotion falls towards the mood, mood towards the baseline.

    Half-lives are in seconds. A clock that ran backwards counts as no time at all.
    """
    elapsed_s = now_s - state.at_s
    if not elapsed_s > 0:
        return AffectState(state.emotion, state.mood, state.at_s)
    neuroticism = 2.0 * persona.big_five.neuroticism - 1.0
    half_life_s = EMOTION_HALF_LIFE_S * math.exp(STABILITY_RECOVERY * neuroticism)
    mood = state.mood.towards(baseline(persona), 1.0 - 0.5 ** (elapsed_s / MOOD_HALF_LIFE_S))
    emotion = state.emotion.towards(mood, 1.0 - 0.5 ** (elapsed_s / half_life_s))
    return AffectState(emotion, mood, now_s)


def at_rest(persona: Persona, now_s: float) -> AffectState:
    """The state of an agent that nothing has happened to yet."""
    return AffectState(baseline(persona), baseline(persona), now_s)


def _ocean(traits: BigFive) -> tuple[float, float, float, float, float]:
    return (
        traits.openness, traits.conscientiousness, traits.extraversion, traits.agreeableness, traits.neuroticism,
    )  # fmt: skip


class PersonalityTransition:
    """The analytic transition. An axis on which nothing is known of the person (a standard deviation of 1) only decays.

    `because` splits each axis's move into decay, the stimulus as an average personality would take it, and what this
    personality makes of it.
    """

    def __init__(self, model: str | None = None) -> None:
        self.capabilities = TransitionCapabilities()

    async def step(self, request: TransitionRequest) -> AffectState:
        persona, traits = request.persona, request.persona.big_five
        rested = decayed(request.state, persona, request.now_s)
        here = rested.emotion.as_array()
        certainty = np.clip(1.0 - np.square(request.perceived.vad_sd), 0.0, 1.0)
        stimulus = request.perceived.vad.as_array()

        delta = _target(stimulus, rested.mood, traits) - here
        moved = VAD.from_array(here + certainty * delta * step_share(traits, delta))
        average = BigFive()
        plain = _target(stimulus, rested.mood, average) - here
        plain_move = certainty * plain * step_share(average, plain)

        decay = here - request.state.emotion.as_array()
        personal = moved.as_array() - here - plain_move
        because = {
            axis: {"decay": float(decay[i]), "stimulus": float(plain_move[i]), "personality": float(personal[i])}
            for i, axis in enumerate(_AXES)
        }
        return AffectState(moved, rested.mood.towards(moved, MOOD_SHARE), rested.at_s, because)


def _target(stimulus: NDArray[np.float64], mood: VAD, traits: BigFive) -> NDArray[np.float64]:
    """What a feeling calls up in the agent: the person's, as far as it is contagious, on the ground of the own mood."""
    share = contagion(traits)
    return share * stimulus + (1.0 - share) * mood.as_array()


class HoldTransition:
    """Keeps the emotion as it was: the baseline that every learned transition is measured against."""

    def __init__(self, model: str | None = None) -> None:
        self.capabilities = TransitionCapabilities()

    async def step(self, request: TransitionRequest) -> AffectState:
        return AffectState(request.state.emotion, request.state.mood, max(request.now_s, request.state.at_s))
