"""What a protocol is: sessions, each with a course that names the therapist's next act from what can be seen.

A plug-in is a class with these attributes and one method, declared in the entry-point group `rapport.protocol`:

    [project.entry-points."rapport.protocol"]
    my-protocol = "my_package:MyProtocol"
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rapport.apps.simulate.acts import ClientAct, TherapistAct
from rapport.apps.simulate.case import CaseProfile


@dataclass(frozen=True)
class View:
    """What the therapist can see before a turn. Nothing of the client's inner state but what shows."""

    minute: float = 0.0
    """Virtual minutes since the session began."""
    exchanges: int = 0
    """Therapist turns so far that the client has answered."""
    client_acts: tuple[ClientAct, ...] = ()
    """What the client did last."""
    ratings: tuple[tuple[float, float], ...] = ()
    """Minute and rating, 0 to 100, of every rating told so far."""
    seen_distress: float = 0.5
    """Distress as it shows in voice and face, in [0, 1], with noise."""

    @property
    def away(self) -> bool:
        """Whether the client seems not to be in the room (dissociation shows)."""
        return "dissociate" in self.client_acts or "numb" in self.client_acts

    @property
    def guarded(self) -> bool:
        """Whether the client turned away from the question."""
        return bool({"avoid", "withdraw", "protest", "refuse_rating"} & set(self.client_acts))


@dataclass(frozen=True)
class Step:
    """The therapist's next act, and where in the protocol it stands."""

    act: TherapistAct
    stage: str = ""
    """The part of the session, e.g. ESConv's "comforting"."""
    stop: str = ""
    """Why the session ends before its time, e.g. a safety stop; mostly empty."""


class Course(Protocol):
    """One session's state machine."""

    def next(self, view: View) -> Step | None:
        """The next act; None when the session is over."""
        ...


@dataclass(frozen=True)
class SessionPlan:
    """One session of a protocol."""

    key: str
    """Short and without spaces: it stands in file names."""
    title: str
    exchanges: int
    """How many exchanges it is to have, before what happens in it makes it longer or shorter."""
    exchange_s: float
    """Virtual seconds from one therapist turn to the next, on average: speaking, silence and all."""
    anticipation: float = 0.0
    """How near to the memory the client expects to be brought, in [0, 1]: it is that active already at the door."""
    scale: int = 100
    """10 or 100: the scale that ratings are asked on."""


class SimulationProtocol(Protocol):
    """A way of working."""

    name: str
    subject: str
    """What it is about: a case's "trauma", "problem" or "change_goal"."""

    def sessions(self, case: CaseProfile, rng: random.Random) -> Sequence[SessionPlan]:
        """The sessions of one case, in order."""
        ...

    def course(self, plan: SessionPlan, case: CaseProfile, rng: random.Random) -> Course:
        """A fresh state machine for one session."""
        ...


def weighted(rng: random.Random, weights: dict[TherapistAct, float], but: TherapistAct | None = None) -> TherapistAct:
    """One act by weight; `but` is left out where there is another."""
    names: list[TherapistAct] = [act for act in weights if act != but] or list(weights)
    left = rng.random() * sum(weights[act] for act in names)
    for act in names:
        left -= weights[act]
        if left < 0:
            return act
    return names[-1]
