"""What a run says: means with intervals, therapists compared in pairs, and the model beside what is published.

Intervals are those of `intervals.py`, over cases. In a run two therapists meet the same cases with the same luck, so
their difference is taken case by case.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from rapport.apps.simulate.acts import STRATEGIES
from rapport.apps.simulate.case import CaseProfile, Odds, draw_case, published_odds
from rapport.apps.simulate.comparison import compared, paired
from rapport.apps.simulate.intervals import ends_of, resampled_means
from rapport.apps.simulate.measures import MEASURES, strategies_in
from rapport.apps.simulate.records import NOTICE
from rapport.apps.simulate.runner import Measured
from rapport.apps.simulate.script import SimulationScript
from rapport.apps.simulate.trajectory import BENCHMARK_ORDER, EXPECTED_SHAPE, PUBLISHED, TrajectoryScore, score
from rapport.persona.errors import InputError

SUDS_PUBLISHED = {"suds_start": 62.3, "suds_peak": 89.7, "suds_peak_at": 0.41, "suds_end": 53.8, "suds_n": 5.6}
"""Imaginal exposure (P10) over the released files of Thousand Voices of Trauma, parsed from 484 transcripts."""
TURNS_PUBLISHED = {"P5": 20.6, "P6": 33.3, "P7": 29.5, "P8": 30.9, "P10": 63.9, "P11": 24.6}
COMPARED = (
    "suds_end", "suds_peak", "end_distress", "trust", "disclosure", "avoidance", "fear", "readiness", "change_talk",
    "empathy", "repetition", "agreement", "felt_intensity", "talk_ratio", "questions", "reflections", "deep_breath",
    "lexical_rapport", "affective_rapport",
)  # fmt: skip
"""What is shown of a comparison; the summary has all measures."""
SWITCH_PUBLISHED = {"synthetic": 0.98, "real": 0.99}
"""Turns whose speaker differs from the one before, in generated and in real therapy (arXiv 2504.21800)."""

EXPECTED_OF_TRAITS = (
    ("neuroticism", "suds_peak", "+", "negative emotion is stronger (Larsen & Ketelaar 1991)"),
    ("neuroticism", "suds_end", "+", "recovery is slower (Suls & Martin 2005; Kuppens et al. 2010)"),
    ("neuroticism", "fear", "+", "recovery is slower (Suls & Martin 2005; Kuppens et al. 2010)"),
    ("agreeableness", "trust", "+", "better alliance (Hirsh, Quilty, Bagby & McMain 2012: agreeableness and alliance)"),
    ("extraversion", "disclosure", "+", "extraverts disclose more"),
)
"""Trait, measure, direction in the literature. What is found in a simulation follows from what was built into it: this
table shows that it was, and how strongly; it is no evidence about people."""


@dataclass(frozen=True)
class Study:
    """What a summary needs to know beside the measures."""

    about: Mapping[str, Any]
    """What was simulated or read, as the summary begins."""
    protocols: frozenset[str]
    cases: Mapping[int, CaseProfile]
    """Who the cases are, as far as it is known."""
    odds: Odds = "released"
    traits: bool = True
    """Whether the cases' personalities are known."""
    baseline: str = ""
    """The therapist whom the others are compared with; the first one by default."""
    reference: Mapping[str, Sequence[float]] | None = None
    """Trajectories by client to compare with, beside the shape of our own."""


def summarise(measured: Sequence[Measured], script: SimulationScript) -> dict[str, Any]:
    """The summary of a run."""
    cases = {i: draw_case(i, script.seed, script.odds, script.profile) for i in range(script.cases)}
    about = {"script": script.model_dump(mode="json")}
    return summary_of(measured, Study(about, frozenset({script.protocol}), cases, script.odds))


