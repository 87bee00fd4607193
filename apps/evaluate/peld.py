"""PELD (Wen et al. 2021, arXiv 2106.15846): its triples, how they are built from MELD and EmoryNLP, its split.

A triple is what the agent says, what the user answers, and what the agent says then, each with its emotion.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.apps.evaluate.dialogues import Dialogue
from rapport.apps.evaluate.tables import fault, label_in, read_tsv
from rapport.persona.affect import EKMAN7, AffectState, convert
from rapport.persona.card import BigFive
from rapport.persona.errors import ComponentError, InputError

COLUMNS = (
    "Speaker_1", "Speaker_2", "Personality", "Utterance_1", "Utterance_2", "Utterance_3", "Emotion_1", "Emotion_2",
    "Emotion_3", "Sentiment_1", "Sentiment_2", "Sentiment_3",
)  # fmt: skip
OFFICIAL_ROWS = 6510
ROLES: Mapping[str, tuple[float, float, float, float, float]] = {
    "Chandler": (0.648, 0.375, 0.386, 0.58, 0.477),
    "Joey": (0.574, 0.614, 0.297, 0.545, 0.455),
    "Ross": (0.722, 0.489, 0.6, 0.533, 0.356),
    "Monica": (0.713, 0.457, 0.457, 0.66, 0.511),
    "Phoebe": (0.6, 0.48, 0.31, 0.46, 0.56),
    "Rachel": (0.635, 0.354, 0.521, 0.552, 0.469),
}
"""Openness, conscientiousness, extraversion, agreeableness and neuroticism of the main roles, in [0, 1]."""
FROM_EMORY: Mapping[str, str] = {
    "joyful": "joy",
    "mad": "anger",
    "neutral": "neutral",
    "sad": "sadness",
    "scared": "fear",
}
"""EmoryNLP's labels that PELD keeps; triples with one of the other two are dropped."""


@dataclass(frozen=True)
class Triple:
    """A row of PELD: utterances and emotions 1 to 3 (labels of EKMAN7), and the agent's traits."""

    agent: str
    user: str
    personality: tuple[float, float, float, float, float]
    """Openness, conscientiousness, extraversion, agreeableness, neuroticism, each in [0, 1]."""
    utterances: tuple[str, str, str]
    emotions: tuple[str, str, str]

    @property
    def big_five(self) -> BigFive:
        o, c, e, a, n = self.personality
        return BigFive(openness=o, conscientiousness=c, extraversion=e, agreeableness=a, neuroticism=n)


def read_peld(path: Path) -> list[Triple]:
    """The triples of a TSV in the format of Dyadic_PELD.tsv, in its order."""
    return [
        Triple(
            fields["Speaker_1"],
            fields["Speaker_2"],
            _personality(fields["Personality"], path, line),
            (fields["Utterance_1"], fields["Utterance_2"], fields["Utterance_3"]),
            (
                label_in(EKMAN7.labels, fields["Emotion_1"], path, line, "Emotion_1"),
                label_in(EKMAN7.labels, fields["Emotion_2"], path, line, "Emotion_2"),
                label_in(EKMAN7.labels, fields["Emotion_3"], path, line, "Emotion_3"),
            ),
        )
        for line, fields in read_tsv(path, COLUMNS, "PELD")
    ]


def build_triples(meld: Sequence[Sequence[Dialogue]], emorynlp: Sequence[Sequence[Dialogue]]) -> list[Triple]:
    """PELD's triples from the parts of MELD and EmoryNLP, in the order of its own builder and without duplicates.

    Three consecutive utterances of a dialogue or scene make a triple where a main role says the first and the third
    and somebody else the second. Characters beyond ASCII become spaces.
    """
    triples: dict[tuple[Any, ...], Triple] = {}
    for parts, rename in ((meld, {label: label for label in EKMAN7.labels}), (emorynlp, FROM_EMORY)):
        for dialogues in parts:
            for dialogue in sorted(dialogues, key=lambda d: [int(part) for part in d.name.split("/")]):
                for triple in _triples(dialogue, rename):
                    triples.setdefault(astuple(triple), triple)
    return list(triples.values())


