"""What a personality makes of feelings: where its mood rests, what is catching, how far and how long it is moved.

The Big Five enter by Mehrabian's (1996) regression of the PAD temperaments on them, the one behind the prior P' of
PELD (Wen et al. 2021, arXiv 2106.15846). Its last trait is emotional *stability*. PELD's code puts its neuroticism
column in that place unchanged (`published_prior` reproduces it); we read it as Mehrabian wrote it, stability =
-neuroticism, with traits centred to [-1, 1] so that an average personality has the prior 0 (with traits in [0, 1] the
arousal weight nearly vanishes for everybody).

Directions beyond it are taken from the literature, sizes are design choices:

- extraverts move further on pleasant, neurotics on unpleasant stimuli (Larsen & Ketelaar 1991);
- neurotics recover more slowly: mood spills over (Suls & Martin 2005), feelings are inert (Kuppens et al. 2010);
- the agreeable share others' feelings and care, neurotics are distressed by them (Melchers et al. 2016, Frontiers in
  Psychology 7:290); blame turns to anger in the disagreeable only (Meier & Robinson 2004; Ode et al. 2008).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD
from rapport.persona.big_five import BigFive
from rapport.persona.card import Persona

STEP_RATE = 0.8
"""Rate of an average personality: one stimulus moves it 1 - exp(-0.8) = 55 % of the way."""
REACTIVITY = 1.0
"""Weight of the extravert's pleasant and the neurotic's unpleasant reactivity in the exponent of the rate, beside the
weights of the temperament, which it is to outweigh."""
INERTIA = 0.4
"""Neuroticism of +1 multiplies every half-life by exp(0.4) = 1.49, of -1 divides it by as much."""

_PAD = np.array([[0.0, 0.0, 0.21, 0.59, 0.19], [0.15, 0.0, 0.0, 0.30, -0.57], [0.25, 0.17, 0.60, -0.32, 0.0]])
"""Mehrabian's weights: pleasure, arousal, dominance by openness, conscientiousness, extraversion, agreeableness,
stability."""


def published_prior(traits: BigFive) -> VAD:
    """P' exactly as PELD's released code computes it: traits in [0, 1], neuroticism in the place of stability."""
    return VAD.from_array(_PAD @ traits.ocean)


def temperament(traits: BigFive) -> VAD:
    """Mehrabian's PAD temperament: centred traits, stability = -neuroticism. An average personality is at 0."""
    o, c, e, a, n = traits.centred
    return VAD.from_array(_PAD @ (o, c, e, a, -n))


def baseline(persona: Persona) -> VAD:
    """Where the persona's mood rests: its card's baseline mood, or half its temperament when the card names none."""
    if persona.baseline_mood is not None:
        return persona.baseline_mood.vad
    return VAD.from_array(0.5 * temperament(persona.big_five).as_array())


def contagion(traits: BigFive) -> float:
    """Share of another's feeling that a personality takes on, 0.35 (not agreeable at all) to 0.85."""
    return 0.35 + 0.5 * traits.agreeableness


def step_rate(traits: BigFive, delta: NDArray[np.float64]) -> NDArray[np.float64]:
    """How fast this personality goes the way `delta` (3,), per axis: 0.8 for an average one, always positive.

    A stimulus of ordinary weight takes it P = 1 - exp(-rate) of the way, one of twice the weight 1 - exp(-2 * rate).
    """
    o, c, e, a, n = traits.centred
    exponent = _PAD @ (o, c, e, a, -n)
    exponent[0] += REACTIVITY * (e if delta[0] >= 0 else n)
    return STEP_RATE * np.exp(exponent)


def inertia(traits: BigFive) -> float:
    """What a personality multiplies half-lives by: 0.67 (never neurotic) over 1 to 1.49 (as neurotic as can be)."""
    return math.exp(INERTIA * (2.0 * traits.neuroticism - 1.0))
