"""Does personality show? One stimulus after another from PELD, felt by different personalities.

For every triple the agent has felt the first emotion and hears the second utterance with its given emotion, as a VAD
point of known uncertainty; the personas' moods are at rest and no time passes. So all that differs is who feels.

`persona_effects` compares personas: how far each is moved on average, and the paired differences between them as
Cohen's d, overall and where the stimulus is unpleasant, pleasant or angry. `personality_ablation` asks what the Big
Five of PELD's six roles are worth for telling the third emotion: with the true ones, those of the other roles, and
none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.stages import EmotionTransition
from rapport.apps.evaluate.metrics import accuracy, bootstrap, interval, macro_f1_of_occurring, one_hot
from rapport.apps.evaluate.peld import ROLES, Triple, label_of, scenes
from rapport.persona.affect import EKMAN7, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.big_five import TRAITS, BigFive
from rapport.persona.card import Persona
from rapport.persona.errors import InputError
from rapport.persona.transition import AXES, TransitionRequest, at_rest

STIMULUS_SD = 0.35
"""Standard deviation of the stimulus on every axis."""
SEED = 0
RESAMPLES = 1000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WHERE: Mapping[str, frozenset[str]] = {
    "all": frozenset(EKMAN7.labels),
    "unpleasant": frozenset(label for label, point in EKMAN7.points.items() if point.valence < 0),
    "pleasant": frozenset(label for label, point in EKMAN7.points.items() if point.valence > 0),
    "angry": frozenset({"anger", "disgust"}),
}


def persona_effects(
    triples: Sequence[Triple], transition: EmotionTransition, personas: Sequence[Persona]
) -> dict[str, dict[str, Any]]:
    """Mean moves and differences between personas, for each kind of stimulus of which there are two or more.

    Returns, by kind: `n`; `moves`, by persona and axis `{mean, interval}`; `differences`, by pair ("a - b") and axis
    `{mean, d, interval}`, where d is Cohen's d of the paired differences and the interval (95 %, scenes resampled
    whole) is d's.
    """
    moves = {persona.name: _moves(triples, transition, [persona] * len(triples)) for persona in personas}
    units, answered = scenes(triples), np.array([triple.emotions[1] for triple in triples])
    found: dict[str, dict[str, Any]] = {}
    for kind, labels in _WHERE.items():
        rows = np.flatnonzero([label in labels for label in answered])
        if len(rows) < 2:
            continue
        here = {name: each[rows] for name, each in moves.items()}
        found[kind] = {
            "n": len(rows),
            "moves": {name: _by_axis(each, _mean, units[rows]) for name, each in here.items()},
            "differences": {
                f"{a} - {b}": _by_axis(here[a] - here[b], cohens_d, units[rows], "d") for a, b in combinations(here, 2)
            },
        }
    return found


def personality_ablation(triples: Sequence[Triple], transition: EmotionTransition) -> dict[str, Any]:
    """Accuracy and macro F1 of the third emotion under four assignments; the label is the one that the component gives,
    or the one whose point is nearest.

    `true` gives each role its Big Five, `shuffled` those of another role (the mean over the five ways to pass them on
    in a ring), `none` an average personality, `hold` keeps the first emotion. `gains` are differences of macro F1
    with intervals (95 %, scenes resampled whole). Raises InputError when a triple's agent is none of the six.
    """
    roles = list(ROLES)
    if strangers := {triple.agent for triple in triples} - set(roles):
        raise InputError(f"the ablation knows {', '.join(roles)} only, not {', '.join(sorted(strangers))}")
    given = one_hot([EKMAN7.index(triple.emotions[2]) for triple in triples], len(EKMAN7))

    def told(traits: Callable[[Triple], BigFive]) -> NDArray[np.bool_]:
        personas = [Persona(name=triple.agent, big_five=traits(triple)) for triple in triples]
        felt = [after for _, after in _steps(triples, transition, personas)]
        return one_hot([EKMAN7.index(label_of(state)) for state in felt], len(EKMAN7))

    def passed_on(by: int) -> Callable[[Triple], BigFive]:
        return lambda triple: _big_five(ROLES[roles[(roles.index(triple.agent) + by) % len(roles)]])

    answers = {
        "true": [told(lambda triple: triple.big_five)],
        "shuffled": [told(passed_on(by)) for by in range(1, len(roles))],
        "none": [told(lambda _: BigFive())],
        "hold": [one_hot([EKMAN7.index(triple.emotions[0]) for triple in triples], len(EKMAN7))],
    }

    def macro(name: str, rows: Ints) -> float:
        return float(np.mean([macro_f1_of_occurring(found[rows], given[rows]) for found in answers[name]]))

    rows = np.arange(len(triples))
    draws = bootstrap(lambda drawn: [macro(name, drawn) for name in answers], scenes(triples), SEED, RESAMPLES)
    column = {name: i for i, name in enumerate(answers)}
    return {
        "n": len(triples),
        "scores": {
            name: {"accuracy": float(np.mean([accuracy(f, given) for f in found])), "macro_f1": macro(name, rows)}
            for name, found in answers.items()
        },
        "gains": {
            f"true - {name}": {
                "macro_f1": macro("true", rows) - macro(name, rows),
                "interval": interval(draws[:, column["true"]] - draws[:, column[name]]),
            }
            for name in ("shuffled", "none", "hold")
        },
    }


def cohens_d(differences: Floats) -> Floats:
    """Cohen's d of paired differences (n, k): mean over standard deviation, (k,); 0 where nothing differs."""
    mean, sd = differences.mean(axis=0), differences.std(axis=0, ddof=1)
    return np.divide(mean, sd, out=np.zeros_like(mean), where=sd > 0)


