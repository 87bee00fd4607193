"""The phrases and word lists of this folder, from the YAML files beside it: data that people may edit without code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, cast

from rapport.persona.card import read_yaml


@cache
def phrases() -> dict[str, Any]:
    """The writer's stocks of phrases, see `phrases.yaml`."""
    return _read("phrases.yaml")


@cache
def words(name: str) -> frozenset[str]:
    """One word list of `words.yaml`."""
    return frozenset(str(_read("words.yaml")[name]).split())


@cache
def one_word() -> Mapping[str, str]:
    """Of the stems that name one and the same thing ("mum", "mother"), which stands for it."""
    groups = [[stem(word) for word in str(line).split()] for line in _read("words.yaml")["one_word"]]
    return {word: group[0] for group in reversed(groups) for word in group}


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


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The common stem of a word's inflections (Porter 2001, Snowball's English): "puppies" and "puppy" have one."""
    base = word.lower()
    return base if base.endswith("n't") else str(_stemmer().stemWord(base.split("'")[0]))


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return cast("Any", snowballstemmer).stemmer("english")


def _read(name: str) -> dict[str, Any]:
    text = (resources.files("rapport.agent.response") / name).read_text("utf-8")
    return read_yaml(text, name)
