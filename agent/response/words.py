"""The phrases and word lists of this folder, from the YAML files beside it: data that people may edit without code."""

from __future__ import annotations

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


def _read(name: str) -> dict[str, Any]:
    text = (resources.files("rapport.agent.response") / name).read_text("utf-8")
    return read_yaml(text, name)
