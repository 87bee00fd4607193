"""Supportive listening after ESConv (Liu et al. 2021, arXiv 2106.01144): exploration, comforting, action.

The share of each of the eight strategies in the beginning, the middle and the end is counted over the 910 dialogues
of ESConv's train part (exploration: the first fifth of a dialogue, comforting: the second, action: the rest without
the last fifth, which is mostly goodbyes). How a strategy is divided among our acts, and how many exchanges a session
has, is ours; ESConv's dialogues have 29.3 turns on average.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from rapport.apps.simulate.acts import TherapistAct
from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.protocols.contract import SessionPlan, Step, View, weighted

TURNS = (29.3, 5.0)
"""Mean as in ESConv; its standard deviation (10.2) is halved, since its length depends much on the writer."""

STAGES: dict[str, dict[TherapistAct, float]] = {
    "exploration": {"open_question": 30, "feeling_question": 14, "closed_question": 7, "paraphrase": 12, "affirm": 9,
                    "reflect": 5, "disclose_self": 5, "suggest": 2, "inform": 1.5},
    "comforting": {"open_question": 12, "feeling_question": 7, "affirm": 19, "suggest": 15, "disclose_self": 13,
                   "reflect": 8, "validate": 4.5, "paraphrase": 9.5, "inform": 5.5},
    "action": {"suggest": 24, "affirm": 17.5, "open_question": 8, "plan": 4, "disclose_self": 11, "reflect": 5,
               "validate": 3.5, "inform": 9.7, "paraphrase": 3},
}  # fmt: skip
"""Weights of acts by stage, in percent of ESConv's strategies."""


class SupportiveListening:
    """The protocol "supportive"."""

    name = "supportive"
    subject = "problem"

    def __init__(self, model: str | None = None) -> None:
        pass

    def sessions(self, case: CaseProfile, rng: random.Random) -> Sequence[SessionPlan]:
        return [SessionPlan("S1", "Supportive listening", max(8, round(rng.gauss(*TURNS) / 2)), 70.0)]

    def course(self, plan: SessionPlan, case: CaseProfile, rng: random.Random) -> StagedCourse:
        return StagedCourse(STAGES, (0.3, 0.6), plan.exchanges, rng)


@dataclass
class StagedCourse:
    """Stages one after the other, by the share of the session that is over; one who turns away is met first.

    ESConv's stages are to be followed flexibly: a client that is still very distressed is comforted rather than
    advised.
    """

    stages: dict[str, dict[TherapistAct, float]]
    ends: tuple[float, ...]
    """Share of the session at which each stage but the last ends."""
    exchanges: int
    rng: random.Random
    _said: int = 0
    _last: TherapistAct | None = None

    def next(self, view: View) -> Step | None:
        names = list(self.stages)
        share = self._said / self.exchanges
        stage = names[sum(share >= end for end in self.ends)]
        if self._last == "close":
            return None
        if self._said == 0:
            act: TherapistAct = "greet"
        elif self._said >= self.exchanges:
            act = "close"
        elif self._said == self.exchanges - 1:
            act = "summarise"
        elif view.guarded or view.away:
            act = "validate" if self._last != "validate" else "reflect"
        else:
            if stage == "action" and view.seen_distress > 0.75:
                stage = "comforting"
            act = weighted(self.rng, self.stages[stage], but=self._last)
        self._said, self._last = self._said + 1, act
        return Step(act, stage)
