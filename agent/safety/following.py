"""What is kept in mind after a crisis: the agent asks how the person is, stays careful for some turns, and "
"lets go."""

from __future__ import annotations

from dataclasses import dataclass

from rapport.agent.safety.levels import Finding, Kind, Level
from rapport.agent.safety.resources import FOLLOW_UPS

TURNS_AFTER_CRISIS = 6
TURNS_AFTER_CONCERN = 2


@dataclass(frozen=True)
class Following:
    """For how many more turns the agent is careful, and whether it still has to ask. Never changed in place."""

    kind: Kind | None = None
    turns: int = 0
    questions: tuple[str, ...] = ()
    """What is still to be asked, one at the beginning of every second turn."""

    def after(self, found: Finding) -> Following:
        """What is kept in mind once a turn with this finding is over."""
        if found.level is Level.CRISIS:
            return Following(found.kind, TURNS_AFTER_CRISIS, FOLLOW_UPS)
        turns = max(0, self.turns - 1)
        if found.level is Level.CONCERN and turns < TURNS_AFTER_CONCERN:
            return Following(found.kind, TURNS_AFTER_CONCERN, self.questions)
        asked = self.question is not None
        return Following(self.kind, turns, self.questions[asked:]) if turns else Following()

    @property
    def question(self) -> str | None:
        """What the next turn begins with, unless it is a crisis itself."""
        return self.questions[0] if self.questions and self.turns % 2 == 0 and self.turns else None

    def guidance(self, found: Finding) -> str:
        """What a reply has to heed, as one line for a language model's prompt; empty when there is nothing."""
        if found.level is Level.CONCERN:
            return (
                f"They may be at risk ({found.kind}). Take it seriously, name what you heard, ask gently "
                f"whether they are "
                "safe, and remind them that people can help. Do not judge, diagnose, advise on medicine or "
                "promise secrecy."
            )
        if self.turns:
            return (
                f"Earlier they spoke of a danger ({self.kind}). Stay gentle and careful, and do not make light of it."
            )
        return ""
