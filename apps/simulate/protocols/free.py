"""Free talk: no protocol but good manners. What a session without any method looks like, as a comparison."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rapport.apps.simulate.acts import TherapistAct
from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.protocols.contract import SessionPlan
from rapport.apps.simulate.protocols.supportive import StagedCourse

TALK: dict[TherapistAct, float] = {
    "small_talk": 2, "open_question": 3, "closed_question": 3, "disclose_self": 3, "inform": 2, "suggest": 2,
    "affirm": 1, "paraphrase": 1, "brush_off": 0.5,
}  # fmt: skip


class FreeTalk:
    """The protocol "free"."""

    name = "free"
    subject = "problem"

    def __init__(self, model: str | None = None) -> None:
        pass

    def sessions(self, case: CaseProfile, rng: random.Random) -> Sequence[SessionPlan]:
        return [SessionPlan("F1", "Free talk", max(8, round(rng.gauss(14, 2))), 60.0)]

    def course(self, plan: SessionPlan, case: CaseProfile, rng: random.Random) -> StagedCourse:
        return StagedCourse({"talk": TALK}, (), plan.exchanges, rng)
