"""The rules that can be read: rules.yaml, compiled, and asked sentence by sentence.

They are a floor under the classifier: what a rule is sure of does not depend on weights, and every finding names the
rule and the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from rapport.agent.safety.levels import Finding, Kind, Level
from rapport.agent.safety.spelling import plain, sentences
from rapport.persona.card import read_yaml

RULES_FILE = Path(__file__).with_name("rules.yaml")

_PAST = re.compile(
    r"\b(?:years? ago|used to|as a (?:teenager|teen|child|kid)|when i was|in college|last year|in the (?:past|spring|"
    r"summer|autumn|winter)|months? ago|back then|anniversary|in high school|a few years|once when)\b"
)
_DENIED = re.compile(
    r"\b(?:i'm |i am |it's |we're )?(?:not|never|no longer|wouldn't|won't|don't|didn't|haven't|isn't|without|stopped|"
    r"would never|will never)\b(?:\s+(?!that\b)[\w']+){0,3}?\s+$"
)
_NOT_DENIED = re.compile(r"\b(?:can't|couldn't|lie|lied|lying|reasons? not|why not)\b")
_SUBJECT_I = re.compile(r"(?:^|[,:;] |\b(?:and|that|because) )(?:i|i'm|i'll|i've|i'd)(?: \w+){0,3}\s+[\w' ]*$")
_QUOTE = re.compile(r'"[^"]{0,300}"')
_LEAST = 0.9
"""The probability that a matching rule stands for at least: nine in ten was what rules kept to on "
"development cases."""


@dataclass(frozen=True)
class Rule:
    """One entry of rules.yaml."""

    name: str
    kind: Kind
    level: Level
    any: re.Pattern[str]
    unless: re.Pattern[str] | None
    past: Level
    denied: Level
    other: bool


@dataclass(frozen=True)
class RuleSet:
    rules: tuple[Rule, ...]
    fiction: re.Pattern[str]
    joking: re.Pattern[str]


@cache
def rule_set() -> RuleSet:
    """The shipped rules."""
    data: dict[str, Any] = read_yaml(RULES_FILE.read_text("utf-8"), RULES_FILE.name)
    words: dict[str, str] = data["words"]

    def compiled(patterns: list[str]) -> re.Pattern[str]:
        # Words stand inside words: two rounds reach the bottom.
        text = "|".join(f"(?:{pattern})" for pattern in patterns)
        for _ in range(2):
            text = re.sub(r"<([a-z]+)>", lambda match: words[match.group(1)], text)
        return re.compile(text)

    def rule(entry: dict[str, Any]) -> Rule:
        level = Level.named(entry["level"])
        return Rule(
            entry["name"],
            cast(Kind, entry["kind"]),
            level,
            compiled(entry["any"]),
            compiled(entry["unless"]) if "unless" in entry else None,
            Level.named(entry["past"]) if "past" in entry else level,
            Level.named(entry["denied"]) if "denied" in entry else level,
            bool(entry.get("other", False)),
        )

    return RuleSet(tuple(rule(entry) for entry in data["rules"]), compiled(data["fiction"]), compiled(data["joking"]))


@dataclass(frozen=True)
class Match:
    """A rule that matched a sentence, and as what."""

    rule: Rule
    level: Level
    words: str
    passed: bool
    """Whether the sentence is about fiction, news or a figure of speech, so that the match counts for nothing."""


def matches(text: str) -> list[Match]:
    """Every rule that matches somewhere in a text, gravest first. Never fails, whatever the text."""
    found: list[Match] = []
    rules = rule_set()
    for sentence in sentences(plain(text)):
        fiction, joking = (p.search(sentence) is not None for p in (rules.fiction, rules.joking))
        # Words that are only quoted are somebody else's: they are not read, except where nothing else was said.
        bare = _QUOTE.sub('""', sentence)
        spoken = bare if len(bare) > 4 else sentence
        for rule in rules.rules:
            match = rule.any.search(spoken)
            if match is None or (rule.unless is not None and rule.unless.search(spoken)):
                continue
            level = rule.level
            if _PAST.search(spoken):
                level = min(level, rule.past)
            if _is_denied(spoken, match):
                level = min(level, rule.denied)
            if level > Level.NONE:
                passed = (joking and rule.kind in ("suicide", "violence")) or (
                    fiction and not _SUBJECT_I.search(spoken[: match.start()] + " " + match.group()[:12])
                )
                found.append(Match(rule, level, match.group().strip(), passed))
    return sorted(found, key=lambda m: (m.passed, -m.level))


def _is_denied(sentence: str, match: re.Match[str]) -> bool:
    """Whether a "not" stands before what matched, within three words, and no second one turns it round."""
    before = sentence[: match.start()] + " "
    before = re.sub(r"\s+", " ", before)
    return _DENIED.search(before) is not None and _NOT_DENIED.search(before[-24:]) is None


def by_rules(text: str) -> Finding:
    """What the rules alone find."""
    counted = [m for m in matches(text) if not m.passed]
    if not counted:
        return Finding()
    first = counted[0]
    words = tuple(dict.fromkeys(m.words for m in counted if m.level == first.level))
    return Finding(
        first.level, first.rule.kind, _LEAST, words, first.rule.name, first.rule.other or is_about_other(text)
    )


_OTHER = re.compile(
    r"\b(?:my|a|our) (?:\w+ ){0,2}(?:friend|mate|brother|sister|son|daughter|girlfriend|boyfriend|wife"
    r"|husband|mum|mom|"
    r"mother|dad|father|cousin|roommate|colleague|neighbou?r|student|ex|nan|grandmother|grandfather|baby|toddler|guy|"
    r"uncle)\b|\b(?:he|she|they)(?:'s|'ll)?\b"
)
_ME = re.compile(
    r"\b(?:me|myself|my (?:arms?|wrists?|life|head|throat|chest))\b|\bi (?:want|wish|am|can't|took|cut)\b"
    r"|\bi'm (?:going|hiding)\b"
)


def is_about_other(text: str) -> bool:
    """Whether a text seems to speak of somebody else than its speaker."""
    flat = plain(text)
    return _OTHER.search(flat) is not None and _ME.search(flat) is None
