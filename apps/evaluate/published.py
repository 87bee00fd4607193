"""Figures of others that evaluations show beside ours, apart from them, each with where it was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Published = Mapping[str, Mapping[str, Any]]

GOEMOTIONS: Published = {
    "BERT-base": {"macro_f1": 0.46, "source": "Demszky et al. 2020, arXiv 2005.00547, abstract: test part, 28 labels"}
}
MELD: Published = {
    "AffectGPT": {
        "hit_rate": 0.5565,
        "source": "Lian et al. 2025, arXiv 2501.16566, MER-UniBench: test part, audio, video and text, official wheels",
    }
}
PELD: Published = {
    "mood model over BERT-base": {
        "macro_f1": "+13 %",
        "weighted_f1": "+5 %",
        "source": "arXiv 2404.07229, abstract: relative gains, its own split and seeds",
    },
    "TF-IDF of utterances 1 and 2": {
        "accuracy": 0.4071,
        "macro_f1": 0.1451,
        "weighted_f1": 0.3040,
        "source": "logistic regression, measured on the official test part",
    },
    "TF-IDF with emotions 1 and 2 and personality": {
        "accuracy": 0.4485,
        "macro_f1": 0.2513,
        "weighted_f1": 0.3925,
        "source": "logistic regression, measured on the official test part; emotion 2 is the given one",
    },
}
CPED: Published = {
    "character 1-3-gram TF-IDF": {
        "accuracy": 0.2530,
        "macro_f1": 0.1193,
        "source": "logistic regression trained on the validation part, measured on the test part (majority: .2912)",
    }
}
MAHAEMOTIONS: Published = {
    "character 2-5-gram TF-IDF": {
        "accuracy": 0.585,
        "macro_f1": 0.344,
        "weighted_f1": 0.563,
        "source": "logistic regression trained on the training part, ten labels",
    }
}
OPENSET: Published = {
    "AffectGPT": {
        "f1": 0.6252,
        "source": "Lian et al. 2025, arXiv 2501.16566, MER-UniBench: OV-MERD+, audio, video and text, official wheels",
    }
}
