"""The trace of a turn: what was perceived and why, how the agent's feeling moved, what was planned, said and when.

One pydantic model, saved as one line of JSON per turn. With the same seed and input, two runs give equal traces but
for `timings_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from rapport.agent.response.deliberation import Deliberation
from rapport.memory.records import Exchange, Recollection
from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.errors import StorageError

if TYPE_CHECKING:
    from rapport.agent.events import Perceived


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class VadRecord(_Record):
    """A point in affect space, each axis in [-1, 1]."""

    valence: float
    arousal: float
    dominance: float

    @classmethod
    def of(cls, vad: VAD) -> VadRecord:
        return cls(valence=vad.valence, arousal=vad.arousal, dominance=vad.dominance)


class DeviationRecord(_Record):
    """A standard deviation per axis, in units of VAD."""

    valence: float
    arousal: float
    dominance: float

    @classmethod
    def of(cls, vad_sd: tuple[float, float, float]) -> DeviationRecord:
        return cls(valence=vad_sd[0], arousal=vad_sd[1], dominance=vad_sd[2])


class TimedText(_Record):
    """A word with seconds from the start of the person's audio (0 and 0 when it was typed)."""

    text: str
    start_s: float
    end_s: float


class TimedPhoneme(_Record):
    """A phoneme with seconds on the reply clock."""

    symbol: str
    start_s: float
    end_s: float


class HeardRecord(_Record):
    text: str = ""
    words: list[TimedText] = Field(default_factory=list[TimedText])
    language: str = "en"


class EstimateRecord(_Record):
    """One estimate of the person's feeling."""

    label: str
    probabilities: dict[str, float]
    vad: VadRecord
    vad_sd: DeviationRecord

    @classmethod
    def of(cls, estimate: EmotionEstimate) -> EstimateRecord:
        return cls(
            label=estimate.label,
            probabilities=estimate.distribution.as_dict(),
            vad=VadRecord.of(estimate.vad),
            vad_sd=DeviationRecord.of(estimate.vad_sd),
        )


class EvidenceRecord(_Record):
    modality: str
    text: str
    weight: float


class ExplanationRecord(_Record):
    """ExpLLM's three headings."""

    key_observations: list[str] = Field(default_factory=list[str])
    interpretation: str = ""
    conclusion: str = ""


class SmoothedRecord(_Record):
    """The person's feeling over the turns so far."""

    vad: VadRecord
    sd: DeviationRecord


class PerceivedRecord(_Record):
    """`conflict` says how words disagree with voice or face, `compound` names two feelings at once; None if neither."""

    modalities: dict[str, EstimateRecord] = Field(default_factory=dict[str, EstimateRecord])
    fused: EstimateRecord
    evidence: list[EvidenceRecord] = Field(default_factory=list[EvidenceRecord])
    conflict: str | None = None
    compound: str | None = None
    explanation: ExplanationRecord
    smoothed: SmoothedRecord

    @classmethod
    def of(cls, perceived: Perceived) -> PerceivedRecord:
        fused, explanation, smoothed = perceived.fused, perceived.explanation, perceived.smoothed
        return cls(
            modalities={name: EstimateRecord.of(estimate) for name, estimate in perceived.modalities.items()},
            fused=EstimateRecord.of(fused),
            evidence=[
                EvidenceRecord(modality=item.modality, text=item.text, weight=item.weight) for item in fused.evidence
            ],
            conflict=perceived.conflict.description if perceived.conflict is not None else None,
            compound=perceived.compound.name if perceived.compound is not None else None,
            explanation=ExplanationRecord(
                key_observations=list(explanation.key_observations),
                interpretation=explanation.interpretation,
                conclusion=explanation.conclusion,
            ),
            smoothed=SmoothedRecord(vad=VadRecord.of(smoothed.vad), sd=DeviationRecord.of(smoothed.vad_sd)),
        )


class AffectRecord(_Record):
    label: str
    vad: VadRecord
    mood: VadRecord

    @classmethod
    def of(cls, state: AffectState) -> AffectRecord:
        return cls(label=state.label, vad=VadRecord.of(state.emotion), mood=VadRecord.of(state.mood))


