"""`rapport simulate play`: a person takes one side in the terminal, against the simulated client or therapist.

What a person says as a therapist is read as one of the protocol's acts by rules over the words, so that the client can
answer to it. The guard watches both sides; when a person's words are a crisis, the play ends and help is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from rapport.agent.safety.guard import Guard
from rapport.agent.safety.levels import Level
from rapport.agent.safety.resources import crisis_reply, locale_of_environment
from rapport.apps.simulate.acts import TherapistAct
from rapport.apps.simulate.case import draw_case
from rapport.apps.simulate.command_run import script_from
from rapport.apps.simulate.mind import at_start, disposition
from rapport.apps.simulate.protocols.contract import SessionPlan, Step
from rapport.apps.simulate.protocols.names import load_protocol
from rapport.apps.simulate.ratings import find_ratings
from rapport.apps.simulate.records import NOTICE, SessionRecord
from rapport.apps.simulate.script import SimulationScript
from rapport.apps.simulate.session import MAX_EXCHANGES, Frame, Room, Writers, rng_of
from rapport.apps.simulate.therapists import therapist_named
from rapport.apps.simulate.words import Said
from rapport.persona.errors import InputError, StorageError

Ask = Callable[[str], str | None]
"""Shows a prompt and returns what the person said; None when they leave."""
Tell = Callable[[str, str], None]
"""Shows who says what."""

_CUES: tuple[tuple[TherapistAct, str], ...] = (
    ("probe", r"\b(?:suds|number|0 to 10|how high|rate|scale of)\b"),
    ("breathe", r"\bdeep breath|\bbreathe (?:in|deeply)\b"),
    ("reassure", r"\b(?:you(?:'re| are) (?:\w+ )?safe|it(?:'s| is) (?:all )?over|everything (?:is|will be"
     r"|is going to be)|don't worry|do not worry|nothing can happen)\b"),
    ("end_exposure", r"\blet (?:it|the picture|the memory) (?:now )?(?:go|fade)\b|\bleave the memory\b"),
    ("ground", r"\b(?:feet on|look around|this room|name (?:three|five)|open your eyes|what day is it)\b"),
    ("hold", r"\bstay with\b|\bkeep it there\b|\bdon't push it away\b"),
    ("begin_memory", r"\bclose your eyes\b|\bgo back to (?:that|the) (?:day|moment|night)\b|\bas if you were there\b"),
    ("repeat", r"\bonce more\b|\bfrom the (?:start|beginning)\b|\bagain from\b"),
    ("hot_spot", r"\b(?:worst|hardest) (?:part|moment|of it)\b|\bright at this moment\b"),
    ("confront", r"\byou(?:'re| are) avoiding\b|\bother people had it worse\b|\bare you sure (?:that )?(?:it|you)\b"),
    ("advise", r"\byou (?:should|must|have to|need to|ought to)\b|\bmy advice\b|\bwhy don't you\b"),
    ("pace", r"\btake your time\b|\bno hurry\b|\bslow(?:ly| down)\b|\bonly as much as you\b"),
    ("go_on", r"\bwhat happens next\b|^(?:and then|go on|keep going)\b|\bwhat do you (?:see|hear|notice)\b"),
    ("consent", r"\b(?:are you (?:willing|ready)|shall we|would you like to (?:try|begin))\b"),
    ("rationale", r"\bavoid\w* (?:\w+ ){0,4}(?:keeps|makes)\b|\bthe reason (?:why )?we\b|\bexposure\b"),
    ("evoke", r"\bwhy would you\b|\bwhat would be better\b|\breasons? to change\b|\bhow would you like\b"),
    ("plan", r"\bfirst step\b|\bwhat will you do\b|\bthis week\b.*\?"),
    (
        "validate",
        r"\b(?:makes sense|no wonder|understandable|any(?:body|one) (?:who|would)|of course (?:you|that|it))\b"
        r"|\bgiven what\b"
        r"|\b(?:you did what you could|how you survived)\b",
    ),
    ("reflect", r"\b(?:you feel|you're feeling|you are feeling|you felt|it sounds (?:like|as if)|you seem"
     r"|that must)\b"),
    ("praise", r"\b(?:well done|you(?:'re| are) doing|that took courage|proud of you|good work)\b"),
    ("affirm", r"\b(?:i respect|i admire|that shows|strength|i believe in you)\b"),
    ("suggest", r"\b(?:what if you|perhaps you could|maybe you could|one thing that helps)\b"),
    ("paraphrase", r"\b(?:so what i hear|you(?:'re| are) saying|in other words|if i understand)\b"),
    ("summarise", r"\b(?:let me (?:gather|sum|put it together)|so far)\b"),
    ("feeling_question", r"\b(?:what|how) (?:do|did) you feel\b|\bwhat (?:comes up|goes through)\b|\bin your body\b"),
    ("greet", r"^(?:hello|hi|good (?:morning|afternoon)|welcome)\b"),
    ("close", r"\b(?:see you next|until next time|we stop here for today|goodbye|bye)\b"),
    ("open_question", r"\b(?:what|how)\b.*\?|\btell me\b"),
    ("closed_question", r"\?"),
)  # fmt: skip
_COMPILED: tuple[tuple[TherapistAct, re.Pattern[str]], ...] = tuple(
    (act, re.compile(pattern, re.IGNORECASE)) for act, pattern in _CUES
)


def act_of(text: str) -> TherapistAct:
    """Which of the protocol's acts a therapist's words are; what fits none goes as `go_on`."""
    for act, cue in _COMPILED:
        if cue.search(text):
            return act
    return "go_on"


def play(
    script: SimulationScript, side: Literal["client", "therapist"], session: str | None, case_number: int, ask: Ask,
    tell: Tell, writers: Writers | None = None,
) -> SessionRecord:  # fmt: skip
    """One session between a person and the simulation; returns its record, also when the person leaves early."""
    guard = Guard.shipped()
    protocol = load_protocol(script.protocol)
    case = draw_case(case_number - 1, script.seed, script.odds, script.profile)
    frame = Frame(
        protocol, therapist_named(script.therapists[0]), script.seed, script.stop.stops,
        guard=lambda text: guard.read(text).note or "",
    )  # fmt: skip
    plan = _plan(list(protocol.sessions(case, rng_of(frame, case_number - 1, "plan"))), session)
    who = disposition(case, protocol.subject == "trauma", rng_of(frame, case_number - 1, "luck"))
    names = ("person", "rules") if side == "client" else ("rules", "person")
    room = Room(frame, case, case_number - 1, plan, who, at_start(who), writers or Writers(names=names))
    for _ in range(MAX_EXCHANGES):
        step = room.ask()
        if side == "therapist":
            text = ask("therapist")
            if text is None:
                break
            step = Step(act_of(text), "played")
            room.therapist_turn(step, text)
            if step.act != "close":
                tell("client", room.client_turn(step).text)
        else:
            if step is None:
                break
            tell("therapist", room.therapist_turn(step).text)
            text = None if step.act == "close" else ask("client")
            if text is not None:
                room.client_turn(step, text, _rating(room, text))
        if text is not None and (found := guard.read(text)).level is Level.CRISIS:
            # A person may mean it: the play is over, and help is named.
            for sentence in crisis_reply(found, locale_of_environment()):
                tell("rapport", sentence)
            room.stop(f"a crisis in the {side}'s words")
            break
        if step.act == "close" or text is None:
            break
    return room.record()


def _rating(room: Room, text: str) -> float | None:
    found = find_ratings([*room.so_far[-1:], Said("client", text)]).values
    return found[-1][1] if found else None


def _plan(plans: list[SessionPlan], key: str | None) -> SessionPlan:
    if key is None:
        return plans[0]
    for plan in plans:
        if plan.key == key:
            return plan
    raise InputError(f"there is no session {key!r}; choose one of {', '.join(plan.key for plan in plans)}")


def play_command(
    path: Path | None, given: Mapping[str, Any], side: Literal["client", "therapist"], session: str | None, case: int,
    out: Path | None,
) -> None:  # fmt: skip
    """In the terminal; an empty line or Ctrl-D leaves."""
    script = script_from(path, given)
    console = Console(highlight=False)
    console.print(NOTICE, style="dim")
    console.print(f"You are the {side}. An empty line or Ctrl-D ends the session.", style="dim")

    def ask(who: str) -> str | None:
        try:
            return console.input(f"[bold]{who}[/] ").strip() or None
        except EOFError:
            return None

    record = play(script, side, session, case, ask, lambda who, text: console.print(f"[bold]{who}[/] {text}"))
    told = ", ".join(f"{value:g} after {minute:.0f} min" for minute, value in record.ratings)
    console.print(f"{len(record.turns)} turns. Ratings: {told or 'none'}.", style="dim")
    if out is not None:
        try:
            out.write_text(record.line(), "utf-8")
        except OSError as error:
            raise StorageError(f"{out}: cannot be written ({error.strerror})") from None
