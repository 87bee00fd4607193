"""Exemplars, what people say and what a kind listener answers, found by meaning.

Answers that somebody has thought about beat what a very small model writes (retrieval against generation in Rashkin et
al. 2019, arXiv 1811.00207), where the stock has a turn that is like this one. `stock/*.tsv` holds it: a tone, two
ways to say the same thing, and the answer, with tabs between them; lines that begin with # are comments.
`python -m rapport.agent.response.exemplars` makes `stock/vectors.npz` anew. What fits is learned, see `likeness`.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.links import sigmoid
from rapport.agent.response.clauses import split_sentences
from rapport.agent.response.likeness import LikenessModel, cosines, shipped_model
from rapport.agent.response.words import one_word, stem, topics, words
from rapport.memory.embedding import Embedder, MiniLMEmbedder
from rapport.persona.errors import ComponentError, InputError

ExemplarTone = Literal["good", "bad", "plain", "advice"]
"""The tone of what is said, or that it asks what to do."""

STOCK_FOLDER = Path(__file__).with_name("stock")
VECTORS_FILE = STOCK_FOLDER / "vectors.npz"
_OR = "||"
_SCALE = 127.0
"""Vectors of length 1 are kept in int8, in steps of 1/127."""
_NEIGHBOURS = 32
"""How many exemplars are looked at more closely; those that say what the person did not are left out."""

_DEATH = re.compile(
    r"(?<!almost )(?<!nearly )\b(?:die[sd]?|dying|dead|deaths?|pass(?:ed|ing) (?:away|on)|past away"
    r"|put (?:\w+ ){0,2}(?:down|to sleep)|funerals?|buried|stillborn|miscarr\w+|killed|r[au]n over)\b",
    re.I,
)
"""Who has died and who has gone are near in meaning to an encoder, and not to those who tell of it."""

_DENIAL = re.compile(r"\b(?:not|no|never|nobody|nothing)\b|n't\b", re.I)
"""Good news with a "not" in it may be none: "I did not get the job" is near to "I got the job"."""


@dataclass(frozen=True)
class Exemplar:
    """What two people might have said, meaning the same, and the answer to either."""

    tone: ExemplarTone
    said: tuple[str, ...]
    answer: str

    @property
    def sentences(self) -> list[str]:
        return split_sentences(self.answer)


@dataclass(frozen=True)
class Likeness:
    """An exemplar, and how probable it is that its answer fits what was said, in [0, 1]."""

    exemplar: Exemplar
    score: float


@cache
def exemplars() -> tuple[Exemplar, ...]:
    """The whole stock, in the order of its files.

    Raises:
        InputError: a line is none (named).
    """
    return tuple(
        each for path in sorted(STOCK_FOLDER.glob("*.tsv")) for each in parsed(path.read_text("utf-8"), path.name)
    )


def parsed(text: str, name: str) -> list[Exemplar]:
    """The exemplars of one file.

    Raises:
        InputError: a line is none (named).
    """
    found: list[Exemplar] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        tone, ways, answer = ([part.strip() for part in line.split("\t")] + [""] * 3)[:3]
        said = tuple(way.strip() for way in ways.split(_OR) if way.strip())
        if line.count("\t") != 2 or tone not in get_args(ExemplarTone) or not said or not answer:
            raise InputError(f'{name}:{number}: is no exemplar; write "bad<TAB>what is said || the same<TAB>answer"')
        found.append(Exemplar(cast("ExemplarTone", tone), said, answer))
    return found


class Exemplars:
    """Finds exemplars by what is said. The stock is loaded when first used; safe from several threads.

    Raises:
        ComponentError: the weights of MiniLM are not installed.
    """

    def __init__(self, embedder: Embedder | None = None, model: LikenessModel | None = None) -> None:
        self._embedder = embedder or MiniLMEmbedder()
        self._model = model
        self._lock = threading.Lock()
        self._mapped: tuple[LikenessModel, NDArray[np.float32]] | None = None

    def nearest(self, text: str, *, context: str = "", count: int = 3) -> list[Likeness]:
        """The exemplars whose answers fit a turn most probably, best first; any text is fine.

        Those that are about something particular of which the person has not spoken, here or in `context`, are left
        out: who mourns a cat is not asked about the dog, and not where the cat was last seen.

        Raises:
            ComponentError: the vectors are missing, or are not those of the stock.
        """
        if not text.strip():
            return []
        model, vectors = self._stock()
        near = cosines(model.mapped(self._embedder.embed([text[:1000]])[0]), vectors)
        told, of_death = stems(f"{context} {text}"), _DEATH.search(text) is not None
        denies = _DENIAL.search(text) is not None
        found: list[Likeness] = []
        for row in np.argsort(-model.odds(near), kind="stable")[:_NEIGHBOURS]:
            exemplar = exemplars()[int(row)]
            said_there = " ".join(exemplar.said)
            if (_DEATH.search(said_there) is not None) != of_death:
                continue
            if denies and exemplar.tone == "good" and not _DENIAL.search(said_there):
                continue
            if not (_shared(exemplar) | _core(exemplar)) - told & _particular():
                odds = model.odds(np.append(near[row], unnamed(exemplar, told)))
                found.append(Likeness(exemplar, float(sigmoid(odds))))
        return sorted(found, key=lambda likeness: -likeness.score)[:count]

    def _stock(self) -> tuple[LikenessModel, NDArray[np.float32]]:
        """The model, and the vectors of the stock under its map."""
        with self._lock:
            if self._mapped is None:
                model = self._model or shipped_model()
                self._mapped = model, model.mapped(stock_vectors())
            return self._mapped


def unnamed(exemplar: Exemplar, told: frozenset[str]) -> int:
    """How many words the answer has from what was said there whose `stems` are not among those told here."""
    return len(_shared(exemplar) - told)


def common(word: str) -> str:
    """The stem of a word, the same for words that name the same person or thing ("mum", "mother")."""
    return one_word().get(stem(word), stem(word))


@cache
def _shared(exemplar: Exemplar) -> frozenset[str]:
    """Words of weight that the answer has from what was said."""
    said = stems(" ".join(exemplar.said))
    answered = {
        common(word) for word in re.findall(r"[\w']+", exemplar.answer.lower()) if word not in words("everywhere")
    }
    return frozenset(said & answered)


@cache
def _core(exemplar: Exemplar) -> frozenset[str]:
    """Words that every way to say it has."""
    return stems(exemplar.said[0]) & stems(exemplar.said[-1]) if len(exemplar.said) > 1 else frozenset()


def stems(text: str) -> frozenset[str]:
    """What a text's words have in `common` with others."""
    return frozenset(common(word) for word in re.findall(r"[\w']+", text.lower()))


