"""ESConv's dialogues of emotional support, as released (Liu et al. 2021, arXiv 2106.01144), or one to a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapport.persona.errors import InputError

NAMES = {
    "Question": "question",
    "Restatement or Paraphrasing": "restatement",
    "Reflection of feelings": "reflection",
    "Self-disclosure": "self_disclosure",
    "Affirmation and Reassurance": "affirmation",
    "Providing Suggestions": "suggestions",
    "Information": "information",
    "Others": "others",
}
"""ESConv's names of the strategies, and ours."""


@dataclass(frozen=True)
class Turn:
    """One message; `strategy` is None for the person's."""

    text: str
    strategy: str | None


@dataclass(frozen=True)
class Dialogue:
    """A talk of somebody with `emotion` and a supporter."""

    emotion: str
    turns: Sequence[Turn]


def read_esconv(file: Path) -> list[Dialogue]:
    """The dialogues of ESConv.json or of JSON lines.

    Raises:
        InputError: the file cannot be read or holds something else.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from None
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else [json.loads(x) for x in text.splitlines() if x]
        dialogues = [_dialogue(entry) for entry in found]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: is not ESConv's JSON ({error!r})") from None
    if not dialogues:
        raise InputError(f"{file}: holds no dialogue")
    return dialogues


def _dialogue(entry: dict[str, Any]) -> Dialogue:
    turns: list[Turn] = []
    for turn in entry["dialog"]:
        by_person = turn["speaker"] in ("usr", "seeker")
        said = turn.get("text", turn.get("content"))
        named = turn.get("strategy") or turn.get("annotation", {}).get("strategy")
        turns.append(Turn(said.strip(), None if by_person or named is None else NAMES[named]))
    return Dialogue(entry["emotion_type"], turns)