def write_peld(triples: Sequence[Triple], path: Path) -> None:
    """Write triples in the format of Dyadic_PELD.tsv."""
    lines = ["\t".join(COLUMNS)]
    for t in triples:
        fields = [t.agent, t.user, str(list(t.personality)), *t.utterances, *t.emotions, *map(sentiment, t.emotions)]
        lines.append("\t".join(_quoted(field) for field in fields))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def sentiment(emotion: str) -> str:
    """PELD's sentiment of an emotion; it counts surprise as positive."""
    return "neutral" if emotion == "neutral" else "positive" if emotion in {"joy", "surprise"} else "negative"


def official_split(triples: Sequence[Triple]) -> tuple[list[int], list[int], list[int]]:
    """Row numbers of the released split: train, validation (a tenth of the rest) and test (a tenth), by third emotion.

    The same two calls of scikit-learn with the same seed as PELD's code, so its whole file gives 5273, 586 and 651.

    Raises:
        ComponentError: scikit-learn is not installed.
        InputError: an emotion is too rare to be split.
    """
    try:
        from sklearn.model_selection import train_test_split  # pyright: ignore[reportUnknownVariableType]
    except ImportError:
        raise ComponentError(
            'the official split is drawn with scikit-learn: pip install "rapport-agent[train]", or use --split given'
        ) from None
    split = cast("Any", train_test_split)
    labels = np.array([EKMAN7.index(t.emotions[2]) for t in triples])
    try:
        rest, test = split(np.arange(len(labels)), random_state=42, test_size=0.1, stratify=labels)
        train, valid = split(rest, random_state=42, test_size=0.1, stratify=labels[rest])
    except ValueError as error:
        raise InputError(f"these {len(labels)} rows cannot be split as PELD was ({error}); use --split given") from None
    return [int(i) for i in train], [int(i) for i in valid], [int(i) for i in test]


def label_of(state: AffectState) -> str:
    """The Ekman label that a state counts as: what its label head says, or else the nearest point (`vad_to_emo`)."""
    if state.distribution is None:
        return EKMAN7.nearest(state.emotion)
    return convert(state.distribution, EKMAN7).label


def scenes(triples: Sequence[Triple]) -> NDArray[np.int64]:
    """Numbers that group the triples which overlap, (n,): two that share two successive utterances are of one scene."""
    first: dict[tuple[str, str], int] = {}
    parent = list(range(len(triples)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, triple in enumerate(triples):
        u1, u2, u3 = triple.utterances
        for pair in ((u1, u2), (u2, u3)):
            parent[root(i)] = root(first.setdefault(pair, i))
    return np.array([root(i) for i in range(len(triples))], np.int64)


def _triples(dialogue: Dialogue, rename: Mapping[str, str]) -> list[Triple]:
    out: list[Triple] = []
    for first, second, third in zip(dialogue.turns, dialogue.turns[1:], dialogue.turns[2:], strict=False):
        if first.speaker != third.speaker or first.speaker == second.speaker or first.speaker not in ROLES:
            continue
        turns = (first, second, third)
        if not all(turn.label in rename for turn in turns):
            continue
        texts = [re.sub(r"[^\x00-\x7f]", " ", turn.text.strip()) for turn in turns]
        labels = [rename[turn.label] for turn in turns]
        out.append(
            Triple(
                first.speaker,
                second.speaker,
                ROLES[first.speaker],
                (texts[0], texts[1], texts[2]),
                (labels[0], labels[1], labels[2]),
            )
        )
    return out


def _personality(given: str, path: Path, line: int) -> tuple[float, float, float, float, float]:
    try:
        values: object = ast.literal_eval(given)
        o, c, e, a, n = (float(x) for x in cast("list[float]", values))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise fault(path, line, "Personality must be five numbers such as [0.6, 0.5, 0.3, 0.5, 0.4]") from None
    if not all(0.0 <= x <= 1.0 for x in (o, c, e, a, n)):
        raise fault(path, line, "every trait of Personality must lie in [0, 1]")
    return o, c, e, a, n


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"' if '"' in field else field
