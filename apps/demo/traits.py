"""Which trait of the agent's moved its feeling: the same step again, with one trait at a time brought to the average.

A counterfactual, as explanations of decisions are (Wachter, Mittelstadt & Russell 2018): what a trait did is the
difference between the feeling as it is and the feeling as it would be without that trait's leaning.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from rapport.persona.affect import AffectState
from rapport.persona.big_five import TRAITS, Trait
from rapport.persona.transition import TransitionRequest

LEAST = 0.01
"""A smaller difference, as a length in affect space, goes unsaid."""
_AVERAGE = 0.5


@dataclass(frozen=True)
class TraitEffect:
    """What one trait did to one step."""

    trait: Trait
    value: float
    """The trait itself, in [0, 1]."""
    valence: float
    arousal: float
    dominance: float

    @property
    def length(self) -> float:
        return math.hypot(self.valence, self.arousal, self.dominance)


async def trait_effects(
    step: Callable[[TransitionRequest], Awaitable[AffectState]], request: TransitionRequest
) -> tuple[TraitEffect, ...]:
    """The effect of every trait that had one of at least `LEAST`, strongest first. Calls `step` up to six times."""
    persona = request.persona
    felt = (await step(request)).emotion
    found: list[TraitEffect] = []
    for trait, value in zip(TRAITS, persona.big_five.ocean, strict=True):
        if value == _AVERAGE:
            continue
        levelled = persona.model_copy(update={"big_five": persona.big_five.model_copy(update={trait: _AVERAGE})})
        other = (await step(replace(request, persona=levelled))).emotion
        found.append(
            TraitEffect(
                trait,
                value,
                felt.valence - other.valence,
                felt.arousal - other.arousal,
                felt.dominance - other.dominance,
            )
        )
    return tuple(sorted((effect for effect in found if effect.length >= LEAST), key=lambda effect: -effect.length))
