"""Facts out of what a person says of themselves, by rules that can be read. English.

Only plain statements count: what is asked, wished, supposed or quoted tells nothing for sure. One current fact stands
per kind and subject, so a newer statement on the same subject supersedes the older one ("my dog Max", "Max died").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rapport.memory.fact_rules import GONE, PETS, RELATIVES, RULES, FoundFact

MOST_CHARACTERS = 4_000
"""Longer turns count by their beginning."""

_UNSURE = re.compile(
    r"\?|\b(?:if|wish|imagine|suppose|pretend|maybe one day|would have|could have|should have|dreamt|dreamed|"
    r"in (?:my|the) dream|used to|joking|kidding|(?:he|she|they) (?:said|says|told))\b",
    re.I,
)
_QUOTED = re.compile(r"[\"“][^\"”]*[\"”]")
_SENTENCE = re.compile(r"[^.!?\n;]+[.!?]*")


def extract(said: str, said_at: str, known: Sequence[tuple[str, str]] = ()) -> list[FoundFact]:
    """Facts in a person's own words, at most one per kind and subject, in order.

    Args:
        said: a turn.
        said_at: when, ISO 8601; dates such as "on Friday" are counted from there.
        known: kind and subject of what is known so far, so that "Max died" finds the dog.
    """
    found: dict[tuple[str, str], FoundFact] = {}
    for sentence in _sentences(said):
        for fact in (*_by_rules(sentence, said_at), *_losses(sentence, [*known, *found])):
            found[fact.kind, fact.subject] = fact
    return list(found.values())


def replaces(new: FoundFact, kind: str, subject: str) -> bool:
    """Whether a new fact takes the place of a known one: the same subject, or the same pet once it has a name."""
    if new.kind != kind:
        return False
    return new.subject == subject or (kind in {"pet", "person"} and new.subject.startswith(f"{subject} "))


def _sentences(said: str) -> Iterator[str]:
    for match in _SENTENCE.finditer(_QUOTED.sub(" ", said[:MOST_CHARACTERS].replace("’", "'"))):
        sentence = " ".join(match.group().split())
        if len(sentence) > 3 and not _UNSURE.search(sentence):
            yield sentence


def _by_rules(sentence: str, said_at: str) -> Iterator[FoundFact]:
    for rule in RULES:
        for match in rule.pattern.finditer(sentence):
            fact = rule.make(match, said_at)
            if fact is not None:
                yield FoundFact(fact.kind, fact.subject, fact.value, fact.confidence, sentence)


def _losses(sentence: str, known: Sequence[tuple[str, str]]) -> Iterator[FoundFact]:
    """Somebody has died who is known by name, or who is the person's only one of their kind."""
    for match in re.finditer(rf"\b(?P<my>my )?(?P<who>[\w'-]+(?: [\w'-]+)?) {GONE}\b", sentence, re.I):
        heard = [word.lower() for word in match["who"].split()]
        alive = [(kind, subject) for kind, subject in known if kind in {"pet", "person"}]
        fits = [fact for fact in alive if fact[1].split()[-1] == heard[-1]]
        if not fits and match["my"] and not any(word.endswith("'s") for word in heard):
            fits = [fact for fact in alive if fact[1].split()[0] == heard[0]]
            if not fits and (kind := _kind_of(heard)):
                fits = [(kind, " ".join(heard))]
        if len(fits) == 1:
            yield FoundFact(*fits[0], "died", 0.9, sentence)


def _kind_of(words: Sequence[str]) -> str | None:
    if re.fullmatch(PETS, words[0]):
        return "pet"
    return "person" if re.fullmatch(RELATIVES, words[0]) or re.fullmatch(RELATIVES, " ".join(words)) else None
