"""The evaluation of a transition on PELD: how the agent feels after the user's answer, from how it felt before.

For each triple the component gets the first emotion (its label and VAD point), what the recogniser reads in the second
utterance with the first as context, and a persona with the row's Big Five whose mood rests where its temperament does.
Of its answer the most probable label counts, or, where it gives no labels, the one whose point is nearest to the VAD
point (PELD's `vad_to_emo`); the latter stands apart for all (`nearest_point`).

PELD's released code calls `classification_report(pred, label)`: it takes the predictions for the truth, so its weighted
F1 is weighted by how often a label is predicted. `weighted_f1_swapped_arguments` is that number, shown for comparison
with figures made that way. Macro F1 is the same either way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.registry import create
from rapport.agent.stages import EmotionTransition
from rapport.apps.evaluate.metrics import (
    Flags,
    Ints,
    bootstrap_interval,
    macro_f1_of_occurring,
    mean_f1_by_support,
)
from rapport.apps.evaluate.peld import OFFICIAL_ROWS, Triple, label_of, official_split, read_peld, scenes
from rapport.apps.evaluate.published import PELD
from rapport.apps.evaluate.reading import TextReader
from rapport.apps.evaluate.report import (
    SEED,
    Report,
    axis_figures,
    f1_figures,
    flags,
    label_figures,
    majority,
    progress_of,
)
from rapport.persona.affect import EKMAN7, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.card import Persona
from rapport.persona.transition import TransitionRequest, at_rest

Split = Literal["official", "given"]


def peld(file: Path, transition: str, emotion: str, split: Split) -> Report:
    """A transition on PELD: on the official test part of its whole file, or on the rows as given."""
    triples = read_peld(file)
    notes: list[str] = []
    commonest = None
    if split == "official":
        if len(triples) != OFFICIAL_ROWS:
            notes.append(
                f"the published split is of {OFFICIAL_ROWS} rows, this file has {len(triples)}: another split is judged"
            )
        train, _, test = official_split(triples)
        commonest = flags([triples[i].emotions[2] for i in train], EKMAN7.labels)
        triples = [triples[i] for i in test]
    component: EmotionTransition = create("transition", transition)
    reader = TextReader(emotion)
    contexts = [[ContextTurn(t.utterances[0], False)] for t in triples]
    perceived = reader.read([t.utterances[1] for t in triples], contexts).estimates()
    began_s = time.perf_counter()
    felt = _steps(component, triples, perceived, f"moving with {transition}")
    seconds = time.perf_counter() - began_s + reader.seconds

    given = flags([t.emotions[2] for t in triples], EKMAN7.labels)
    found = flags([label_of(state) for state in felt], EKMAN7.labels)
    nearest = flags([EKMAN7.nearest(state.emotion) for state in felt], EKMAN7.labels)
    held = flags([t.emotions[0] for t in triples], EKMAN7.labels)
    mirrored = flags([t.emotions[1] for t in triples], EKMAN7.labels)
    units = scenes(triples)
    points = np.array([p.as_tuple() for p in EKMAN7.points.values()])
    axes = axis_figures(
        np.array([state.emotion.as_tuple() for state in felt]), given.astype(np.float64) @ points, units
    )
    figures = label_figures(found, given, EKMAN7.labels, units)
    figures["intervals"] |= axes.pop("intervals")
    figures |= axes | {
        "weighted_f1_swapped_arguments": mean_f1_by_support(given, found),
        "nearest_point": f1_figures(nearest, given),
    }
    figures["gain_over_hold"] = {
        "macro_f1": _macro_gain(found, held, given)(np.arange(len(given))),
        "changed": float((found != held).any(axis=1).mean()),
    }
    figures["intervals"]["gain_over_hold.macro_f1"] = bootstrap_interval(_macro_gain(found, held, given), units, SEED)
    baselines = {
        name: f1_figures(said, given) | {"weighted_f1_swapped_arguments": mean_f1_by_support(given, said)}
        for name, said in (("hold", held), ("majority", _majority(commonest, given)), ("mirror", mirrored))
    }
    notes += [
        "hold keeps emotion 1, mirror takes the given emotion 2; majority is the commonest emotion 3"
        + (" of the training part" if commonest is not None else " of this file"),
        f"utterance 2 was read with {emotion}, utterance 1 as its context",
        "weighted_f1_swapped_arguments takes predictions for the truth, as PELD's released code does",
        "r and ccc: against the VAD points of emotion 3; triples that overlap are resampled together",
    ]
    return Report("peld", file, transition, len(triples), seconds, figures, baselines, notes, PELD)


def _steps(
    component: EmotionTransition, triples: Sequence[Triple], perceived: Sequence[EmotionEstimate], told: str
) -> list[AffectState]:
    async def all_of_them() -> list[AffectState]:
        states: list[AffectState] = []
        for triple, estimate in zip(triples, perceived, strict=True):
            persona = Persona(name=triple.agent[:60] or "agent", big_five=triple.big_five)
            emotion, (first, second, _) = triple.emotions[0], triple.utterances
            certain = EmotionDistribution.certain(EKMAN7, emotion)
            before = AffectState(EKMAN7.points[emotion], at_rest(persona, 0.0).mood, 0.0, {}, certain)
            states.append(await component.step(TransitionRequest(before, estimate, persona, 0.0, second, (first,))))
            done(1)
        return states

    with progress_of(told, len(triples)) as done:
        return asyncio.run(all_of_them())


def _macro_gain(found: Flags, held: Flags, given: Flags) -> Any:
    def gain(rows: Ints) -> float:
        return macro_f1_of_occurring(found[rows], given[rows]) - macro_f1_of_occurring(held[rows], given[rows])

    return gain


def _majority(train: Flags | None, given: Flags) -> Flags:
    if train is None:
        return majority(given)
    return np.repeat(majority(train)[:1], len(given), axis=0)
