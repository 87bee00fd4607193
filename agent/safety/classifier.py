"""The classifier: two linear heads over MiniLM's sentence vector and hashed pieces of words.

One head gives the level (none, concern, crisis), the other the kind of a risk. The encoder is the one that memory
recalls by, so only the heads are shipped (model/, with its card; made again by `rapport train safety`). Pieces are
runs of one to three words and of three to five letters, hashed with a sign (Weinberger et al. 2009, arXiv 0902.2206):
they know spellings that the encoder does not.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.links import softmax
from rapport.agent.safety.levels import KINDS, Kind, Level
from rapport.agent.safety.spelling import plain
from rapport.memory.embedding import Embedder, MiniLMEmbedder
from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "model"
PIECES = 8192
"""Columns that pieces are hashed to."""
WINDOW_WORDS = 40
"""Longest stretch that the encoder reads; of a longer text, the stretch that the pieces find most alarming."""
_MOST_WORDS = 1200

Floats = NDArray[np.float64]


def pieces(flat: str) -> Floats:
    """Hashed pieces of a plain text, (PIECES,), of length 1 unless there are none."""
    words = re.findall(r"[a-z0-9']+", flat)[:_MOST_WORDS]
    found = [" ".join(words[k : k + n]) for n in (1, 2, 3) for k in range(len(words) - n + 1)]
    line = "_" + "_".join(words) + "_"
    found += ["#" + line[k : k + n] for n in (3, 4, 5) for k in range(len(line) - n + 1)]
    codes = np.array([zlib.crc32(piece.encode()) for piece in found], np.int64)
    row = np.zeros(PIECES)
    np.add.at(row, codes % PIECES, np.where(codes & (1 << 20), 1.0, -1.0))
    row = np.sign(row) * np.sqrt(np.abs(row))
    length = float(np.linalg.norm(row))
    return row / length if length else row


@dataclass(frozen=True)
class Judgement:
    """What the classifier makes of a text."""

    none: float
    concern: float
    crisis: float
    """Probabilities, which add up to 1."""
    kind: Kind
    """The likeliest kind, if there is a risk at all."""

    @property
    def risk(self) -> float:
        return self.concern + self.crisis


@dataclass(frozen=True)
class Thresholds:
    """Probabilities from which the classifier's word counts, chosen by grouped cross-validation."""

    crisis: float
    """A crisis by the classifier alone."""
    crisis_with_rule: float
    """A crisis where a rule found a concern."""
    risk: float
    """A concern by the classifier alone."""
    veto: float
    """Probability of none from which a concern that only a rule found is dropped."""


class RiskClassifier:
    """The heads of a model folder over an encoder. Safe from several threads.

    Raises:
        ComponentError: the folder holds no such model, or the encoder's weights are not installed.
    """

    def __init__(self, folder: Path = MODEL_FOLDER, embedder: Embedder | None = None) -> None:
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
            with np.load(folder / "heads.npz", allow_pickle=False) as arrays:
                self._level = arrays["level"].astype(np.float64)
                self._kind = arrays["kind"].astype(np.float64)
            self.thresholds = Thresholds(**config["thresholds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ComponentError(
                f"{folder} holds no safety model ({error}); make it with `rapport train safety`"
            ) from None
        self.embedder: Embedder = embedder or MiniLMEmbedder()

    def judge(self, text: str) -> Judgement:
        """Probabilities for a text of any length."""
        return self.judge_features(features(window(plain(text), self.alarm), self.embedder))

    def judge_features(self, row: Floats) -> Judgement:
        """The same from `features`, (columns,)."""
        level = softmax(row @ self._level[:-1] + self._level[-1])
        kind = int((row @ self._kind[:-1] + self._kind[-1]).argmax())
        none, concern, crisis = level.tolist()
        return Judgement(none, concern, crisis, KINDS[kind])

    def alarm(self, flat: str) -> float:
        """How alarming a plain text is by its pieces alone, as a score without a scale."""
        scores = pieces(flat) @ self._level[-1 - PIECES : -1]
        return float(scores[Level.CRISIS] - scores[Level.NONE])


def window(flat: str, alarm: Callable[[str], float] | None) -> str:
    """The stretch of a plain text that the encoder reads: at most WINDOW_WORDS words, the most alarming ones."""
    words = flat.split()
    if len(words) <= WINDOW_WORDS or alarm is None:
        return " ".join(words[:WINDOW_WORDS])
    words = words[: _MOST_WORDS // 2] + words[-(_MOST_WORDS // 2) :] if len(words) > _MOST_WORDS else words
    step = WINDOW_WORDS // 2
    stretches = [" ".join(words[k : k + WINDOW_WORDS]) for k in range(0, len(words) - step, step)]
    return max(stretches, key=alarm)


def features(flat: str, embedder: Embedder) -> Floats:
    """The row that the heads read: sentence vector, then pieces; (384 + PIECES,)."""
    return np.concatenate([embedder.embed([flat])[0].astype(np.float64) * VECTOR_SCALE, pieces(flat)])


VECTOR_SCALE = 3.0
"""Weight of the sentence vector against the pieces, both of length 1: the regularisation is the same for both."""


@cache
def shipped_classifier() -> RiskClassifier:
    """The shipped classifier, loaded once for all agents."""
    return RiskClassifier()


def rows_of(texts: Sequence[str], embedder: Embedder) -> Floats:
    """`features` of many texts, each cut to its first window, (n, columns)."""
    return np.stack([features(window(plain(text), None), embedder) for text in texts])
