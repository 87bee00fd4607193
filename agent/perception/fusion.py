"""One estimate from what words, voice and face each say of a person's feeling, by the uncertainty that each states.

Valence, arousal and dominance: a mean weighted, axis by axis, by what each estimate knows (see `knowledge`). A modality
that is blind on an axis neither helps nor pulls to the middle.

The stated uncertainty: knowledge adds up as far as estimates agree. Each in turn is taken as the right one; what
another knows, up to what that one knows itself, counts by 1 / (1 + z**2), where z is how far apart the two lie in units
of the standard deviation of a difference between two as vague as the vaguer one. The best supported one decides. So a
noisy or contradicting modality adds almost no certainty, and since it never takes any away either, the uncertainty
grows whenever one is removed, and whenever one becomes less sure.

Labels: a log-linear pool (a weighted geometric mean, Genest & Zidek 1986) with weights that sum to 1, in proportion to
what each estimate knows over the three axes. Estimates of one taxonomy are pooled in it. Different taxonomies meet in
Ekman's seven; the result then takes the finest taxonomy again, where the pooled mass of each Ekman class is divided as
the estimates in that taxonomy divide it. So text keeps its 28 labels when a voice can only tell excited from calm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rapport.agent.perception.knowledge import Floats, ekman_classes, ekman_probabilities, knowledge, sd_of
from rapport.agent.stages import FusionCapabilities
from rapport.persona.affect import EKMAN7, VAD, EmotionDistribution, EmotionEstimate, Evidence, convert
from rapport.persona.errors import ComponentError

DOUBT = 0.02
"""Share of each distribution that is taken as spread evenly before logarithms: no modality can veto a label."""
LEAST_SHARE = 0.3
"""Words that say nothing of a feeling move nobody else's reading, but people who feel much rarely say nothing of it.
This share makes the stated uncertainty of such lines cover their error on MELD's development part (.34 / .32 / .18
where neutral prevails, .49 / .39 / .25 where it hardly does)."""


class PrecisionFusion:
    """Fusion without training: precision weighting and log-linear pooling. It has nothing to load."""

    capabilities = FusionCapabilities(learned=False)

    def __init__(self, model: str | None = None) -> None:
        if model is not None:
            raise ComponentError(f"precision takes no model, got {model!r}; name the component as plain `precision`")

    async def fuse(self, estimates: Sequence[EmotionEstimate]) -> EmotionEstimate:
        """See `rapport.agent.perception.fusion.fuse`, which this is."""
        return fuse(estimates)


def fuse(estimates: Sequence[EmotionEstimate]) -> EmotionEstimate:
    """The fused estimate of any subset of modalities, in any order; of none, `EmotionEstimate.unknown()`.

    One estimate keeps its distribution and its VAD. Evidence is kept from all, the heaviest first.
    """
    if not estimates:
        return EmotionEstimate.unknown()
    # A fixed order makes the rounding, and so the result, the same for every order of the arguments.
    ordered = sorted(
        estimates, key=lambda e: (e.modality or "", e.vad.as_tuple(), e.vad_sd, e.distribution.probabilities)
    )
    known = knowledge(ordered)
    vad = ordered[0].vad if len(ordered) == 1 else _mean(ordered, known)
    vad_sd = sd_of(_agreed(ordered, knowledge(ordered, LEAST_SHARE)))
    return EmotionEstimate(pool_labels(ordered, known.sum(axis=1)), vad, vad_sd, None, heaviest_first(ordered))


def _mean(estimates: Sequence[EmotionEstimate], known: Floats) -> VAD:
    values = np.array([e.vad.as_tuple() for e in estimates])
    # Where nobody knows anything, everybody's guess counts alike.
    weights = np.where(known.sum(axis=0) > 0, known, 1.0)
    return VAD.from_array((weights * values).sum(axis=0) / weights.sum(axis=0))


def _agreed(estimates: Sequence[EmotionEstimate], known: Floats) -> Floats:
    """What all know together per axis, (3,): the sum where they agree, hardly more than the best where they do not."""
    values, variance = np.array([e.vad.as_tuple() for e in estimates]), 1.0 / (1.0 + known)
    # With the vaguer one's variance for both, for with the sum of the two, who gets surer could count less.
    z_squared = (values[:, None] - values[None]) ** 2 / (2.0 * np.maximum(variance[:, None], variance[None]))
    counted = np.minimum(known[:, None], known[None]) / (1.0 + z_squared)
    return counted.sum(axis=1).max(axis=0)


def pool_labels(estimates: Sequence[EmotionEstimate], weights: Floats) -> EmotionDistribution:
    """Log-linear pool of the distributions, weights (n,) >= 0 scaled to sum to 1 (all 0 counts as all alike)."""
    shares = weights / weights.sum() if weights.sum() > 0 else np.full(len(estimates), 1 / len(estimates))
    told = [(e.distribution, float(w)) for e, w in zip(estimates, shares, strict=True) if w > 0]
    if len(told) == 1:
        return told[0][0]
    finest = max((d.taxonomy for d, _ in told), key=lambda taxonomy: (len(taxonomy), taxonomy.name))
    in_finest = _geometric_mean([(d, w) for d, w in told if d.taxonomy.name == finest.name])
    if all(d.taxonomy.name == finest.name for d, _ in told):
        return in_finest
    classes = _geometric_mean(
        [(EmotionDistribution(EKMAN7, tuple(ekman_probabilities(d).tolist())), w) for d, w in told]
    )
    return divide_classes(np.asarray(classes.probabilities), in_finest)


def _geometric_mean(weighted: Sequence[tuple[EmotionDistribution, float]]) -> EmotionDistribution:
    """Log-linear pool of distributions over one taxonomy, weights scaled to sum to 1; one alone stays as it is."""
    if len(weighted) == 1:
        return weighted[0][0]
    taxonomy = weighted[0][0].taxonomy
    p = np.array([d.probabilities for d, _ in weighted], np.float64)
    w = np.array([weight for _, weight in weighted], np.float64)
    logs = np.log((1 - DOUBT) * p + DOUBT / len(taxonomy))
    pooled = (w / w.sum()) @ logs
    return EmotionDistribution.normalised(taxonomy, np.exp(pooled - pooled.max()).tolist())


def divide_classes(classes: Floats, fine: EmotionDistribution) -> EmotionDistribution:
    """The mass of each class of EKMAN7, (7,), divided over the labels of `fine` as `fine` divides that class.

    A class without any mass in `fine`, or without a label of its own there, is divided as `convert` would.
    """
    class_of = ekman_classes(fine.taxonomy.name)
    p = np.asarray(fine.probabilities, np.float64)
    out = np.zeros(len(fine.taxonomy))
    for k, mass in enumerate(classes.tolist()):
        members = class_of == k
        own = float(p[members].sum())
        if own > 0:
            out[members] += mass * p[members] / own
        elif mass > 0:
            certain = EmotionDistribution.certain(EKMAN7, EKMAN7.labels[k])
            out += mass * np.asarray(convert(certain, fine.taxonomy).probabilities)
    return EmotionDistribution.normalised(fine.taxonomy, out.tolist())


def heaviest_first(estimates: Sequence[EmotionEstimate]) -> tuple[Evidence, ...]:
    """The evidence of all, by how much it weighed."""
    evidence = [item for estimate in estimates for item in estimate.evidence]
    return tuple(sorted(evidence, key=lambda item: (-abs(item.weight), item.modality, item.text, item.weight)))
