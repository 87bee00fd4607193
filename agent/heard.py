"""What the person has heard of a reply that was cut short: history keeps only that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapport.agent.events import Spoken


def heard_part(spoken: Sequence[Spoken], heard_until_s: float) -> str:
    """The words that had been played in full by `heard_until_s` on the reply clock, as they stand in the reply.

    A clause without word times counts as heard once it has been played to its end.
    """
    parts: list[str] = []
    for item in spoken:
        clause = item.clause
        if item.start_s + clause.audio.duration_s <= heard_until_s + 1e-6:
            parts.append(clause.text)
            continue
        played = [word.text for word in clause.words if item.start_s + word.end_s <= heard_until_s + 1e-6]
        if played:
            parts.append(_up_to(clause.text, played))
        break
    return " ".join(part for part in parts if part)


def _up_to(text: str, words: Sequence[str]) -> str:
    """The part of a text that ends with the last of its words; the words themselves where they differ from the text."""
    end = 0
    for word in words:
        found = re.compile(re.escape(word), re.IGNORECASE).search(text, end)
        if found is None:
            return " ".join(words)
        end = found.end()
    return text[:end]
