"""`rapport train transition`: the learned transition from PELD's triples, with the comparison that says what it is
worth.

Everything that is chosen (penalty, loss, weight of rare labels, features) is chosen by cross-validation over scenes of
the training triples; the validation triples only judge. Each row of the comparison stands beside keeping the emotion as
it was (*hold*), with a bootstrap interval of the difference in which overlapping triples are drawn together.
"""

# torch declares its types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.text_model import ContextTurn
from rapport.apps.evaluate.dialogues import Dialogue, read_meld
from rapport.apps.evaluate.metrics import bootstrap, interval, macro_f1, one_hot, weighted_f1
from rapport.apps.evaluate.peld import Triple, read_peld, scenes
from rapport.apps.evaluate.reading import TextReader
from rapport.apps.train.friends import same_text
from rapport.apps.train.transition_card import model_card
from rapport.persona.affect import EKMAN7, EmotionEstimate, convert
from rapport.persona.appraisal import appraise
from rapport.persona.big_five import BigFive
from rapport.persona.card import Persona
from rapport.persona.errors import ComponentError
from rapport.persona.learned import TransitionWeights, features
from rapport.persona.temperament import step_rate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS = 5
PENALTIES = (0.0001, 0.0003, 0.001, 0.003, 0.01)
BALANCES = np.arange(0.0, 1.55, 0.1)
"""Power of the labels' frequencies that the probabilities are divided by: rare labels count more in macro F1."""
POINTS = np.array([point.as_tuple() for point in EKMAN7.points.values()])
BAGS = 10


