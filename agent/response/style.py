"""How a persona speaks: length, formality, humour and questions per turn, as numbers that every responder keeps to.

The card's `speech` says them as numbers; what it leaves out is read from the words of its `manner` ("Short sentences, a
little humour, no questions"). The same settings reach the rules, the embedded model and any chat model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rapport.agent.response.clauses import split_sentences
from rapport.memory.records import Exchange
from rapport.persona.card import Persona

Length = Literal["brief", "short", "medium", "long"]

WORDS: Mapping[Length, tuple[int, int]] = {"brief": (4, 15), "short": (10, 32), "medium": (14, 45), "long": (24, 70)}
"""Least and most words of a reply on average, by length."""


@dataclass(frozen=True)
class Style:
    """The settings of a persona's speech. `formality` and `humour` in [0, 1], `questions_per_turn` in [0, 2]."""

    length: Length = "medium"
    formality: float = 0.4
    humour: float = 0.2
    questions_per_turn: float = 1.0
    """The most questions that a turn may hold on average: 0.5 asks in every second turn at most."""

    @property
    def words(self) -> tuple[int, int]:
        return WORDS[self.length]


_SETTINGS: Sequence[tuple[str, re.Pattern[str], object]] = tuple(
    (field, re.compile(rf"\b(?:{pattern})\b", re.I), value)
    for field, pattern, value in (
        ("length", r"long (?:sentences|answers|replies)|talkative|chatty|elaborate|at length", "long"),
        ("length", r"short|concise|compact", "short"),
        ("length", r"brief(?:ly)?|terse|laconic|few words|one sentence", "brief"),
        ("formality", r"informal|casual|plain words|blunt|slang|colloquial|relaxed", 0.1),
        ("formality", r"careful|precise|polite", 0.6),
        ("formality", r"formal(?:ly)?|no contractions|courteous|old-fashioned", 0.9),
        ("humour", r"humou?r|funny|witty|playful|jokes?|teasing", 0.6),
        ("humour", r"no (?:humou?r|jokes?)|humou?rless|serious|solemn", 0.0),
        ("questions_per_turn", r"(?:few|seldom|hardly any|rarely asks) questions|seldom asks|rarely asks", 0.5),
        ("questions_per_turn", r"no questions|never asks|asks nothing|without questions", 0.0),
        ("questions_per_turn", r"many questions|curious|asks a lot", 2.0),
    )
)


def style_of(persona: Persona) -> Style:
    """The settings that the card's `manner` names; where two words disagree, the later line of the table counts."""
    style = Style()
    for field, pattern, value in _SETTINGS:
        if pattern.search(persona.manner):
            style = replace(style, **{field: value})  # pyright: ignore[reportArgumentType] - one field and its value
    given = {field: value for field, value in persona.speech.model_dump().items() if value is not None}
    return replace(style, **given)


def questions_in(text: str) -> int:
    """How many of a text's sentences are questions."""
    return sum(sentence.rstrip("\"')").endswith("?") for sentence in split_sentences(text))


def questions_left(style: Style, history: Sequence[Exchange]) -> int:
    """How many questions this turn may hold, so that the turns that are remembered keep to the setting on average.

    Two turns in a row that ended in a question are followed by one without, unless the persona asks more than once a
    turn: a talk is no interview.
    """
    asked = [questions_in(exchange.agent) for exchange in history]
    room = math.floor(style.questions_per_turn * (len(asked) + 1) + 1e-9) - sum(asked)
    if style.questions_per_turn <= 1 and len(asked) >= 2 and min(asked[-2:]) > 0:
        return 0
    return max(0, min(room, math.ceil(style.questions_per_turn)))


_IRREGULAR: Mapping[str, str] = {"won't": "will not", "can't": "cannot", "shan't": "shall not", "ain't": "is not"}
_ENDINGS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\b([Ll])et's\b"), r"\1et us"),
    (re.compile(r"(?<=\w)n't\b"), " not"),
    (re.compile(r"\bI'm\b"), "I am"),
    (re.compile(r"(?<=\w)'re\b"), " are"),
    (re.compile(r"(?<=\w)'ve\b"), " have"),
    (re.compile(r"(?<=\w)'ll\b"), " will"),
    (re.compile(r"\b([Ii]t|[Tt]hat|[Tt]here|[Hh]e|[Ss]he|[Ww]hat|[Ww]here|[Ww]ho|[Hh]ow)'s\b(?! been\b)"), r"\1 is"),
)
_WONT = re.compile(rf"\b(?:{'|'.join(_IRREGULAR)})\b", re.I)
FORMAL = 0.7
"""From this formality on, contractions are written out."""


def in_style(sentence: str, style: Style) -> str:
    """A sentence as the persona says it: contractions written out by the formal."""
    if style.formality < FORMAL:
        return sentence

    def whole(match: re.Match[str]) -> str:
        word = _IRREGULAR[match.group().lower()]
        return word.capitalize() if match.group()[0].isupper() else word

    text = _WONT.sub(whole, sentence)
    for pattern, instead in _ENDINGS:
        text = pattern.sub(instead, text)
    return text


def style_in_words(style: Style) -> str:
    """The settings for a language model's prompt: "You speak in short, informal sentences, with a little humour." """
    formality = "formal" if style.formality >= FORMAL else "informal" if style.formality <= 0.2 else ""
    length = "" if style.length == "medium" else "very short" if style.length == "brief" else style.length
    kind = ", ".join(word for word in (length, formality) if word) or "plain"
    humour = ", with a little humour where nobody is hurt" if style.humour >= 0.5 else ""
    return f"You speak in {kind} sentences{humour}."


def fit(words: int, style: Style) -> float:
    """1 for a reply of as many words as the style wants, falling to 0 at twice the most or at none."""
    least, most = style.words
    if words < least:
        return words / least
    return 1.0 if words <= most else max(0.0, 1.0 - (words - most) / most)
