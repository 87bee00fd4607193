"""`rapport train safety`: the classifier of danger, on the cases and phrases made for it and on what people said.

Thresholds are chosen on what the network does not learn from: one fold of the cases, groups that belong together kept
apart together, and the phrases of some authors, none of whose words it knows. The held-out parts take no part in
anything and are scored at the end.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from rapport.agent.safety.classifier import WINDOW_WORDS, Judgement, RiskClassifier, Thresholds
from rapport.agent.safety.guard import decide
from rapport.agent.safety.levels import KINDS, Level
from rapport.agent.safety.rules import by_rules
from rapport.agent.safety.spelling import plain
from rapport.apps.train.hashed_fit import grouped_folds
from rapport.apps.train.safety_card import model_card
from rapport.apps.train.safety_data import Case, everyday, figurative, labelled, read_cases, sample
from rapport.apps.train.safety_network import Ids, Lessons, export_int8, fit
from rapport.apps.train.safety_phrases import apart, hurried, phrases
from rapport.memory.embedding import wordpiece
from rapport.persona.errors import ComponentError, InputError

BLIND_FILES = {"fresh": "safety_fresh.jsonl", "blind": "safety_blind.jsonl"}
"""Cases beside the others, each by an author who had seen none of what was learned then; they are only scored."""
FOLDS = 6
JUDGES = ("chat", "hints", "told", "tester", "rater")
"""Authors of phrases (files of safety_texts) that choose the thresholds: a network reads the words of authors that it
has learned from far better than a stranger's."""
EPOCHS = 3
CALM_PER_CORPUS = 600
FIGURATIVE = 450
JUDGED_PER_CORPUS = 1000
HURRIED = 0.15
"""Share of cases and phrases that are learned a second time, as typed in a hurry."""
CALM_WEIGHT, FIGURATIVE_WEIGHT, HURRIED_WEIGHT = 0.3, 0.5, 0.5
"""Of their losses, against a case or phrase."""
MOST_FALSE_ALARMS = 0.02
"""Share of harmless texts of each source that may become an alarm at no cost; some everyday talk is in earnest."""
_GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
_OVERRULED = (0.02, 0.05, 0.1, 0.2, 0.3)
"""Probabilities that are tried as thresholds, and those below which a rule's crisis may be overruled."""
_COST_BEYOND = 1.0
"""Crises that have to be found more, per hundred, for each alarm beyond the bound per hundred harmless texts."""
_FEWEST_TO_BOUND = 30
"""Of a source with fewer harmless texts the share says too little."""
_SOURCES = (*BLIND_FILES, "goemotions", "empatheticdialogues", "epitome", "dailydialog")


def train_safety(cases: Path, data: Path, out: Path, *, seed: int = 0) -> None:
    """Train on `cases` (JSON lines with parts), phrases and corpora in `data`; write model, config.json and card.

    Raises:
        InputError: a file is missing, or no part of the cases is called train.
        ComponentError: the packages of the extra `train` are not installed.
    """
    if find_spec("torch") is None:
        raise ComponentError('torch is not installed; run: pip install "rapport-agent[train]"')
    console = Console(stderr=True)
    written = read_cases(cases)
    seen = [case for case in written if case.part in ("train", "dev")]
    held_out = [case for case in written if case.part not in ("train", "dev")]
    if not seen or not held_out:
        raise InputError(f'{cases}: wants cases with "part" train or dev, and others to be judged on')
    blind = [
        replace(case, case=name)
        for name, file in BLIND_FILES.items()
        if (beside := cases.with_name(file)).is_file()
        for case in read_cases(beside)
    ]
    strangers = labelled(data)
    corpora = {name: sample(texts, JUDGED_PER_CORPUS, seed) for name, texts in everyday(data).items()}
    told = seen + apart(phrases(seed=seed), held_out + blind) + [case for case in strangers if case.part == "seen"]
    calm = [Case(text, Level.NONE) for learned, _ in corpora.values() for text in learned[:CALM_PER_CORPUS]]
    taught, lessons = lessons_of(told, calm, figurative(data, FIGURATIVE, seed), seed)
    console.print(f"{len(taught)} texts to learn from, of which {len(told)} written or labelled for it")

    # A network that has seen everything could not tell where its thresholds should lie, and one that learned more after
    # they were chosen would not be the one that they were chosen for.
    by_judges = np.array([case.pair.split(" ")[0] in JUDGES for case in taught])
    by_author = np.array([case.part == "phrases" for case in taught])
    fold = grouped_folds([case.pair or f"text {k}" for k, case in enumerate(taught)], FOLDS, seed) == 0
    kept_apart = np.where(by_author, by_judges, fold)
    network = fit(
        lessons.only(np.flatnonzero(~kept_apart)),
        seed=seed,
        epochs=EPOCHS,
        told=lambda loss: console.print(f"loss {loss:.3f}"),
    )
    out.mkdir(parents=True, exist_ok=True)
    export_int8(network, out / "model.onnx")
    judged = [case for case, apart_ in zip(told, kept_apart[: len(told)], strict=True) if apart_]
    judged += [Case(text, Level.NONE, case=name) for name, (_, texts) in corpora.items() for text in texts]
    config: dict[str, Any] = {
        "thresholds": {"risk": [0.5] * 3, "crisis": [0.5] * 3},
        "training": {
            "seed": seed,
            "epochs": EPOCHS,
            "folds": FOLDS,
            "judges": JUDGES,
            "cases": len(seen),
            "phrases": sum(case.case == "phrase" for case in told),
            "strangers": sum(case.part == "seen" for case in told),
            "texts": len(taught),
        },
    }
    _write_config(out, config)
    read = RiskClassifier(out).judge
    judgements = [read(case.text) for case in judged]
    thresholds = choose(judged, judgements)
    config["thresholds"] = asdict(thresholds)
    config["scores"] = {"thresholds_chosen_on": by_source(judged, levels_of(judged, judgements, thresholds))}
    unseen = held_out + blind + [case for case in strangers if case.part != "seen"]
    by_hand = held_out + blind
    config["scores"] |= {
        "held_out": by_source(unseen, levels_of(unseen, [read(case.text) for case in unseen], thresholds)),
        "rules_alone": by_source(by_hand, [by_rules(case.text).level for case in by_hand]),
    }
    _write_config(out, config)
    (out / "MODEL_CARD.md").write_text(model_card(config), "utf-8")
    console.print_json(json.dumps(config))


