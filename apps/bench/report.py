"""How a benchmark tells its figures: medians with their spread, the machine's load, and memory."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile, smallest and largest of some measurements."""
    array = np.asarray(values, dtype=np.float64)
    return {
        "p50": round(float(np.median(array)), 4),
        "p95": round(float(np.percentile(array, 95)), 4),
        "min": round(float(array.min()), 4),
        "max": round(float(array.max()), 4),
    }


def peak_memory_mb() -> float | None:
    """The most memory this process ever held, in megabytes; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20 if sys.platform == "darwin" else peak / 2**10, 1)


@dataclass(frozen=True)
class Report:
    """The figures of one benchmark."""

    name: str
    figures: dict[str, Any]

    def show(self, as_json: bool) -> None:
        """Print as JSON, or as lines for people."""
        machine = {
            "cores": os.cpu_count(),
            "load_average_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "peak_memory_mb": peak_memory_mb(),
            "platform": platform.platform(),
        }
        console = Console(soft_wrap=True)
        if as_json:
            console.print_json(json.dumps({"bench": self.name, **self.figures, "machine": machine}))
            return
        for key, value in {**self.figures, **machine}.items():
            line = "  ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]
            console.print(f"{key:24} {line}", highlight=False)
