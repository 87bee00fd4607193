"""Motivational interviewing (Miller & Rollnick 2013): engaging, focusing, evoking, planning, by the OARS skills.

Published: the four processes, the OARS skills, and that change talk is answered by reflecting and asking for more and
sustain talk without arguing. The weights are ours; at least one reflection for each question is what MITI 4 (Moyers
et al. 2016) calls fair.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from rapport.apps.simulate.acts import TherapistAct
from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.protocols.contract import SessionPlan, Step, View, weighted

PROCESSES: dict[str, dict[TherapistAct, float]] = {
    "engaging": {"open_question": 4, "reflect": 4, "affirm": 2, "paraphrase": 2},
    "focusing": {"open_question": 3, "reflect": 3, "paraphrase": 3, "scale_question": 1.5, "summarise": 1},
    "evoking": {"evoke": 4.5, "reflect": 4, "affirm": 2, "scale_question": 1, "paraphrase": 2, "summarise": 1},
    "planning": {"plan": 4, "reflect": 2, "affirm": 2, "suggest": 1, "summarise": 1, "evoke": 1},
}
ENDS = {"engaging": 0.2, "focusing": 0.4, "evoking": 0.75, "planning": 1.0}
COMMITTED = 2
"""Turns with commitment in them after which planning may begin before its time."""


class MotivationalInterviewing:
    """The protocol "mi"."""

    name = "mi"
    subject = "change_goal"

    def __init__(self, model: str | None = None) -> None:
        pass

    def sessions(self, case: CaseProfile, rng: random.Random) -> Sequence[SessionPlan]:
        return [SessionPlan("M1", "Motivational interviewing", max(12, round(rng.gauss(20, 3))), 75.0)]

    def course(self, plan: SessionPlan, case: CaseProfile, rng: random.Random) -> InterviewCourse:
        return InterviewCourse(plan.exchanges, rng)


@dataclass
class InterviewCourse:
    """By share of the session; change talk is reflected or asked for more of, sustain talk is rolled with."""

    exchanges: int
    rng: random.Random
    _said: int = 0
    _last: TherapistAct | None = None
    _commitments: int = 0

    def next(self, view: View) -> Step | None:
        if self._last == "close":
            return None
        self._commitments += "commit" in view.client_acts
        share = self._said / self.exchanges
        process = next((name for name, end in ENDS.items() if share < end), "planning")
        if process == "evoking" and self._commitments >= COMMITTED:
            process = "planning"
        self._said += 1
        self._last = self._act(view, process)
        return Step(self._last, process)

    def _act(self, view: View, process: str) -> TherapistAct:
        if self._said == 1:
            return "greet"
        if self._said > self.exchanges:
            return "close"
        if self._said == self.exchanges:
            return "summarise"
        if view.guarded:
            return "validate" if self._last != "validate" else "reflect"
        if "sustain_talk" in view.client_acts and self._last != "reflect":
            return "reflect"
        if "change_talk" in view.client_acts and self.rng.random() < 0.6:
            return "reflect" if self._last != "reflect" else "evoke"
        return weighted(self.rng, PROCESSES[process], but=self._last)
