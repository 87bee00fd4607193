"""What the seven-class head learns from: utterances of Friends with an Ekman label and the turns before them.

MELD (Poria et al. 2019) gives whole dialogues. PELD (Wen et al. 2021) adds triples from EmoryNLP scenes that MELD
lacks. What stands in PELD's validation triples is left out of what is trained on, however it got there, and so is what
PELD shares with MELD's development dialogues: both are judged by.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rapport.agent.perception.text_model import ContextTurn
from rapport.apps.evaluate.dialogues import Dialogue, plain_punctuation, read_meld
from rapport.apps.evaluate.peld import Triple, read_peld
from rapport.persona.affect import EKMAN7


@dataclass(frozen=True)
class DialogueText:
    """An utterance, what was said before it (oldest first), and its label's place in EKMAN7."""

    text: str
    context: tuple[ContextTurn, ...]
    ekman: int


def meld_texts(path: Path) -> list[DialogueText]:
    """The utterances of a split of MELD. Raises InputError where it is not in its released format."""
    return [item for dialogue in read_meld(path) for item in _of_dialogue(dialogue)]


def training_texts(data: Path) -> list[DialogueText]:
    """MELD's training part, and what PELD's has beyond it, from `data/meld` and `data/peld`."""
    meld = meld_texts(data / "meld" / "train_sent_emo.csv")
    meld_dev = meld_texts(data / "meld" / "dev_sent_emo.csv")
    peld = _of_triples(read_peld(data / "peld" / "train.tsv"))
    valid = _keys(_of_triples(read_peld(data / "peld" / "valid.tsv")))
    known = valid | _keys(meld) | _keys(meld_dev)
    more: dict[str, DialogueText] = {}
    for item in peld:
        key = _key(item.text)
        if key is not None and key not in known and len(item.context) >= len(more.get(key, item).context):
            more[key] = item
    return [item for item in meld if _key(item.text) not in valid] + list(more.values())


def _of_dialogue(dialogue: Dialogue) -> list[DialogueText]:
    return [
        DialogueText(
            plain_punctuation(turn.text),
            tuple(
                ContextTurn(plain_punctuation(earlier.text), earlier.speaker == turn.speaker)
                for earlier in dialogue.turns[:k]
            ),
            EKMAN7.index(turn.label),
        )
        for k, turn in enumerate(dialogue.turns)
    ]


def _of_triples(triples: Sequence[Triple]) -> list[DialogueText]:
    return [
        DialogueText(
            triple.utterances[k],
            tuple(ContextTurn(triple.utterances[j], same_speaker=(k - j) % 2 == 0) for j in range(k)),
            EKMAN7.index(triple.emotions[k]),
        )
        for triple in triples
        for k in range(3)
    ]


def _keys(items: Sequence[DialogueText]) -> set[str]:
    return {key for item in items if (key := _key(item.text)) is not None}


def _key(text: str) -> str | None:
    """What a text is recognised by in another corpus; None for phrases of two words, which everybody says."""
    same = same_text(text)
    return same if same.count(" ") > 1 else None


def same_text(text: str) -> str:
    """What two corpora that write a text differently have in common: its words, in lower case."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