@cache
def _particular() -> frozenset[str]:
    """Words that name the subject of a talk."""
    return frozenset(common(word) for topic in topics() for word in topic.stems)


def stock_vectors(path: Path = VECTORS_FILE) -> NDArray[np.float32]:
    """MiniLM's vectors of each exemplar's first and last way to say it and of its answer, (n, 3, 384).

    Raises:
        ComponentError: the file is missing, or is not that of the stock.
    """
    try:
        with np.load(path) as file:
            kept: Mapping[str, Any] = {name: file[name] for name in ("vectors", "digest")}
    except (OSError, KeyError, ValueError) as error:
        raise ComponentError(f"{path}: cannot be read ({error}); {_MAKE}") from None
    if str(kept["digest"]) != _digest(exemplars()):
        raise ComponentError(f"{path}: is not made from the exemplars beside it; {_MAKE}")
    return kept["vectors"].astype(np.float32) / np.float32(_SCALE)


_MAKE = "make it anew: python -m rapport.agent.response.exemplars"


def _texts(stock: Sequence[Exemplar]) -> list[str]:
    return [text for each in stock for text in (each.said[0], each.said[-1], each.answer)]


def _digest(stock: Sequence[Exemplar]) -> str:
    return hashlib.sha256("\n".join(_texts(stock)).encode()).hexdigest()


def build(out: Path = VECTORS_FILE) -> int:
    """Write the vectors of the stock; returns of how many exemplars.

    Raises:
        ComponentError: the weights of MiniLM are not installed.
        InputError: a line of the stock is no exemplar.
        OSError: the file cannot be written.
    """
    embedder = MiniLMEmbedder()
    vectors = embedder.embed(_texts(exemplars())).reshape(-1, 3, embedder.dimensions)
    rounded = np.clip(np.round(vectors * _SCALE), -127, 127).astype(np.int8)
    np.savez_compressed(out, vectors=rounded, digest=np.array(_digest(exemplars())))
    return len(rounded)


if __name__ == "__main__":
    sys.stderr.write(f"{VECTORS_FILE}: {build()} exemplars\n")
