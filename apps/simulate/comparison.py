"""Two therapists compared: differences of means with intervals, case by case where both met the same clients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rapport.apps.simulate.intervals import SEED, Floats, ends_of, resampled_means
from rapport.apps.simulate.measures import MEASURES
from rapport.apps.simulate.runner import Measured


def paired(ours: Sequence[Measured], theirs: Sequence[Measured]) -> bool:
    """Whether every case of the smaller side was met by the other therapist too."""
    a, b = ({m.case for m in side} for side in (ours, theirs))
    return len(a & b) >= 2 and len(a & b) == min(len(a), len(b))


def compared(
    ours: Sequence[Measured], theirs: Sequence[Measured], names: Iterable[str] = MEASURES
) -> dict[str, dict[str, Any]]:
    """Of each measure: the mean difference (ours - theirs), its interval, Cohen's d, and whether the intervals of the
    two means lie apart. Differences are taken case by case where both sides met the same cases."""
    of = list(names)
    if paired(ours, theirs):
        by_case = {m.case: m for m in theirs}
        pairs = [(m, by_case[m.case]) for m in ours if m.case in by_case]
        a, b = _values([p[0] for p in pairs], of), _values([p[1] for p in pairs], of)
        both = np.isfinite(a) & np.isfinite(b)
        a, b = np.where(both, a, np.nan), np.where(both, b, np.nan)
        k = len(of)
        means = resampled_means(np.hstack([a, b, a - b]))
        samples = means[:, :k], means[:, k : 2 * k], means[:, 2 * k :]
    else:
        a, b = _values(ours, of), _values(theirs, of)
        one, other = resampled_means(a), resampled_means(b, SEED + 1)
        samples = one, other, one - other
    ends = [ends_of(sample) for sample in samples]
    found: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(of):
        x, y = a[np.isfinite(a[:, k]), k], b[np.isfinite(b[:, k]), k]
        if min(len(x), len(y)) < 2:
            continue
        difference = float(x.mean() - y.mean())
        pooled = math.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)
        mine, other, between = ((float(e[0, k]), float(e[1, k])) for e in ends)
        found[name] = {
            "n": len(x),
            "n_other": len(y),
            "mean": float(x.mean()),
            "other": float(y.mean()),
            "difference": difference,
            "low": between[0],
            "high": between[1],
            "d": difference / pooled if pooled > 1e-12 else math.nan,
            "apart": bool(mine[0] > other[1] or mine[1] < other[0]),
        }
    return found


def _values(measured: Sequence[Measured], names: Sequence[str]) -> Floats:
    return np.array([[m.figures.get(name, math.nan) for name in names] for m in measured], np.float64).reshape(
        -1, len(names)
    )
