"""Do the words that a recogniser names as its evidence lie where people see the cause of the emotion? On RECCON.

RECCON (Poria et al. 2021, arXiv 2012.11820) marks, for each turn of DailyDialog with an emotion, the spans that cause
it, in earlier turns or in the turn itself. Judged are the turns with a cause in themselves (type "no-context"), each
read alone:

- A turn's words are what stands between spaces, without punctuation at their ends; its content words are those of them
  that are no function words. A word lies in the cause when any of its letters does.
- Precision of a turn: the share of the evidence words that lie in the cause. A word that occurs several times counts by
  the share of its occurrences that do.
- Chance: the expected precision of as many words drawn at random, without replacement, from the turn's content words,
  which is the share of its content words that lie in the cause, however many are drawn.
- Agreement: precision less chance, averaged over turns; its interval resamples dialogues.

Turns whose content words all lie in the cause (or none) say nothing about the choice and do not count; nor do those for
which the recogniser named no word. Both are told.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from rapport.agent.perception.text import PUNCTUATION
from rapport.agent.stages import PersonTurn
from rapport.apps.evaluate.dialogues import read_reccon
from rapport.apps.evaluate.metrics import Floats, bootstrap, interval
from rapport.apps.evaluate.reading import TextReader
from rapport.apps.evaluate.report import SEED, Report, progress_of
from rapport.persona.errors import InputError
from rapport.speech.audio import Transcript


@cache
def function_words() -> frozenset[str]:
    """English articles, pronouns, prepositions, conjunctions, auxiliaries and the like, in lower case."""
    return frozenset((resources.files("rapport.apps.evaluate") / "function_words.txt").read_text("utf-8").split())


@dataclass(frozen=True)
class Cause:
    """A turn with a cause in itself: its text, and the places [start, end) of the spans that cause its emotion."""

    dialogue: str
    text: str
    spans: tuple[tuple[int, int], ...]

    def words(self) -> list[tuple[str, bool]]:
        """Each word in lower case, and whether it lies in the cause."""
        out: list[tuple[str, bool]] = []
        for found in re.finditer(r"\S+", self.text):
            word = found.group().strip(PUNCTUATION)
            if any(c.isalnum() for c in word):
                out.append(
                    (word.casefold(), any(found.start() < end and start < found.end() for start, end in self.spans))
                )
        return out


def reccon(file: Path, emotion: str) -> Report:
    """How much better evidence words agree with annotated causes than a random choice of as many content words."""
    causes = self_caused(read_reccon(file))
    if not causes:
        raise InputError(f"{file}: no turn has a cause in itself; expected RECCON's JSON of DailyDialog")
    reader = TextReader(emotion)
    began_s = time.perf_counter()
    evidence = _evidence(reader, causes)
    seconds = time.perf_counter() - began_s
    telling = [(c, e) for c, e in zip(causes, evidence, strict=True) if 0.0 < chance(c) < 1.0]
    scored = [(c, p) for c, e in telling if (p := precision(c, e)) is not None]
    if not scored:
        raise InputError(f"{emotion} names no evidence for any of these turns; choose a recogniser that does")
    values = np.array([(p, chance(c), chance(c, content=False)) for c, p in scored])
    _, dialogue = np.unique([c.dialogue for c, _ in scored], return_inverse=True)
    samples = bootstrap(lambda rows: _means(values[rows]), dialogue, SEED)
    names = ("precision", "chance", "agreement", "chance_all_words", "agreement_all_words")
    figures: dict[str, Any] = {
        **dict(zip(names, _means(values), strict=True)),
        "intervals": {name: interval(samples[:, k]) for k, name in enumerate(names)},
    }
    return Report(
        "reccon",
        file,
        emotion,
        len(scored),
        seconds,
        figures,
        notes=[
            "precision: share of evidence words in the cause; chance: of content words drawn at random from the turn",
            f"{len(causes)} turns have a cause in themselves; {len(causes) - len(telling)} do not count because all of "
            f"their content words lie in it or none, {len(telling) - len(scored)} because no word was named",
            "chance_all_words: drawn from all words, function words as well",
        ],
    )


def self_caused(dialogues: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Cause]:
    """The turns with an emotion whose cause lies at least partly in themselves, with its spans."""
    out: list[Cause] = []
    for name, turns in dialogues.items():
        for turn in turns:
            text = turn["utterance"]
            evidence, spans = (turn.get(f"expanded emotion cause {what}", ()) for what in ("evidence", "span"))
            own = [span for at, span in zip(evidence, spans, strict=False) if at == turn.get("turn") and span in text]
            places = tuple((text.index(span), text.index(span) + len(span)) for span in own if span.strip())
            if places:
                out.append(Cause(name, text, places))
    return out


def precision(cause: Cause, evidence: Sequence[str]) -> float | None:
    """Share of the evidence words that lie in the cause; None when none of them stands in the text."""
    places: dict[str, list[bool]] = {}
    for word, inside in cause.words():
        places.setdefault(word, []).append(inside)
    named = dict.fromkeys(word.strip(PUNCTUATION).casefold() for phrase in evidence for word in phrase.split())
    shares = [sum(places[word]) / len(places[word]) for word in named if word in places]
    return sum(shares) / len(shares) if shares else None


def chance(cause: Cause, *, content: bool = True) -> float:
    """Expected precision of words drawn at random from the text: its content words, or all; 0 when it has none."""
    inside = [here for word, here in cause.words() if not content or word not in function_words()]
    return sum(inside) / len(inside) if inside else 0.0


def _means(values: Floats) -> list[float]:
    hit, drawn, drawn_of_all = values.mean(axis=0).tolist()
    return [hit, drawn, hit - drawn, drawn_of_all, hit - drawn_of_all]


def _evidence(reader: TextReader, causes: Sequence[Cause]) -> list[list[str]]:
    async def all_of_them() -> list[list[str]]:
        out: list[list[str]] = []
        for cause in causes:
            estimate = await reader.component.estimate(PersonTurn(Transcript(cause.text)))
            out.append([item.text for item in estimate.evidence] if estimate is not None else [])
            done(1)
        return out

    with progress_of(f"reading with {reader.name}", len(causes)) as done:
        return asyncio.run(all_of_them())
