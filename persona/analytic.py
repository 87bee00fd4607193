"""The analytic transition: VAD_r = VAD_i + delta * P from published equations, without data.

*delta* is the way from the agent's emotion to what the turn calls up in it (`persona/empathy.py`). *P* is the share
of that way which this personality goes in one step (`temperament.step_rate`), more when one of its goals is touched,
less when it has heard the same before. The step never goes past its target and the target lies inside the space, so
no number of equal stimuli can saturate the state.
"""

from __future__ import annotations

import numpy as np

from rapport.persona.affect import VAD, AffectState
from rapport.persona.appraisal import Appraisal, appraise
from rapport.persona.big_five import BigFive
from rapport.persona.empathy import called_up
from rapport.persona.temperament import step_rate
from rapport.persona.transition import (
    Parts,
    TransitionCapabilities,
    TransitionRequest,
    decayed,
    known_share,
    mood_after,
    reasons,
    whole,
)

STAKES = 0.5
"""A turn that touches all that matters moves at 1.5 times the rate."""
HABITUATION = 0.5
"""A turn that repeats the last ones word for word moves at half the rate."""

_AVERAGE = BigFive()


class AnalyticTransition:
    """Moves as the literature says. An axis on which nothing is known of the person (a standard deviation of 1) only
    decays.

    `because` splits each axis's move into decay, what an average personality would make of each cause (mood: the pull
    back to its own mood), how much more or less of it goals and repetition make, and what this personality makes of
    all.
    """

    def __init__(self, model: str | None = None) -> None:
        self.capabilities = TransitionCapabilities()

    async def step(self, request: TransitionRequest) -> AffectState:
        persona, traits = request.persona, request.persona.big_five
        rested = decayed(request.state, persona, request.now_s)
        appraisal = appraise(request.text, request.perceived, persona, request.context)
        stakes, fresh = 1.0 + STAKES * appraisal.relevance, 1.0 - HABITUATION * (1.0 - appraisal.novelty)
        known = known_share(request.perceived)

        here, delta = rested.emotion.as_array(), whole(_way(rested, appraisal, traits))
        moved = VAD.from_array(here - known * delta * np.expm1(-stakes * fresh * step_rate(traits, delta)))

        way = _way(rested, appraisal, _AVERAGE)
        delta = whole(way)
        rate = step_rate(_AVERAGE, delta)
        plain, at_stake, average = (-known * np.expm1(-gain * rate) for gain in (1.0, stakes, stakes * fresh))
        parts = {
            "decay": here - request.state.emotion.as_array(),
            **{cause: plain * part for cause, part in way.items()},
            "relevance": (at_stake - plain) * delta,
            "repetition": (average - at_stake) * delta,
            "personality": moved.as_array() - here - average * delta,
        }
        return AffectState(moved, mood_after(rested.mood, moved, persona), rested.at_s, reasons(parts))


def _way(rested: AffectState, appraisal: Appraisal, traits: BigFive) -> Parts:
    """delta (3,) by cause: from the emotion back to the mood, and from the mood to what the turn calls up."""
    return {"mood": rested.mood.as_array() - rested.emotion.as_array(), **called_up(appraisal, rested.mood, traits)}
