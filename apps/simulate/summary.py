"""What a run says: means with intervals, therapists compared in pairs, and the model beside what is published.

Intervals are percentile bootstrap over cases (Efron 1979), 95 %. Two therapists meet the same cases with the same
luck, so their difference is taken case by case.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.apps.simulate.acts import STRATEGIES
from rapport.apps.simulate.case import CaseProfile, draw_case, published_odds
from rapport.apps.simulate.measures import MEASURES, strategies_in
from rapport.apps.simulate.records import NOTICE
from rapport.apps.simulate.runner import Measured
from rapport.apps.simulate.script import SimulationScript
from rapport.apps.simulate.trajectory import BENCHMARK_ORDER, EXPECTED_SHAPE, PUBLISHED, TrajectoryScore, score

Floats = NDArray[np.float64]
RESAMPLES = 1000
SEED = 0

SUDS_PUBLISHED = {"suds_start": 62.3, "suds_peak": 89.7, "suds_peak_at": 0.41, "suds_end": 53.8, "suds_n": 5.6}
"""Imaginal exposure (P10) over the released files of Thousand Voices of Trauma, parsed from 484 transcripts."""
TURNS_PUBLISHED = {"P5": 20.6, "P6": 33.3, "P7": 29.5, "P8": 30.9, "P10": 63.9, "P11": 24.6}
COMPARED = (
    "suds_end", "suds_peak", "end_distress", "trust", "disclosure", "avoidance", "fear", "readiness", "change_talk",
    "empathy", "repetition", "agreement",
)  # fmt: skip

EXPECTED_OF_TRAITS = (
    ("neuroticism", "suds_peak", "+", "negative emotion is stronger (Larsen & Ketelaar 1991)"),
    ("neuroticism", "suds_end", "+", "recovery is slower (Suls & Martin 2005; Kuppens et al. 2010)"),
    ("neuroticism", "fear", "+", "recovery is slower (Suls & Martin 2005; Kuppens et al. 2010)"),
    ("agreeableness", "trust", "+", "better alliance (Hirsh, Quilty, Bagby & McMain 2012: agreeableness and alliance)"),
    ("extraversion", "disclosure", "+", "extraverts disclose more"),
)
"""Trait, measure, direction in the literature. What is found in a simulation follows from what was built into it: this
table shows that it was, and how strongly; it is no evidence about people."""


def summarise(measured: Sequence[Measured], script: SimulationScript) -> dict[str, Any]:
    """Everything as JSON has it; what is not defined is None."""
    therapists = list(dict.fromkeys(m.therapist for m in measured))
    groups = {
        (t, s): [m for m in measured if m.therapist == t and m.session == s]
        for t in therapists
        for s in dict.fromkeys(m.session for m in measured)
    }
    first = therapists[0] if therapists else ""
    cases = [draw_case(i, script.seed, script.odds, script.profile) for i in range(script.cases)]
    summary: dict[str, Any] = {
        "notice": NOTICE,
        "script": script.model_dump(mode="json"),
        "sessions": len(measured),
        "stopped": dict(Counter(m.stopped for m in measured if m.stopped)),
        "failed": sum(bool(m.failed) for m in measured),
        "measures": MEASURES,
        "therapists": {
            t: {s: described(groups[t, s]) for s in dict.fromkeys(m.session for m in measured if m.therapist == t)}
            for t in therapists
        },
        "acts": {
            t: {s: done(groups[t, s]) for s in dict.fromkeys(m.session for m in measured if m.therapist == t)}
            for t in therapists
        },
        "comparisons": [
            {"session": s, "of": first, "with": t, "measures": compared(groups[first, s], groups[t, s])}
            for t in therapists[1:]
            for s in dict.fromkeys(m.session for m in measured)
        ],
        "cases": marginals(cases, script),
        "personality": personality([m for m in measured if m.therapist == first], cases),
    }
    if script.protocol == "pe" and first:
        summary["published"] = _beside_published(summary["therapists"][first])
        if trajectories := trajectories_of([m for m in measured if m.therapist == first]):
            summary["trajectory"] = _trajectory(trajectories)
    return plain(summary)


def described(measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Mean, 95 % interval, standard deviation and count of every measure that any of the sessions has."""
    names = list(MEASURES)
    values = np.array([[m.figures[name] for name in names] for m in measured], np.float64)
    means = resampled_means(values)
    found: dict[str, dict[str, float]] = {}
    for k, name in enumerate(names):
        column = values[np.isfinite(values[:, k]), k]
        if len(column):
            low, high = np.nanquantile(means[:, k], [0.025, 0.975])
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
    bounds = np.quantile(resampled_means(shares), [0.025, 0.975], axis=0)
    return {
        "counts": dict(acts.most_common()),
        "strategies": {
            name: {"count": int(counts[:, k].sum()), "mean": float(shares[:, k].mean()), "low": float(bounds[0, k]),
                   "high": float(bounds[1, k])}
            for k, name in enumerate(STRATEGIES)
        },
    }  # fmt: skip


