"""`rapport train empathy`: the scorer of empathy, on EPITOME's pairs and ESConv's strategies.

Judged by cross-validation in five folds over posters. Within each fold the regression learns from what readers of
three inner folds say of pairs that they never saw.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console

from rapport.agent.response.empathy import FARTHEST, LEVELS, SCALES, EmpathyModel, measures, mixed
from rapport.agent.response.hashed import Floats, Ints, LinearHeads, pieces, sentences, tokens
from rapport.apps.evaluate.empathy_scores import FILES, Pair, classification, read_pairs
from rapport.apps.train.esconv import read_esconv
from rapport.apps.train.hashed_fit import Flags, all_margins, count_matrix, fit_heads, grouped_folds, need_sklearn
from rapport.apps.train.small_cards import empathy_card
from rapport.persona.errors import InputError

COLUMNS = 1 << 17
FOLDS, INNER_FOLDS = 5, 3
C_WHOLE, C_SENTENCE, C_STRATEGY, C_STACKED = 5.0, 4.0, 2.0, 0.003
BALANCE = 0.5


@dataclass(frozen=True)
class Corpus:
    """EPITOME's pairs, the same in the same order for the three scales, cut into sentences."""

    pairs: Sequence[Pair]
    levels: Ints
    """(3 scales, pairs)."""
    split: Sequence[Sequence[Sequence[str]]]
    """For each pair the sentences of its response, as words."""
    of: Ints
    """For each sentence its pair, (sentences,)."""
    sentence_levels: Ints
    """(3 scales, sentences): the pair's level where a rationale marks the sentence, else 0."""
    whole: Any
    """Counts, sparse (pairs, COLUMNS)."""
    sentence: Any
    """Counts, sparse (sentences, COLUMNS)."""


def train_empathy(data: Path, out: Path, *, seed: int = 0) -> None:
    """Train on `data`/epitome and `data`/esconv, write model.npz, config.json and the card to `out`.

    Raises:
        InputError: a file is missing or malformed, or the three files do not hold the same pairs.
        ComponentError: scikit-learn is not installed.
    """
    need_sklearn()
    console = Console()
    corpus = read_corpus(data / "epitome")
    strategy = fit_strategies(data / "esconv" / "train.jsonl")
    told = all_margins(corpus.sentence, strategy)
    groups = [pair.seeker_id for pair in corpus.pairs]
    console.print(f"{len(groups)} pairs, {len(corpus.of)} sentences")
    folds = grouped_folds(groups, FOLDS, seed)
    p = np.zeros((len(groups), len(SCALES), LEVELS))
    for fold in range(FOLDS):
        model = fit(corpus, strategy, told, folds != fold, seed)
        rows, whole, strongest = rows_of(corpus, told, model.whole, model.sentence, folds == fold)
        found = [mixed(one, best, model.stacked(row)) for row, one, best in zip(rows, whole, strongest, strict=True)]
        p[folds == fold] = np.stack(found)
        console.print(f"fold {fold + 1} of {FOLDS}")
    scores = {scale: classification(p[:, k], corpus.levels[k], groups, seed) for k, scale in enumerate(SCALES)}
    model = fit(corpus, strategy, told, np.ones(len(groups), np.bool_), seed)
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "model.npz",
        allow_pickle=False,
        **cast(
            Any,
            {
                **model.whole.arrays("whole"),
                **model.sentence.arrays("sentence"),
                **model.strategy.arrays("strategy"),
                "mean": model.mean.astype(np.float32),
                "deviation": model.deviation.astype(np.float32),
                "weights": model.weights.astype(np.float32),
            },
        ),
    )
    config = {"seed": seed, "pairs": len(groups), "folds": FOLDS, "cross_validation": scores}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(empathy_card(config), "utf-8")
    console.print_json(json.dumps(config))


def read_corpus(folder: Path) -> Corpus:
    """The three files of EPITOME in a folder."""
    files = [read_pairs(folder / name) for name in FILES.values()]
    first = files[0]
    if any([p.seeker_id for p in pairs] != [p.seeker_id for p in first] for pairs in files[1:]):
        raise InputError(f"{folder}: the three files do not hold the same pairs in the same order")
    parts = [sentences(pair.response) for pair in first]
    split = [[tokens(part) for part in of] for of in parts]
    marked = [np.concatenate([marks(of, pair) for of, pair in zip(split, pairs, strict=True)]) for pairs in files]
    return Corpus(
        first,
        np.array([[pair.level for pair in pairs] for pairs in files]),
        split,
        np.repeat(np.arange(len(split)), [len(of) for of in split]),
        np.stack(marked),
        count_matrix([pieces(tokens(pair.response)) for pair in first], COLUMNS),
        count_matrix([pieces(part) for of in split for part in of], COLUMNS),
    )


