"""What a person's feeling calls up in the one who hears it: the target of a transition, cause by cause.

Empathy is parallel when the listener comes to feel the same (emotional contagion, Hatfield, Cacioppo & Rapson 1993)
and reactive when the listener answers with a feeling of its own (Davis 1994). Which one answers depends on how the
turn was appraised (Ortony, Clore & Collins 1988):

- distress calls up care, which steadies, and personal distress, which agitates (Batson 1991): care in the agreeable,
  distress in neurotics (Melchers et al. 2016);
- anger at a third party is shared, the less as anger the more agreeable the listener is;
- anger at the listener calls up guilt or defence: guilt in the agreeable, and in neurotics, defence in the others
  (Meier & Robinson 2004);
- thanks and praise call up pride (OCC: approving of one's own doing);
- doubt about what is pleasant or unpleasant makes it weigh less, and is felt as tension and loss of control: fear and
  hope go with uncertainty, anger and joy with certainty (Smith & Ellsworth 1985).

The target starts at the agent's mood, and each cause pulls it a share of the way to a point of its own. Shares are in
[0, 1], so that the target never leaves the space.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import EKMAN7, GOEMOTIONS28, VAD
from rapport.persona.appraisal import Appraisal
from rapport.persona.big_five import BigFive
from rapport.persona.temperament import contagion

Vector = NDArray[np.float64]
Pull = tuple[Vector | float, Vector]
"""A share, of all axes or each, and the point (3,) that it is pulled to."""

CARE = 0.5
"""Greatest share of care, and of personal distress, in the answer to the worst distress."""
SYMPATHY = 0.9
"""Share of a third party's anger that the most agreeable feel as sorrow instead."""
PRIDE = 0.4
"""Share of pride in the answer to the warmest thanks."""
TENSION = 0.4
"""Share of tension in the answer to news of which nothing is certain."""
LIKELIHOOD = 0.4
"""Share of its pleasantness or unpleasantness that news loses of which nothing is certain."""

_CARING = GOEMOTIONS28.points["caring"].as_array()
_NERVOUS = GOEMOTIONS28.points["nervousness"].as_array()
_REMORSE = GOEMOTIONS28.points["remorse"].as_array()
_ANNOYED = GOEMOTIONS28.points["annoyance"].as_array()
_PROUD = GOEMOTIONS28.points["pride"].as_array()
_SAD = EKMAN7.points["sadness"].as_array()
_HOW_NOT_WHAT = np.array([0.0, 1.0, 1.0])
"""Arousal and dominance: how a feeling is borne. Its pleasantness is shared."""


def called_up(appraisal: Appraisal, mood: VAD, traits: BigFive) -> dict[str, Vector]:
    """The way from the mood to the target as parts (3,) by cause; the target is the mood plus their sum."""
    point = mood.as_array()
    parts: dict[str, Vector] = {}
    for pulls in _answers(appraisal, mood, traits):
        moves = {cause: share * (anchor - point) for cause, (share, anchor) in pulls.items()}
        parts |= moves
        point = sum(moves.values(), point)
    return parts


def _answers(appraisal: Appraisal, mood: VAD, traits: BigFive) -> Iterator[dict[str, Pull]]:
    """One answer after the other; the pulls of one answer act at once, and their shares sum to at most 1."""
    stimulus, anger, agency = appraisal.stimulus, appraisal.anger, appraisal.agency
    distress, delight = max(0.0, -stimulus.valence), max(0.0, stimulus.valence)
    yield {"contagion": (contagion(traits), stimulus.as_array())}
    if anger and distress and agency == "agent":
        guilt = _guilt(traits)
        yield {
            "guilt": (anger * guilt, _scaled(_REMORSE, distress)),
            "defence": (anger * (1.0 - guilt), _scaled(_ANNOYED, distress)),
        }
    elif anger and distress and agency != "self":
        yield {"sympathy": (SYMPATHY * anger * traits.agreeableness * _HOW_NOT_WHAT, _scaled(_SAD, distress))}
    if grief := distress * (1.0 - (anger if agency != "self" else 0.0)):
        yield {
            "care": (CARE * grief * traits.agreeableness * _HOW_NOT_WHAT, _CARING),
            "distress": (CARE * grief * traits.neuroticism * _HOW_NOT_WHAT, _NERVOUS),
        }
    if delight and agency == "agent":
        yield {"pride": (PRIDE * delight, _PROUD)}
    if doubt := 1.0 - appraisal.certainty:
        tension = TENSION * doubt * max(distress, delight)
        yield {"doubt": (np.array([LIKELIHOOD * doubt, tension, tension]), np.array([mood.valence, *_NERVOUS[1:]]))}


def _guilt(traits: BigFive) -> float:
    """Guilt's share in the answer to blame, in (0, 1); the rest is defence."""
    _, _, _, agreeableness, neuroticism = traits.centred
    return 1.0 / (1.0 + math.exp(-(2.0 * agreeableness + neuroticism)))


def _scaled(point: Vector, distress: float) -> Vector:
    """A feeling as strong as the distress that calls it up."""
    return point * min(1.0, distress / abs(point[0]))
