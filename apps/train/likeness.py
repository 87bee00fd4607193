"""`rapport train likeness`: how probable it is that an exemplar's answer fits a turn.

Learned from the stock itself (two ways to say the same belong together) and from `likeness_readings.txt`: turns made
up for this project, each with answers that a search found for it, read and marked. No data set takes part.
"""

# torch and scikit-learn declare their types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from rapport.agent.perception.links import sigmoid
from rapport.agent.response.exemplars import exemplars, stems, stock_vectors, unnamed
from rapport.agent.response.likeness import DIMENSIONS, MEASURES, Floats, LikenessModel, Vectors, cosines
from rapport.agent.response.steps import ALIKE
from rapport.apps.train.hashed_fit import need_sklearn
from rapport.apps.train.small_cards import likeness_card
from rapport.memory.embedding import MiniLMEmbedder
from rapport.persona.errors import ComponentError, InputError

if TYPE_CHECKING:
    import torch

READINGS = Path(__file__).with_name("likeness_readings.txt")
FOLDS = 5
EPOCHS = 8
BATCH, READ_AT_ONCE = 256, 384
"""Exemplars and readings of one step."""
RATE, SCALE_RATE = 1e-3, 2e-2
TEMPERATURE = 0.05
"""Of InfoNCE over the whole stock."""
FAITHFULNESS = 0.1
"""How much it costs to leave the identity: squares of what the map's values differ by."""
READINGS_WEIGHT = 60.0
ANSWERS_WEIGHT = 0.5
"""Of the losses, against that of the two ways to say the same."""
C = 0.1
COVERAGES = (0.2, 0.4, 0.6, 1.0)
_BY_HAND = np.array([0.5, 0.3, 0.2])
"""Weights of the cosines that are compared with what is learned: the best that were found without learning."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Readings:
    """Turns, the exemplars that were read beside them, and whether the answer fits."""

    turns: list[str]
    turn: Ints
    """Index of the turn, (pairs,)."""
    exemplar: Ints
    """Index of the exemplar, (pairs,)."""
    fits: NDArray[np.bool_]
    """(pairs,)."""


def train_likeness(out: Path, *, readings: Path = READINGS, seed: int = 0) -> None:
    """Train, judge by cross-validation over turns, write model.npz, config.json and the card to `out`.

    Raises:
        InputError: the readings are missing or malformed.
        ComponentError: the packages of the extra `train` are not installed.
    """
    need_sklearn()
    if find_spec("torch") is None:
        raise ComponentError('torch is not installed; run: pip install "rapport-agent[train]"')
    console = Console(stderr=True)
    read, stock = read_readings(readings), stock_vectors()
    turns = MiniLMEmbedder().embed(read.turns)
    own = _own_exemplars(read.turns)
    fold = np.random.default_rng(seed).permutation(len(read.turns))[np.unique(own, return_inverse=True)[1]] % FOLDS
    of_pair, every = fold[read.turn], np.arange(len(read.fits))
    mapped = np.empty((len(read.fits), 3))
    for k in range(FOLDS):
        kept = np.setdiff1d(np.arange(len(stock)), own[fold == k])
        learned = fit_map(stock, kept, turns, read, np.flatnonzero(of_pair != k), seed)
        mapped[of_pair == k] = _cosines(learned, turns, stock, read, np.flatnonzero(of_pair == k))
        console.print(f"fold {k + 1} of {FOLDS}")
    measures = np.column_stack([mapped, _unnamed(read)])
    odds = np.empty(len(read.fits))
    for k in range(FOLDS):
        weights, bias = fit_odds(measures[of_pair != k], read.fits[of_pair != k])
        odds[of_pair == k] = measures[of_pair == k] @ weights + bias
    # The regression learns from cosines of pairs that the map has not learned from, as all new ones will be.
    weights, bias = fit_odds(measures, read.fits)
    projection = fit_map(stock, np.arange(len(stock)), turns, read, every, seed)
    by_hand = _cosines(np.eye(DIMENSIONS, dtype=np.float32), turns, stock, read, every) @ _BY_HAND
    config: dict[str, Any] = {
        "seed": seed,
        "folds": FOLDS,
        "exemplars": len(stock),
        "turns": len(read.turns),
        "pairs": len(read.fits),
        "share_that_fits": round(float(read.fits.mean()), 4),
        "weights": dict(zip(MEASURES, np.round(weights, 5).tolist(), strict=True)),
        "bias": round(bias, 5),
        "threshold": ALIKE,
        "cross_validation": {
            "by_hand": scores(by_hand, read),
            "learned": scores(odds, read) | at_threshold(sigmoid(odds), read),
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "model.npz", allow_pickle=False, **cast(Any, {"projection": projection.astype(np.float16)})
    )
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(likeness_card(config), "utf-8")
    console.print_json(json.dumps(config))


def read_readings(path: Path) -> Readings:
    """Turns (`> ...`), each followed by answers of the stock: `+ ...` where one fits, `- ...` where it does not.

    What is no answer of the stock any more is left out.

    Raises:
        InputError: the file is missing, or a line is none of these (named).
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: it holds readings of what fits, see `rapport train likeness --help`")
    known = {each.answer: k for k, each in enumerate(exemplars())}
    turns: list[str] = []
    pairs: list[tuple[int, int, bool]] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        mark, said = line[:2], line[2:].strip()
        if not line or line.startswith("#"):
            continue
        if mark == "> ":
            turns.append(said)
        elif mark in ("+ ", "- ") and turns:
            if said in known:
                pairs.append((len(turns) - 1, known[said], mark == "+ "))
        else:
            raise InputError(
                f'{path.name}:{number}: is no reading; write "> turn", then "+ what fits" or "- what does not"'
            )
    if not any(fits for *_, fits in pairs) or all(fits for *_, fits in pairs):
        raise InputError(f"{path.name}: wants answers that fit and answers that do not")
    turn, exemplar, fits = zip(*pairs, strict=True)
    return Readings(turns, np.array(turn, np.int64), np.array(exemplar, np.int64), np.array(fits, np.bool_))


