"""Words as people type them in a hurry, made plain: "i dont wanna b alive" to "i don't want to be alive"."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from rapport.agent.response.turning import straighten
from rapport.persona.card import read_yaml

LONGEST_CHARACTERS = 20_000
_FOLDER = Path(__file__).parent
_WORD = re.compile(r"[a-z0-9@$][a-z0-9@$']*")
_RUN = re.compile(r"([a-z])\1{2,}")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SPACED = re.compile(r"\b(?:[a-z] ){3,}[a-z]\b")


@cache
def _table() -> tuple[dict[str, str], re.Pattern[str], dict[str, str]]:
    data = read_yaml((_FOLDER / "spelling.yaml").read_text("utf-8"), "spelling.yaml")
    words = {wrong: right for right, wrongs in data["words"].items() for wrong in str(wrongs).split()}
    phrases = {str(wrong): str(right) for wrong, right in data["phrases"].items()}
    return words, re.compile(r"\b(?:" + "|".join(map(re.escape, phrases)) + r")\b"), phrases


def plain(text: str) -> str:
    """Lower case, straight quotes, no accents or invisible characters, common misspellings and short forms spelled out.

    Beyond LONGEST_CHARACTERS the middle is left out: what weighs most is said first or last.
    """
    if len(text) > LONGEST_CHARACTERS:
        text = f"{text[: LONGEST_CHARACTERS // 2]}. {text[-LONGEST_CHARACTERS // 2 :]}"
    words, pattern, phrases = _table()
    flat = _INVISIBLE.sub("", unicodedata.normalize("NFKD", straighten(text)))
    flat = "".join(c for c in flat if not unicodedata.combining(c)).lower()
    flat = _SPACED.sub(lambda match: match.group().replace(" ", ""), flat)
    flat = _RUN.sub(
        lambda match: match.group(1) * (2 if match.group(1) in "eolsp" and match.end() - match.start() < 3 else 1), flat
    )
    flat = _WORD.sub(lambda match: words.get(match.group(), match.group()), flat)
    return pattern.sub(lambda match: phrases[match.group()], flat)


def sentences(flat: str) -> list[str]:
    """The sentences of a plain text, and the halves around a "but", which often takes back what stood before it."""
    parts = re.split(r"(?<=[.!?;])\s+|\s*\n\s*|,?\s+\bbut\b\s+", flat)
    return [part for part in (p.strip() for p in parts) if part]
