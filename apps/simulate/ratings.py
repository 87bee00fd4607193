"""Finding SUDS ratings in a transcript that does not mark them, and the scale they were given on.

Thousand Voices of Trauma mixes scales of 0 to 10 and 0 to 100 between sessions; the scale is found per session: any
rating above 10 means 0 to 100.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rapport.apps.simulate.words import Said

_ASKED = re.compile(
    r"\b(?:suds|number|scale|rat(?:e|ing)|distress|how (?:high|anxious|distressed|upset)|(?:0|zero|1"
    r"|one) to (?:10|ten|100)"
    r"|where are you (?:now|at))\b",
    re.IGNORECASE,
)
_WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_NUMBER = re.compile(
    rf"(?<![\w.:])(?:(?P<digits>\d{{1,3}})(?:\.\d)?(?![\w:])|(?P<tens>{_TENS})[- ](?P<unit>{_UNITS})\b"
    rf"|(?P<hundred>(?:a|one) hundred)\b|(?P<word>{'|'.join(_WORDS)})\b(?!\s+(?:of|day|time|thing|who|night)))",
    re.IGNORECASE,
)
_SCALE = re.compile(r"\b(?:out of|/|to) ?(?:10|100|ten|a hundred)\b|/ ?100?\b", re.IGNORECASE)


@dataclass(frozen=True)
class FoundRatings:
    """Ratings of one session."""

    scale: int
    """10 or 100; 100 when there are none."""
    values: tuple[tuple[int, float], ...]
    """Number of the turn and rating on 0 to 100, in order."""


def find_ratings(turns: Sequence[Said]) -> FoundRatings:
    """Ratings in the client's answers to turns in which the therapist asks for a number."""
    found: list[tuple[int, float]] = []
    for i, (asked, told) in enumerate(pairwise(turns), 1):
        if asked.who == "therapist" and told.who == "client" and _ASKED.search(asked.text):
            value = _first_number(told.text)
            if value is not None:
                found.append((i, value))
    scale = 100 if not found or max(value for _, value in found) > 10 else 10
    return FoundRatings(scale, tuple((i, value * 100 / scale) for i, value in found))


def _first_number(text: str) -> float | None:
    """The first number from 0 to 100 of an answer; what follows "out of" is the scale, not a rating."""
    for match in _NUMBER.finditer(_SCALE.sub(" ", text)):
        if match["digits"]:
            value = int(match["digits"])
        elif match["tens"]:
            value = _WORDS[match["tens"].lower()] + _WORDS[match["unit"].lower()]
        elif match["hundred"]:
            value = 100
        else:
            value = _WORDS[match["word"].lower()]
        if value <= 100:
            return float(value)
    return None
