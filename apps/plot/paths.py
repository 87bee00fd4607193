"""What is drawn: how two people have felt, moment by moment, with the words and the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from rapport.apps.traces import EvidenceSeen, ExplanationSeen, PerceivedSeen, TurnSeen
from rapport.persona.affect import VAD, Evidence

AXES = ("valence", "arousal", "dominance")


@dataclass(frozen=True)
class AffectPoint:
    """A feeling at a moment: seconds from the start of the conversation, or the number of its turn."""

    at: float
    vad: VAD
    label: str
    words: str = ""
    """What its owner said in that turn."""
    reasons: tuple[str, ...] = ()
    """Why it is there, one line each."""
    mood: VAD | None = None
    """The slow mood beneath it."""
    smoothed: tuple[VAD, tuple[float, float, float]] | None = None
    """The feeling smoothed over time, with a standard deviation per axis."""
    conflict: bool = False
    """What was said and how it was said disagree."""
    begins: bool = False
    """A conversation begins here: nothing leads from the point before to this one."""


class Side(NamedTuple):
    """One of the two: their class in the drawing, their name, and their feelings."""

    who: Literal["person", "agent"]
    name: str
    points: list[AffectPoint]


@dataclass
class AffectPaths:
    """How both have felt so far, oldest first."""

    person: list[AffectPoint] = field(default_factory=list[AffectPoint])
    agent: list[AffectPoint] = field(default_factory=list[AffectPoint])
    unit: Literal["second", "turn"] = "second"
    """What the moments count."""
    names: tuple[str, str] = ("you", "agent")
    """What the two are called."""

    @property
    def sides(self) -> tuple[Side, Side]:
        return Side("person", self.names[0], self.person), Side("agent", self.names[1], self.agent)

    def latest(self, count: int) -> AffectPaths:
        """The same without what is older than the last `count` points of each."""
        return replace(self, person=self.person[-count:], agent=self.agent[-count:])


def signed(number: float) -> str:
    """A number with its sign and two digits, as a paper prints it: −0.37; what rounds to nothing is 0.00."""
    return f"{number:+.2f}".replace("-", "−") if abs(number) >= 0.005 else "0.00"


def vad_text(vad: VAD) -> str:
    return f"valence {signed(vad.valence)}, arousal {signed(vad.arousal)}, dominance {signed(vad.dominance)}"


def evidence_texts(evidence: Iterable[Evidence | EvidenceSeen]) -> tuple[str, ...]:
    """One line for each clue, with its modality and its weight towards pleasant or unpleasant."""
    return tuple(f"{clue.modality}: {clue.text} ({signed(clue.weight)})" for clue in evidence)


def because_texts(because: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """One line for each axis: its whole move and the parts that add up to it."""
    return tuple(
        f"{axis} moved {signed(sum(parts.values()))}: "
        + ", ".join(f"{cause} {signed(part)}" for cause, part in parts.items())
        for axis, parts in because.items()
    )


def explanation_texts(explanation: ExplanationSeen) -> tuple[str, ...]:
    """The three headings of an explanation, one line each."""
    headed = {
        "key observations": " ".join(explanation.key_observations),
        "interpretation": explanation.interpretation,
        "conclusion": explanation.conclusion,
    }
    return tuple(f"{heading}: {text}" for heading, text in headed.items() if text)


def perceived_texts(perceived: PerceivedSeen) -> tuple[str, ...]:
    """Everything that speaks for what was perceived."""
    return (
        *([perceived.compound] if perceived.compound else []),
        *evidence_texts(perceived.evidence),
        *([perceived.conflict] if perceived.conflict else []),
        *(explanation_texts(perceived.explanation) if perceived.explanation else ()),
    )


def paths_of(turns: Sequence[TurnSeen]) -> AffectPaths:
    """The paths of a trace over its turns. A turn that does not follow the one before begins another conversation."""
    paths = AffectPaths(unit="turn", names=("Person", turns[0].persona.capitalize()))
    shift = 0
    for i, turn in enumerate(turns):
        last = turns[i - 1] if i else None
        begins = last is None or turn.session != last.session or turn.turn <= last.turn
        if last is not None and begins:
            shift += last.turn - turn.turn + 1
        at = turn.turn + shift
        fused, smoothed, felt = turn.perceived.fused, turn.perceived.smoothed, turn.felt
        if begins:
            rest = felt.before
            paths.agent.append(
                AffectPoint(
                    at - 0.5,
                    rest.vad.vad,
                    rest.label,
                    reasons=("before the first word",),
                    mood=rest.mood.vad,
                    begins=True,
                )
            )
        paths.person.append(
            AffectPoint(
                at,
                fused.vad.vad,
                fused.label,
                turn.heard.text,
                perceived_texts(turn.perceived),
                smoothed=None if smoothed is None else (smoothed.vad.vad, smoothed.sd.numbers),
                conflict=bool(turn.perceived.conflict),
                begins=begins,
            )
        )
        paths.agent.append(
            AffectPoint(
                at,
                felt.after.vad.vad,
                felt.after.label,
                turn.reply.text,
                because_texts(felt.because),
                felt.after.mood.vad,
            )
        )
    return paths