def resampled_means(values: Floats) -> Floats:
    """Means of bootstrap samples of rows (n, k) as (1000, k); values that are NaN do not count."""
    rng = np.random.default_rng(SEED)
    n = len(values)
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(np.float64)
    defined = np.isfinite(values)
    counts = weights @ defined
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, (weights @ np.where(defined, values, 0.0)) / counts, np.nan)


def compared(ours: Sequence[Measured], theirs: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """Of each measure: the mean difference (ours - theirs) over the same cases, its interval, Cohen's d, and whether
    the intervals of the two means lie apart."""
    by_case = {m.case: m for m in theirs}
    pairs = [(m, by_case[m.case]) for m in ours if m.case in by_case]
    found: dict[str, dict[str, Any]] = {}
    for name in COMPARED:
        both = np.array([(a.figures[name], b.figures[name]) for a, b in pairs], np.float64).reshape(-1, 2)
        both = both[np.isfinite(both).all(axis=1)]
        if len(both) < 2:
            continue
        difference = both[:, :1] - both[:, 1:]
        means = resampled_means(np.hstack([both, difference]))
        bounds = np.quantile(means, [0.025, 0.975], axis=0)
        pooled = math.sqrt(both.var(axis=0, ddof=1).mean())
        found[name] = {
            "n": len(both),
            "mean": float(both[:, 0].mean()),
            "other": float(both[:, 1].mean()),
            "difference": float(difference.mean()),
            "low": float(bounds[0, 2]),
            "high": float(bounds[1, 2]),
            "d": float(difference.mean() / pooled) if pooled > 1e-12 else math.nan,
            "apart": bool(bounds[0, 0] > bounds[1, 1] or bounds[1, 0] < bounds[0, 1]),
        }
    return found


def marginals(cases: Sequence[CaseProfile], script: SimulationScript) -> dict[str, dict[str, dict[str, float]]]:
    """Shares of each category in percent, ours beside the published ones."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for field, published in published_odds(script.odds).items():
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


def personality(measured: Sequence[Measured], cases: Sequence[CaseProfile]) -> list[dict[str, Any]]:
    """Effect of traits on measures: Cohen's d of the upper against the lower third of cases, and Pearson's r."""
    rows: list[dict[str, Any]] = []
    for trait, name, direction, source in EXPECTED_OF_TRAITS:
        by_case: dict[int, list[float]] = {}
        for m in measured:
            if math.isfinite(m.figures[name]):
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


def trajectories_of(measured: Sequence[Measured]) -> dict[str, tuple[float, ...]]:
    """Intensities 1-10 in the benchmark's order, by case; only cases with all six."""
    by_case: dict[int, dict[str, float]] = {}
    for m in measured:
        by_case.setdefault(m.case, {})[m.session] = m.figures["intensity"]
    return {
        str(case + 1): tuple(phases[phase] for phase in BENCHMARK_ORDER)
        for case, phases in by_case.items()
        if all(math.isfinite(phases.get(phase, math.nan)) for phase in BENCHMARK_ORDER)
    }


def _trajectory(trajectories: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    ours = score(trajectories, dict.fromkeys(trajectories, EXPECTED_SHAPE))
    return {
        "order": BENCHMARK_ORDER,
        "mean": np.mean(list(trajectories.values()), axis=0).tolist(),
        "against_expected_shape": score_row(ours),
        "expected_shape": EXPECTED_SHAPE,
        "note": "Simulated clients against a shape of ours; not the task of the published models below.",
        "published_models": {
            name: dict(zip(("pearson", "dtw", "rmse", "s_abs"), row, strict=True)) for name, row in PUBLISHED.items()
        },
    }


def score_row(found: TrajectoryScore) -> dict[str, float]:
    """A score as JSON has it."""
    return {"n": found.n, "pearson": found.pearson, "dtw": found.dtw, "rmse": found.rmse, "s_abs": found.s_abs}


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
