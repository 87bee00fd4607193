"""The emotional-trajectory benchmark of Thousand Voices of Trauma (arXiv 2504.13955).

A model gives each client's intensity, 1 (calm) to 10 (extreme), in six phases; its six numbers are compared with a
reference's. Means over clients of Pearson's r, DTW and RMSE make

    S_abs = mean( clip(r, 0, 1), 1 - RMSE / 9, 1 - DTW / 5 )

The paper does not say how DTW is normalised; the plain sum of absolute differences along the best path gives its
range. The baseline's numbers (Claude Sonnet 3.5) are not released: a reference is a file that the user names.
EXPECTED_SHAPE is the course that the paper describes in words, in numbers of our own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.apps.evaluate.metrics import pearson
from rapport.apps.simulate.intervals import ends_of, resampled_means
from rapport.apps.simulate.records import read_json
from rapport.persona.errors import InputError

BENCHMARK_ORDER = ("P5", "P10", "P6", "P7", "P8", "P11")
"""Orientation, imaginal exposure, SUDS, reinforcing, eliciting, processing: the order of the paper's figure
(inferred)."""
EXPECTED_SHAPE = (5.5, 8.0, 7.0, 6.5, 5.5, 4.0)
"""Moderate, highest in exposure, falling from there. Ours."""

PUBLISHED: Mapping[str, tuple[float, float, float, float]] = {
    "Mistral Large": (0.80, 2.38, 1.07, 0.74), "Nova Pro": (0.74, 2.63, 1.24, 0.69),
    "Llama3-70B": (0.73, 2.61, 1.28, 0.69), "Llama3.1-70B": (0.70, 2.80, 1.29, 0.67),
    "Llama3-8B": (0.64, 3.24, 1.61, 0.61), "Llama3.1-8B": (0.63, 2.91, 1.44, 0.63),
    "Mistral-7B": (0.62, 2.88, 1.49, 0.63), "Mistral Small": (0.61, 3.30, 1.70, 0.59),
}  # fmt: skip
"""Table 1 of the paper: Pearson, DTW, RMSE, S_abs, of models that read transcripts, against Claude Sonnet 3.5. Our
figures compare simulated clients with a shape, which is another task."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrajectoryScore:
    """Means over clients."""

    n: int
    pearson: float
    """Clients with a constant trajectory have none and do not count here."""
    dtw: float
    rmse: float
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """95 % bootstrap intervals over clients of the three means and of `s_abs`."""

    @property
    def s_abs(self) -> float:
        return s_abs(self.pearson, self.dtw, self.rmse)

    def ratios(self, baseline: TrajectoryScore) -> dict[str, float]:
        """R_corr, R_dtw, R_rmse against a baseline: above 1 is better than it; NaN where nothing is divided by."""
        return {
            "r_corr": _ratio(self.pearson, baseline.pearson),
            "r_dtw": _ratio(baseline.dtw, self.dtw),
            "r_rmse": _ratio(baseline.rmse, self.rmse),
        }


def s_abs(correlation: float, dtw_distance: float, rmse_distance: float) -> float:
    """The benchmark's score of three means."""
    return float(_s_abs(np.array([[correlation, dtw_distance, rmse_distance]]))[0])


def _s_abs(means: Floats) -> Floats:
    """Of rows of the three means (n, 3), as (n,)."""
    return (np.clip(means[:, 0], 0.0, 1.0) + (1.0 - means[:, 2] / 9.0) + (1.0 - means[:, 1] / 5.0)) / 3.0


def dtw(a: Sequence[float], b: Sequence[float]) -> float:
    """Dynamic time warping of two series: the least sum of absolute differences along a path (Sakoe & Chiba 1978).

    Raises:
        InputError: an empty series.
    """
    if not a or not b:
        raise InputError("a trajectory has no points")
    row = [math.inf] * len(b)
    for i, x in enumerate(a):
        before, diagonal = row, math.inf
        row = [0.0] * len(b)
        for j, y in enumerate(b):
            left = row[j - 1] if j else math.inf
            best = 0.0 if i == j == 0 else min(before[j], left, diagonal)
            row[j] = abs(x - y) + best
            diagonal = before[j]
    return row[-1]


def rmse(a: Sequence[float], b: Sequence[float]) -> float:
    """Root of the mean squared difference of two series of one length."""
    if len(a) != len(b) or not a:
        raise InputError(f"trajectories of {len(a)} and {len(b)} phases cannot be compared")
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / len(a))


def score(given: Mapping[str, Sequence[float]], reference: Mapping[str, Sequence[float]]) -> TrajectoryScore:
    """Trajectories by client against those of the same clients. Raises InputError when they share no client."""
    clients = [client for client in given if client in reference]
    if not clients:
        raise InputError("the two files of trajectories have no client in common")
    pairs = [(given[client], reference[client]) for client in clients]
    rows = np.array(
        [(pearson(np.array(a, np.float64), np.array(b, np.float64)), dtw(a, b), rmse(a, b)) for a, b in pairs],
        np.float64,
    )
    samples = resampled_means(rows)
    ends = ends_of(np.column_stack([samples, _s_abs(samples)]))
    names = ("pearson", "dtw", "rmse", "s_abs")
    correlations = rows[np.isfinite(rows[:, 0]), 0]
    return TrajectoryScore(
        len(pairs),
        float(correlations.mean()) if len(correlations) else math.nan,
        float(rows[:, 1].mean()),
        float(rows[:, 2].mean()),
        {name: (float(ends[0, k]), float(ends[1, k])) for k, name in enumerate(names)},
    )


def read_reference(path: Path) -> dict[str, tuple[float, ...]]:
    """A reference: JSON `{client: {"P5": 5, "P10": 9, ...}}`, or `{client: [six numbers in the benchmark's order]}`.

    Raises:
        InputError: another form, a phase that is missing, or an intensity outside 1 to 10.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: must be an object of clients, each with the intensity of its six phases")
    return {client: _six(value, f"{path}: client {client}") for client, value in cast("dict[str, Any]", data).items()}


def _six(value: Any, where: str) -> tuple[float, ...]:
    if isinstance(value, dict):
        phases = cast("dict[str, Any]", value)
        missing = [phase for phase in BENCHMARK_ORDER if phase not in phases]
        if missing:
            raise InputError(f"{where} has no {', '.join(missing)}")
        value = [phases[phase] for phase in BENCHMARK_ORDER]
    numbers = cast("list[Any]", value) if isinstance(value, list) else []
    if len(numbers) != 6 or not all(
        isinstance(x, (int, float)) and not isinstance(x, bool) and 1 <= x <= 10 for x in numbers
    ):
        raise InputError(f"{where} needs six numbers from 1 to 10, got {value!r}")
    return tuple(float(x) for x in numbers)


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan
