"""What a good supporter would do next: a policy over ESConv's eight strategies (Liu et al. 2021, arXiv 2106.01144).

A logistic regression for each strategy over hashed words of the last turns and over the form of the talk: how far it
has come (Hill's exploring, comforting, acting), what was done before, the feeling, the shape of the person's words.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.hashed import Floats, LinearHeads, tokens
from rapport.persona.affect import EKMAN7, EMPATHETIC32, GOEMOTIONS28, ekman_of
from rapport.persona.errors import ComponentError, InputError

MODEL_FOLDER = Path(__file__).parent / "models" / "strategy"
STRATEGIES = (
    "question",
    "restatement",
    "reflection",
    "self_disclosure",
    "affirmation",
    "suggestions",
    "information",
    "others",
)
"""ESConv's eight support strategies."""
PHASES = (0, 1, 2, 3, 5, 7, 10, 14)
"""Supporter's turns so far from which each phase of a talk begins."""
_CLASSES = EKMAN7.labels
_OWN_WORDS = {
    "anxiety": "fear",
    "anxious": "fear",
    "depression": "sadness",
    "shame": "sadness",
    "guilt": "sadness",
    "pain": "sadness",
    "jealousy": "anger",
    "happiness": "joy",
    "happy": "joy",
}
"""Words of ESConv and RECCON for feelings, as support reads them: these go before the taxonomies."""


def feeling_class(emotion: str) -> str:
    """Ekman's class of a feeling's name, "neutral" for a name that no taxonomy knows."""
    word = emotion.strip().lower()
    if word in _OWN_WORDS:
        return _OWN_WORDS[word]
    for taxonomy in (EKMAN7, GOEMOTIONS28, EMPATHETIC32):
        if word in taxonomy.labels:
            return ekman_of(taxonomy, word)
    return "neutral"


class StrategyPolicy:
    """Probabilities of the next strategy. The model loads when first used; safe from several threads.

    Raises:
        ComponentError: when first used, if the folder holds no such model.
    """

    def __init__(self, folder: Path = MODEL_FOLDER) -> None:
        self._folder = folder

    def distribution(self, turns: Sequence[ContextTurn], *, emotion: str, previous: Sequence[str]) -> dict[str, float]:
        """Probabilities of STRATEGIES, which add up to 1.

        Args:
            turns: all so far, oldest first; `same_speaker` marks those of the person who is supported.
            emotion: the person's, a label of any taxonomy here.
            previous: strategies of the supporter's turns so far, oldest first.

        Raises:
            InputError: a previous strategy is none of STRATEGIES.
        """
        unknown = sorted(set(previous) - set(STRATEGIES))
        if unknown:
            raise InputError(f"{unknown[0]!r} is no strategy; they are {', '.join(STRATEGIES)}")
        model = _model(self._folder)
        margins = model.heads.margins(cues(turns)) + form(turns, emotion, previous) @ model.form
        return dict(zip(STRATEGIES, probabilities(margins, model.temperature).tolist(), strict=True))


@dataclass(frozen=True)
class StrategyModel:
    heads: LinearHeads
    """8 heads over words."""
    form: Floats
    """(measures of form, 8)."""
    temperature: float


def probabilities(margins: Floats, temperature: float) -> Floats:
    """A softmax of margins (..., 8), the softer the higher the temperature."""
    z = np.exp((margins - margins.max(axis=-1, keepdims=True)) / temperature)
    return z / z.sum(axis=-1, keepdims=True)


def cues(turns: Sequence[ContextTurn]) -> list[str]:
    """Words and pairs of words of the last turns, marked by who said them, and words said before."""
    last, before = _last_words(turns)
    agent = next((turn.text for turn in reversed(turns) if not turn.same_speaker), "")
    found: list[str] = []
    for mark, words in (("p", tokens(last)), ("a", tokens(agent)[-60:])):
        found += [f"{mark}|{word}" for word in words]
        found += [f"{mark}|{one} {two}" for one, two in itertools.pairwise(words)]
    return found + [f"h|{word}" for word in tokens(before[-1_000:])]


def form(turns: Sequence[ContextTurn], emotion: str, previous: Sequence[str]) -> Floats:
    """The form of the talk so far: phase, last two strategies, strategies used, feeling, the person's last words."""
    n_agent = max(len(previous), sum(not turn.same_speaker for turn in turns))
    phase = _one_hot(int(np.searchsorted(PHASES, n_agent, side="right")) - 1, len(PHASES))
    last, last_but_one = (_strategy(previous[-k] if len(previous) >= k else None) for k in (1, 2))
    used = np.log1p([sum(name == strategy for name in previous) for strategy in STRATEGIES])
    said, _ = _last_words(turns)
    words = tokens(said)
    shape = [
        1.0,
        np.log1p(len(words)) / 3,
        "?" in words,
        bool(words) and words[-1] == "?",
        not words,
        len(words) <= 4,
        bool(turns) and not turns[-1].same_speaker,
        np.log1p(n_agent) / 2,
    ]
    feeling = _one_hot(_CLASSES.index(feeling_class(emotion)), len(_CLASSES))
    return np.concatenate([shape, phase, last, last_but_one, used, feeling, np.outer(phase, last).ravel()])


def _last_words(turns: Sequence[ContextTurn]) -> tuple[str, str]:
    """What the person said since the supporter last spoke (or last said), and what they said before."""
    said = [k for k, turn in enumerate(turns) if turn.same_speaker]
    if not said:
        return "", ""
    begin = said[-1]
    while begin > 0 and turns[begin - 1].same_speaker:
        begin -= 1
    last = " ".join(turn.text for turn in turns[begin : said[-1] + 1])
    return last, " ".join(turns[k].text for k in said if k < begin)


def _strategy(name: str | None) -> Floats:
    return _one_hot(len(STRATEGIES) if name is None else STRATEGIES.index(name), len(STRATEGIES) + 1)


def _one_hot(k: int, n: int) -> Floats:
    row = np.zeros(n)
    row[k] = 1.0
    return row


@cache
def _model(folder: Path) -> StrategyModel:
    try:
        with np.load(folder / "model.npz", allow_pickle=False) as stored:
            arrays = dict(stored)
        config = json.loads((folder / "config.json").read_text("utf-8"))
        return StrategyModel(
            LinearHeads.of(arrays, "words"), arrays["form"].astype(np.float64), float(config["temperature"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ComponentError(
            f"{folder} holds no strategy policy ({error}); make it with `rapport train strategy`"
        ) from None
