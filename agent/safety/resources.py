"""What is said in a crisis: fixed, warm sentences, and where there is help in the person's country "
"(resources.yaml)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rapport.agent.safety.levels import Finding, Kind
from rapport.persona.card import read_yaml

RESOURCES_FILE = Path(__file__).with_name("resources.yaml")
_LOCALE = re.compile(r"^[A-Za-z]{2,3}[-_]([A-Za-z]{2})(?:[.@].*)?$")
_URGENT: tuple[Kind, ...] = ("medical emergency", "violence", "abuse", "minor")


@dataclass(frozen=True)
class Help:
    """Help in one country, or anywhere: whom to call in an emergency and, for a kind of risk, whom to talk to."""

    emergency: str
    """As said in a sentence, e.g. "999"; "your local emergency number" where none is known."""
    talk: str
    """As said in a sentence, e.g. "call 116 123 (Samaritans)"; empty where there is none for this kind."""


@cache
def _data() -> Mapping[str, Any]:
    return read_yaml(RESOURCES_FILE.read_text("utf-8"), RESOURCES_FILE.name)


def locale_of_environment() -> str | None:
    """The locale that LC_ALL or LANG names, as "en-GB"; None for none, "C" and "POSIX"."""
    for name in ("LC_ALL", "LANG"):
        value = os.environ.get(name, "")
        if _LOCALE.match(value):
            return value.split(".")[0].split("@")[0].replace("_", "-")
    return None


def country_of(locale: str | None) -> str | None:
    """The country of a locale such as "en-GB" or "de_AT.UTF-8", in capitals; None where it names none."""
    match = _LOCALE.match(locale or "")
    return match.group(1).upper() if match else None


def help_for(kind: Kind, locale: str | None) -> Help:
    """Help for a kind of risk where the person is. Nothing is guessed: unknown countries get no number."""
    data, country = _data(), country_of(locale)
    entry = data["emergency"].get(country) or (data["emergency"]["EU"] if country in data["EU"] else None)
    emergency = str(entry["number"]) if entry else "your local emergency number"
    for line in data["lines"].get(country, ()):
        if kind in line["kinds"]:
            return Help(emergency, f"{line['how']} ({line['name']})")
    names = [line["name"] for line in data["anywhere"] if kind in line["kinds"]]
    return Help(emergency, f"find a line near you through {names[0]}" if names else "")


def crisis_reply(found: Finding, locale: str | None) -> tuple[str, ...]:
    """What is said in a crisis, in the same words each time."""
    kind: Kind = found.kind or "suicide"
    there = help_for(kind, locale)
    if found.about_other:
        opening = "Thank you for telling me; this sounds serious, and it is right that you speak up."
        act = (
            f"I'm a computer program and can't reach anyone, "
            f"but you can: if they are in danger now, call {there.emergency}"
        )
        stay = "Stay with them or on the line with them if you can do so safely, and don't carry this alone."
    elif kind == "violence":
        opening = "Thank you for saying this out loud; I'm taking it seriously."
        act = (
            f"I'm a computer program and can't keep anyone "
            f"safe. Please step away from them now, and call {there.emergency}"
        )
        stay = "Put distance between you and anything that could hurt somebody, and let someone you trust be with you."
    elif kind == "medical emergency":
        return (
            "This could be a medical emergency, and I'm a computer program, so please don't wait for me.",
            f"Call {there.emergency} now, and do what they tell you.",
            "If somebody is near, call them to you.",
        )
    elif kind in ("abuse", "minor"):
        opening = "I'm so sorry this is happening, and it is not your fault."
        act = (
            f"I'm a computer program and can't come to "
            f"help, but people can: if you are in danger now, call {there.emergency}"
        )
        stay = (
            "Please tell a grown-up you trust, such as a teacher, a doctor or a relative, today."
            if kind == "minor"
            else "If you can do it safely, get to a place with other people, and tell someone you trust."
        )
    else:
        opening = "I'm really glad you told me, and I'm worried about you."
        act = (
            f"I'm a computer program, so I can't keep you "
            f"safe, but people can: if you might act on this, call {there.emergency} now"
        )
        stay = "Is there somebody near you whom you can tell right now, and who can stay with you?"
    return (opening, f"{act}." if not there.talk else f"{act}. To talk to someone, {there.talk}.", stay)


FOLLOW_UPS: tuple[str, ...] = (
    "Before anything else: how are you now, after what you told me earlier?",
    "I still think of what you told me. Are you safe right now?",
)
"""Said at the beginning of the turns after a crisis."""
