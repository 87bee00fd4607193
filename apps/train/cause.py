"""`rapport train cause`: the finder of causes of feelings, on RECCON's training dialogues."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.progress import track

from rapport.agent.perception.links import sigmoid
from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.cause import TURNS_BACK, Candidate, candidates, cues, form
from rapport.agent.response.hashed import Floats, sentences, tokens
from rapport.apps.train.hashed_fit import all_margins, count_matrix, fit_heads_beside, need_sklearn
from rapport.apps.train.small_cards import cause_card
from rapport.persona.errors import InputError

COLUMNS = 1 << 16
C = 0.5
HIT_F1 = 0.5
"""From this word F1 with a marked cause on, words count as that cause."""
RESAMPLES = 500


@dataclass(frozen=True)
class Felt:
    """An utterance with a feeling, what came before, and what annotators marked as causes."""

    dialogue: int
    utterance: str
    emotion: str
    context: Sequence[ContextTurn]
    causes: Sequence[tuple[int, str]]
    """Turns back and words; a cause that nobody said is not among them."""


def train_cause(data: Path, out: Path, *, seed: int = 0) -> None:
    """Train on `data`/reccon/dailydialog_train.json, judge on dailydialog_valid.json, write model, scores and card.

    Raises:
        InputError: a file is missing or malformed.
        ComponentError: scikit-learn is not installed.
    """
    need_sklearn()
    console = Console()
    learned, judged = (read_reccon(data / "reccon" / f"dailydialog_{part}.json") for part in ("train", "valid"))
    x, dense, target, _ = rows_of(learned)
    console.print(f"{len(learned)} utterances, {len(target)} candidates, {target.mean():.3f} of them causes")
    heads, weights = fit_heads_beside(x, dense, target[:, None], c=C, balance=0.0, least=3)
    x, dense, given, of = rows_of(judged)
    margins = all_margins(x, heads)[:, 0] + dense @ weights[:, 0]
    config = {
        "seed": seed,
        "utterances": len(learned),
        "dialogues": len({felt.dialogue for felt in learned}),
        "valid": scores(judged, margins, given, of, float(target.mean()), seed),
    }
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "model.npz",
        allow_pickle=False,
        **cast(Any, {**heads.arrays("words"), "form": weights[:, 0].astype(np.float32)}),
    )
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(cause_card(config), "utf-8")
    console.print_json(json.dumps(config))


def read_reccon(file: Path) -> list[Felt]:
    """The utterances of RECCON's JSON that have a feeling and a cause that was said.

    Raises:
        InputError: the file cannot be read or holds something else.
    """
    try:
        entries = json.loads(file.read_text("utf-8"))
        found = [
            felt
            for number, dialogue in enumerate(entries.values())
            for turns in dialogue
            for felt in _felt(number, turns)
        ]
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{file}: is not RECCON's JSON ({error!r})") from None
    if not found:
        raise InputError(f"{file}: holds no utterance with a cause")
    return found


def _felt(number: int, turns: Sequence[dict[str, Any]]) -> list[Felt]:
    found: list[Felt] = []
    for k, turn in enumerate(turns):
        evidence = turn.get("expanded emotion cause evidence", [])
        spans = turn.get("expanded emotion cause span", [])
        causes = [
            (k + 1 - int(at), span)
            for at, span in zip(evidence, spans, strict=False)
            if isinstance(at, int) and 0 <= k + 1 - at <= TURNS_BACK
        ]
        if causes:
            context = [ContextTurn(t["utterance"], t["speaker"] == turn["speaker"]) for t in turns[:k]]
            found.append(Felt(number, turn["utterance"], turn["emotion"], context, causes))
    return found


def rows_of(all_felt: Sequence[Felt]) -> tuple[Any, Floats, Any, Any]:
    """Of every candidate: counts (n, COLUMNS), form (n, measures), whether it is a cause (n,), its utterance (n,)."""
    words: list[list[str]] = []
    forms: list[Floats] = []
    given: list[bool] = []
    of: list[int] = []
    for k, felt in enumerate(track(all_felt, "reading", transient=True)):
        said = tokens(felt.utterance)
        for candidate in candidates(felt.utterance, felt.context):
            words.append(cues(candidate, felt.emotion))
            forms.append(form(candidate, felt.emotion, said))
            given.append(is_cause(candidate, felt))
            of.append(k)
    return count_matrix(words, COLUMNS), np.stack(forms), np.array(given), np.array(of)


def is_cause(candidate: Candidate, felt: Felt) -> bool:
    """Whether it shares enough words with a marked cause, or holds most of one."""
    words = Counter(tokens(candidate.text))
    for back, span in felt.causes:
        marked = Counter(tokens(span))
        shared = sum((words & marked).values())
        whole = bool(marked) and shared >= 0.6 * sum(marked.values())
        if back == candidate.turn and (whole or word_f1(candidate.text, span) >= HIT_F1):
            return True
    return False


def word_f1(one: str, other: str) -> float:
    """Harmonic mean of the shares of words that two texts have in common (as SQuAD counts)."""
    a, b = Counter(tokens(one)), Counter(tokens(other))
    total = sum(a.values()) + sum(b.values())
    return 2 * sum((a & b).values()) / total if total else 0.0


def scores(judged: Sequence[Felt], margins: Floats, given: Any, of: Any, rate: float, seed: int) -> dict[str, Any]:
    """Figures of the likeliest candidates beside three that need no model, with intervals over dialogues."""
    from sklearn import metrics

    chosen: dict[str, list[tuple[int, str]]] = {"model": [], "last_sentence": [], "utterance": [], "turn_before": []}
    for k, felt in enumerate(judged):
        here = np.flatnonzero(of == k)
        best = candidates(felt.utterance, felt.context)[int(np.argmax(margins[here]))]
        chosen["model"].append((best.turn, best.text))
        chosen["last_sentence"].append((0, sentences(felt.utterance)[-1]))
        chosen["utterance"].append((0, felt.utterance))
        chosen["turn_before"].append((1, felt.context[-1].text) if felt.context else (0, felt.utterance))
    groups = np.array([felt.dialogue for felt in judged])
    p = sigmoid(margins)

    def loss(p: Floats) -> float:
        return float(-np.log(np.maximum(np.where(given, p, 1 - p), 1e-12)).mean())

    return {
        "n": len(judged),
        **{name: _figures(picks, judged, groups, seed) for name, picks in chosen.items()},
        "auc": float(cast("Any", metrics).roc_auc_score(given, margins)),
        "log_loss": loss(p),
        "base_log_loss": loss(np.full_like(p, rate)),
    }


def _figures(picks: Sequence[tuple[int, str]], judged: Sequence[Felt], groups: Any, seed: int) -> dict[str, Any]:
    f1 = np.array(
        [
            max(word_f1(text, span) if back == turn else 0.0 for back, span in felt.causes)
            for (turn, text), felt in zip(picks, judged, strict=True)
        ]
    )
    hit = (f1 >= HIT_F1).astype(np.float64)
    random = np.random.default_rng(seed)
    rows = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    draws = [np.concatenate([rows[int(k)] for k in random.integers(0, len(rows), len(rows))]) for _ in range(RESAMPLES)]

    def interval(values: Floats) -> list[float]:
        return [float(x) for x in np.quantile([values[drawn].mean() for drawn in draws], (0.025, 0.975))]

    return {
        "hit": float(hit.mean()),
        "hit_interval": interval(hit),
        "word_f1": float(f1.mean()),
        "word_f1_interval": interval(f1),
    }