def _mean(values: Floats) -> Floats:
    return values.mean(axis=0)


def _by_axis(
    values: Floats, statistic: Callable[[Floats], Floats], units: Ints, name: str | None = None
) -> dict[str, dict[str, Any]]:
    draws = bootstrap(lambda rows: statistic(values[rows]), units, SEED, RESAMPLES)
    at, mean = statistic(values), values.mean(axis=0)
    return {
        axis: {"mean": float(mean[i])} | ({name: float(at[i])} if name else {}) | {"interval": interval(draws[:, i])}
        for i, axis in enumerate(AXES)
    }


def _moves(triples: Sequence[Triple], transition: EmotionTransition, personas: Sequence[Persona]) -> Floats:
    """How far each triple moves its persona, (n, 3)."""
    steps = _steps(triples, transition, personas)
    return np.array([after.emotion.as_array() - before.emotion.as_array() for before, after in steps])


def _steps(
    triples: Sequence[Triple], transition: EmotionTransition, personas: Sequence[Persona]
) -> list[tuple[AffectState, AffectState]]:
    """Each persona's state before and after its triple."""

    async def step(triple: Triple, persona: Persona) -> tuple[AffectState, AffectState]:
        (said, answer, _), (first, second, _) = triple.utterances, triple.emotions
        before = AffectState(EKMAN7.points[first], at_rest(persona, 0.0).mood, 0.0, {}, _certain(first))
        heard = EmotionEstimate(_certain(second), EKMAN7.points[second], (STIMULUS_SD, STIMULUS_SD, STIMULUS_SD))
        return before, await transition.step(TransitionRequest(before, heard, persona, 0.0, answer, (said,)))

    async def every_step() -> list[tuple[AffectState, AffectState]]:
        return [await step(triple, persona) for triple, persona in zip(triples, personas, strict=True)]

    return asyncio.run(every_step())


def _certain(label: str) -> EmotionDistribution:
    return EmotionDistribution.certain(EKMAN7, label)


def _big_five(ocean: Sequence[float]) -> BigFive:
    return BigFive(**dict(zip(TRAITS, ocean, strict=True)))