def marks(split: Sequence[Sequence[str]], pair: Pair) -> Ints:
    """The pair's level for each sentence that shares most of its words with a rationale, 0 for others."""
    rationales = [set(words) for words in map(tokens, pair.rationales) if words]
    found = np.zeros(len(split), np.int64)
    for k, part in enumerate(split):
        words = set(part)
        for rationale in rationales:
            shared = len(words & rationale)
            if words and shared >= max(0.6 * min(len(words), len(rationale)), min(2, len(rationale))):
                found[k] = pair.level
    if pair.level and not found.any() and len(split) == 1:
        found[0] = pair.level
    return found


def fit_strategies(file: Path) -> LinearHeads:
    """The reader of what strategy a supporter's sentence is."""
    from rapport.agent.response.strategy import STRATEGIES

    turns = [turn for dialogue in read_esconv(file) for turn in dialogue.turns if turn.strategy is not None]
    targets = np.array([[turn.strategy == name for name in STRATEGIES] for turn in turns], np.bool_)
    x = count_matrix([pieces(tokens(turn.text)) for turn in turns], COLUMNS)
    return fit_heads(x, targets, c=C_STRATEGY, balance=0.0, least=3)


def fit(corpus: Corpus, strategy: LinearHeads, told: Floats, chosen: Flags, seed: int) -> EmpathyModel:
    """The model of the pairs that are `chosen`, (pairs,)."""
    from sklearn.linear_model import LogisticRegression

    pairs = np.flatnonzero(chosen)
    inner = grouped_folds([corpus.pairs[int(k)].seeker_id for k in pairs], INNER_FOLDS, seed + 1)
    rows: Floats | None = None
    for fold in range(INNER_FOLDS):
        learned, judged = np.zeros_like(chosen), np.zeros_like(chosen)
        learned[pairs[inner != fold]], judged[pairs[inner == fold]] = True, True
        found = rows_of(corpus, told, *fit_readers(corpus, learned), judged)[0]
        rows = np.zeros((len(pairs), found.shape[1])) if rows is None else rows
        rows[inner == fold] = found
    assert rows is not None
    mean, deviation = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    standard = ((rows - mean) / deviation).clip(-FARTHEST, FARTHEST)
    weights = np.zeros((len(SCALES), rows.shape[1] + 1, LEVELS))
    weights[:, -1] = -20.0
    for k, levels in enumerate(corpus.levels[:, pairs]):
        model = cast(Any, LogisticRegression)(C=C_STACKED, class_weight="balanced", max_iter=500)
        model.fit(standard, levels)
        if len(model.classes_) != LEVELS:
            raise InputError(f"the {SCALES[k]} lack examples of a level")
        weights[k, :-1], weights[k, -1] = model.coef_.T, model.intercept_
    return EmpathyModel(*fit_readers(corpus, chosen), strategy, mean, deviation, weights)


def fit_readers(corpus: Corpus, chosen: Flags) -> tuple[LinearHeads, LinearHeads]:
    """The readers of whole responses and of sentences."""
    within = chosen[corpus.of]
    return (
        fit_heads(corpus.whole[np.flatnonzero(chosen)], _above(corpus.levels[:, chosen]), c=C_WHOLE, balance=BALANCE),
        fit_heads(
            corpus.sentence[np.flatnonzero(within)],
            _above(corpus.sentence_levels[:, within]),
            c=C_SENTENCE,
            balance=BALANCE,
        ),
    )


def rows_of(
    corpus: Corpus, told: Floats, whole: LinearHeads, sentence: LinearHeads, chosen: Flags
) -> tuple[Floats, Floats, Floats]:
    """Rows of measures (n, 78), margins (n, 6) and strongest margins of a sentence (n, 6) of the chosen pairs."""
    pairs = np.flatnonzero(chosen)
    by_whole = all_margins(corpus.whole[pairs], whole)
    within = np.flatnonzero(chosen[corpus.of])
    by_sentence = all_margins(corpus.sentence[within], sentence)
    starts = np.flatnonzero(np.diff(corpus.of[within], prepend=-1))
    ends = np.append(starts[1:], len(within))
    rows = [
        measures(
            by_whole[k],
            by_sentence[a:b],
            told[within[a:b]],
            corpus.split[int(pair)],
            tokens(corpus.pairs[int(pair)].response),
            tokens(corpus.pairs[int(pair)].seeker),
        )
        for k, (pair, a, b) in enumerate(zip(pairs, starts, ends, strict=True))
    ]
    return np.stack(rows), by_whole, np.maximum.reduceat(by_sentence, starts)


def _above(levels: Ints) -> Flags:
    """(n, 6) from levels (3, n): above 0 and above 1, for each scale."""
    return np.stack([row > least for row in levels for least in (0, 1)], axis=1)
