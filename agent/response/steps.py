"""The chain of empathy computed step by step, for models too small to reason: each step by its own trained part.

Event by grammar, emotion from perception, cause by the extractor (RECCON), goal by the strategy policy (ESConv), and
then the words. A part that is not installed leaves its step to the rules of `plan`, and the trace says so.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.cause import Cause
from rapport.agent.response.exemplars import Exemplar, Likeness
from rapport.agent.response.plan import Reading, read, readable
from rapport.agent.stages import ReplyRequest

CERTAIN_CAUSE = 0.5
"""Causes that the extractor is not surer of than this are left to the rules."""
LONGEST_CAUSE_WORDS = 24
"""A longer one is no cause but the whole story."""
ALIKE = 0.3
"""Probability of fitting from which an exemplar's answer is spoken. Readings that the model learned from are strict: of
turns of EmpatheticDialogues' development part that were read, about seven of ten were answered well at .3 to .4, and
nine of ten above .5."""
MOST_EXEMPLARS = 3
"""Answers of so many exemplars compete."""
_LOOKED_AT = 8
_AS_ALIKE = 0.05
"""Probabilities that differ by less say nothing of which fits better."""
SURELY_ALIKE = 0.4
"""Probability from which the answer to good or bad news may meet a turn without a feeling, and the other way round."""


class CauseFinder(Protocol):
    """See `rapport.agent.response.cause.CauseExtractor`."""

    def extract(self, utterance: str, emotion: str, context: Sequence[ContextTurn] = ()) -> Cause: ...


class ExemplarFinder(Protocol):
    """See `rapport.agent.response.exemplars.Exemplars`."""

    def nearest(self, text: str, *, context: str = "", count: int = 3) -> list[Likeness]: ...


class GoalPolicy(Protocol):
    """See `rapport.agent.response.strategy.StrategyPolicy`."""

    def distribution(
        self, turns: Sequence[ContextTurn], *, emotion: str, previous: Sequence[str]
    ) -> dict[str, float]: ...


@dataclass(frozen=True)
class Steps:
    """A reading with where each step of its plan comes from, for the trace."""

    reading: Reading
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    alike: Sequence[Exemplar] = ()
    """Exemplars of turns like this one, the most alike first; empty where there is none."""


@dataclass(frozen=True)
class Planner:
    """Computes the plan of a turn. Any part may be missing."""

    cause: CauseFinder | None = None
    policy: GoalPolicy | None = None
    exemplars: ExemplarFinder | None = None

    def plan(self, request: ReplyRequest) -> Steps:
        """Read a turn step by step. Any text is fine."""
        text, label = readable(request.text), request.perceived.label
        sources = {"event": "rules", "emotion": "perceived", "cause": "rules", "goal": "rules"}
        plain = read(request)
        if plain.kind not in ("telling", "advice"):
            return Steps(plain, sources)
        cause = ""
        if self.cause is not None and label != "neutral":
            found = self.cause.extract(text, label, _turns(request))
            if found.confidence > CERTAIN_CAUSE and 1 < len(found.text.split()) <= LONGEST_CAUSE_WORDS:
                cause = found.text.strip(" .!?,;")
                sources["cause"] = f"extracted ({found.confidence:.2f})"
        odds: dict[str, float] | None = None
        if self.policy is not None and plain.kind == "telling" and plain.tone == "bad":
            # What the agent's turns were is not remembered, but whether they asked can be seen.
            previous = ["question" if e.agent.rstrip().endswith("?") else "reflection" for e in request.history]
            turns = [*_turns(request), ContextTurn(text, same_speaker=True)]
            odds = self.policy.distribution(turns, emotion=label, previous=previous)
        reading = read(request, cause=cause, odds=odds)
        if odds is not None:
            sources["goal"] = f"policy ({odds.get(reading.plan.strategy, 0.0):.2f})"
        alike = self._alike(request, reading, text)
        if alike:
            sources["words"] = f"exemplars ({alike[0].score:.2f})"
        return Steps(reading, sources, tuple(near.exemplar for near in alike))

    def _alike(self, request: ReplyRequest, reading: Reading, text: str) -> list[Likeness]:
        """What may be answered as a turn before was; nothing while the safety guard worries."""
        if self.exemplars is None or request.guidance:
            return []
        before = " ".join(exchange.person for exchange in list(request.history)[-2:])
        found = self.exemplars.nearest(text, context=before, count=_LOOKED_AT)
        fitting = [near for near in found if _fits(near, reading)]
        # Of those about as alike chance decides, or all who have lost a dog would hear the same.
        alike = [near for near in fitting if near.score >= fitting[0].score - _AS_ALIKE]
        random.Random(f"{request.seed}|{text}").shuffle(alike)
        return [*alike, *fitting[len(alike) :]][:MOST_EXEMPLARS]


def _fits(near: Likeness, reading: Reading) -> bool:
    tone = near.exemplar.tone
    if tone == ("advice" if reading.kind == "advice" else reading.tone):
        return near.score >= ALIKE
    return reading.kind != "advice" != tone and "plain" in (tone, reading.tone) and near.score >= SURELY_ALIKE


def _turns(request: ReplyRequest) -> list[ContextTurn]:
    """The talk before this turn, oldest first."""
    return [
        ContextTurn(words, same_speaker=speaker == 0)
        for exchange in request.history
        for speaker, words in enumerate((exchange.person, exchange.agent))
        if words.strip()
    ]