def summary_of(measured: Sequence[Measured], study: Study) -> dict[str, Any]:
    """Everything as JSON has it; what is not defined is None."""
    groups = by_therapist(measured)
    first = study.baseline or next(iter(groups), "")
    summary: dict[str, Any] = {
        "notice": NOTICE,
        **study.about,
        "baseline": first,
        "sessions": len(measured),
        "stopped": dict(Counter(m.stopped for m in measured if m.stopped)),
        "failed": sum(bool(m.failed) for m in measured),
        "measures": MEASURES,
        "therapists": {t: {s: described(ms) for s, ms in by.items()} for t, by in groups.items()},
        "acts": {t: {s: done(ms) for s, ms in by.items()} for t, by in groups.items()},
        "comparisons": comparisons(groups, first),
        "cases": marginals(study.cases.values(), study.odds),
        "personality": personality([m for m in measured if m.therapist == first], study.cases) if study.traits else [],
    }
    if "pe" in study.protocols and groups:
        summary["published"] = {t: _beside_published(found) for t, found in summary["therapists"].items()}
        if rows := trajectory_rows(groups, first, study.reference):
            summary["trajectory"] = {
                "order": BENCHMARK_ORDER,
                "expected_shape": EXPECTED_SHAPE,
                "rows": rows,
                "note": "Simulated clients or transcripts against a shape of ours or a file of yours; not the task "
                "of the published models below.",
                "published_models": {
                    name: dict(zip(("pearson", "dtw", "rmse", "s_abs"), row, strict=True))
                    for name, row in PUBLISHED.items()
                },
            }
    return plain(summary)


def by_therapist(measured: Iterable[Measured]) -> dict[str, dict[str, list[Measured]]]:
    """By therapist, and then by session of the protocol, in the order in which they come."""
    groups: dict[str, dict[str, list[Measured]]] = {}
    for m in measured:
        groups.setdefault(m.therapist, {}).setdefault(m.session, []).append(m)
    return groups


def comparisons(
    groups: Mapping[str, Mapping[str, Sequence[Measured]]], first: str, names: Iterable[str] = MEASURES
) -> list[dict[str, Any]]:
    """The first therapist against each other one, in every session that both have."""
    return [
        {"session": s, "of": first, "with": t, "paired": paired(ours, groups[t][s]),
         "measures": compared(ours, groups[t][s], names)}
        for t in groups
        if t != first
        for s, ours in groups.get(first, {}).items()
        if s in groups[t]
    ]  # fmt: skip


