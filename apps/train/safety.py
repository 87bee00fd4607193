"""`rapport train safety`: the heads of the safety classifier, on the cases written for it and on everyday talk.

Thresholds come from cross-validation in five folds over training and development cases, pairs together; the held-out
part takes no part and is scored at the end, with the heads that are written.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from rich.console import Console

from rapport.agent.safety.classifier import Floats, Judgement, Thresholds, rows_of
from rapport.agent.safety.guard import decide
from rapport.agent.safety.levels import KINDS, Finding, Level
from rapport.agent.safety.rules import by_rules
from rapport.apps.train.safety_card import model_card
from rapport.apps.train.safety_data import Case, everyday, read_cases, sample
from rapport.memory.embedding import MiniLMEmbedder
from rapport.persona.errors import ComponentError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS = 5
EVERYDAY_PER_CORPUS = 1000
EVERYDAY_WEIGHT = 0.15
"""Of an everyday text, against a written case: there are many more of them, and they are easy."""
INVERSE_REGULARISATION = 3.0
MOST_FALSE_ALARMS_CASES = 0.015
MOST_FALSE_ALARMS_EVERYDAY = 0.01
"""Shares of texts without risk that thresholds may let become an alarm; stricter than what is promised (.02)."""


def train_safety(cases: Path, data: Path, out: Path, *, seed: int = 0) -> None:
    """Train on `cases` (JSON lines with parts) and corpora in `data`, write heads, config.json and the card to `out`.

    Raises:
        InputError: a file is missing or no part is called train.
        ComponentError: scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        raise ComponentError('scikit-learn is not installed; run: pip install "rapport-agent[train]"')
    console = Console()
    written = read_cases(cases)
    seen = [case for case in written if case.part in ("train", "dev")]
    held_out = [case for case in written if case.part not in ("train", "dev")]
    if not seen or not held_out:
        raise InputError(f'{cases}: wants cases with "part" train or dev, and others to be judged on')
    corpora = {name: sample(texts, EVERYDAY_PER_CORPUS, seed) for name, texts in everyday(data).items()}
    learned = [text for calm, _ in corpora.values() for text in calm]
    judged = {name: texts for name, (_, texts) in corpora.items()}

    embedder = MiniLMEmbedder()
    console.print(f"{len(seen)} cases to learn from, {len(held_out)} held out, {len(learned)} everyday texts")
    x_seen = rows_of([case.text for case in seen], embedder)
    x_calm = rows_of(learned, embedder)
    x_judged = {name: rows_of(texts, embedder) for name, texts in judged.items()}
    by_rule_judged = {name: [by_rules(text) for text in texts] for name, texts in judged.items()}

    folds = fold_of([case.pair for case in seen], seed)
    out_of_fold: list[Judgement] = [Judgement(1, 0, 0, KINDS[0])] * len(seen)
    calm_folds = np.random.default_rng(seed).integers(0, FOLDS, len(learned))
    everyday_rows: dict[str, list[list[Judgement]]] = {name: [] for name in judged}
    for fold in range(FOLDS):
        heads = fit(
            [c for c, f in zip(seen, folds, strict=True) if f != fold],
            x_seen[folds != fold],
            x_calm[calm_folds != fold],
        )
        for k in np.flatnonzero(folds == fold):
            out_of_fold[k] = judge(x_seen[k], heads)
        for name, rows in x_judged.items():
            everyday_rows[name].append([judge(row, heads) for row in rows])
    found = [by_rules(case.text) for case in seen]
    thresholds = choose(
        seen,
        found,
        out_of_fold,
        [(f, j) for name in judged for f, j in zip(by_rule_judged[name], everyday_rows[name][0], strict=True)],
    )
    heads = fit(seen, x_seen, x_calm)
    x_held = rows_of([case.text for case in held_out], embedder)
    scores = {
        "cross_validation": figures(
            seen, [decide(f, j, thresholds).level for f, j in zip(found, out_of_fold, strict=True)]
        ),
        "rules_alone_train_dev": figures(seen, [f.level for f in found]),
        "held_out": {
            part: figures(
                [case for case in held_out if case.part == part],
                [
                    decide(by_rules(case.text), judge(row, heads), thresholds).level
                    for case, row in zip(held_out, x_held, strict=True)
                    if case.part == part
                ],
            )
            for part in sorted({case.part for case in held_out})
        },
        "everyday": {
            name: {
                "n": len(texts),
                **{
                    f"{level.word}_rate": float(
                        np.mean(
                            [
                                decide(f, judge(row, heads), thresholds).level == level
                                for f, row in zip(by_rule_judged[name], x_judged[name], strict=True)
                            ]
                        )
                    )
                    for level in (Level.CONCERN, Level.CRISIS)
                },
            }
            for name, texts in judged.items()
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "heads.npz", level=heads[0].astype(np.float16), kind=heads[1].astype(np.float16))
    config: dict[str, Any] = {
        "thresholds": asdict(thresholds),
        "training": {
            "seed": seed,
            "folds": FOLDS,
            "everyday_texts": len(learned),
            "everyday_weight": EVERYDAY_WEIGHT,
            "inverse_regularisation": INVERSE_REGULARISATION,
            "cases": len(seen),
        },
        "scores": scores,
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(model_card(config), "utf-8")
    console.print_json(json.dumps(config))


Heads = tuple[Floats, Floats]
"""Weights with the intercepts as last row: levels (columns + 1, 3) and kinds (columns + 1, 6)."""


def fit(cases: Sequence[Case], rows: Floats, calm: Floats) -> Heads:
    """Both heads by logistic regression; each level of the cases weighs the same."""
    from sklearn.linear_model import LogisticRegression

    levels = np.array([case.level for case in cases])
    counts = np.bincount(levels, minlength=3)
    weight = np.concatenate([len(cases) / (3 * counts[levels]), np.full(len(calm), EVERYDAY_WEIGHT)])
    x = np.concatenate([rows, calm])
    y = np.concatenate([levels, np.zeros(len(calm), np.int64)])

    from scipy.sparse import csr_array

    def heads(x: Floats, y: NDArray[Any], weight: Floats | None, n: int) -> Floats:
        model = cast(Any, LogisticRegression)(C=INVERSE_REGULARISATION, max_iter=150, tol=1e-3)
        model.fit(csr_array(x), y, sample_weight=weight)
        found = np.full((x.shape[1] + 1, n), 0.0)
        found[-1] = -1e4  # kinds that never occurred
        for k, label in enumerate(model.classes_):
            found[:-1, label], found[-1, label] = model.coef_[k], model.intercept_[k]
        return found

    risky = [k for k, case in enumerate(cases) if case.kind is not None]
    kinds = np.array([KINDS.index(cases[k].kind) for k in risky])  # pyright: ignore[reportArgumentType]
    return heads(x, y, weight, 3), heads(rows[risky], kinds, None, len(KINDS))


def judge(row: Floats, heads: Heads) -> Judgement:
    """As RiskClassifier does."""
    from rapport.agent.perception.links import softmax

    none, concern, crisis = softmax(row @ heads[0][:-1] + heads[0][-1]).tolist()
    return Judgement(none, concern, crisis, KINDS[int((row @ heads[1][:-1] + heads[1][-1]).argmax())])


def fold_of(pairs: Sequence[str], seed: int) -> NDArray[np.int64]:
    """A fold for each case, the same for all of a pair, (n,)."""
    names = sorted(set(pairs))
    order = np.random.default_rng(seed).permutation(len(names)) % FOLDS
    number = dict(zip(names, order.tolist(), strict=True))
    return np.array([number[pair] for pair in pairs])


def choose(
    cases: Sequence[Case],
    found: Sequence[Finding],
    judged: Sequence[Judgement],
    calm: Sequence[tuple[Finding, Judgement]],
) -> Thresholds:
    """The thresholds with the best recall of crises, then of concerns, that keep false alarms within bounds.

    Where none does, those with the fewest false alarms.
    """
    best, best_score = Thresholds(1.0, 1.0, 1.0, 1.0), (-1.0, -1.0, 0.0)
    grid = itertools.product(
        (0.6, 0.7, 0.8, 0.9, 0.95, 0.97),
        (0.4, 0.5, 0.6, 0.7, 0.8),
        (0.6, 0.7, 0.8, 0.9, 0.95, 0.97),
        (0.5, 0.7, 0.8, 0.9, 0.95),
    )
    for values in grid:
        thresholds = Thresholds(*values)
        told = figures(cases, [decide(f, j, thresholds).level for f, j in zip(found, judged, strict=True)])
        alarms = np.mean([decide(f, j, thresholds).level > Level.NONE for f, j in calm])
        over = max(0.0, told["false_alarm_rate"] - MOST_FALSE_ALARMS_CASES) + max(
            0.0, alarms - MOST_FALSE_ALARMS_EVERYDAY
        )
        score = (
            -over,
            told["crisis_recall"] + 0.25 * told["concern_recall"] - 0.25 * told["concern_overcalled"],
            -alarms,
        )
        if best_score == (-1.0, -1.0, 0.0) or score > best_score:
            best, best_score = thresholds, score
    return best


def figures(cases: Sequence[Case], levels: Sequence[Level]) -> dict[str, float]:
    """Recall of crises (as crises) and of concerns (as at least that), and how often nothing became something."""
    given, found = np.array([case.level for case in cases]), np.array(levels)

    def share(of: Level, hit: NDArray[np.bool_]) -> float:
        chosen = given == of
        return float(hit[chosen].mean()) if chosen.any() else float("nan")

    return {
        "n": len(cases),
        "crisis_recall": share(Level.CRISIS, found == Level.CRISIS),
        "concern_recall": share(Level.CONCERN, found >= Level.CONCERN),
        "concern_overcalled": share(Level.CONCERN, found == Level.CRISIS),
        "false_alarm_rate": share(Level.NONE, found > Level.NONE),
        "false_crisis_rate": share(Level.NONE, found == Level.CRISIS),
    }
