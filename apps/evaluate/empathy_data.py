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

    Of EmpatheticDialogues the first turn of each dialogue, of ESConv one at random.

    Raises:
        InputError: neither EmpatheticDialogues (CSV or JSON lines) nor ESConv (JSON lines), or no dialogue fits.
    """
    rng = random.Random(seed)
    contexts = [rng.choice(of) if is_support(of) else of[0] for of in read_dialogues(path)]
    rng.shuffle(contexts)
    return contexts[:n]


def read_dialogues(path: Path) -> list[list[Context]]:
    """Every context of each dialogue of a file, in order, each with up to four exchanges before it.

    Raises:
        InputError: as `read_contexts`.
    """
    lines = read_lines(path)
    found = _esconv(path, lines) if '"dialog"' in lines[0][1] else _empatheticdialogues(path)
    dialogues = [contexts for contexts in found if contexts]
    if not dialogues:
        raise InputError(f"{path}: no dialogue has a turn and an answer")
    return dialogues


def is_support(dialogue: Sequence[Context]) -> bool:
    """Whether a dialogue has support strategies, as those of ESConv do."""
    return any(context.strategy is not None for context in dialogue)


_EXCHANGES_BEFORE = 4


def _empatheticdialogues(path: Path) -> list[list[Context]]:
    found: list[list[Context]] = []
    for dialogue in read_empatheticdialogues(path):
        texts = [turn.text.strip() for turn in dialogue.turns]
        pairs = [Exchange(texts[k], texts[k + 1]) for k in range(0, len(texts) - 1, 2)]
        found.append(
            [
                Context(dialogue.name, pair.person, pair.agent, tuple(pairs[max(0, k - _EXCHANGES_BEFORE) : k]))
                for k, pair in enumerate(pairs)
                if pair.person and pair.agent
            ]
        )
    return found


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


def _esconv(path: Path, lines: Sequence[tuple[int, str]]) -> list[list[Context]]:
    found: list[list[Context]] = []
    for line, content in lines:
        try:
            data: dict[str, Any] = json.loads(content)
            turns = _joined(data["dialog"])
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise fault(
                path, line, "expected a JSON object with dialog, turns of speaker and text, as in ESConv"
            ) from None
        name = str(data.get("id", line))
        found.append([_context(name, turns, k) for k in range(1, len(turns)) if turns[k][0] == "supporter"])
    return found


def _context(name: str, turns: Sequence[tuple[str, str, str]], place: int) -> Context:
    """The context of the supporter's turn at `place`, which follows one of the seeker."""
    before = turns[: place - 1]
    if before and before[0][0] == "supporter":
        before = [("seeker", "", ""), *before]
    pairs = [Exchange(before[k][1], before[k + 1][1]) for k in range(0, len(before) - 1, 2)]
    history = tuple(pairs[-_EXCHANGES_BEFORE:])
    return Context(name, turns[place - 1][1], turns[place][1], history, turns[place][2] or None)


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
