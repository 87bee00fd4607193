"""The client's inner state, in closed form: fear that is activated and habituates, avoidance, dissociation, trust.

After emotional processing theory (Foa & Kozak 1986) distress needs two things, a fear in memory (`fear`, how strong)
and its being active (`activation`, how near the memory is); beside them stands the `load` of present trouble. Each in
[0, 1]:

    distress = 1 - (1 - load) (1 - activation * fear),    SUDS = 100 * distress

Over a time t in which a turn asks for engagement u, avoidance v and dissociation d staying as they are:

    u'    = u (1 - AVOIDING v) (1 - AWAY d)                      how near the client really lets it come
    a(t)  = u' + (a(0) - u') exp(-t / tau)                        activation
    x(t)  = x(0) + q * integral of a                              dose of exposure, minutes
    fear  = floor + (first - floor) * S(x) / S(0),  S(x) = 1 / (1 + exp(slope (x - half)))

q is the quality of the exposure: 1 at best, 0 under a full safety signal, 0.3 when the client is wholly away. Between
sessions a share of the dose is forgotten: return of fear (Rachman 1989).

All of this form, and every constant, is an assumption of this simulator: it was set so that average cases repeat the
published course of SUDS in imaginal exposure (start 62, peak 90 at two fifths, end 54 of 100), on seed 11. What
personality does to the constants follows `rapport.persona.temperament`; its directions are the literature's, its sizes
are ours.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from rapport.apps.simulate.acts import DRAWS_OUT, EFFECTS, REQUESTED_ENGAGEMENT, TherapistAct
from rapport.apps.simulate.case import CaseProfile
from rapport.persona.temperament import inertia

AVOIDING = 0.40
"""Share of the engagement that full avoidance takes away."""
AWAY = 0.55
"""Share of the engagement that full dissociation takes away."""
TAU_MIN = 6.0
"""Minutes in which activation goes 63 % of its way."""
DOSE_HALF_MIN = 24.5
"""Minutes of full activation after which an average client's fear has gone half its way."""
DOSE_SLOPE = 0.44
SAFETY_HALF_LIFE_MIN = 6.0
"""A safety signal is half gone after this time."""
AVOIDANCE_TAU_MIN = 9.0
DISSOCIATION_TAU_MIN = 6.0
LOAD_TAU_MIN = 240.0
"""Upset beyond the usual trouble fades in this time; relief stays until the next session."""
KEPT_BETWEEN_SESSIONS = 0.55
"""Share of the dose that is still there at the next session."""


@dataclass(frozen=True)
class Disposition:
    """What a case brings along and no session changes. Shares in [0, 1]."""

    fear: float
    """The fear before any exposure."""
    floor: float
    """What of it stays whatever is done."""
    dose_half_min: float
    load: float
    eased: float
    """How well talk takes the load away, a factor of its acts' `ease`: badly what a trauma leaves. That of other
    troubles was set so that supportive listening takes distress as far as it goes in ESConv (4.07 to 2.08 of 5)."""
    avoidance: float
    """Where avoidance rests."""
    window: float
    """Distress above which the client begins to dissociate."""
    dissociation: float
    """How readily it does."""
    trusting: float
    """Gain of everything that builds trust, about 1."""
    trust: float
    """Trust in a stranger."""
    open: float
    """How readily it discloses, about 0."""
    readiness: float
    """To change, before motivational interviewing."""


@dataclass(frozen=True)
class Mind:
    """The inner state at one moment; every field but `dose_min` is in [0, 1]."""

    activation: float
    dose_min: float
    load: float
    avoidance: float
    dissociation: float
    trust: float
    safety: float
    readiness: float
    engagement: float
    """How near to the memory the therapist has asked the client to be."""


UNEXPLAINED_SD = {"fear": 0.07, "dose_half": 0.22, "load": 0.07, "avoidance": 0.07, "trust": 0.08, "trusting": 0.4}
"""Spread between clients alike in every field of the profile; of dose and of trusting, on the logarithm."""


def disposition(case: CaseProfile, trauma: bool = True, luck: random.Random | None = None) -> Disposition:
    """What personality, conditions and behaviours make of a client.

    Args:
        trauma: whether sessions touch a trauma.
        luck: draws what the profile does not explain; None is an average client of this profile.
    """
    off = {name: luck.gauss(0.0, sd) if luck is not None else 0.0 for name, sd in UNEXPLAINED_SD.items()}
    o, c, e, a, n = case.big_five.centred
    does = set(case.exhibited_behaviors)
    condition = case.co_occurring_condition
    anxious, low = condition == "Anxiety", condition == "Depression"
    strength = 1.00 + 0.045 * n + 0.015 * anxious + 0.02 * ("flashbacks" in does)
    slow = inertia(case.big_five) ** 0.4 * (1.06 if low else 1.0) * (1.05 if "self-blame" in does else 1.0)
    load = 0.27 + 0.06 * n + 0.05 * low + 0.03 * (condition == "Chronic pain")
    if not trauma:
        load = 0.70 + 0.10 * n + 0.06 * low
    return Disposition(
        fear=_unit(strength + off["fear"]) if trauma else 0.0,
        floor=_unit(0.19 + 0.05 * n + 0.03 * low),
        dose_half_min=DOSE_HALF_MIN * slow * math.exp(off["dose_half"]),
        load=_unit(load + off["load"]),
        eased=0.2 if trauma else 2.2,
        avoidance=_unit(
            off["avoidance"] + 0.16 + 0.08 * n - 0.06 * c + 0.10 * ("avoidance" in does) + 0.07 * ("withdrawal" in does)
        ),
        window=_unit(0.89 - 0.05 * n - 0.14 * ("dissociation" in does)),
        dissociation=_unit(0.30 + 0.15 * n + 0.45 * ("dissociation" in does)),
        trusting=math.exp(off["trusting"] + 0.13 * a + 0.05 * e - 0.08 * n),
        trust=_unit(
            off["trust"]
            + 0.30
            + 0.05 * a
            - 0.04 * n
            - 0.04 * ("hypervigilance" in does)
            - 0.05 * ("aggression" in does)
        ),
        open=0.5 * e + 0.3 * o,
        readiness=_unit(0.34 + 0.10 * c - 0.04 * n),
    )