class FeltRecord(_Record):
    """`because` gives, per axis, the signed parts of the move; they add up to `after - before`."""

    before: AffectRecord
    after: AffectRecord
    because: dict[str, dict[str, float]] = Field(default_factory=dict[str, dict[str, float]])

    @classmethod
    def of(cls, before: AffectState, after: AffectState) -> FeltRecord:
        return cls(
            before=AffectRecord.of(before),
            after=AffectRecord.of(after),
            because={axis: dict(parts) for axis, parts in after.because.items()},
        )


class PlanRecord(_Record):
    event: str = ""
    emotion: str = ""
    cause: str = ""
    goal: str = ""
    strategy: str = ""


class CandidateRecord(_Record):
    """A way to go on from the opening: who wrote it, why sentences were left out, the scores, all in [0, 1]."""

    text: str
    origin: str
    faults: list[str] = Field(default_factory=list[str])
    scores: dict[str, float] = Field(default_factory=dict[str, float])
    total: float = 0.0


class ConsideredRecord(_Record):
    """What a responder weighed, best first. `steps`: how each step was found; `note`: what went wrong."""

    opening: str
    candidates: list[CandidateRecord]
    steps: dict[str, str] = Field(default_factory=dict[str, str])
    note: str = ""

    @classmethod
    def of(cls, thought: Deliberation) -> ConsideredRecord:
        return cls(
            opening=thought.opening,
            candidates=[
                CandidateRecord(
                    text=c.text,
                    origin=c.origin,
                    faults=list(c.faults),
                    scores={name: round(score, 4) for name, score in c.scores.items()},
                    total=round(c.total, 4),
                )
                for c in thought.candidates
            ],
            steps=dict(thought.steps),
            note=thought.note,
        )


class RiskRecord(_Record):
    """What the safety guard found; `rule` is the rule's name, or "classifier"."""

    level: str
    kind: str
    probability: float
    words: list[str] = Field(default_factory=list[str])
    rule: str = ""


class RecalledRecord(_Record):
    """An exchange that came to mind. `parts` says why, in shares of its score; empty where the store does not tell."""

    session: str
    turn: int
    person: str
    parts: dict[str, float] = Field(default_factory=dict[str, float])
    facts: list[str] = Field(default_factory=list[str])

    @classmethod
    def of(cls, memory: Exchange) -> RecalledRecord:
        told = cls(session=memory.session, turn=memory.turn, person=memory.person)
        if isinstance(memory, Recollection):
            told.parts = {name: round(part, 3) for name, part in memory.parts.items()}
            told.facts = [fact.statement for fact in memory.facts]
        return told


class ClauseRecord(_Record):
    """A clause with seconds on the reply clock (0 and 0 when no voice spoke it)."""

    text: str
    start_s: float = 0.0
    end_s: float = 0.0
    phonemes: list[TimedPhoneme] = Field(default_factory=list[TimedPhoneme])


class ReplyRecord(_Record):
    """`text` is what the person heard: an interrupted reply ends at its last word played."""

    text: str = ""
    clauses: list[ClauseRecord] = Field(default_factory=list[ClauseRecord])


class TimingsRecord(_Record):
    """Seconds since the end of the person's turn; None for what never came."""

    recognition: float | None = None
    perception: float | None = None
    first_token: float | None = None
    first_audio: float | None = None
    first_frame: float | None = None
    total: float | None = None


class FailureRecord(_Record):
    stage: str
    component: str
    error: str
    fallback: str


class TurnTrace(_Record):
    """Everything about one turn."""

    session: str
    turn: int
    persona: str
    seed: int
    heard: HeardRecord
    risk: RiskRecord | None = None
    perceived: PerceivedRecord
    felt: FeltRecord
    recalled: list[RecalledRecord] = Field(default_factory=list[RecalledRecord])
    plan: PlanRecord
    considered: ConsideredRecord | None = None
    reply: ReplyRecord
    timings_s: TimingsRecord
    failures: list[FailureRecord] = Field(default_factory=list[FailureRecord])


def write_traces(path: Path, traces: Sequence[TurnTrace]) -> None:
    """One turn is written as one JSON object, several as JSON lines. Raises StorageError when it cannot be written."""
    text = traces[0].model_dump_json(indent=2) if len(traces) == 1 else "\n".join(t.model_dump_json() for t in traces)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: the trace cannot be written ({error.strerror}); choose another place") from None
