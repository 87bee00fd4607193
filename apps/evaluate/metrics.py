"""Scores of predictions against what people said, and how far they would vary over other texts. Pure functions.

`found` and `given` are booleans (n, labels): what a recogniser found in each text, and what its annotators gave. One
label per text is the case in which every row has one true entry (`one_hot`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

CALIBRATION_BINS = 15
RESAMPLES = 1000


def one_hot(labels: Sequence[int] | Ints, n_classes: int) -> Flags:
    """Label numbers (n,) as rows with one true entry, (n, n_classes)."""
    return np.eye(n_classes, dtype=bool)[np.asarray(labels, np.int64)]


def accuracy(found: Flags, given: Flags) -> float:
    """Share of texts whose labels are all found and no other."""
    return float((found == given).all(axis=1).mean())


def f1_per_label(found: Flags, given: Flags) -> Floats:
    """2 tp / (2 tp + fp + fn) of each label, (labels,); 0 for a label that is neither found nor given."""
    hits, found_n, given_n = _counts(found, given)
    return 2 * hits / np.maximum(1, found_n + given_n)


def macro_f1(found: Flags, given: Flags) -> float:
    """Mean F1 over all labels."""
    return float(f1_per_label(found, given).mean())


def macro_f1_of_occurring(found: Flags, given: Flags) -> float:
    """Mean F1 over the labels that are found or given at least once, as scikit-learn has it for one label per text."""
    occurring = found.any(axis=0) | given.any(axis=0)
    return float(f1_per_label(found, given)[occurring].mean())


def micro_f1(found: Flags, given: Flags) -> float:
    """F1 over all decisions together. With one label per text it is the accuracy."""
    hits, found_n, given_n = _counts(found, given)
    return float(2 * hits.sum() / max(1, found_n.sum() + given_n.sum()))


def mean_f1_by_support(found: Flags, given: Flags) -> float:
    """Mean F1 over labels, each weighted by how often it was given."""
    support = given.sum(axis=0)
    return float(f1_per_label(found, given) @ support / max(1, support.sum()))


def weighted_f1(true: Sequence[int] | Ints, predicted: Sequence[int] | Ints, n_classes: int) -> float:
    """Weighted F1 of label numbers (n,). The arguments are not interchangeable: the support is that of `true`."""
    return mean_f1_by_support(one_hot(predicted, n_classes), one_hot(true, n_classes))


def per_class(found: Flags, given: Flags, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of each label by its name; 0 where a ratio has nothing to divide by."""
    hits, found_n, given_n = _counts(found, given)
    columns = (hits / np.maximum(1, found_n), hits / np.maximum(1, given_n), f1_per_label(found, given))
    return {
        label: {
            **{name: float(column[k]) for name, column in zip(("precision", "recall", "f1"), columns, strict=True)},
            "support": int(given_n[k]),
        }
        for k, label in enumerate(labels)
    }


def pearson(a: Floats, b: Floats) -> float:
    """Pearson's correlation of two series (n,); NaN where one of them is constant."""
    da, db = a - a.mean(), b - b.mean()
    scale = np.sqrt((da @ da) * (db @ db))
    return float(da @ db / scale) if scale > 1e-12 else float("nan")


def concordance(a: Floats, b: Floats) -> float:
    """Concordance correlation coefficient of two series (n,) (Lin 1989); NaN where both are the same constant.

    2 cov / (var a + var b + (mean a - mean b)^2), with moments over n: unlike Pearson's it falls with a shift or a
    difference of scale.
    """
    da, db, gap = a - a.mean(), b - b.mean(), a.mean() - b.mean()
    scale = da @ da + db @ db + len(a) * gap * gap
    return float(2 * (da @ db) / scale) if scale > 1e-12 else float("nan")


def expected_calibration_error(confidence: Floats, right: Flags, bins: int = CALIBRATION_BINS) -> float:
    """Mean gap between confidence in [0, 1] and the share of right answers, over bins of equal width (Guo et al. 2017).

    Both (n,); each bin counts by its number of answers.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def bootstrap(
    statistic: Callable[[Ints], Sequence[float] | Floats | float],
    units: int | Ints | Sequence[int],
    seed: int,
    resamples: int = RESAMPLES,
) -> Floats:
    """What a statistic, or several at once, would be on other samples (Efron 1979): (resamples,) or (resamples, k).

    Args:
        statistic: from the numbers of the rows that were drawn.
        units: how many rows there are; or each row's cluster, (n,), where rows of one dialogue depend on one another.
            Clusters are drawn whole.
        seed: of the draws; the same seed draws the same rows for every statistic of one data set.
    """
    rng = np.random.default_rng(seed)
    if isinstance(units, int):
        return np.array([statistic(rng.integers(0, units, units)) for _ in range(resamples)], np.float64)
    cluster: Ints = np.unique(np.asarray(units, np.int64), return_inverse=True)[1]
    ends: list[int] = np.cumsum(np.bincount(cluster)).tolist()
    order = np.argsort(cluster, kind="stable")
    rows = [order[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def drawn() -> Ints:
        chosen: list[int] = rng.integers(0, len(rows), len(rows)).tolist()
        return np.concatenate([rows[i] for i in chosen])

    return np.array([statistic(drawn()) for _ in range(resamples)], np.float64)


def bootstrap_interval(
    statistic: Callable[[Ints], float],
    units: int | Ints | Sequence[int],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> tuple[float, float]:
    """The percentile interval of a statistic at `level`, see `bootstrap`; NaN where it is never defined."""
    return interval(bootstrap(statistic, units, seed, resamples), level)


def interval(samples: Floats, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrap samples (resamples,) at `level`; samples that are NaN do not count."""
    defined = samples[np.isfinite(samples)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _counts(found: Flags, given: Flags) -> tuple[Ints, Ints, Ints]:
    return (found & given).sum(axis=0), found.sum(axis=0), given.sum(axis=0)
