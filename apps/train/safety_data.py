"""What the safety classifier learns from: the cases written for it, and everyday talk of public corpora.

Corpora bring only examples of nothing to worry about, and of them only texts without a word of `DISTRESS`: people in
them do speak of death and despair, unlabelled. All their texts count when false alarms are measured.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapport.agent.safety.levels import KINDS, Kind, Level
from rapport.persona.errors import InputError

DISTRESS = re.compile(
    r"suicid|\bkill|\bdie\b|\bdying|\bdead\b|death|murder|\bhurt|abus|\brape|\bbeat|\bhit\b|weapon|\bgun\b|knife|overdos|"
    r"\bpills?\b|hopeless|worthless|depress|self.?harm|\bcut\b|bleed|blood|breath|hospital|ambulance|emergency|\bstab|"
    r"attack|violen|threat|scared|terrif|afraid|\bend it|give up|giving up|empty|numb|lonel|hate myself|burden|pregnan|"
    r"cancer|\bchok|faint|unconscious|cry|alone|panic|worst|miserabl|desperat|no one|nobody",
    re.I,
)


@dataclass(frozen=True)
class Case:
    """A text and what a guard should find in it. Cases of one `pair` differ in little and share a part."""

    text: str
    level: Level
    kind: Kind | None = None
    case: str = ""
    pair: str = ""
    part: str = ""


def read_cases(path: Path) -> list[Case]:
    """A file of JSON lines with `text` and `level`, and optionally `kind`, `case`, `pair` and `part`.

    Raises:
        InputError: it cannot be read, or a line is no such object (named).
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a file of JSON lines") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save the cases as UTF-8") from None
    cases = [_case(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not cases:
        raise InputError(f"{path}: holds no case; each line is an object with text and level")
    return cases


def _case(line: str, where: str) -> Case:
    try:
        entry: dict[str, Any] = json.loads(line)
        text, name = entry["text"], entry["level"]
        if not isinstance(text, str):
            raise TypeError
        level = Level.named(name)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f'{where}: is no case; write {{"text": "...", "level": "none"}} with level none, concern or crisis'
        ) from None
    kind = entry.get("kind")
    return Case(
        text,
        level,
        kind if kind in KINDS else None,
        str(entry.get("case", "")),
        str(entry.get("pair", where)),
        str(entry.get("part", "")),
    )


def everyday(data: Path) -> dict[str, list[str]]:
    """Everyday talk by corpus: what people said in GoEmotions, EmpatheticDialogues and DailyDialog (dev parts).

    Raises:
        InputError: a file is missing.
    """
    return {
        "goemotions": [
            re.sub(r"\[[A-Z]+\]", "him", line.split("\t")[0]) for line in _lines(data / "goemotions/dev.tsv")
        ],
        "empatheticdialogues": list(_said(data / "empatheticdialogues/dev.jsonl")),
        "dailydialog": list(_utterances(data / "dailydialog")),
    }


def _said(path: Path) -> Iterator[str]:
    """What the one who tells of something says, not who listens."""
    for line in _lines(path):
        entry: dict[str, Any] = json.loads(line)
        yield from (turn["text"] for turn in entry["turns"] if turn["speaker"] == "speaker")


def _utterances(folder: Path) -> Iterator[str]:
    files = sorted(folder.rglob("dialogues_validation.txt"))
    if not files:
        raise InputError(f"{folder}: has no dialogues_validation.txt; --data wants a folder with dailydialog/")
    for line in _lines(files[0]):
        yield from (part.strip() for part in line.split("__eou__") if part.strip())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check --data") from None


def sample(texts: list[str], n: int, seed: int) -> tuple[list[str], list[str]]:
    """Two disjoint samples of at most `n` each: to learn from, without a word of distress, and to be judged on, all."""
    order = random.Random(seed).sample(texts, len(texts))
    half = len(order) // 2
    return [t for t in order[:half] if not DISTRESS.search(t)][:n], order[half:][:n]
