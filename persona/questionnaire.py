"""A personality from ten answers: the scoring of the two ten-item questionnaires of the Big Five.

- TIPI, the Ten-Item Personality Inventory (Gosling, Rentfrow & Swann 2003, Journal of Research in Personality 37,
  504-528): answers 1 (disagree strongly) to 7 (agree strongly). Its authors let researchers use it without asking; its
  wordings are below.
- BFI-10 (Rammstedt & John 2007, Journal of Research in Personality 41, 203-212): answers 1 to 5. The authors allow it
  for non-commercial research and keep the copyright, so only the key is here: each item's number, trait and direction,
  with a keyword of ours in place of the wording. Take the sheet itself from the paper.

Two items a trait measure broadly and not finely; neither is meant for judging a single person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapport.persona.big_five import TRAITS, BigFive, Trait
from rapport.persona.errors import InputError


@dataclass(frozen=True)
class Item:
    """One statement. Agreeing speaks for the trait, or against it when `reverse`."""

    text: str
    trait: Trait
    reverse: bool = False


@dataclass(frozen=True)
class Questionnaire:
    """Items in their published order, answered from 1 (disagree strongly) to `most` (agree strongly)."""

    name: str
    stem: str
    """What the person reads before every item."""
    items: tuple[Item, ...]
    most: int

    def score(self, answers: Sequence[int]) -> BigFive:
        """Mean of a trait's items, reversed ones turned round, brought from 1..`most` to 0..1.

        Raises InputError when the number of answers is wrong or one is no whole number from 1 to `most`.
        """
        if isinstance(answers, str) or len(answers) != len(self.items):
            raise InputError(f"{self.name} takes {len(self.items)} answers, one for each item, got {len(answers)}")
        points: dict[Trait, list[float]] = {trait: [] for trait in TRAITS}
        for number, (item, answer) in enumerate(zip(self.items, answers, strict=True), start=1):
            if isinstance(answer, bool) or answer not in range(1, self.most + 1):
                raise InputError(
                    f"{self.name} item {number} ({item.text}): answer with a whole number from 1 to {self.most}, "
                    f"got {answer!r}"
                )
            share = (answer - 1) / (self.most - 1)
            points[item.trait].append(1.0 - share if item.reverse else share)
        return BigFive(**{trait: sum(shares) / len(shares) for trait, shares in points.items()})


TIPI = Questionnaire(
    "TIPI",
    "I see myself as:",
    (
        Item("Extraverted, enthusiastic", "extraversion"),
        Item("Critical, quarrelsome", "agreeableness", reverse=True),
        Item("Dependable, self-disciplined", "conscientiousness"),
        Item("Anxious, easily upset", "neuroticism"),
        Item("Open to new experiences, complex", "openness"),
        Item("Reserved, quiet", "extraversion", reverse=True),
        Item("Sympathetic, warm", "agreeableness"),
        Item("Disorganized, careless", "conscientiousness", reverse=True),
        Item("Calm, emotionally stable", "neuroticism", reverse=True),
        Item("Conventional, uncreative", "openness", reverse=True),
    ),
    most=7,
)
"""The published key scores emotional stability (items 4 reversed and 9); neuroticism is its opposite."""

BFI10 = Questionnaire(
    "BFI-10",
    "",
    (
        Item("reserve", "extraversion", reverse=True),
        Item("trust", "agreeableness"),
        Item("laziness", "conscientiousness", reverse=True),
        Item("ease under stress", "neuroticism", reverse=True),
        Item("little interest in art", "openness", reverse=True),
        Item("company", "extraversion"),
        Item("fault-finding", "agreeableness", reverse=True),
        Item("thoroughness", "conscientiousness"),
        Item("nerves", "neuroticism"),
        Item("imagination", "openness"),
    ),
    most=5,
)
"""Keywords instead of wordings; see above."""
