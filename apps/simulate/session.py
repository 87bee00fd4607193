"""One simulated session on virtual time: protocol, therapist, client, writers, and the record of it all.

The same case, protocol, therapist and seed give the same record, byte for byte, on any machine and in any process. Two
therapists with one seed meet the same client with the same luck, so that pairs can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.client import Client
from rapport.apps.simulate.feeling import client_target, moved, therapist_target
from rapport.apps.simulate.mind import (
    Disposition,
    Mind,
    answered,
    at_start,
    at_the_door,
    disclosure,
    disposition,
    distress,
    fear,
    next_session,
    passed,
)
from rapport.apps.simulate.protocols.contract import SessionPlan, SimulationProtocol, Step, View
from rapport.apps.simulate.records import ClientState, SessionRecord, Turn
from rapport.apps.simulate.therapists import Therapist
from rapport.apps.simulate.words import ClientWish, ClientWriter, RuleWriter, Said, TherapistWish, TherapistWriter
from rapport.persona.affect import AffectState
from rapport.persona.errors import StageError
from rapport.persona.transition import at_rest

WORDS_PER_S = 2.4
"""About 145 words a minute."""
EXCHANGE_SPREAD = 0.18
"""Standard deviation of the logarithm of an exchange's length."""
SEEN_SD = 0.07
MAX_EXCHANGES = 400
"""No session is longer, whatever a protocol does."""

Guard = Callable[[str], str]
"""Reads a text; returns what it found as one line, or nothing."""


@dataclass(frozen=True)
class Stops:
    """Rules that end a session before its protocol does. None: no such rule."""

    minutes: float | None = None
    exchanges: int | None = None
    suds_below: float | None = None
    """Ends the session after a rating below this."""

    def reason(self, view: View) -> str:
        if self.minutes is not None and view.minute >= self.minutes:
            return f"stop rule: {self.minutes:g} minutes are over"
        if self.exchanges is not None and view.exchanges >= self.exchanges:
            return f"stop rule: {self.exchanges} exchanges"
        if self.suds_below is not None and view.ratings and view.ratings[-1][1] < self.suds_below:
            return f"stop rule: a rating below {self.suds_below:g}"
        return ""


@dataclass
class Writers:
    """Who writes what. None stands for the rules."""

    client: ClientWriter | None = None
    therapist: TherapistWriter | None = None
    names: tuple[str, str] = ("rules", "rules")
    """Of the client's and the therapist's writer, for the record."""


@dataclass(frozen=True)
class Frame:
    """What the sessions of a run have in common."""

    protocol: SimulationProtocol
    therapist: Therapist
    seed: int
    stops: Stops = Stops()
    only: tuple[str, ...] = ()
    """Keys of the sessions to record; empty records all. Those before them are lived through all
    the same."""
    guard: Guard | None = None
    """Watches both sides, where words are not the rules'."""


def run_case(frame: Frame, case: CaseProfile, index: int, writers: Writers | None = None) -> list[SessionRecord]:
    """Every session of one case, in order; state goes on from one to the next.

    A writer that fails (StageError) makes its session start again, once; if it fails again, the session is recorded
    as failed with its turns so far, and the case goes on.
    """
    writers = writers or Writers()
    who = disposition(case, frame.protocol.subject == "trauma", rng_of(frame, index, "luck"))
    mind = at_start(who)
    records: list[SessionRecord] = []
    for plan in frame.protocol.sessions(case, rng_of(frame, index, "plan")):
        room = Room(frame, case, index, plan, who, mind, writers)
        attempts = 1
        try:
            room.run()
        except StageError:
            attempts = 2
            room = Room(frame, case, index, plan, who, mind, writers)
            try:
                room.run()
            except StageError as error:
                room.failed = str(error)
        mind = next_session(room.mind, who)
        if not frame.only or plan.key in frame.only:
            records.append(room.record(attempts))
        if frame.only and len(records) == len(frame.only):
            break
    return records


