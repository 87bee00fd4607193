"""The phrases and word lists of this folder, from the YAML files beside it: data that people may edit without code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from rapport.persona.card import read_yaml


@cache
def phrases() -> dict[str, Any]:
    """The writer's stocks of phrases, see `phrases.yaml`."""
    return _read("phrases.yaml")


@cache
def words(name: str) -> frozenset[str]:
    """One word list of `words.yaml`."""
    return frozenset(str(_read("words.yaml")[name]).split())


@dataclass(frozen=True)
class Topic:
    """What can be said when a turn is about this, by tone ("good" or "bad") and purpose ("say" or "ask")."""

    stems: frozenset[str]
    lines: Mapping[str, Mapping[str, tuple[str, ...]]]


@cache
def topics() -> tuple[Topic, ...]:
    """The subjects of `topics.yaml`, in its order."""
    return tuple(
        Topic(
            frozenset(stem(word) for word in str(entry["words"]).split()),
            {
                tone: {purpose: tuple(lines) for purpose, lines in entry[tone].items()}
                for tone in ("good", "bad")
                if tone in entry
            },
        )
        for entry in _read("topics.yaml")["topics"].values()
    )


def stem(word: str) -> str:
    """A crude common form of a word's inflections: enough to see that "puppies" were spoken of as "puppy"."""
    base = word.lower().split("'")[0]
    for ending, instead in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if base.endswith(ending) and len(base) - len(ending) >= 3:
            return base[: -len(ending)] + instead
    return base


def _read(name: str) -> dict[str, Any]:
    text = (resources.files("rapport.agent.response") / name).read_text("utf-8")
    return read_yaml(text, name)
