"""Reading traces back: as much of every turn as a picture or an export needs.

`agent/trace.py` writes traces and forbids what it does not know. Here the rest is ignored and what came later is
optional, so that traces of older and newer versions can be read alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rapport.persona.affect import (
    TAXONOMIES,
    VAD,
    AffectState,
    EmotionDistribution,
    EmotionEstimate,
    Evidence,
    Modality,
)
from rapport.persona.errors import InputError


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _Axes(_Read):
    valence: float
    arousal: float
    dominance: float

    @property
    def numbers(self) -> tuple[float, float, float]:
        return (self.valence, self.arousal, self.dominance)


class _Point(_Axes):
    valence: float = Field(ge=-1, le=1)
    arousal: float = Field(ge=-1, le=1)
    dominance: float = Field(ge=-1, le=1)

    @property
    def vad(self) -> VAD:
        return VAD(*self.numbers)


class EvidenceSeen(_Read):
    modality: Modality
    text: str
    weight: float


class EstimateSeen(_Read):
    label: str
    vad: _Point
    probabilities: dict[str, float] = Field(default_factory=dict[str, float])
    vad_sd: _Axes | None = None

    def estimate(self, modality: Modality | None = None, evidence: Sequence[EvidenceSeen] = ()) -> EmotionEstimate:
        """As the affect type; probabilities over labels of no known taxonomy raise InputError."""
        known = [t for t in TAXONOMIES.values() if set(self.probabilities) == set(t.labels)]
        if not known:
            raise InputError(f"the labels of {self.label!r} belong to no taxonomy that Rapport knows")
        return EmotionEstimate(
            EmotionDistribution.normalised(known[0], (self.probabilities[label] for label in known[0].labels)),
            self.vad.vad,
            modality=modality,
            evidence=tuple(Evidence(e.modality, e.text, e.weight) for e in evidence),
            **({} if self.vad_sd is None else {"vad_sd": self.vad_sd.numbers}),
        )


class SmoothedSeen(_Read):
    """The person's feeling after smoothing over the turns, with a standard deviation per axis."""

    vad: _Point
    sd: _Axes


class ExplanationSeen(_Read):
    key_observations: list[str] = Field(default_factory=list[str])
    interpretation: str = ""
    conclusion: str = ""


class PerceivedSeen(_Read):
    fused: EstimateSeen
    modalities: dict[Modality, EstimateSeen] = Field(default_factory=dict[Modality, EstimateSeen])
    evidence: list[EvidenceSeen] = Field(default_factory=list[EvidenceSeen])
    conflict: str | None = None
    """How what is said and how it is said disagree."""
    compound: str | None = None
    """The name of two feelings at once."""
    explanation: ExplanationSeen | None = None
    smoothed: SmoothedSeen | None = None


class StateSeen(_Read):
    label: str
    vad: _Point
    mood: _Point


class FeltSeen(_Read):
    before: StateSeen
    after: StateSeen
    because: dict[str, dict[str, float]] = Field(default_factory=dict[str, dict[str, float]])

    @property
    def state(self) -> AffectState:
        return AffectState(self.after.vad.vad, self.after.mood.vad, because=self.because)


class TextSeen(_Read):
    text: str = ""


class TurnSeen(_Read):
    """One turn of a conversation, as far as it is about feelings and words."""

    session: str
    turn: int = Field(ge=0)
    persona: str
    heard: TextSeen
    perceived: PerceivedSeen
    felt: FeltSeen
    reply: TextSeen


def read_turns(path: Path) -> list[TurnSeen]:
    """The turns of a trace file: one or more JSON objects, as `rapport chat` and `rapport talk` write them.

    Raises:
        InputError: the file cannot be read, is no text, is empty, or holds something else than traces of turns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: cannot be read as text; name a file that --trace wrote") from None
    turns = [_turn(item, f"{path}:{line}") for line, item in _objects(text, path)]
    if not turns:
        raise InputError(f"{path}: is empty; --trace of `rapport chat` or `rapport talk` writes one")
    return turns


def _objects(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Every JSON value of a text, with the number of the line on which it begins."""
    decoder, content = json.JSONDecoder(), re.compile(r"\S")
    at, line = 0, 1
    while found := content.search(text, at):
        begin = found.start()
        line += text.count("\n", at, begin)
        try:
            item, end = decoder.raw_decode(text, begin)
        except (json.JSONDecodeError, RecursionError):
            raise InputError(f"{path}:{line}: is no JSON; a trace is one JSON object a turn") from None
        yield line, item
        line += text.count("\n", begin, end)
        at = end


def _turn(item: Any, where: str) -> TurnSeen:
    try:
        return TurnSeen.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise InputError(f"{where}: is no trace of a turn ({place}: {first['msg'].lower()})") from None
