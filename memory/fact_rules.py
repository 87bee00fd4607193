"""The rules by which facts are found: patterns over one plain sentence, and what each makes of a match. English.

A rule is a line at the end of this file; its groups are named for what they catch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rapport.memory.dates import plan_date

PETS = "dog|cat|puppy|kitten|rabbit|bunny|hamster|horse|pony|parrot|budgie|tortoise|guinea pig|ferret|goldfish|bird"
RELATIVES = (
    "mother|mum|mom|father|dad|parents|sister|brother|wife|husband|partner|girlfriend|boyfriend|fiancee?|fiancée?|son|"
    "daughter|baby|grandmother|grandma|nan|grandfather|grandpa|aunt|uncle|cousin|niece|nephew|best friend|friend|"
    "boss|flatmate|roommate|twin"
)
_JOBS = (
    "nurse|teacher|doctor|engineer|programmer|developer|student|lawyer|waiter|waitress|cook|chef|driver|carpenter|"
    "electrician|plumber|accountant|designer|manager|cleaner|cashier|farmer|musician|writer|journalist|scientist|"
    "researcher|midwife|paramedic|firefighter|police officer|soldier|pilot|baker|barista|librarian|mechanic|"
    "pharmacist|dentist|vet|architect|social worker|therapist|psychologist|carer|receptionist|secretary|salesman|"
    "saleswoman|shop assistant|translator|photographer|artist|actor|actress|builder|gardener|hairdresser|postman"
)
_NAME = r"(?P<name>[A-Z][\w'’-]{1,19})"
_ANY_NAME = r"(?P<name>[A-Za-zÀ-ÿ][\w'’-]{1,19})"
GONE = (
    r"(?:died|has died|is dead|passed away|has passed away|passed on|was put down|was put to sleep|had to be put down)"
)
_EVENT = (
    "exam|exams|test|finals|interview|job interview|presentation|operation|surgery|wedding|audition|trial|court date|"
    "hearing|appointment|scan|driving test|move|trip|holiday|funeral|concert|match|marathon|deadline|speech|talk"
)
_WHEN = (
    r"(?P<when>today|tonight|tomorrow|the day after tomorrow|"
    r"(?:on |this |next )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|next week|next month|in (?:a|an|one|two|three|four|five|six|ten|\d{1,2}) (?:days?|weeks?|months?)"
    r"|on (?:the )?\d{1,2}(?:st|nd|rd|th)?(?: of)? (?:january|february|march|april|may|june|july|august|september|"
    r"october|november|december)|on (?:january|february|march|april|may|june|july|august|september|october|november|"
    r"december) (?:the )?\d{1,2}(?:st|nd|rd|th)?)"
)
_THING = r"(?P<thing>(?:(?!\b(?:because|but|and i|so|since|when|though|although|which|who|that)\b)[^,.!?;:()\n]){2,50})"
_SOFTLY = (
    r"(?:so |really |very |quite |pretty |just |still |always |absolutely |totally |also |a bit |a little |terribly )*"
)
_AFRAID = r"(?:afraid|scared|frightened|terrified|nervous|worried|anxious) (?:of|about)"
_DETERMINER = re.compile(r"^(?:the|a|an|my|this|that|going to|to|about|of|being|having)\s+", re.I)


@dataclass(frozen=True, slots=True)
class FoundFact:
    """A fact before it is stored; see `rapport.memory.records.Fact`."""

    kind: str
    subject: str
    value: str
    confidence: float
    quote: str


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: re.Pattern[str]
    make: Callable[[re.Match[str], str], FoundFact | None]
    """From a match and the time at which it was said."""


def _thing(match: re.Match[str]) -> str:
    thing, before = match["thing"].strip(" '-").lower(), ""
    while thing != before:
        thing, before = _DETERMINER.sub("", thing), thing
    return re.sub(
        rf"\s*\b{_WHEN}\b.*$|\s+(?:any ?more|at all|so much|a lot|too|again|right now|now)$", "", thing
    ).strip()


def _named(kind: str, confidence: float) -> Callable[[re.Match[str], str], FoundFact | None]:
    def make(match: re.Match[str], _: str) -> FoundFact | None:
        name, what = match["name"].strip("'-"), match["what"].lower()
        if name.lower() in _NO_NAMES or name.lower().endswith(("ing", "ed", "n't")):
            return None
        name = re.sub(r"'s$", "", name)
        return FoundFact(kind, f"{what} {name.lower()}", f"called {name[0].upper()}{name[1:]}", confidence, "")

    return make


def _single(kind: str, confidence: float, value: str | None = None) -> Callable[[re.Match[str], str], FoundFact | None]:
    def make(match: re.Match[str], _: str) -> FoundFact | None:
        told = value or match["name"].strip(" '-")
        return None if told.lower() in _NO_NAMES else FoundFact(kind, "self", told, confidence, "")

    return make


def _about(kind: str, value: str, confidence: float) -> Callable[[re.Match[str], str], FoundFact | None]:
    def make(match: re.Match[str], _: str) -> FoundFact | None:
        thing = _thing(match)
        if len(thing) < 3 or thing in _NO_THINGS:
            return None
        return FoundFact(kind, thing, value, confidence, "")

    return make


def _plan(match: re.Match[str], said_at: str) -> FoundFact:
    what = " ".join(f"{match['which'] or ''} {match['what']}".lower().split())
    when = plan_date(match["when"], said_at) if match["when"] else None
    return FoundFact("plan", what, when or (match["when"] or "planned").lower(), 0.85 if when else 0.7, "")


def _outcome(match: re.Match[str], _: str) -> FoundFact:
    what = " ".join(f"{match['which'] or ''} {match['what']}".lower().split())
    return FoundFact("plan", what, match["how"].lower(), 0.8, "")


_NO_NAMES = frozenset(
    [
        "is",
        "was",
        "has",
        "had",
        "and",
        "or",
        "but",
        "the",
        "a",
        "an",
        "i",
        "not",
        "so",
        "very",
        "just",
        "always",
        "never",
        "because",
        "who",
        "that",
        "which",
        "he",
        "she",
        "it",
        "they",
        "we",
        "you",
        "my",
        "in",
        "on",
        "at",
        "to",
        "for",
        "with",
        "from",
        "of",
        "by",
        "died",
        "dead",
        "sick",
        "ill",
        "back",
        "home",
        "here",
        "there",
        "now",
        "then",
        "today",
        "fine",
        "okay",
        "ok",
        "good",
        "bad",
        "sad",
        "happy",
        "tired",
        "sorry",
        "sure",
        "glad",
        "afraid",
        "scared",
        "alone",
        "single",
        "married",
        "pregnant",
        "busy",
        "angry",
        "really",
        "also",
        "too",
        "still",
        "will",
        "would",
        "can",
        "could",
        "did",
        "does",
        "do",
        "got",
        "gets",
        "keeps",
        "left",
        "loves",
        "hates",
        "needs",
        "wants",
        "went",
        "came",
        "said",
        "says",
        "told",
        "makes",
        "made",
    ]
)
_NO_THINGS = frozenset(
    [
        "it",
        "that",
        "this",
        "them",
        "him",
        "her",
        "you",
        "me",
        "us",
        "what",
        "everything",
        "nothing",
        "something",
        "anything",
        "people",
        "life",
    ]
)
_I = r"(?:^|\b(?:and|but|well|so|yes|yeah|because|now)\s+|,\s*)i"
_WHICH = r"(?P<which>(?:(?!my|the|a|an)[\w-]+ ){0,2}?)"


def _rule(pattern: str, make: Callable[[re.Match[str], str], FoundFact | None], *, exact: bool = False) -> Rule:
    return Rule(re.compile(pattern, 0 if exact else re.I), make)


RULES = (
    _rule(rf"\b(?:my name is|my name's|call me|i am called|i'm called) {_ANY_NAME}", _single("name", 0.95)),
    _rule(rf"\b[Mm]y (?P<what>{PETS}),? {_NAME}\b", _named("pet", 0.9), exact=True),
    _rule(rf"\bmy (?P<what>{PETS}) (?:is|was) (?:called|named) {_ANY_NAME}", _named("pet", 0.95)),
    _rule(rf"\bmy (?P<what>{PETS})'s name is {_ANY_NAME}", _named("pet", 0.95)),
    _rule(
        rf"\bi (?:have|got|adopted) an? (?:\w+ )?(?P<what>{PETS}),? (?:called|named) {_ANY_NAME}", _named("pet", 0.95)
    ),
    _rule(
        rf"\bi (?:have|'ve got|own|adopted|got) an? (?:\w+ )?(?P<what>{PETS})\b(?!,? (?:called|named))",
        lambda m, _: FoundFact("pet", m["what"].lower(), "has one", 0.75, ""),
    ),
    _rule(rf"\b[Mm]y (?P<what>{RELATIVES}),? {_NAME}\b", _named("person", 0.85), exact=True),
    _rule(rf"\bmy (?P<what>{RELATIVES}) (?:is|was) (?:called|named) {_ANY_NAME}", _named("person", 0.95)),
    _rule(rf"\bmy (?P<what>{RELATIVES})'s name is {_ANY_NAME}", _named("person", 0.95)),
    _rule(rf"{_I} work as an? (?P<name>[\w -]{{3,30}}?)(?= (?:in|at|for|and|but|now)\b|[,.!]|$)", _single("job", 0.9)),
    _rule(
        rf"{_I}(?:'m| am) (?:now )?(?:a|an|working as a|working as an) (?P<name>(?:\w+ )?(?:{_JOBS}))\b",
        _single("job", 0.85),
    ),
    _rule(
        rf"{_I} (?:got|started|have) a (?:new )?job as an? (?P<name>[\w -]{{3,30}}?)(?= (?:in|at|for)\b|[,.!]|$)",
        _single("job", 0.9),
    ),
    _rule(
        r"\bi (?:just )?lost my job|\bi(?:'m| am) unemployed|"
        r"\bi (?:was|got|have been|'ve been) (?:fired|laid off|made redundant)",
        _single("job", 0.9, "lost their job"),
    ),
    _rule(r"\bi (?:just )?(?:quit|left) my job|\bi retired\b", _single("job", 0.85, "left their job")),
    _rule(
        rf"\b[Ii](?: live| am living|'m living| moved| have moved|'ve moved| just moved) (?:in|to|back to) {_NAME}",
        _single("home", 0.9),
        exact=True,
    ),
    _rule(rf"\b[Ii](?:'m| am| come) (?:originally )?from {_NAME}", _single("origin", 0.9), exact=True),
    _rule(
        rf"\b(?:i have|i've got|i've|there is|there's|i am having|i'm having) (?:an?|my|the|some)? ?"
        rf"{_WHICH}(?P<what>{_EVENT})\b(?: {_WHEN})?",
        _plan,
    ),
    _rule(rf"\bmy {_WHICH}(?P<what>{_EVENT}) is {_WHEN}", _plan),
    _rule(
        rf"\b(?:afraid of|scared of|worried about|nervous about|anxious about|dreading|terrified of) (?:my|the|an?) "
        rf"{_WHICH}(?P<what>{_EVENT})\b(?: {_WHEN})?",
        _plan,
    ),
    _rule(
        rf"\bi (?:just |finally )?(?P<how>passed|failed|cancelled) (?:my|the) {_WHICH}(?P<what>{_EVENT})\b", _outcome
    ),
    _rule(
        rf"{_I}(?:'m| am| was) (?:not|no longer) (?:really )?{_AFRAID} {_THING}",
        _about("fear", "not afraid of it", 0.8),
    ),
    _rule(
        rf"{_I}(?:'m| am| was|'ve been| have been) {_SOFTLY}{_AFRAID} {_THING}",
        _about("fear", "afraid of it", 0.85),
    ),
    _rule(rf"{_I}(?:'m| am) {_SOFTLY}dreading {_THING}", _about("fear", "afraid of it", 0.8)),
    _rule(
        rf"{_I} {_SOFTLY}(?:don't|do not|no longer) (?:really )?(?:like|love|enjoy) {_THING}",
        _about("taste", "dislikes", 0.8),
    ),
    _rule(
        rf"{_I} {_SOFTLY}(?:hate|can't stand|cannot stand|dislike|detest) {_THING}", _about("taste", "dislikes", 0.8)
    ),
    _rule(rf"{_I} {_SOFTLY}(?:love|like|enjoy|adore) {_THING}", _about("taste", "likes", 0.75)),
)
