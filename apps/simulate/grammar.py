"""A small grammar of sentences: templates with {slots}, drawn by a seeded generator, without saying the same twice.

`{slot}` is replaced by a variant of the list of that name, which may hold slots itself; `{slot_low}` is the same with
a small first letter, `{slot_cap}` with a capital one. Each conversation remembers what it has used: a variant comes
again only when all of its list have been used.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from rapport.persona.errors import InputError

_SLOT = re.compile(r"\{(\w+)\}")
_DOUBLE_STOP = re.compile(r"(?<!\.)\.\.(?!\.)")
MAX_DEPTH = 5


@lru_cache(maxsize=8192)
def _parts(template: str) -> tuple[str, ...]:
    """Literal, slot, literal, slot, ..., literal."""
    return tuple(_SLOT.split(template))


@dataclass
class Grammar:
    """One speaker's sentences in one conversation.

    Args:
        lists: variants by name; later mappings of `with_lists` win.
        rng: decides which variant comes.
    """

    lists: Mapping[str, Sequence[str]]
    rng: random.Random
    _used: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    def say(self, variants: Sequence[str], extra: Mapping[str, Sequence[str]] | None = None) -> str:
        """A sentence of one of `variants`. `extra`: lists for this sentence alone.

        Raises:
            InputError: a slot that no list has, or lists that contain each other.
        """
        text = self._expand(self._pick(variants), extra or {}, 0)
        return _DOUBLE_STOP.sub(".", text)

    def _pick(self, variants: Sequence[str]) -> str:
        if len(variants) == 1:
            return variants[0]
        # The lists live as long as this grammar does, so that their identities stay theirs.
        used = self._used.setdefault(id(variants), [])
        fresh = [variant for variant in variants if variant not in used]
        if not fresh:
            # All have been said: begin again, but not with the last one.
            fresh = [variant for variant in variants if variant != used[-1]] or list(variants)
            used.clear()
        chosen = fresh[int(self.rng.random() * len(fresh))]
        used.append(chosen)
        return chosen

    def _expand(self, template: str, extra: Mapping[str, Sequence[str]], depth: int) -> str:
        parts = _parts(template)
        if len(parts) == 1:
            return template
        if depth >= MAX_DEPTH:
            raise InputError(f"the grammar goes round in a circle at {template!r}")
        return "".join(
            self._slot(part, extra, depth, template) if i % 2 else part for i, part in enumerate(parts)
        )  # fmt: skip

    def _slot(self, name: str, extra: Mapping[str, Sequence[str]], depth: int, template: str) -> str:
        base, how = name, ""
        variants = self._list(name, extra)
        if variants is None:
            base, _, how = name.rpartition("_")
            variants = self._list(base, extra)
        if variants is None or how not in {"", "low", "cap"}:
            raise InputError(f"the grammar has no list {name!r}, which {template!r} needs")
        text = self._expand(self._pick(variants), extra, depth + 1)
        if how == "cap":
            return text[:1].upper() + text[1:]
        if how == "low" and not re.match(r"I\b", text):
            return text[:1].lower() + text[1:]
        return text

    def _list(self, name: str, extra: Mapping[str, Sequence[str]]) -> Sequence[str] | None:
        return extra.get(name) or self.lists.get(name)


def slots_of(templates: Sequence[str]) -> Iterator[str]:
    """Every slot that the templates name."""
    for template in templates:
        yield from _SLOT.findall(template)