def at_start(who: Disposition) -> Mind:
    """A client that comes to the first session."""
    return Mind(0.0, 0.0, who.load, who.avoidance, 0.0, who.trust, 0.0, who.readiness, 0.0)


def fear(mind: Mind, who: Disposition) -> float:
    """How strong the fear is after the dose so far, in [floor, first]; falls with the dose."""
    if who.fear <= who.floor:
        return who.fear
    return who.floor + (who.fear - who.floor) * _sigmoid(mind.dose_min, who) / _sigmoid(0.0, who)


def distress(mind: Mind, who: Disposition) -> float:
    """In [0, 1]; SUDS is a hundred times as much."""
    return 1.0 - (1.0 - mind.load) * (1.0 - mind.activation * fear(mind, who))


def disclosure(mind: Mind, who: Disposition) -> float:
    """How much of what matters is said, in (0, 1): rises with trust, falls with avoidance and dissociation."""
    return 1.0 / (1.0 + math.exp(-(5.0 * mind.trust - 3.0 * mind.avoidance - 2.0 * mind.dissociation + who.open - 0.6)))


def passed(mind: Mind, who: Disposition, minutes: float) -> Mind:
    """The state after `minutes` (0 or more) in which nobody does anything new."""
    near = mind.engagement * (1.0 - AVOIDING * mind.avoidance) * (1.0 - AWAY * mind.dissociation)
    kept = math.exp(-minutes / TAU_MIN)
    active_min = near * minutes + (mind.activation - near) * TAU_MIN * (1.0 - kept)
    quality = (1.0 - mind.safety) * (1.0 - 0.7 * mind.dissociation)
    before = distress(mind, who)
    over = max(0.0, before - who.window) / max(0.05, 1.0 - who.window)
    return replace(
        mind,
        activation=near + (mind.activation - near) * kept,
        dose_min=mind.dose_min + quality * active_min,
        load=_towards(mind.load, min(mind.load, who.load), minutes / LOAD_TAU_MIN),
        avoidance=_towards(mind.avoidance, _unit(who.avoidance + 0.45 * (before - 0.75)), minutes / AVOIDANCE_TAU_MIN),
        dissociation=_towards(mind.dissociation, who.dissociation * over, minutes / DISSOCIATION_TAU_MIN),
        safety=mind.safety * 0.5 ** (minutes / SAFETY_HALF_LIFE_MIN),
    )


def answered(mind: Mind, who: Disposition, act: TherapistAct) -> Mind:
    """The state at once after an act of the therapist. Gains approach 1, losses approach 0, so nothing leaves [0, 1].

    Being asked nearer than trust allows raises avoidance: pacing is following trust.
    """
    effect = EFFECTS[act]
    asked = REQUESTED_ENGAGEMENT.get(act, min(mind.engagement, DRAWS_OUT.get(act, 1.0)))
    haste = max(0.0, asked - mind.engagement) * max(0.0, 0.5 - mind.trust)
    return replace(
        mind,
        engagement=asked,
        trust=_moved(mind.trust, effect.trust * (who.trusting if effect.trust > 0 else 1.0)),
        load=_moved(
            mind.load, -who.eased * effect.ease * (0.35 + 0.65 * mind.trust) if effect.ease > 0 else -effect.ease
        ),
        avoidance=_moved(mind.avoidance, min(1.0, effect.avoid + haste)),
        safety=_moved(mind.safety, effect.safety),
        activation=mind.activation * (1.0 - effect.calm),
        dissociation=mind.dissociation * (1.0 - effect.ground),
        readiness=_moved(mind.readiness, effect.ready * (0.3 + 0.7 * mind.trust) if effect.ready > 0 else effect.ready),
    )


def at_the_door(mind: Mind, anticipation: float) -> Mind:
    """The state when a session begins in which the client expects to be brought so near to the memory."""
    return replace(mind, activation=anticipation, engagement=anticipation)


def next_session(mind: Mind, who: Disposition) -> Mind:
    """The state days later: some of what was learned is forgotten, trust stays."""
    return replace(
        mind,
        dose_min=KEPT_BETWEEN_SESSIONS * mind.dose_min,
        activation=0.0,
        engagement=0.0,
        dissociation=0.0,
        safety=0.0,
        avoidance=0.5 * (mind.avoidance + who.avoidance),
        load=mind.load + 0.4 * (who.load - mind.load),
    )


def _sigmoid(dose_min: float, who: Disposition) -> float:
    steepness = DOSE_SLOPE * DOSE_HALF_MIN / who.dose_half_min
    # Beyond 500 the sigmoid is 0 in floating point, and its exponential would overflow.
    return 1.0 / (1.0 + math.exp(min(500.0, steepness * (dose_min - who.dose_half_min))))


def _moved(x: float, share: float) -> float:
    share = max(-1.0, min(1.0, share))
    return x + share * (1.0 - x) if share >= 0 else x * (1.0 + share)


def _towards(x: float, target: float, times: float) -> float:
    return target + (x - target) * math.exp(-times)


def _unit(x: float) -> float:
    return max(0.0, min(1.0, x))
