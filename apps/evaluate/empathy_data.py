"""What somebody in need said and what a person answered: contexts from EmpatheticDialogues and from ESConv."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapport.apps.evaluate.dialogues import read_empatheticdialogues
from rapport.apps.evaluate.tables import fault, read_lines
from rapport.memory.records import Exchange
from rapport.persona.errors import InputError


@dataclass(frozen=True)
class Context:
    """A turn of a seeker, what came before it, and the human answer."""

    name: str
    seeker: str
    human: str
    history: tuple[Exchange, ...] = ()
    strategy: str | None = None
    """The annotated support strategy of the human answer (ESConv), named as `StrategyPolicy` names it."""


def read_contexts(path: Path, n: int, seed: int) -> list[Context]:
    """`n` contexts of a file, drawn by the seed, one a dialogue; all of a smaller file.

    Raises:
        InputError: neither EmpatheticDialogues (CSV or JSON lines) nor ESConv (JSON lines), or no dialogue fits.
    """
    lines = read_lines(path)
    rng = random.Random(seed)
    contexts = _esconv(path, lines, rng) if '"dialog"' in lines[0][1] else _empatheticdialogues(path)
    if not contexts:
        raise InputError(f"{path}: no dialogue has a turn and an answer")
    rng.shuffle(contexts)
    return contexts[:n]


def _empatheticdialogues(path: Path) -> list[Context]:
    """The first turn of each dialogue, and its answer."""
    return [
        Context(dialogue.name, dialogue.turns[0].text.strip(), dialogue.turns[1].text.strip())
        for dialogue in read_empatheticdialogues(path)
        if len(dialogue.turns) > 1 and dialogue.turns[0].text.strip() and dialogue.turns[1].text.strip()
    ]


_STRATEGIES = {
    "question": "question",
    "restatement or paraphrasing": "restatement",
    "reflection of feelings": "reflection",
    "self-disclosure": "self_disclosure",
    "affirmation and reassurance": "affirmation",
    "providing suggestions": "suggestions",
    "providing suggestions or information": "suggestions",
    "information": "information",
    "others": "others",
}


def _esconv(path: Path, lines: Sequence[tuple[int, str]], rng: random.Random) -> list[Context]:
    """One supporter's turn of each dialogue, drawn at random, with up to four exchanges before it."""
    contexts: list[Context] = []
    for line, content in lines:
        try:
            data: dict[str, Any] = json.loads(content)
            turns = _joined(data["dialog"])
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise fault(
                path, line, "expected a JSON object with dialog, turns of speaker and text, as in ESConv"
            ) from None
        places = [k for k in range(1, len(turns)) if turns[k][0] == "supporter"]
        if not places:
            continue
        place = rng.choice(places)
        before = turns[: place - 1]
        if before and before[0][0] == "supporter":
            before = [("seeker", "", ""), *before]
        pairs = [Exchange(before[k][1], before[k + 1][1]) for k in range(0, len(before) - 1, 2)]
        name = str(data.get("id", line))
        contexts.append(Context(name, turns[place - 1][1], turns[place][1], tuple(pairs[-4:]), turns[place][2] or None))
    return contexts


def _joined(dialog: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Speaker, words and first strategy of each turn; what one says in several messages is one turn."""
    out: list[tuple[str, str, str]] = []
    for message in dialog:
        speaker = {"sys": "supporter", "usr": "seeker"}.get(str(message["speaker"]), str(message["speaker"]))
        words = str(message.get("text", message.get("content", ""))).strip()
        strategy = _STRATEGIES.get(str(message.get("strategy") or "").strip().lower(), "")
        if out and out[-1][0] == speaker:
            out[-1] = (speaker, f"{out[-1][1]} {words}", out[-1][2] or strategy)
        else:
            out.append((speaker, words, strategy))
    return out
