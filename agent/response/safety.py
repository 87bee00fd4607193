"""Meets talk of suicide and self-harm before any model is asked: a small, conservative list of patterns and a plain
answer.

It is a floor, not a clinical screen: it looks for a person who speaks of ending their own life or hurting themselves,
and lets idioms ("this homework is killing me") and talk about films or the past of others pass. It names no telephone
number, because a number that is wrong for the person's country is worse than none.
"""

from __future__ import annotations

import re

from rapport.agent.response.turning import straighten

_I = r"\b(?:i|i'm|im|i'd|i'll|i've|i am|me)\b"
_DIE = (
    r"(?:kill(?:ing)? (?:my ?self)|end(?:ing)? (?:my (?:own )?life|it all)|tak(?:e|ing) my own life|"
    r"unalive(?: my ?self)?)"
)
_HARM = r"(?:hurt(?:ing)?|harm(?:ing)?|cut(?:ting)?|burn(?:ing)?|starv(?:e|ing)) my ?self"

_CRISIS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_DIE}\b",
        r"\b(?:commit|committing|attempt|attempting|attempted) suicide\b",
        r"\b(?:suicidal|thoughts? of suicide|suicide (?:note|plan)|(?:think|thinking|thought) (?:about|of) suicide)\b",
        rf"\b{_HARM}\b(?! (?:shaving|cooking|chopping|on|while|with the oven|accidentally|by accident))",
        r"\b(?:want|wanted|wanna|wish|ready|going|rather|better|hope|hoping) (?:i )?(?:to |was |were |be |just )*"
        r"(?:die|dead|be dead|never wake up|not wake up|disappear forever|not exist)\b"
        r"(?! (?:of|from|for|laughing|on the inside|my hair|it|them))",
        rf"{_I} (?:just |really |do |still )*(?:don't|dont|do not|no longer) want to "
        r"(?:live|be alive|exist|wake up|be here)(?: any ?more)?(?=\s*(?:$|[.,!?;]|and\b|because\b|but\b|any))",
        r"\b(?:better off|easier) (?:without me|if i (?:was|were) (?:dead|gone)|dead)\b",
        r"\b(?:no|not any|any) (?:reason|point) (?:to|in|for) (?:liv(?:e|ing)|go(?:ing)? on|be(?:ing)? alive)\b",
        r"\b(?:overdose|overdosing) (?:on|myself|tonight)\b|\btake all (?:of )?(?:my|the|these) pills\b",
        r"\bself[- ]harm(?:ing|ed)?\b",
    )
)

_NOT_ME = re.compile(
    r"\b(?:movie|film|book|novel|song|lyrics|show|series|episode|game|character|article|essay|documentary|news)\b"
    r"|\b(?:would never|will never|wouldn't|never going to|not going to|not gonna) (?:\w+ )?(?:kill|hurt|harm|cut)"
    r"|\b(?:not|never|isn't|ain't) (?:at all |feeling |actually |been )?suicidal\b"
    r"|\b(?:prevention|awareness|bomb|squad|hotline)\b"
)
"""Quoted, denied or fictional: passes, unless the person also says outright that they want to die."""

_FIRST_PERSON_WISH = re.compile(
    rf"{_I}[^.!?]{{0,40}}\b(?:want|going|plan|planning|thinking|ready|need|wanna|gonna)\b[^.!?]{{0,25}}"
    rf"(?:{_DIE}|{_HARM}|\b(?:to die|suicide)\b(?! (?:of|from|laughing)))"
)
_DENIED = re.compile(
    r"\b(?:not|never|don't|dont|wouldn't|isn't|ain't) (?:\w+ ){0,2}(?:want|going|plan|planning|thinking)\b"
)


def is_crisis(text: str) -> bool:
    """Whether somebody speaks of ending their own life or of hurting themselves."""
    plain = straighten(text[:20_000]).lower()
    for sentence in re.split(r"(?<=[.!?;])\s+|\bbut\b", plain):
        if _FIRST_PERSON_WISH.search(sentence) and not _DENIED.search(sentence):
            return True
        if _NOT_ME.search(sentence):
            continue
        if any(pattern.search(sentence) for pattern in _CRISIS):
            return True
    return False


def crisis_reply() -> tuple[str, ...]:
    """What is said then, in the same words each time."""
    return (
        "I'm really glad you told me, and I'm worried about you.",
        "I'm a computer program, so I can't keep you safe, but people can: "
        "please call your local emergency number or a crisis line now, or go to someone you trust and stay with them.",
        "Is there somebody near you whom you can tell right now?",
    )