def rng_of(frame: Frame, index: int, use: str) -> random.Random:
    """The generator of one use in one case: the same in every process, and apart from every other."""
    return random.Random(f"{frame.seed}/{index}/{use}")


class Room:
    """One session while it runs."""

    def __init__(
        self, frame: Frame, case: CaseProfile, index: int, plan: SessionPlan, who: Disposition, mind: Mind,
        writers: Writers,
    ) -> None:  # fmt: skip
        self._frame, self._case, self._index, self._plan, self._who = frame, case, index, plan, who
        self.mind = at_the_door(mind, plan.anticipation)
        self.failed = ""
        rules = RuleWriter(case, frame.protocol.subject, rng_of(frame, index, f"{plan.key}/words").getrandbits(32))
        self._client_words = writers.client or rules
        self._therapist_words = writers.therapist or rules
        self._guards = (writers.client is not None, writers.therapist is not None)
        self._names = writers.names
        self._client = Client(case, who, frame.protocol.subject, rng_of(frame, index, f"{plan.key}/client"))
        self._course = frame.protocol.course(plan, case, rng_of(frame, index, f"{plan.key}/course"))
        self._bend = rng_of(frame, index, f"{plan.key}/therapist")
        self._time = rng_of(frame, index, f"{plan.key}/time")
        self._persona = case.persona
        self._feels = at_rest(self._persona, 0.0)
        self._therapist_feels = at_rest(frame.therapist.persona, 0.0)
        self._now_s = 0.0
        self._turns: list[Turn] = []
        self._view = View(seen_distress=distress(self.mind, who))
        self._stopped = ""

    def run(self) -> None:
        """To the end. Raises StageError when a writer fails."""
        for _ in range(MAX_EXCHANGES):
            step = self.ask()
            if step is None:
                return
            if not self.turn(step):
                return

    def ask(self) -> Step | None:
        """The therapist's next step, or None at the end."""
        if reason := self._frame.stops.reason(self._view):
            self._stopped = self._stopped or reason
            return None
        step = self._course.next(self._view)
        if step is None:
            return None
        self._stopped = self._stopped or step.stop
        return self._frame.therapist.bend(step, self._view, self._bend)

    def turn(self, step: Step) -> bool:
        """One exchange. False when it was the last: the session ends with the therapist's closing words."""
        self.therapist_turn(step)
        if step.act == "close":
            return False
        self.client_turn(step)
        return True

    def therapist_turn(self, step: Step, text: str | None = None) -> Turn:
        """The therapist's words, or `text` where a person speaks for the therapist."""
        wish = TherapistWish(step.act, self._seen_feeling(), self._plan.scale, self._plan.title)
        guarded = self._guards[1] or text is not None
        if text is None:
            text = self._therapist_words.therapist(wish, self.so_far)
        if self._frame.therapist.cuts and step.act == "interrupt":
            self._cut_last_turn()
        start_s = self._now_s
        self.mind = answered(self.mind, self._who, step.act)
        self._pass(len(text.split()) / WORDS_PER_S + 1.0)
        target = therapist_target(self._feels.emotion, self._therapist_feels, self._frame.therapist.persona)
        self._therapist_feels = moved(self._therapist_feels, self._frame.therapist.persona, target, self._now_s)
        turn = self._turn("therapist", text, (step.act,), step.stage, start_s, self._therapist_feels, guarded)
        self._turns.append(turn)
        return turn

    def client_turn(self, step: Step, text: str | None = None, rating: float | None = None) -> Turn:
        """The client's answer, or `text` where a person speaks for the client."""
        start_s = self._now_s
        acts = self._client.acts(self.mind, step.act)
        told = ""
        if text is None and "rate" in acts:
            rating, told = self._client.rating(self.mind, self._plan.scale)
        guarded = self._guards[0] or text is not None
        before = distress(self.mind, self._who)
        if text is None:
            wish = ClientWish(
                acts, before, self._feels.label, disclosure(self.mind, self._who), self.mind.avoidance, told
            )
            text = self._client_words.client(wish, self.so_far)
        length_s = self._plan.exchange_s * self._time.lognormvariate(0.0, EXCHANGE_SPREAD)
        spoken_s = len(text.split()) / WORDS_PER_S + 1.0
        therapist_s = start_s - self._turns[-1].start_s if self._turns else 0.0
        self._pass(max(spoken_s, length_s - therapist_s))
        active = self.mind.activation * fear(self.mind, self._who)
        target = client_target(distress(self.mind, self._who), active, self.mind.dissociation)
        self._feels = moved(self._feels, self._persona, target, self._now_s)
        turn = self._turn("client", text, acts, step.stage, start_s, self._feels, guarded)
        turn = turn.model_copy(update={"rating": rating, "state": self._state()})
        self._turns.append(turn)
        seen = distress(self.mind, self._who) + self._time.gauss(0.0, SEEN_SD)
        self._view = View(
            self._now_s / 60.0,
            self._view.exchanges + 1,
            acts,
            self._view.ratings if rating is None else (*self._view.ratings, (self._now_s / 60.0, rating)),
            min(1.0, max(0.0, seen)),
        )
        return turn

    def stop(self, reason: str) -> None:
        """Mark why the session ends here."""
        self._stopped = reason

    @property
    def so_far(self) -> Sequence[Said]:
        """The last turns, as writers may see them."""
        return [Said(turn.who, turn.text) for turn in self._turns[-12:]]

    def record(self, attempts: int = 1) -> SessionRecord:
        frame, plan = self._frame, self._plan
        return SessionRecord(
            id=f"{frame.protocol.name}-{frame.therapist.name}-{frame.seed}-{self._index + 1:06d}-{plan.key}",
            seed=frame.seed,
            case=self._index,
            protocol=frame.protocol.name,
            session=plan.key,
            title=plan.title,
            therapist=frame.therapist.name,
            writers={"client": self._names[0], "therapist": self._names[1]},
            scale=plan.scale,
            profile=self._case,
            turns=tuple(self._turns),
            stopped=self._stopped,
            attempts=attempts,
            failed=self.failed,
        )

    def _pass(self, seconds: float) -> None:
        self.mind = passed(self.mind, self._who, seconds / 60.0)
        self._now_s += seconds

    def _turn(
        self, who: str, text: str, acts: Sequence[str], stage: str, start_s: float, feels: AffectState, guarded: bool
    ) -> Turn:
        flag = self._frame.guard(text) if guarded and self._frame.guard is not None else ""
        return Turn.model_construct(
            who=who, text=text, acts=tuple(acts), stage=stage, start_s=round(start_s, 2), end_s=round(self._now_s, 2),
            vad=_rounded(feels.emotion.as_tuple()), mood=_rounded(feels.mood.as_tuple()), feeling=feels.label,
            rating=None, state=None, flag=flag,
        )  # fmt: skip

    def _state(self) -> ClientState:
        mind, who = self.mind, self._who
        shares: dict[str, Any] = {
            name: round(value, 4)
            for name, value in (
                ("fear", fear(mind, who)), ("activation", mind.activation), ("load", mind.load),
                ("avoidance", mind.avoidance), ("dissociation", mind.dissociation), ("trust", mind.trust),
                ("disclosure", disclosure(mind, who)), ("readiness", mind.readiness), ("safety", mind.safety),
            )
        }  # fmt: skip
        return ClientState.model_construct(suds=round(100.0 * distress(mind, who), 2), **shares)

    def _seen_feeling(self) -> str:
        return self._feels.label

    def _cut_last_turn(self) -> None:
        if self._turns and self._turns[-1].who == "client":
            words = self._turns[-1].text.split()
            if len(words) > 4:
                cut = " ".join(words[: max(3, len(words) // 2)]).rstrip(".,") + " -"
                self._turns[-1] = self._turns[-1].model_copy(update={"text": cut})


def _rounded(point: tuple[float, float, float]) -> tuple[float, float, float]:
    v, a, d = point
    return round(v, 4), round(a, 4), round(d, 4)
