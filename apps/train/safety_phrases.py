"""Phrases made for the safety classifier (safety_texts/*.txt), spelled out, and typed as people type in a hurry.

No real person's words. One phrase a line: "+" crisis, "~" concern, "-" none, then the kind (su, sh, ab, vi, me, mi)
where there is a risk; {a|b|c} stands for each of these. An empty line ends a group: what stands together is learnt or
judged together. Each file is the work of another author, who had seen no case and of the other files at most the
first lines, for their form; the authors of pairs.txt and of twins.txt knew the written cases that are learned from.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rapport.agent.safety.levels import Kind, Level
from rapport.apps.train.safety_data import Case
from rapport.persona.errors import InputError

PHRASES_FOLDER = Path(__file__).with_name("safety_texts")
PER_PHRASE = 6
"""Texts that are made of one phrase at most."""
_LEVELS = {"+": Level.CRISIS, "~": Level.CONCERN, "-": Level.NONE}
_KINDS: dict[str, Kind] = {
    "su": "suicide",
    "sh": "self-harm",
    "ab": "abuse",
    "vi": "violence",
    "me": "medical emergency",
    "mi": "minor",
}
_LINE = re.compile(r"([+~])(su|sh|ab|vi|me|mi) (.+)|(-)  (.+)")
_CHOICE = re.compile(r"\{([^{}]*)\}")


def phrases(folder: Path = PHRASES_FOLDER, *, seed: int = 0) -> list[Case]:
    """Every phrase of a folder's files, each choice made in at most PER_PHRASE ways; `pair` names its group.

    Raises:
        InputError: a line is no phrase (named).
    """
    draw, cases = random.Random(seed), dict[str, Case]()
    for phrase in (each for path in sorted(folder.glob("*.txt")) for each in _unspelled(path)):
        for text in spelled_out(phrase.text, draw):
            cases.setdefault(text, replace(phrase, text=text))
    return list(cases.values())


def _unspelled(path: Path) -> Iterator[Case]:
    """The phrases of one file, their choices still in them."""
    group = 0
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            group += 1
            continue
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f'{path.name}:{number}: is no phrase; write "+su text", "~su text" or "-  text"')
        sign, text = (match[1], match[3]) if match[1] else (match[4], match[5])
        kind = _KINDS[match[2]] if match[2] else None
        yield Case(text, _LEVELS[sign], kind, "phrase", f"{path.stem} {group}", "phrases")


def spelled_out(phrase: str, draw: random.Random) -> list[str]:
    """At most PER_PHRASE texts of a phrase with {choices|like|these}, without repetition."""
    parts = _CHOICE.split(phrase)
    choices = [part.split("|") if k % 2 else [part] for k, part in enumerate(parts)]
    every = ["".join(chosen) for chosen in itertools.product(*choices)]
    return draw.sample(every, min(PER_PHRASE, len(every)))


def hurried(text: str, draw: random.Random) -> str:
    """A text as typed in a hurry: lower case, apostrophes dropped, and perhaps two letters swapped or one lost."""
    text = text.lower().replace("'", "").rstrip(".")
    words = text.split()
    for k in draw.sample(range(len(words)), min(len(words), draw.choice((0, 1, 1, 2)))):
        word = words[k]
        if len(word) < 4:
            continue
        at = draw.randrange(1, len(word) - 1)
        words[k] = draw.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at] + word[at:],
            )
        )
    return " ".join(words)


MOST_ALIKE = 0.6
"""Share of common words (Jaccard) from which a phrase is too like a held-out text to be learned."""


def apart(cases: list[Case], held_out: list[Case]) -> list[Case]:
    """The cases that share less than MOST_ALIKE of their words with every held-out text."""

    def words(case: Case) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z0-9']+", case.text.lower()))

    kept_apart = [words(case) for case in held_out]
    return [
        case
        for case in cases
        if all(len(own & other) < MOST_ALIKE * len(own | other) for own in [words(case)] for other in kept_apart)
    ]
