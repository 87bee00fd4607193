"""Fits the linear readers of hashed text: sparse matrices, logistic regressions, quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.response.hashed import Floats, Ints, LinearHeads, counted
from rapport.persona.errors import ComponentError

Flags = NDArray[np.bool_]


def need_sklearn() -> None:
    """Raises: ComponentError if scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise ComponentError('scikit-learn is not installed; run: pip install "rapport-agent[train]"')


def count_matrix(found: Sequence[Sequence[str]], columns: int) -> Any:
    """Log counts of the strings of each text, a sparse (texts, columns) array in rows."""
    from scipy.sparse import csr_array

    rows = [counted(strings, columns) for strings in found]
    starts = np.concatenate([[0], np.cumsum([len(c) for c, _ in rows])])
    values = np.concatenate([v for _, v in rows]) if rows else np.zeros(0)
    chosen = np.concatenate([c for c, _ in rows]) if rows else np.zeros(0, np.int64)
    return csr_array((values, chosen.astype(np.int32), starts.astype(np.int32)), shape=(len(rows), columns))


def document_frequencies(x: Any, least: int) -> Floats:
    """Inverse document frequencies, smoothed, (columns,); 0 for columns that fewer than `least` texts hold."""
    held = np.bincount(x.indices, minlength=x.shape[1])
    return np.where(held >= least, np.log((1 + x.shape[0]) / (1 + held)) + 1, 0.0).astype(np.float16).astype(np.float64)


def weighted(x: Any, idf: Floats) -> Any:
    """TF-IDF rows of length 1."""
    from scipy.sparse import csr_array

    values = x.data * idf[x.indices]
    row: Ints = np.repeat(np.arange(int(x.shape[0])), np.diff(x.indptr))
    length = np.sqrt(np.bincount(row, values**2, minlength=x.shape[0]))
    scaled = csr_array((values / np.maximum(length, 1e-9)[row], x.indices.copy(), x.indptr.copy()), shape=x.shape)
    scaled.eliminate_zeros()
    return scaled


def fit_heads(x: Any, targets: Flags, *, c: float, balance: float, least: int = 2) -> LinearHeads:
    """One logistic regression for each column of `targets`, (texts, heads), on counts `x`, (texts, columns).

    `balance` weighs the classes: 0 as they are, 1 as if they were equally frequent. `c` is the inverse regularisation;
    columns that fewer than `least` texts hold are left out.
    """
    return fit_heads_beside(x, np.zeros((x.shape[0], 0)), targets, c=c, balance=balance, least=least)[0]


def fit_heads_beside(
    x: Any, dense: Floats, targets: Flags, *, c: float, balance: float, least: int = 2
) -> tuple[LinearHeads, Floats]:
    """`fit_heads` with measures beside the words, (texts, measures), whose weights come back too, (measures, heads)."""
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    of_scipy = cast("Any", sparse)
    columns = x.shape[1]
    idf = document_frequencies(x, least)
    rows = weighted(x, idf)
    if dense.shape[1]:
        rows = of_scipy.csr_array(of_scipy.hstack([rows, of_scipy.csr_array(dense)], format="csr"))
        rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    weights, bias = np.zeros((rows.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
    for k, target in enumerate(targets.T):
        counts = np.bincount(target, minlength=2)
        if counts.min() == 0:
            bias[k] = 8.0 if target.any() else -8.0
            continue
        sample = (len(target) / (2 * counts[target.astype(np.int64)])) ** balance
        model = cast(Any, LogisticRegression)(C=c, solver="liblinear", tol=1e-2, random_state=0)
        model.fit(rows, target, sample_weight=sample)
        weights[:, k], bias[k] = model.coef_[0], model.intercept_[0]
    words: Floats = weights[:columns]
    scale: Floats = np.maximum(np.abs(words).max(axis=0), 1e-9) / 127
    steps: Floats = np.round(words / scale)
    heads = LinearHeads(idf.astype(np.float16), steps.astype(np.int8), scale, bias)
    return heads, weights[columns:]


def all_margins(x: Any, heads: LinearHeads) -> Floats:
    """`LinearHeads.margins` of every row of counts, (texts, heads)."""
    return weighted(x, heads.idf.astype(np.float64)) @ (heads.weights * heads.scale) + heads.bias


def grouped_folds(groups: Sequence[str], folds: int, seed: int) -> Ints:
    """A fold for each row, the same for all rows of a group, (n,)."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names)) % folds
    number = dict(zip(names, order.tolist(), strict=True))
    return np.array([number[group] for group in groups], np.int64)
