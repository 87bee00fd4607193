"""`rapport train strategy`: the policy over support strategies, on ESConv's training dialogues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.progress import track

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.hashed import Floats, Ints, LinearHeads
from rapport.agent.response.strategy import STRATEGIES, cues, form, probabilities
from rapport.apps.train.esconv import Dialogue, read_esconv
from rapport.apps.train.hashed_fit import all_margins, count_matrix, fit_heads_beside, need_sklearn
from rapport.apps.train.small_cards import strategy_card

COLUMNS = 1 << 16
C = 0.5
BALANCE = 0.5
FORM_SCALE = 0.5
"""Of the measures of form against rows of words, which have length 1."""
TUNED_SHARE = 5
"""Every so many-th training dialogue is left out to choose the temperature."""
RESAMPLES = 500


@dataclass(frozen=True)
class Moments:
    """The moments before a supporter's turn."""

    words: Any
    """Counts, sparse (n, COLUMNS)."""
    form: Floats
    """(n, measures)."""
    given: Ints
    """What the supporter did: index of STRATEGIES, (n,)."""
    last: Ints
    """What the supporter did before; 8 for nothing, (n,)."""
    dialogue: Ints
    """(n,)."""


def train_strategy(data: Path, out: Path, *, seed: int = 0) -> None:
    """Train on `data`/esconv/train.jsonl, judge on valid.jsonl, write model.npz, config.json and the card to `out`.

    Raises:
        InputError: a file is missing or malformed.
        ComponentError: scikit-learn is not installed.
    """
    need_sklearn()
    console = Console()
    learned, judged = (moments(read_esconv(data / "esconv" / name)) for name in ("train.jsonl", "valid.jsonl"))
    kept = learned.dialogue % TUNED_SHARE != 0
    heads = fit_policy(learned, np.flatnonzero(kept))
    tuned = np.flatnonzero(~kept)
    margins = _margins(learned, tuned, heads)
    grid = np.geomspace(0.3, 3, 24)
    losses = [_log_loss(probabilities(margins, t), learned.given[tuned]) for t in grid]
    temperature = round(float(grid[int(np.argmin(losses))]), 3)
    heads = fit_policy(learned, np.arange(len(learned.given)))
    p = probabilities(_margins(judged, np.arange(len(judged.given)), heads), temperature)
    config = {
        "seed": seed,
        "temperature": temperature,
        "dialogues": int(learned.dialogue.max()) + 1,
        "turns": len(learned.given),
        "valid": scores(p, learned, judged, seed),
    }
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "model.npz",
        allow_pickle=False,
        **cast(Any, {**heads[0].arrays("words"), "form": heads[1].astype(np.float32)}),
    )
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(strategy_card(config), "utf-8")
    console.print_json(json.dumps(config))


def moments(dialogues: Sequence[Dialogue]) -> Moments:
    """Every turn of a supporter with a strategy, and all that was said before it."""
    words: list[list[str]] = []
    forms: list[Floats] = []
    given: list[int] = []
    last: list[int] = []
    of: list[int] = []
    for number, dialogue in enumerate(track(dialogues, "reading", transient=True)):
        turns: list[ContextTurn] = []
        previous: list[str] = []
        for turn in dialogue.turns:
            if turn.strategy is not None:
                words.append(cues(turns))
                forms.append(form(turns, dialogue.emotion, previous))
                given.append(STRATEGIES.index(turn.strategy))
                last.append(STRATEGIES.index(previous[-1]) if previous else len(STRATEGIES))
                of.append(number)
                previous.append(turn.strategy)
            turns.append(ContextTurn(turn.text, turn.strategy is None))
    return Moments(
        count_matrix(words, COLUMNS), np.stack(forms), np.array(given), np.array(last), np.array(of, np.int64)
    )


def fit_policy(learned: Moments, chosen: Ints) -> tuple[LinearHeads, Floats]:
    """Heads over words and weights over form, (measures, 8), of the chosen moments."""
    targets = learned.given[chosen, None] == np.arange(len(STRATEGIES))
    heads, weights = fit_heads_beside(
        learned.words[chosen], learned.form[chosen] * FORM_SCALE, targets, c=C, balance=BALANCE, least=3
    )
    return heads, weights * FORM_SCALE


def _margins(of: Moments, chosen: Ints, heads: tuple[LinearHeads, Floats]) -> Floats:
    return all_margins(of.words[chosen], heads[0]) + of.form[chosen] @ heads[1]


def _log_loss(p: Floats, given: Ints) -> float:
    return float(-np.log(np.maximum(p[np.arange(len(given)), given], 1e-12)).mean())


def scores(p: Floats, learned: Moments, judged: Moments, seed: int) -> dict[str, Any]:
    """Figures of probabilities on the judged moments, beside the baselines, with an interval over dialogues."""
    n = len(STRATEGIES)
    follows = np.zeros((n + 1, n))
    np.add.at(follows, (learned.last, learned.given), 1)
    follower = follows.argmax(axis=1)[judged.last]
    chance = follows[judged.last] + 1
    majority = np.full_like(judged.given, np.bincount(learned.given).argmax())
    found = p.argmax(axis=1)
    ranked = np.argsort(-p, axis=1)
    random = np.random.default_rng(seed)
    rows = [np.flatnonzero(judged.dialogue == k) for k in np.unique(judged.dialogue)]
    drawn: list[float] = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([rows[int(k)] for k in random.integers(0, len(rows), len(rows))])
        drawn.append(macro_f1(found[chosen], judged.given[chosen]))
    table = np.zeros((n, n), np.int64)
    np.add.at(table, (judged.given, found), 1)
    return {
        "n": len(found),
        "macro_f1": macro_f1(found, judged.given),
        "macro_f1_interval": [float(x) for x in np.quantile(drawn, (0.025, 0.975))],
        "accuracy": float((found == judged.given).mean()),
        "top3": float((ranked[:, :3] == judged.given[:, None]).any(axis=1).mean()),
        "log_loss": _log_loss(p, judged.given),
        "majority_macro_f1": macro_f1(majority, judged.given),
        "majority_accuracy": float((majority == judged.given).mean()),
        "follower_macro_f1": macro_f1(follower, judged.given),
        "follower_accuracy": float((follower == judged.given).mean()),
        "follower_log_loss": _log_loss(chance / chance.sum(axis=1, keepdims=True), judged.given),
        "confusion": table.tolist(),
    }


def macro_f1(found: Ints, given: Ints) -> float:
    """The mean over strategies of F1; a strategy that is neither given nor found counts 0."""
    each = [
        2 * float(((found == k) & (given == k)).sum()) / max(int((found == k).sum() + (given == k).sum()), 1)
        for k in range(len(STRATEGIES))
    ]
    return float(np.mean(each))
