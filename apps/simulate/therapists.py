"""Therapists: one that keeps to the protocol, and flawed ones as controls for measures.

A fault replaces a share of the acts in the middle of a session, where its occasion is given. Opening, closing,
ratings and grounding stay, so that the protocol's frame is the same for all. Experts found too many interventions and a
repeated "take a deep breath" in generated therapy (Thousand Voices of Trauma, arXiv 2504.13955): `breathless` does
just that.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rapport.apps.simulate.acts import TherapistAct
from rapport.apps.simulate.protocols.contract import Step, View
from rapport.persona.big_five import BigFive
from rapport.persona.card import Persona
from rapport.persona.errors import InputError

KEPT: frozenset[TherapistAct] = frozenset(
    {"greet", "consent", "probe", "begin_memory", "end_exposure", "ground", "close", "summarise", "homework"}
)
"""Acts that no fault replaces."""
TENSE = 0.5
"""Distress, as it shows, from which faults of soothing set in."""


@dataclass(frozen=True)
class Therapist:
    """A way of being a therapist.

    Args:
        faults: chance of each faulty act in a turn.
        when_tense: whether the faults come only while the client's distress shows.
    """

    name: str
    what: str
    faults: Mapping[TherapistAct, float] = field(default_factory=dict[TherapistAct, float])
    when_tense: bool = False
    cuts: bool = False
    """Whether the client is cut off in mid-sentence before a faulty act."""
    persona: Persona = field(
        default_factory=lambda: Persona(
            name="therapist", big_five=BigFive(openness=0.6, conscientiousness=0.65, agreeableness=0.8, neuroticism=0.2)
        )
    )

    def bend(self, step: Step, view: View, rng: random.Random) -> Step:
        """What this therapist makes of the protocol's step. Draws one number whatever comes of it, so that two
        therapists with one seed stay comparable."""
        left = rng.random()
        if step.act in KEPT or step.stage in {"opening", "stop"} or (self.when_tense and view.seen_distress < TENSE):
            return step
        for act, chance in self.faults.items():
            left -= chance
            if left < 0:
                return replace(step, act=act)
        return step


THERAPISTS: Mapping[str, Therapist] = {
    therapist.name: therapist
    for therapist in (
        Therapist("true", "keeps to the protocol"),
        Therapist("interrupting", "breaks in while the client speaks", {"interrupt": 0.40}, cuts=True),
        Therapist("advising", "gives advice that nobody asked for", {"advise": 0.45}),
        Therapist("breathless", 'says "take a deep breath" whenever it gets hard', {"breathe": 0.50}, when_tense=True),
        Therapist("reassuring", "says that all is well as soon as it gets hard", {"reassure": 0.45}, when_tense=True),
        Therapist("pushing", "goes faster than the client can", {"push": 0.35, "confront": 0.15}),
        Therapist("absent", "hears the facts and not the feeling", {"brush_off": 0.30, "closed_question": 0.25}),
    )
}


def therapist_named(name: str) -> Therapist:
    """Raises InputError that lists the choices."""
    if name not in THERAPISTS:
        raise InputError(f"unknown therapist {name!r}; choose one of {', '.join(THERAPISTS)}")
    return THERAPISTS[name]
