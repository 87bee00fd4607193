"""What a stage may hand on: every result of a component passes one of these checks, or counts as its failure.

Plug-ins are other people's code, so the types that they promise are not taken on trust.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from rapport.agent.response.deliberation import Deliberation
from rapport.agent.stages import EmpathyPlan
from rapport.avatar.face import FaceTrack
from rapport.memory.records import Exchange
from rapport.persona.affect import TAXONOMIES, VAD, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.errors import StageError
from rapport.speech.audio import SpokenClause, Transcript

_MAX_CLAUSE_CHARS = 2000
_MAX_CLAUSE_S = 120.0


class NotDrawn:
    """Stands for the pictures of a renderer that passes the track on."""


async def not_drawn() -> AsyncIterator[NotDrawn]:
    yield NotDrawn()


def check_transcript(result: object) -> None:
    if not isinstance(result, Transcript) or not isinstance(cast("object", result.text), str):
        raise StageError(f"returned {type(result).__name__}, not a Transcript with a text")
    if any(not (math.isfinite(w.start_s) and math.isfinite(w.end_s)) for w in result.words):
        raise StageError("returned word times that are no numbers")


def check_estimate(result: object) -> None:
    if result is not None:
        check_fused(result)


def check_fused(result: object) -> None:
    if not isinstance(result, EmotionEstimate):
        raise StageError(f"returned {type(result).__name__}, not an EmotionEstimate")
    taxonomy = result.distribution.taxonomy
    if TAXONOMIES.get(taxonomy.name) != taxonomy:
        raise StageError(f"returned labels of {taxonomy.name!r}; the known taxonomies are {', '.join(TAXONOMIES)}")
    # What a constructor checks can be changed behind its back, so all of it is made once more.
    EmotionDistribution(taxonomy, tuple(result.distribution.probabilities))
    VAD(*result.vad.as_tuple())
    replace(result)
    if not all(isinstance(cast("object", e.text), str) and math.isfinite(e.weight) for e in result.evidence):
        raise StageError("returned evidence without a text or with a weight that is no number")


def check_exchanges(result: object) -> None:
    if not isinstance(result, Sequence) or not all(isinstance(i, Exchange) for i in cast("Sequence[object]", result)):
        raise StageError("returned something else than exchanges")


def check_state(result: object) -> None:
    if not isinstance(result, AffectState) or not {type(result.emotion), type(result.mood)} <= {VAD}:
        raise StageError(f"returned {type(result).__name__}, not an AffectState")
    if not all(math.isfinite(part) for parts in result.because.values() for part in parts.values()):
        raise StageError("gave reasons that are no numbers")


def check_reply_item(result: object) -> None:
    if isinstance(result, EmpathyPlan):
        if not all(isinstance(value, str) for value in vars(result).values()):
            raise StageError("yielded a plan with a field that is no text")
        return
    if isinstance(result, Deliberation):
        if not result.candidates:
            raise StageError("yielded a deliberation without a candidate")
        return
    if not isinstance(result, str):
        raise StageError(f"yielded {type(result).__name__}, neither a plan nor a clause")
    if not result.strip():
        raise StageError("yielded an empty clause")
    if len(result) > _MAX_CLAUSE_CHARS:
        raise StageError(f"yielded a clause of {len(result):,} characters")


def check_spoken(result: object) -> None:
    if not isinstance(result, SpokenClause):
        raise StageError(f"returned {type(result).__name__}, not a SpokenClause")
    if not 0.0 < result.audio.duration_s <= _MAX_CLAUSE_S:
        raise StageError(f"returned {result.audio.duration_s:.1f} s of sound for one clause")
    if not isinstance(cast("object", result.text), str):
        raise StageError("returned a clause without a text")
    timed = (*result.words, *result.phonemes)
    if any(not (math.isfinite(item.start_s) and math.isfinite(item.end_s)) for item in timed):
        raise StageError("returned word or phoneme times that are no numbers")


def check_track(result: object, clause: SpokenClause) -> None:
    if not isinstance(result, FaceTrack):
        raise StageError(f"returned {type(result).__name__}, not a FaceTrack")
    if len(result) == 0 and clause.audio.duration_s * result.frame_rate_hz >= 1.0:
        raise StageError("returned a track without a frame")


def check_picture(result: object) -> None:
    if isinstance(result, NotDrawn):
        return
    if not isinstance(result, np.ndarray) or result.dtype != np.uint8 or result.ndim != 3 or result.shape[2] != 3:  # pyright: ignore[reportUnknownMemberType]
        raise StageError("yielded something else than an RGB picture, uint8 (height, width, 3)")
    if result.size == 0:
        raise StageError("yielded an empty picture")
