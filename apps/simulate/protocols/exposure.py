"""Prolonged exposure: six conversations per case, as in Thousand Voices of Trauma (arXiv 2504.13955).

Published: the six phases and their order in the benchmark, SUDS ratings about every five minutes, imaginal exposure
for 30 to 45 minutes, hold ("Stay with it") and repeat, and how many turns each phase has (mean and standard deviation
counted over the
3,000 released files). Foa, Hembree & Rothbaum (2007) is the manual behind them. Ours: that each phase is a session of
its own with days in between, how long the other five last, the share of each act, and the rule of the safety stop.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from rapport.apps.simulate.acts import TherapistAct
from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.protocols.contract import SessionPlan, Step, View, weighted

AWAY_FOR = 3
"""Exchanges in a row in which the client stays away in spite of grounding, after which exposure stops."""
TOO_HIGH = 97.0
TOO_HIGH_FOR = 3
"""Ratings in a row at TOO_HIGH or more, the last not below the first, after which exposure stops."""
HELD = 60.0
"""A last rating above this holds the client in the exposure for up to MORE exchanges."""
MORE = 2

Weights = dict[TherapistAct, float]


@dataclass(frozen=True)
class Phase:
    """One of the six."""

    key: str
    title: str
    turns: tuple[float, float]
    """Mean and standard deviation of turns of both sides, as published."""
    minutes: tuple[float, float]
    opening: tuple[TherapistAct, ...]
    middle: Weights
    closing: tuple[TherapistAct, ...]
    anticipation: float
    exposes: bool = False
    probe_every_min: float = 0.0
    """Minutes after which the next rating is asked for; 0 for a phase without ratings."""
    long_scale: float = 0.5
    """Chance that ratings are asked from 0 to 100 rather than from 0 to 10."""


PHASES: tuple[Phase, ...] = (
    Phase(
        "P5", "Orientation to imaginal exposure", (20.6, 3.8), (12, 18),
        ("greet", "rationale", "feeling_question", "expect"),
        {"open_question": 2, "feeling_question": 2, "validate": 2, "reflect": 2, "rationale": 1.5, "expect": 1.5,
         "paraphrase": 1},
        ("summarise", "consent", "close"),
        0.46,
    ),
    Phase(
        "P10", "Full imaginal exposure", (63.9, 10.9), (30, 45),
        ("greet", "consent", "probe", "begin_memory"),
        {"go_on": 5, "hold": 3, "hot_spot": 2, "feeling_question": 2, "praise": 1.5, "repeat": 1, "validate": 0.7},
        ("probe", "end_exposure", "validate", "close"),
        0.47, exposes=True, probe_every_min=6.0, long_scale=262 / 484,
    ),
    Phase(
        "P6", "Monitoring SUDS", (33.3, 5.5), (22, 30),
        ("greet", "consent", "probe", "begin_memory"),
        {"go_on": 4, "hold": 3, "feeling_question": 2, "praise": 1.5, "hot_spot": 1, "repeat": 0.7},
        ("probe", "end_exposure", "close"),
        0.47, exposes=True, probe_every_min=4.2, long_scale=31 / 497,
    ),
    Phase(
        "P7", "Reinforcing comments", (29.5, 6.5), (18, 26),
        ("greet", "begin_memory"),
        {"hold": 5, "praise": 4, "go_on": 3, "hot_spot": 1.5, "validate": 1, "repeat": 0.7},
        ("praise", "end_exposure", "close"),
        0.50, exposes=True,
    ),
    Phase(
        "P8", "Eliciting thoughts and feelings", (30.9, 4.9), (18, 26),
        ("greet", "begin_memory"),
        {"feeling_question": 6, "open_question": 3, "hot_spot": 1.5, "reflect": 2, "go_on": 2, "validate": 1},
        ("end_exposure", "open_question", "close"),
        0.50, exposes=True,
    ),
    Phase(
        "P11", "Processing", (24.6, 4.2), (15, 20),
        ("greet", "open_question"),
        {"open_question": 5, "reflect": 2, "validate": 2, "paraphrase": 1.5, "feeling_question": 2, "affirm": 1},
        ("summarise", "homework", "close"),
        0.22,
    ),
)  # fmt: skip
"""In the order of the benchmark."""

_BY_KEY = {phase.key: phase for phase in PHASES}


class ProlongedExposure:
    """The protocol "pe"."""

    name = "pe"
    subject = "trauma"

    def __init__(self, model: str | None = None) -> None:
        pass

    def sessions(self, case: CaseProfile, rng: random.Random) -> Sequence[SessionPlan]:
        plans: list[SessionPlan] = []
        for phase in PHASES:
            mean, sd = phase.turns
            turns = min(mean + 2.5 * sd, max(mean - 2.5 * sd, rng.gauss(mean, sd)))
            exchanges = max(len(phase.opening) + len(phase.closing) + 1, round((turns - 1) / 2))
            exchange_s = 60.0 * rng.uniform(*phase.minutes) / exchanges
            scale = 100 if rng.random() < phase.long_scale else 10
            plans.append(SessionPlan(phase.key, phase.title, exchanges, exchange_s, phase.anticipation, scale))
        return plans

    def course(self, plan: SessionPlan, case: CaseProfile, rng: random.Random) -> PhaseCourse:
        return PhaseCourse(_BY_KEY[plan.key], plan.exchanges, rng)


@dataclass
class PhaseCourse:
    """Opening, middle, closing. In exposures the middle answers to what shows: grounding before anything else, pacing
    for one who turns away, a rating when five minutes have passed, holding while distress is high."""

    phase: Phase
    exchanges: int
    """How many exchanges the session is to have; the closing act comes after them."""
    rng: random.Random
    _said: int = 0
    _ending: list[TherapistAct] = field(default_factory=list[TherapistAct])
    _stop: str = ""
    _last: TherapistAct | None = None
    _probed_min: float = -99.0
    _away: int = 0
    _guarded: int = 0
    _more: int = MORE

    def next(self, view: View) -> Step | None:
        act = self._act(view)
        if act is None:
            return None
        if act == "probe":
            self._probed_min = view.minute
        self._said, self._last = self._said + 1, act
        return Step(act, self._stage(), self._stop)

    def _act(self, view: View) -> TherapistAct | None:
        phase = self.phase
        if self._ending:
            return self._ending.pop(0)
        if self._said < len(phase.opening):
            return phase.opening[self._said]
        if self._stop or self._last == "close":
            return None
        if phase.exposes and (reason := self._must_stop(view)):
            self._stop = reason
            self._ending = ["ground", "validate", "close"]
            return "end_exposure"
        if self._said + len(phase.closing) > self.exchanges and not self._holds(view):
            self._ending = list(phase.closing[1:])
            return phase.closing[0]
        return self._middle(view)

    def _middle(self, view: View) -> TherapistAct:
        phase = self.phase
        if view.away:
            return "ground"
        if view.guarded:
            self._guarded += 1
            if self._guarded % 2:
                return "pace" if phase.exposes else "validate"
        if phase.probe_every_min and view.minute - self._probed_min >= phase.probe_every_min:
            return "probe"
        if self._last == "ground" and phase.exposes:
            return "go_on"
        return weighted(self.rng, phase.middle, but=self._last)

    def _holds(self, view: View) -> bool:
        if not (self.phase.probe_every_min and view.ratings and view.ratings[-1][1] > HELD and self._more):
            return False
        self._more -= 1
        return True

    def _must_stop(self, view: View) -> str:
        self._away = self._away + 1 if view.away else 0
        if self._away >= AWAY_FOR:
            return "safety stop: dissociation did not yield to grounding"
        last = [rating for _, rating in view.ratings[-TOO_HIGH_FOR:]]
        if len(last) == TOO_HIGH_FOR and min(last) >= TOO_HIGH and last[-1] >= last[0] and view.minute > 20:
            return "safety stop: distress stayed at the top of the scale"
        return ""

    def _stage(self) -> str:
        if self._stop:
            return "stop"
        if self._said <= len(self.phase.opening):
            return "opening"
        return "closing" if self._ending or self._last == "close" else "exposure" if self.phase.exposes else "talk"