@dataclass(frozen=True)
class Rows:
    """Triples as numbers: `parts` are blocks of features (n, k) by name, emotions are places in EKMAN7 (n,)."""

    parts: Mapping[str, Floats]
    before: Ints
    user: Ints
    after: Ints
    traits: Sequence[BigFive]
    scene: Ints

    def matrix(self, names: Sequence[str]) -> Floats:
        return np.concatenate([self.parts[name] for name in names], axis=1)

    def take(self, rows: Ints) -> Rows:
        return Rows(
            {name: part[rows] for name, part in self.parts.items()},
            self.before[rows], self.user[rows], self.after[rows],
            [self.traits[i] for i in rows], self.scene[rows],
        )  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One way of learning the transition."""

    parts: tuple[str, ...] = ("state",)
    equation: bool = False
    """Whether the label head sees VAD_r = VAD_i + delta * P."""
    vad_loss: float = 0.0
    """Weight of the squared error of VAD_r: labels that lie near one another count as nearly right."""
    traits: str = "true"
    """Whose personality sets P: `true`, `shuffled` among the rows, or `none`, an average one for all."""
    bags: int = 1
    """How many fits on resampled scenes are averaged."""


SHIPPED = Variant(equation=True, vad_loss=1.0)

VARIANTS: Mapping[str, Variant] = {
    "both emotions, labels alone": Variant(),
    "both emotions, by the equation": Variant(equation=True),
    "the same, with the error in VAD (shipped)": SHIPPED,
    "shipped, error in VAD weighs 5": replace(SHIPPED, vad_loss=5.0),
    "shipped, personality shuffled": replace(SHIPPED, traits="shuffled"),
    "shipped, no personality": replace(SHIPPED, traits="none"),
    "shipped + the 28 labels of the words": replace(SHIPPED, parts=("state", "fine")),
    "shipped + the agent's own words before": replace(SHIPPED, parts=("state", "own words")),
    "shipped + appraisal of the words": replace(SHIPPED, parts=("state", "appraisal")),
    "shipped + the scene before, as MELD labels it": replace(SHIPPED, parts=("state", "scene")),
    "shipped + traits as features": replace(SHIPPED, parts=("state", "traits")),
    "shipped + emotions by pairs": replace(SHIPPED, parts=("state", "pairs")),
    "shipped, ten bags": replace(SHIPPED, bags=BAGS),
    "all of these, ten bags": replace(
        SHIPPED, parts=("state", "fine", "own words", "appraisal", "scene", "traits", "pairs"), bags=BAGS
    ),
    "given emotion of the words (an oracle)": replace(SHIPPED, parts=("state", "user")),
}


def train_transition(data: Path, out: Path, *, seed: int = 0, emotion: str = "minilm") -> dict[str, Any]:
    """Train on `data/peld` (train.tsv, valid.tsv), and write transition.npz, config.json and MODEL_CARD.md to `out`.

    `data/meld` gives the scenes before the triples, for one row of the comparison. `emotion` reads the words.

    Raises:
        InputError: a file of the corpora is missing or not in its released format.
        ComponentError: torch is not installed, or the reader of the words cannot start.
    """
    if importlib.util.find_spec("torch") is None:
        raise ComponentError('training needs torch: pip install "rapport-agent[train]"')
    import torch

    torch.set_num_threads(1)  # the matrices are small: threads would only wait for one another
    triples = [read_peld(data / "peld" / name) for name in ("train.tsv", "valid.tsv")]
    dialogues = [*read_meld(data / "meld" / "train_sent_emo.csv"), *read_meld(data / "meld" / "dev_sent_emo.csv")]
    reader = TextReader(emotion)
    train, valid = (read_rows(part, dialogues, reader) for part in triples)
    comparison = {name: compare(variant, train, valid, seed) for name, variant in VARIANTS.items()}
    penalty, balance = choose(SHIPPED, train, seed)
    weights = fit(SHIPPED, train, penalty, balance, seed)
    out.mkdir(parents=True, exist_ok=True)
    weights.save(out / "transition.npz")
    config: dict[str, Any] = {
        "seed": seed,
        "words_read_by": emotion,
        "rows": {"train": len(train.after), "valid": len(valid.after)},
        "penalty": penalty,
        "balance": round(float(balance), 2),
        "baselines": {name: scores(said, valid) for name, said in (("hold", valid.before), ("mirror", valid.user))},
        "comparison": comparison,
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(model_card(config), encoding="utf-8")
    return config


def read_rows(triples: Sequence[Triple], dialogues: Sequence[Dialogue], reader: TextReader) -> Rows:
    """Triples as features; what was said is read by `reader`, the user's words with the agent's before as context."""
    own = reader.read([t.utterances[0] for t in triples]).estimates()
    words = reader.read(
        [t.utterances[1] for t in triples], [[ContextTurn(t.utterances[0])] for t in triples]
    ).estimates()
    before, user, after = (np.array([EKMAN7.index(t.emotions[k]) for t in triples]) for k in range(3))
    ekman = np.array([convert(e.distribution, EKMAN7).probabilities for e in words])
    return Rows(
        {
            "state": np.array([features(EKMAN7.points[t.emotions[0]], e) for t, e in zip(triples, words, strict=True)]),
            "fine": np.sqrt([e.distribution.probabilities for e in words]),
            "own words": np.array([features(e.vad, e)[10:] for e in own]),
            "appraisal": np.array([_appraised(t, e) for t, e in zip(triples, words, strict=True)]),
            "scene": _scene_features(triples, dialogues),
            "traits": np.array([t.big_five.centred for t in triples]),
            "pairs": (np.eye(7)[before][:, :, np.newaxis] * ekman[:, np.newaxis, :]).reshape(len(triples), -1),
            "user": np.eye(7)[user],
        },
        before,
        user,
        after,
        [t.big_five for t in triples],
        scenes(triples),
    )


def _appraised(triple: Triple, words: EmotionEstimate) -> list[float]:
    persona = Persona(name=triple.agent[:60] or "agent", big_five=triple.big_five)
    judged = appraise(triple.utterances[1], words, persona, (triple.utterances[0],))
    agency = [float(judged.agency == who) for who in ("self", "other", "agent", "circumstance")]
    return [*judged.stimulus.as_tuple(), judged.anger, judged.certainty, judged.relevance, judged.novelty, *agency]


def _scene_features(triples: Sequence[Triple], dialogues: Sequence[Dialogue]) -> Floats:
    """What MELD says of the scene before a triple: the agent's last label there, and all labels, later ones weighing
    more.

    Zero for triples that stand in no dialogue of MELD, and at the beginning of one. (n, 15).
    """
    places: dict[tuple[str, ...], tuple[Dialogue, int]] = {}
    for dialogue in dialogues:
        texts = [same_text(turn.text) for turn in dialogue.turns]
        for k in range(len(texts) - 2):
            places.setdefault(tuple(texts[k : k + 3]), (dialogue, k))
    out = np.zeros((len(triples), 15))
    for row, triple in zip(out, triples, strict=True):
        dialogue, place = places.get(tuple(same_text(u) for u in triple.utterances), (None, 0))
        for age, turn in enumerate(reversed(dialogue.turns[:place]) if dialogue else ()):
            row[7 + EKMAN7.index(turn.label)] += 0.7**age
            row[14] = 1.0
            if turn.speaker == triple.agent and not row[:7].any():
                row[EKMAN7.index(turn.label)] = 1.0
    return out


def compare(variant: Variant, train: Rows, valid: Rows, seed: int) -> dict[str, Any]:
    """A variant chosen and fitted on `train`, on `valid`: its scores, and what it gains over hold."""
    penalty, balance = choose(variant, train, seed)
    logits = np.mean(
        [
            predict(fit(variant, part, penalty, balance, seed), variant, valid, seed)
            for part in _bags(train, variant.bags, seed)
        ],
        axis=0,
    )
    found = logits.argmax(axis=1)

    def gain(rows: Ints) -> float:
        given = valid.after[rows]
        return _macro(found[rows], given) - _macro(valid.before[rows], given)

    low, high = interval(bootstrap(gain, valid.scene, seed=0))
    return {
        **scores(found, valid),
        "gain_over_hold": [round(x, 4) for x in (gain(np.arange(len(found))), low, high)],
        "penalty": penalty,
        "balance": round(float(balance), 2),
    }


def scores(found: Ints, rows: Rows) -> dict[str, float]:
    return {
        "macro_f1": round(_macro(found, rows.after), 4),
        "weighted_f1": round(weighted_f1(rows.after, found, len(EKMAN7)), 4),
        "accuracy": round(float((found == rows.after).mean()), 4),
    }


def _macro(found: Ints, given: Ints) -> float:
    return macro_f1(one_hot(found, len(EKMAN7)), one_hot(given, len(EKMAN7)))


def _bags(rows: Rows, bags: int, seed: int) -> list[Rows]:
    if bags == 1:
        return [rows]
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(rows.scene == scene) for scene in np.unique(rows.scene)]
    return [
        rows.take(np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])) for _ in range(bags)
    ]


def choose(variant: Variant, train: Rows, seed: int) -> tuple[float, float]:
    """The penalty and the balance with the best macro F1, cross-validated over the scenes of `train`."""
    scene_ids = np.unique(train.scene)
    fold_of = dict(zip(np.random.default_rng(seed).permutation(scene_ids).tolist(), range(len(scene_ids)), strict=True))
    fold = np.array([fold_of[scene] % FOLDS for scene in train.scene.tolist()])
    log_prior = np.log(np.bincount(train.after, minlength=7) / len(train.after))
    best = (-1.0, PENALTIES[0], 0.0)
    for penalty in PENALTIES:
        logits = np.zeros((len(fold), 7))
        for k in range(FOLDS):
            weights = fit(variant, train.take(np.flatnonzero(fold != k)), penalty, 0.0, seed)
            held_out = np.flatnonzero(fold == k)
            logits[held_out] = predict(weights, variant, train.take(held_out), seed)
        for balance in BALANCES:
            f1 = _macro((logits - balance * log_prior).argmax(axis=1), train.after)
            best = max(best, (f1, penalty, float(balance)))
    return best[1], best[2]


def predict(weights: TransitionWeights, variant: Variant, rows: Rows, seed: int) -> Floats:
    """Logits (n, 7) as `LearnedTransition` computes them; without the equation the head does not see VAD_r."""
    x = rows.matrix(variant.parts)
    moved = _moved(x, weights.target, weights.target_bias, rows, variant, seed)
    return x[:, :7] @ weights.prior + x @ weights.head.T + moved @ weights.head_vad.T + weights.head_bias


def _moved(x: Floats, target: Floats, bias: Floats, rows: Rows, variant: Variant, seed: int) -> Floats:
    here = POINTS[rows.before]
    delta = np.tanh(x @ target.T + bias) - here
    traits = _traits(rows, variant, seed)
    rates = np.array([step_rate(trait, d) for trait, d in zip(traits, delta, strict=True)])
    return here - delta * np.expm1(-rates)


def _traits(rows: Rows, variant: Variant, seed: int) -> Sequence[BigFive]:
    if variant.traits == "none":
        return [BigFive()] * len(rows.traits)
    if variant.traits == "shuffled":
        return [rows.traits[i] for i in np.random.default_rng(seed).permutation(len(rows.traits))]
    return rows.traits


def fit(variant: Variant, rows: Rows, penalty: float, balance: float, seed: int) -> TransitionWeights:
    """Fit target and label head together, by L-BFGS on the cross-entropy, the error in VAD, and a squared penalty.

    The label before gives a fixed prior; all weights start at zero, so that what is not learned is what hold knows.
    """
    import torch
    from torch.nn import functional

    x = torch.from_numpy(rows.matrix(variant.parts))
    here, after = torch.from_numpy(POINTS[rows.before]), torch.from_numpy(rows.after)
    goal = torch.from_numpy(POINTS[rows.after])
    frequency = np.bincount(rows.after, minlength=7) / len(rows.after)
    counts = np.zeros((7, 7))
    np.add.at(counts, (rows.before, rows.after), 1.0)
    prior = np.log((counts + 2 * frequency) / (counts.sum(axis=1, keepdims=True) + 2))
    fixed = x[:, :7] @ torch.from_numpy(prior)
    # P of each axis for either sign of the way's valence, which is what it depends on.
    traits = _traits(rows, variant, seed)
    up, down = (
        torch.from_numpy(-np.expm1([-step_rate(t, np.array([sign, 0.0, 0.0])) for t in traits])) for sign in (1.0, -1.0)
    )
    width = x.shape[1]
    shapes = {"target": (3, width), "target_bias": (3,), "head": (7, width), "head_vad": (7, 3), "head_bias": (7,)}
    learned = {name: torch.zeros(shape, dtype=torch.float64, requires_grad=True) for name, shape in shapes.items()}
    optimizer = torch.optim.LBFGS(learned.values(), max_iter=80, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        delta = torch.tanh(x @ learned["target"].T + learned["target_bias"]) - here
        moved = here + delta * torch.where(delta[:, :1] >= 0, up, down)
        seen = moved if variant.equation else torch.zeros_like(moved)
        logits = fixed + x @ learned["head"].T + seen @ learned["head_vad"].T + learned["head_bias"]
        loss = functional.cross_entropy(logits, after) + variant.vad_loss * functional.mse_loss(moved, goal)
        loss = loss + penalty * sum((learned[name] ** 2).sum() for name in ("target", "head", "head_vad"))
        loss.backward()
        return loss

    optimizer.step(closure)
    found = {name: value.detach().numpy().copy() for name, value in learned.items()}
    if not variant.equation:
        found["head_vad"][:] = 0.0
    found["head_bias"] -= balance * np.log(frequency)
    return TransitionWeights(prior=prior, **found)
