"""How the voice model does on speakers that it never heard, and across corpora: everything that its card tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from rapport.agent.perception.voice import Prosody, estimate_from
from rapport.agent.perception.voice_measures import MEASURES
from rapport.agent.perception.voice_model import EKMAN_PLACES, LABELS, WIDTH
from rapport.apps.evaluate.metrics import expected_calibration_error, pearson
from rapport.apps.evaluate.report import SEED
from rapport.apps.evaluate.voice import (
    BASELINE_CLIPS,
    DRAWS,
    EMODB_LABELS,
    arousal_figures,
    columns_of,
    feeling_figures,
    given_labels,
    read_with_baseline,
)
from rapport.apps.train.voice_emotion_fit import Flags, Floats, Fold, Heard, is_ravdess

AXES = ("valence", "arousal", "dominance")
CUES = ("pitch_p50", "pitch_range", "effort", "runs_per_s")
"""The measures that are the cues of `prosody`."""


def score(heard: Heard, folds: Sequence[Fold], across: Sequence[Fold]) -> dict[str, Any]:
    """Scores of cross-validation, of reading one corpus after learning from the other, and of `prosody` beside them.

    Args:
        heard: the clips as they are.
        folds: models that left out groups of speakers; together they leave out everybody once.
        across: the models that left out EmoDB, and RAVDESS.
    """
    ravdess = is_ravdess(heard)
    once = _read(heard, folds)
    prosody = _prosody(heard)
    scores: dict[str, Any] = {}
    for name, rows, labels in (("ravdess", ravdess, LABELS), ("emodb", ~ravdess, EMODB_LABELS)):
        given = given_labels(heard.names, labels)
        judged = rows & given.any(axis=1)

        def figures(
            p: Floats, judged: Flags = judged, given: Flags = given, labels: tuple[str, ...] = labels
        ) -> dict[str, Any]:
            found = feeling_figures(columns_of(p[judged], labels), given[judged], labels, heard.speaker[judged])
            kept = ("uar", "accuracy", "macro_f1", "ece", "intervals", "per_class", "confusion")
            return {key: found[key] for key in kept}

        drawn = [figures(_read(heard, folds, np.random.default_rng(SEED + k), rows)[0]) for k in range(DRAWS)]
        uars = [draw["uar"] for draw in drawn]
        scores[name] = {
            "clips": int(judged.sum()),
            "speakers": len(np.unique(heard.speaker[judged])),
            "one clip": figures(once[0]),
            "with baseline": {**drawn[0], "uar": float(np.mean(uars)), "lowest": min(uars), "highest": max(uars),
                              "ece": float(np.mean([draw["ece"] for draw in drawn]))},
            "prosody": figures(prosody[0]),
            "vad": _axes(once[1][rows], once[2][rows], heard.vad[rows]),
            "arousal": _arousal(once[1], heard, rows),
            "arousal, prosody": _arousal(prosody[1], heard, rows),
        }  # fmt: skip
    for name, fold in zip(("ravdess to emodb", "emodb to ravdess"), across, strict=True):
        read = _read(heard, [fold])
        with_baseline = _read(heard, [fold], np.random.default_rng(SEED), fold.rows)
        known = fold.rows & np.isin(heard.label, fold.model.feeling)
        p = read[0][known]
        scores[name] = {
            "ece": expected_calibration_error(p.max(axis=1), p.argmax(axis=1) == heard.label[known]),
            "vad": _axes(read[1][fold.rows], read[2][fold.rows], heard.vad[fold.rows]),
            "arousal": _arousal(read[1], heard, fold.rows),
            "arousal with baseline": _arousal(with_baseline[1], heard, fold.rows),
            "arousal, prosody": _arousal(prosody[1], heard, fold.rows),
        }
    return _rounded({"baseline_clips": BASELINE_CLIPS, "draws": DRAWS, **scores})


def _read(
    heard: Heard, folds: Sequence[Fold], rng: np.random.Generator | None = None, wanted: Flags | None = None
) -> tuple[Floats, Floats, Floats]:
    """Probabilities, VAD and its sd of the rows that the folds left out; with a generator, with a baseline."""
    p, vad, sd = np.zeros((len(heard), len(LABELS))), np.zeros((len(heard), 3)), np.ones((len(heard), 3))
    for fold in folds:
        rows = np.flatnonzero(fold.rows if wanted is None else fold.rows & wanted)
        if not len(rows):
            continue
        x, speaker = heard.x[rows], heard.speaker[rows]
        readings = (
            [fold.model.hear(row) for row in x] if rng is None else read_with_baseline(fold.model, x, speaker, rng)
        )
        p[rows] = [r.probabilities for r in readings]
        vad[rows] = [r.vad for r in readings]
        sd[rows] = [r.vad_sd for r in readings]
    return p, vad, sd


def _prosody(heard: Heard) -> tuple[Floats, Floats]:
    """Probabilities of LABELS and VAD as `prosody` reads the clips; it cannot tell calm from neutral."""
    cues = heard.x[:, [WIDTH + MEASURES.index(name) for name in CUES]]
    estimates = [estimate_from(Prosody(*row)) for row in cues.tolist()]
    ekman = np.array([e.distribution.probabilities for e in estimates])
    return ekman[:, EKMAN_PLACES] * (np.array(LABELS) != "calm"), np.array([e.vad.as_tuple() for e in estimates])


def _arousal(vad: Floats, heard: Heard, rows: Flags) -> dict[str, float]:
    return arousal_figures(vad[rows, 1], heard.of(rows).names)


def _axes(found: Floats, sd: Floats, told: Floats) -> dict[str, Any]:
    """Per axis: correlation, root mean square error, that of always saying the mean, stated deviation."""
    return {
        axis: {
            "r": pearson(found[:, k], told[:, k]),
            "rms": float(np.sqrt(np.mean((found[:, k] - told[:, k]) ** 2))),
            "rms of a constant": float(told[:, k].std()),
            "stated": float(sd[:, k].mean()),
            "narrowest": float(np.quantile(sd[:, k], 0.05)),
            "standardised rms": float(np.sqrt(np.mean(((found[:, k] - told[:, k]) / sd[:, k]) ** 2))),
        }
        for k, axis in enumerate(AXES)
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in cast("list[Any]", value)]
    return round(value, 4) if isinstance(value, float) else value