def fit_map(stock: Vectors, kept: Ints, turns: Vectors, read: Readings, chosen: Ints, seed: int) -> Vectors:
    """A linear map (384, 384) under which what means the same lies together, and turns near the answers that fit.

    Learned from the exemplars `kept` and the readings `chosen`. Where one way to say something is to find the other,
    and the answer, among the whole stock, and as much as a logistic regression over the cosines tells readings apart.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    everything, asked = torch.from_numpy(stock), torch.from_numpy(turns)
    learned = everything[torch.from_numpy(kept)]
    fits = torch.from_numpy(read.fits.astype(np.float32))
    identity = torch.eye(DIMENSIONS)
    projection = identity.clone().requires_grad_(True)
    scale = torch.tensor([5.0, 3.0, 2.0, -6.0], requires_grad=True)
    optimizer = torch.optim.Adam([{"params": [projection], "lr": RATE}, {"params": [scale], "lr": SCALE_RATE}])

    def mapped(vectors: torch.Tensor) -> torch.Tensor:
        return functional.normalize(vectors @ projection, dim=-1)

    for _ in range(EPOCHS):
        for some in torch.randperm(len(learned)).split(BATCH):
            first = int(torch.randint(2, (1,)))
            asking = mapped(learned[some, first])
            loss = FAITHFULNESS * ((projection - identity) ** 2).sum()
            for way, weight in ((1 - first, 1.0), (2, ANSWERS_WEIGHT)):
                near = asking @ mapped(learned[:, way]).T / TEMPERATURE
                loss = loss + weight * functional.cross_entropy(near, some)
            pairs = torch.from_numpy(chosen)[torch.randint(len(chosen), (READ_AT_ONCE,))]
            turn = mapped(asked[torch.from_numpy(read.turn)[pairs]])
            near = (mapped(everything[torch.from_numpy(read.exemplar)[pairs]]) * turn[:, None]).sum(-1)
            ways = torch.sort(near[:, :2], dim=1, descending=True).values
            odds = torch.column_stack([ways, near[:, 2]]) @ scale[:3] + scale[3]
            loss = loss + READINGS_WEIGHT * functional.binary_cross_entropy_with_logits(odds, fits[pairs])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return projection.detach().numpy()


def fit_odds(measures: Floats, fits: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Weights and bias of a logistic regression over measures (n, m)."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = measures.mean(axis=0), measures.std(axis=0) + 1e-9
    model: Any = LogisticRegression(C=C, max_iter=3_000).fit((measures - mean) / deviation, fits)
    weights = np.asarray(model.coef_[0], np.float64) / deviation
    return weights, float(model.intercept_[0] - mean @ weights)


def scores(odds: Floats, read: Readings) -> dict[str, Any]:
    """Area under the curve over pairs; and how often a turn's best answer fits, for the surest shares of turns."""
    from sklearn.metrics import roc_auc_score

    best = _best(odds, read)
    best = best[np.argsort(-odds[best], kind="stable")]
    return {
        "auc": round(float(roc_auc_score(read.fits, odds)), 4),
        "best_fits": {
            f"{share:g}": round(float(read.fits[best[: max(1, round(share * len(best)))]].mean()), 4)
            for share in COVERAGES
        },
    }


def at_threshold(probability: Floats, read: Readings) -> dict[str, float]:
    """The share of turns with an answer from ALIKE on, and how often the best one fits there."""
    best = _best(probability, read)
    sure = best[probability[best] >= ALIKE]
    fits = float(read.fits[sure].mean()) if len(sure) else float("nan")
    return {"answered": round(len(sure) / len(best), 4), "of_these_fit": round(fits, 4)}


def _best(odds: Floats, read: Readings) -> Ints:
    """The pair of each turn with the highest odds."""
    order = np.lexsort((-odds, read.turn))
    return order[np.unique(read.turn[order], return_index=True)[1]]


def _own_exemplars(turns: list[str]) -> Ints:
    """The exemplar that each turn is a way to say of; numbers beyond the stock for turns of another origin."""
    known = {way: k for k, each in enumerate(exemplars()) for way in each.said}
    return np.array([known.get(turn, len(exemplars()) + k) for k, turn in enumerate(turns)], np.int64)


def _cosines(projection: Vectors, turns: Vectors, stock: Vectors, read: Readings, pairs: Ints) -> Floats:
    model = LikenessModel(projection, np.zeros(len(MEASURES)), 0.0)
    here, there = model.mapped(turns), model.mapped(stock)
    rows = [cosines(here[t], there[e : e + 1]) for t, e in zip(read.turn[pairs], read.exemplar[pairs], strict=True)]
    return np.concatenate(rows)


def _unnamed(read: Readings) -> Floats:
    stock, told = exemplars(), [stems(turn) for turn in read.turns]
    return np.array([unnamed(stock[e], told[t]) for t, e in zip(read.turn, read.exemplar, strict=True)], float)
