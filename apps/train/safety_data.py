"""What the safety classifier learns from: cases written for it, and what people said in public corpora.

Of the corpora, some texts were labelled by hand for this purpose: safety_labels.tsv has their ids, levels and parts, no
text. Others are taken as examples of nothing, unlabelled, where no word of ALARMING stands in them or where that word
is neither of oneself nor found by a rule: people in them do speak of death and despair. When false alarms are measured,
all texts count that were kept apart for it.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapport.agent.safety.classifier import ALARMING
from rapport.agent.safety.levels import KINDS, Kind, Level
from rapport.agent.safety.rules import by_rules
from rapport.persona.errors import InputError

LABELS_FILE = Path(__file__).with_name("safety_labels.tsv")
_OF_ONESELF = re.compile(
    r"depress|suicid|abus|\brape|alone|lonel|hate myself|hopeless|want to die|my (?:life|death)|emergency|panic"
    r"|kill (?:my|him|her)self|self.?harm",
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
        "goemotions": [_comment(line) for line in _lines(data / "goemotions/dev.tsv")],
        "empatheticdialogues": [text for _, text in _turns(data / "empatheticdialogues/dev.jsonl")],
        "dailydialog": list(_utterances(data / "dailydialog")),
    }


def _turns(path: Path) -> Iterator[tuple[str, str]]:
    """What the one who tells of something says, not who listens, with ids."""
    for line in _lines(path):
        entry: dict[str, Any] = json.loads(line)
        for k, turn in enumerate(entry["turns"]):
            if turn["speaker"] == "speaker":
                yield f"{entry['conv_id']}:{k}", turn["text"]


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
    return [t for t in order[:half] if not ALARMING.search(t)][:n], order[half:][:n]


def labelled(data: Path) -> list[Case]:
    """Texts of GoEmotions, EmpatheticDialogues (train parts) and EPITOME that were labelled by hand, with their parts.

    Raises:
        InputError: a file is missing.
    """
    texts = {
        "goemotions": {line.split("\t")[2]: _comment(line) for line in _lines(data / "goemotions/train.tsv")},
        "empatheticdialogues": dict(_turns(data / "empatheticdialogues/train.jsonl")),
        "epitome": {
            row["sp_id"]: row["seeker_post"]
            for row in csv.DictReader(io.StringIO("\n".join(_lines(data / "epitome/emotional-reactions.csv"))))
        },
    }
    rows = csv.DictReader(LABELS_FILE.read_text("utf-8").splitlines(), delimiter="\t")
    return [
        Case(texts[row["corpus"]][row["id"]], Level.named(row["level"]), None, row["corpus"], row["id"], row["part"])
        for row in rows
    ]


def figurative(data: Path, n: int, seed: int) -> list[str]:
    """At most `n` comments of GoEmotions (train) with an alarming word that is very probably harmless."""
    known = {case.pair for case in labelled(data)}
    found = [
        text
        for line in _lines(data / "goemotions/train.tsv")
        if ALARMING.search(text := _comment(line))
        and not _OF_ONESELF.search(text)
        and line.split("\t")[2] not in known
        and by_rules(text).level is Level.NONE
    ]
    return random.Random(seed).sample(found, min(n, len(found)))


def _comment(line: str) -> str:
    return re.sub(r"\[[A-Z]+\]", "him", line.split("\t", 1)[0])