def described(measured: Sequence[Measured], names: Iterable[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Mean, 95 % interval, standard deviation and count of every measure that any of the sessions has."""
    of = list(names)
    values = np.array([[m.figures[name] for name in of] for m in measured], np.float64)
    ends = ends_of(resampled_means(values))
    found: dict[str, dict[str, float]] = {}
    for k, name in enumerate(of):
        column = values[np.isfinite(values[:, k]), k]
        if len(column):
            low, high = ends[:, k]
            sd = float(column.std(ddof=1)) if len(column) > 1 else math.nan
            found[name] = {"mean": float(column.mean()), "low": float(low), "high": float(high), "sd": sd,
                           "n": len(column)}  # fmt: skip
    return found


def done(measured: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """What the therapist did: how often each act, and of ESConv's strategies the count, the mean share of a session's
    acts in [0, 1] and its 95 % interval. Sessions without acts do not count."""
    acts: Counter[str] = Counter()
    rows: list[list[int]] = []
    for m in measured:
        used = strategies_in(dict(m.acts))
        if used:
            acts.update(dict(m.acts))
            rows.append([used[name] for name in STRATEGIES])
    if not rows:
        return {"counts": {}, "strategies": {}}
    counts = np.array(rows, np.float64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    bounds = ends_of(resampled_means(shares))
    return {
        "counts": dict(acts.most_common()),
        "strategies": {
            name: {"count": int(counts[:, k].sum()), "mean": float(shares[:, k].mean()), "low": float(bounds[0, k]),
                   "high": float(bounds[1, k])}
            for k, name in enumerate(STRATEGIES)
        },
    }  # fmt: skip


def marginals(cases: Collection[CaseProfile], odds: Odds) -> dict[str, dict[str, dict[str, float]]]:
    """Shares of each category in percent, these cases' beside the published ones; empty without cases."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    if not cases:
        return found
    for field, published in published_odds(odds).items():
        values: Iterable[str] = (
            (b for case in cases for b in case.exhibited_behaviors)
            if field == "exhibited_behaviors"
            else (str(getattr(case, field)) for case in cases)
        )
        counts = Counter(values)
        found[field] = {
            name: {"published": share, "drawn": 100.0 * counts[name] / len(cases)} for name, share in published.items()
        }
    return found


def personality(measured: Sequence[Measured], cases: Mapping[int, CaseProfile]) -> list[dict[str, Any]]:
    """Effect of traits on measures: Cohen's d of the upper against the lower third of cases, and Pearson's r."""
    rows: list[dict[str, Any]] = []
    for trait, name, direction, source in EXPECTED_OF_TRAITS:
        by_case: dict[int, list[float]] = {}
        for m in measured:
            if m.case in cases and math.isfinite(m.figures[name]):
                by_case.setdefault(m.case, []).append(m.figures[name])
        pairs = np.array(
            [(getattr(cases[i].big_five, trait), sum(v) / len(v)) for i, v in by_case.items()], np.float64
        ).reshape(-1, 2)
        if len(pairs) < 9 or pairs.std(axis=0).min() < 1e-9:
            continue
        low, high = np.quantile(pairs[:, 0], [1 / 3, 2 / 3])
        lower, upper = pairs[pairs[:, 0] <= low, 1], pairs[pairs[:, 0] >= high, 1]
        pooled = math.sqrt((lower.var(ddof=1) + upper.var(ddof=1)) / 2)
        rows.append(
            {"trait": trait, "measure": name, "expected": direction, "source": source, "n": len(pairs),
             "d": float((upper.mean() - lower.mean()) / pooled) if pooled > 1e-12 else math.nan,
             "r": float(np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1])}
        )  # fmt: skip
    return rows


def trajectories_of(
    sessions: Mapping[str, Sequence[Measured]], name: str = "intensity"
) -> dict[str, tuple[float, ...]]:  # fmt: skip
    """Intensities 1-10 in the benchmark's order, by client; only clients with all six phases."""
    by_case: dict[int, dict[str, float]] = {}
    clients: dict[int, str] = {}
    for phase in BENCHMARK_ORDER:
        for m in sessions.get(phase, ()):
            by_case.setdefault(m.case, {})[phase] = m.figures.get(name, math.nan)
            clients[m.case] = m.client or str(m.case + 1)
    return {
        clients[case]: tuple(phases[phase] for phase in BENCHMARK_ORDER)
        for case, phases in by_case.items()
        if all(math.isfinite(phases.get(phase, math.nan)) for phase in BENCHMARK_ORDER)
    }


def trajectory_rows(
    groups: Mapping[str, Mapping[str, Sequence[Measured]]], first: str, reference: Mapping[str, Sequence[float]] | None
) -> list[dict[str, Any]]:
    """Scores of every therapist's clients: by the client's state where there is one, else by feelings in the words."""
    found = {t: (name, them) for t, by in groups.items() for name in ("felt_intensity", "intensity")
             if (them := trajectories_of(by, name))}  # fmt: skip
    rows: list[dict[str, Any]] = []
    references = {"expected shape": None} if reference is None else {"expected shape": None, "reference": reference}
    for against, theirs in references.items():
        scores: dict[str, TrajectoryScore] = {}
        for t, (name, ours) in found.items():
            other = dict.fromkeys(ours, EXPECTED_SHAPE) if theirs is None else theirs
            if not ours.keys() & other.keys():
                known = ", ".join(list(ours)[:3])
                raise InputError(f"the reference has none of the clients of {t}, who are called {known} and so on")
            scores[t] = score(ours, other)
            ratios = scores[t].ratios(scores[first]) if first in scores and t != first else None
            rows.append({"therapist": t, "of": name, "against": against, "mean": np.mean(list(ours.values()), axis=0)
                         .tolist(), **score_row(scores[t]), "ratios_to_baseline": ratios})  # fmt: skip
    return rows


def score_row(found: TrajectoryScore) -> dict[str, Any]:
    """A score as JSON has it."""
    figures = {"pearson": found.pearson, "dtw": found.dtw, "rmse": found.rmse, "s_abs": found.s_abs}
    return {"n": found.n, **figures, "intervals": dict(found.intervals)}


def _beside_published(described_sessions: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    exposure = described_sessions.get("P10", {})
    return {
        "suds_in_imaginal_exposure": {
            name: {"published": value, "simulated": exposure.get(name, {}).get("mean"),
                   "sd": exposure.get(name, {}).get("sd")}
            for name, value in SUDS_PUBLISHED.items()
        },
        "turns": {
            session: {"published": value, "simulated": described_sessions.get(session, {}).get("turns", {}).get("mean")}
            for session, value in TURNS_PUBLISHED.items()
        },
        "switch_ratio": {
            **SWITCH_PUBLISHED,
            "here": {key: found.get("switch_ratio", {}).get("mean") for key, found in described_sessions.items()},
        },
    }  # fmt: skip


def plain(value: Any) -> Any:
    """As JSON has it: floats rounded to four places, NaN as None, mappings and sequences as dict and list."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