def _write_config(out: Path, config: dict[str, Any]) -> None:
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")


def lessons_of(
    told: list[Case], calm: list[Case], figurative_texts: list[str], seed: int
) -> tuple[list[Case], Lessons]:
    """What is to be learned: cases and phrases first, some again as typed in a hurry, then harmless texts."""
    draw = random.Random(seed)
    quick = [replace(c, text=hurried(c.text, draw), case="hurried") for c in told if draw.random() < HURRIED]
    harmless = [Case(text, Level.NONE) for text in figurative_texts]
    taught = told + quick + calm + harmless
    sizes = (len(told), len(quick), len(calm), len(harmless))
    weights = np.repeat(np.array([1, HURRIED_WEIGHT, CALM_WEIGHT, FIGURATIVE_WEIGHT], np.float32), sizes)
    return taught, Lessons(
        tokens([case.text for case in taught]),
        np.array([case.level for case in taught]),
        np.array([-1 if case.kind is None else KINDS.index(case.kind) for case in taught]),
        weights,
    )


def tokens(texts: Sequence[str]) -> list[Ids]:
    """Ids of the first window of each text, made plain."""
    tokenizer = wordpiece()
    return [
        np.array(tokenizer.encode(" ".join(plain(text).split()[:WINDOW_WORDS])).ids, dtype=np.int64) for text in texts
    ]


def choose(cases: Sequence[Case], judged: Sequence[Judgement]) -> Thresholds:
    """The thresholds that find most crises, then concerns, with few false alarms.

    False alarms beyond MOST_FALSE_ALARMS in any source (written cases, phrases, each corpus) cost _COST_BEYOND each. A
    crisis that a rule found is overruled only where the classifier holds it for quite improbable (_OVERRULED).
    """
    found = np.array([by_rules(case.text).level for case in cases])
    given = np.array([case.level for case in cases])
    risk, crisis = np.array([j.risk for j in judged]), np.array([j.crisis for j in judged])
    source = np.array([source_of(case) for case in cases])
    harmless, crises, concerns = given == Level.NONE, given == Level.CRISIS, given == Level.CONCERN
    bounded = [harmless & (source == name) for name in sorted(set(source.tolist()))]
    bounded = [chosen for chosen in bounded if chosen.sum() >= _FEWEST_TO_BOUND]
    best, best_score = Thresholds((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)), -np.inf
    for r0, r1, c0, c1, least in itertools.product(_GRID, _GRID, _GRID, _GRID, _OVERRULED):
        if not least <= r1 <= r0 or not least <= c1 <= c0:
            continue
        limits_risk, limits_crisis = np.array([r0, r1, least]), np.array([c0, c1, least])
        is_crisis = crisis >= limits_crisis[found]
        alarm = is_crisis | (risk >= limits_risk[found])
        beyond = sum(max(0.0, float(alarm[chosen].mean()) - MOST_FALSE_ALARMS) for chosen in bounded)
        recall, noticed = float(is_crisis[crises].mean()), float(alarm[concerns].mean())
        overcalled = float(is_crisis[concerns].mean())
        score = recall + 0.25 * noticed - 0.25 * overcalled - _COST_BEYOND * beyond
        if score > best_score:
            best, best_score = Thresholds((r0, r1, least), (c0, c1, least)), score
    return best


def levels_of(cases: Sequence[Case], judged: Sequence[Judgement], thresholds: Thresholds) -> list[Level]:
    """What rules and classifier together read in each case."""
    return [decide(by_rules(case.text), j, thresholds).level for case, j in zip(cases, judged, strict=True)]


def source_of(case: Case) -> str:
    """Where a case comes from: "cases", "phrases", a blind author, or a corpus."""
    if case.part == "phrases":
        return "phrases"
    return case.case if case.case in _SOURCES else "cases"


def by_source(cases: Sequence[Case], levels: Sequence[Level]) -> dict[str, dict[str, float | None]]:
    """`figures` for each source of cases; None for what a source has no case of."""
    found: dict[str, tuple[list[Case], list[Level]]] = {}
    for case, level in zip(cases, levels, strict=True):
        some, theirs = found.setdefault(source_of(case), ([], []))
        some.append(case)
        theirs.append(level)
    return {
        name: {key: None if np.isnan(value) else value for key, value in figures(*told).items()}
        for name, told in found.items()
    }


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
