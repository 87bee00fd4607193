"""One simulated session that a visitor watches: what they chose, the session turn by turn, and what they take along.

The words are the rules', so that a whole session costs milliseconds; how fast it is shown is up to whoever iterates.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapport.apps.demo.exports import ExportedFile
from rapport.apps.simulate.case import CaseProfile, draw_case
from rapport.apps.simulate.media_cast import Who, cast
from rapport.apps.simulate.mind import at_start, disposition, next_session
from rapport.apps.simulate.protocols.contract import SessionPlan
from rapport.apps.simulate.protocols.names import load_protocol
from rapport.apps.simulate.records import SessionRecord
from rapport.apps.simulate.report import POLICY, report_html
from rapport.apps.simulate.runner import SESSIONS, measured_of
from rapport.apps.simulate.script import SimulationScript, script_of
from rapport.apps.simulate.session import Frame, Room, Writers, rng_of
from rapport.apps.simulate.summary import summarise
from rapport.apps.simulate.therapists import therapist_named
from rapport.persona.affect import VAD
from rapport.persona.card import FaceCard, Persona, load_persona, shipped_personas
from rapport.persona.errors import InputError

MOST_EXCHANGES = 60
"""Of a session on the page; the command line has no such limit."""
MOST_SEED = 999_999
MOST_OCCUPATION_CHARS = 60
STOPPED = "stopped by whoever watched"


@dataclass(frozen=True)
class Choice:
    """What a visitor chose. Everything comes from outside and is checked by `script`."""

    protocol: str = "pe"
    session: str = "P10"
    therapist: str = "true"
    seed: int = 7
    exchanges: int = 40
    temperament: str = ""
    """A shipped persona whose Big Five and face the client has; empty for those of the case."""
    occupation: str = ""
    """Empty for that of the case."""

    def script(self) -> SimulationScript:
        """As a script of `rapport simulate`.

        Raises:
            InputError: a value that cannot be.
            ComponentError: an unknown protocol.
        """
        if not 1 <= self.exchanges <= MOST_EXCHANGES:
            raise InputError(f"a session here has 1 to {MOST_EXCHANGES} exchanges")
        if not 0 <= self.seed <= MOST_SEED:
            raise InputError(f"the client's number must be from 0 to {MOST_SEED}")
        profile: dict[str, Any] = {}
        if self.temperament:
            profile["big_five"] = dict(load_shipped(self.temperament).big_five)
        if self.occupation.strip():
            profile["occupation"] = self.occupation.strip()
        return script_of(
            {
                "protocol": self.protocol,
                "seed": self.seed,
                "therapists": [self.therapist],
                "sessions": [self.session],
                "profile": profile,
                "stop": {"exchanges": self.exchanges},
            },
            "the simulation",
        )

    def case(self) -> CaseProfile:
        """Who the client is. Raises as `script` does."""
        script = self.script()
        return draw_case(0, script.seed, script.odds, script.profile)


def load_shipped(name: str) -> Persona:
    """A shipped persona. Raises InputError for any other name: none from outside becomes a path."""
    if name not in shipped_personas():
        raise InputError(f"unknown temperament {name!r}; choose one of {', '.join(shipped_personas())}")
    return load_persona(name)


def sessions_of(protocol: str, seed: int = 0) -> list[SessionPlan]:
    """The sessions of a protocol's first case. Raises ComponentError for an unknown protocol."""
    found = load_protocol(protocol)
    frame = Frame(found, therapist_named("true"), seed)
    return list(found.sessions(draw_case(0, seed), rng_of(frame, 0, "plan")))


class Simulation:
    """One session, from its opening to its end. The same choice gives the record that `rapport simulate run` gives.

    Raises:
        InputError, ComponentError: as `Choice.script` does.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.script = choice.script()
        self.case = choice.case()
        self._stopped = asyncio.Event()
        self._room, self.plan = self._at_the_door()
        self.faces: dict[Who, FaceCard] = {who: player.face for who, player in cast(self.record, ()).items()}
        if choice.temperament:
            self.faces["client"] = load_shipped(choice.temperament).face

    @property
    def record(self) -> SessionRecord:
        """The session so far."""
        return self._room.record()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """End the session before its next turn."""
        self._room.stop(STOPPED)
        self._stopped.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until the session is stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            pass

    async def turns(self) -> AsyncGenerator[None, None]:
        """Yields whenever somebody has spoken; `record` has the words. What is computed runs in a thread."""
        while not self.stopped:
            step = await asyncio.to_thread(self._room.ask)
            if step is None:
                return
            await asyncio.to_thread(self._room.therapist_turn, step)
            yield
            if step.act == "close" or self.stopped:
                return
            await asyncio.to_thread(self._room.client_turn, step)
            yield

    def feeling_of(self, who: Who) -> VAD:
        """What one of the two last felt; neutral before their first turn."""
        return next((VAD(*turn.vad) for turn in reversed(self.record.turns) if turn.who == who), VAD())

    # ---------------------------------------------------------------------------------------- what may be taken along

    async def session_file(self) -> ExportedFile:
        """The session as one line of JSON, in the format that `rapport simulate` writes and converts."""
        return ExportedFile("session.jsonl", "application/x-ndjson", self.record.line().encode())

    async def report_file(self) -> ExportedFile:
        """The report that `rapport simulate run` writes, about this session alone, to be looked at in a tab."""
        page = await asyncio.to_thread(self._report)
        policy = f"{POLICY}; sandbox allow-scripts"  # the report's scripts may run, but not as the page's own
        return ExportedFile("report.html", "text/html; charset=utf-8", page.encode(), policy)

    def _report(self) -> str:
        record = self.record
        measured = [measured_of(record)]
        with tempfile.TemporaryDirectory(prefix="rapport-") as folder:  # the report reads sessions from a file
            path = Path(folder) / SESSIONS
            path.write_text(record.line(), "utf-8")
            return report_html(summarise(measured, self.script), measured, path)

    def _at_the_door(self) -> tuple[Room, SessionPlan]:
        """The room of the session that was chosen; those before it are lived through unseen."""
        script, case = self.script, self.case
        protocol = load_protocol(script.protocol)
        frame = Frame(protocol, therapist_named(script.therapists[0]), script.seed, script.stop.stops, script.sessions)
        who = disposition(case, protocol.subject == "trauma", rng_of(frame, 0, "luck"))
        mind = at_start(who)
        for plan in protocol.sessions(case, rng_of(frame, 0, "plan")):
            room = Room(frame, case, 0, plan, who, mind, Writers())
            if plan.key == self.choice.session:
                return room, plan
            room.run()
            mind = next_session(room.mind, who)
        raise InputError(f"there is no session {self.choice.session!r}; choose one of the list")
