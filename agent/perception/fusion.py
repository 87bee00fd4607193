"""One estimate from what words, voice and face each say of a person's feeling.

Valence, arousal and dominance: a mean weighted, axis by axis, by what each estimate knows. An axis that a modality
cannot read has a standard deviation of about 1 by convention, the spread of the whole space; what an estimate knows is
its precision beyond that, 1 / sd**2 - 1. So a modality that is blind on an axis neither helps nor pulls to the middle.

Labels: a log-linear pool (a weighted geometric mean, Genest & Zidek 1986) with weights that sum to 1, in proportion to
what each estimate knows over the three axes. Estimates of one taxonomy are pooled in it. Different taxonomies meet in
Ekman's seven; the result then takes the finest taxonomy again, where the pooled mass of each Ekman class is divided as
the estimates in that taxonomy divide it. So text keeps its 28 labels when a voice can only tell excited from calm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import (
    EKMAN7,
    TAXONOMIES,
    VAD,
    EmotionDistribution,
    EmotionEstimate,
    Evidence,
    Taxonomy,
    convert,
)

DOUBT = 0.02
"""Share of each distribution that is taken as spread evenly before logarithms: no modality can veto a label."""

Floats = NDArray[np.float64]


def fuse(estimates: Sequence[EmotionEstimate]) -> EmotionEstimate:
    """The fused estimate of any subset of modalities, in any order; of none, `EmotionEstimate.unknown()`.

    One estimate comes back as it is, but for its modality. Evidence is kept from all, the heaviest first.
    """
    if not estimates:
        return EmotionEstimate.unknown()
    if len(estimates) == 1:
        return replace(estimates[0], modality=None, evidence=_heaviest_first(estimates))
    # A fixed order makes the rounding, and so the result, the same for every order of the arguments.
    ordered = sorted(
        estimates, key=lambda e: (e.modality or "", e.vad.as_tuple(), e.vad_sd, e.distribution.probabilities)
    )
    vad, vad_sd = _fuse_vad(ordered)
    return EmotionEstimate(_pool_labels(ordered), vad, vad_sd, None, _heaviest_first(ordered))


def _knowledge(estimates: Sequence[EmotionEstimate]) -> Floats:
    """Precision beyond that of knowing nothing, per estimate and axis (n, 3), >= 0."""
    sd = np.array([e.vad_sd for e in estimates], np.float64)
    return np.maximum(sd**-2 - 1.0, 0.0)


def _fuse_vad(estimates: Sequence[EmotionEstimate]) -> tuple[VAD, tuple[float, float, float]]:
    values = np.array([e.vad.as_tuple() for e in estimates], np.float64)
    knowledge = _knowledge(estimates)
    total = knowledge.sum(axis=0)
    # Where nobody knows anything, everybody's guess counts alike.
    weights = np.where(total > 0, knowledge, 1.0)
    mean = (weights * values).sum(axis=0) / weights.sum(axis=0)
    v, a, d = (1.0 / math.sqrt(1.0 + float(t)) for t in total)
    return VAD.from_array(mean), (v, a, d)


def _pool_labels(estimates: Sequence[EmotionEstimate]) -> EmotionDistribution:
    knowledge = _knowledge(estimates).sum(axis=1)
    weights = knowledge / knowledge.sum() if knowledge.sum() > 0 else np.full(len(estimates), 1 / len(estimates))
    told = [(e.distribution, float(w)) for e, w in zip(estimates, weights, strict=True) if w > 0]
    if len(told) == 1:
        return told[0][0]
    finest = max((d.taxonomy for d, _ in told), key=lambda taxonomy: (len(taxonomy), taxonomy.name))
    in_finest = _geometric_mean([(d, w) for d, w in told if d.taxonomy.name == finest.name])
    if all(d.taxonomy.name == finest.name for d, _ in told):
        return in_finest
    classes = _geometric_mean([(convert(d, EKMAN7), w) for d, w in told])
    return _divide_classes(classes, in_finest)


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


def _divide_classes(classes: EmotionDistribution, fine: EmotionDistribution) -> EmotionDistribution:
    """The mass of each Ekman class, divided over the labels of `fine`'s taxonomy as `fine` divides that class."""
    taxonomy = fine.taxonomy
    class_of = _ekman_indices(taxonomy.name)
    p = np.asarray(fine.probabilities, np.float64)
    # A class without any mass in `fine`, or without a label of its own there, is divided as `convert` would.
    out = np.zeros(len(taxonomy))
    for k, mass in enumerate(classes.probabilities):
        members = class_of == k
        own = float(p[members].sum())
        if own > 0:
            out[members] += mass * p[members] / own
        else:
            out += mass * np.asarray(
                convert(EmotionDistribution.certain(EKMAN7, EKMAN7.labels[k]), taxonomy).probabilities
            )
    return EmotionDistribution.normalised(taxonomy, out.tolist())


@lru_cache(maxsize=len(TAXONOMIES))
def _ekman_indices(taxonomy_name: str) -> NDArray[np.int64]:
    """The place in EKMAN7 of each label's class, (labels,)."""
    taxonomy: Taxonomy = TAXONOMIES[taxonomy_name]
    certain = (EmotionDistribution.certain(taxonomy, label) for label in taxonomy.labels)
    return np.array([EKMAN7.index(convert(d, EKMAN7).label) for d in certain], np.int64)


def _heaviest_first(estimates: Sequence[EmotionEstimate]) -> tuple[Evidence, ...]:
    evidence = [item for estimate in estimates for item in estimate.evidence]
    return tuple(sorted(evidence, key=lambda item: (-abs(item.weight), item.modality, item.text, item.weight)))
