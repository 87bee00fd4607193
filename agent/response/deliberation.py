"""What a responder considered before it spoke: for the trace, for evaluations, for whoever wants to know why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Origin = Literal["model", "rules", "both", "exemplar"]
"""Who wrote what follows the opening."""


@dataclass(frozen=True)
class Candidate:
    """One way to go on from the opening, and what it was worth."""

    text: str
    """What would be said: what the writer gave, less the sentences at fault."""
    origin: Origin
    faults: tuple[str, ...] = ()
    """Why sentences were left out of it, in order."""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    """Each criterion in [0, 1], see `rapport.agent.response.scoring`."""
    total: float = 0.0
    """The weighted mean of the scores, in [0, 1]."""


@dataclass(frozen=True)
class Deliberation:
    """The candidates of one reply, best first."""

    opening: str
    candidates: tuple[Candidate, ...]
    steps: Mapping[str, str] = field(default_factory=dict[str, str])
    """How each step of the plan was found, e.g. cause: "extracted (0.83)"."""
    note: str = ""
    """What went otherwise than planned: "out of time: 3 of 6 written"; empty for nothing."""

    @property
    def chosen(self) -> Candidate:
        return self.candidates[0]
