"""The baseline for texts that the embedded model cannot read: character n-grams and logistic regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rapport.apps.evaluate.metrics import Ints
from rapport.persona.errors import ComponentError, InputError

NAME = "tfidf"
FOLDS = 5


def installed() -> bool:
    """Whether scikit-learn, which does the work, is there."""
    try:
        _sklearn()
    except ComponentError:
        return False
    return True


def predict(train: Sequence[str], labels: Sequence[str], texts: Sequence[str], ngrams: tuple[int, int]) -> list[str]:
    """Labels for `texts` from TF-IDF over character n-grams of `train` and logistic regression.

    Raises:
        ComponentError: scikit-learn is not installed.
        InputError: the training texts have one label only.
    """
    if len(set(labels)) < 2:
        raise InputError("the character baseline needs texts of two labels or more")
    vectorizer_class, regression_class = _sklearn()
    vectorizer: Any = vectorizer_class(analyzer="char", ngram_range=ngrams, sublinear_tf=True, min_df=2)
    regression: Any = regression_class(C=10.0, max_iter=300)
    regression.fit(vectorizer.fit_transform(train), labels)
    return [str(label) for label in regression.predict(vectorizer.transform(texts))]


def cross_predict(
    texts: Sequence[str], labels: Sequence[str], units: Ints, ngrams: tuple[int, int], done: Callable[[int], None]
) -> list[str]:
    """Labels for each text from a model trained on the other four fifths; a unit (a dialogue) is never divided.

    `done` is called with the number of texts after each fifth.
    """
    _, unit = np.unique(units, return_inverse=True)
    fold = np.random.default_rng(0).permutation(int(unit.max()) + 1)[unit] % FOLDS
    out = [""] * len(texts)
    for k in range(FOLDS):
        here, elsewhere = (np.flatnonzero(side).tolist() for side in (fold == k, fold != k))
        if not len(here):
            continue
        found = predict([texts[i] for i in elsewhere], [labels[i] for i in elsewhere], [texts[i] for i in here], ngrams)
        for i, label in zip(here, found, strict=True):
            out[i] = label
        done(len(here))
    return out


def _sklearn() -> tuple[Any, Any]:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise ComponentError('the character baseline needs scikit-learn: pip install "rapport-agent[train]"') from None
    return TfidfVectorizer, LogisticRegression
