"""What a turn emits: typed events on one stream, for a terminal, a page, a test and a simulation alike.

In a spoken conversation Listening and Hearing tell of the person's voice, at any time, and Attending shows a face
between replies; during a reply, Held comes with the voice, and then Resumed or Interrupted. The order within a turn:
Heard, Risk where a guard found one, Perceived, Felt, Planned, then for each clause Clause, Spoken, Face and its Frames,
and last Done. Stages overlap, so events of neighbouring clauses interleave; `Failed` may stand anywhere, `Interrupted`
comes before Done. Times on the *reply clock* count seconds from the first
sample of the reply's first clause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.compound import Compound
from rapport.agent.perception.conflict import Conflict
from rapport.agent.perception.explanation import Explanation
from rapport.agent.perception.smoothing import SmoothedFeeling
from rapport.agent.safety.levels import Finding
from rapport.agent.stages import EmpathyPlan
from rapport.agent.trace import TurnTrace
from rapport.avatar.face import FaceTrack
from rapport.persona.affect import AffectState, EmotionEstimate, Modality
from rapport.speech.audio import Audio, SpokenClause, Transcript


@dataclass(frozen=True)
class Listening:
    """The microphone hears the person begin to speak. Like the next three, only `Agent.listen` emits it."""


@dataclass(frozen=True)
class Hearing:
    """Words while the person still speaks: `stable` ones will not change, `tentative` ones may. None at all: it was no
    turn."""

    stable: str
    tentative: str


@dataclass(frozen=True)
class Held:
    """Somebody speaks while the reply is heard: fall silent at once, and keep the rest of it."""

    heard_until_s: float


@dataclass(frozen=True)
class Resumed:
    """It was a backchannel or a noise: play the reply on from where it was held."""


@dataclass(frozen=True)
class Attending:
    """The next frames of a face that listens, thinks or waits, on the clock of the microphone's sound. Show each when
    it comes; the frames of a reply take over with its first sound and go on from them."""

    track: FaceTrack


@dataclass(frozen=True)
class Refused:
    """What the person gave cannot be a turn; `reason` is one line that says what to do. Nothing else follows."""

    reason: str


@dataclass(frozen=True)
class Heard:
    """The person's words."""

    transcript: Transcript


@dataclass(frozen=True)
class Risk:
    """A guard found that somebody may be in danger. In a crisis the reply is a fixed one, and no model writes it."""

    found: Finding


@dataclass(frozen=True)
class Perceived:
    """The person's feeling in this turn, per modality and fused, and over the turns so far."""

    modalities: Mapping[Modality, EmotionEstimate]
    fused: EmotionEstimate
    conflict: Conflict | None
    """What is said and how it is said disagree."""
    compound: Compound | None
    """Two feelings at once, when none stands out alone."""
    explanation: Explanation
    smoothed: SmoothedFeeling


@dataclass(frozen=True)
class Felt:
    """The agent's feeling before and after what it perceived."""

    before: AffectState
    after: AffectState


@dataclass(frozen=True)
class Planned:
    """The chain of empathy that the reply follows."""

    plan: EmpathyPlan


@dataclass(frozen=True)
class Clause:
    """A clause of the reply as text."""

    index: int
    text: str


@dataclass(frozen=True)
class Spoken:
    """A clause as sound; `start_s` is its place on the reply clock."""

    index: int
    clause: SpokenClause
    start_s: float


@dataclass(frozen=True)
class Face:
    """A clause's face track, on the reply clock."""

    index: int
    track: FaceTrack


@dataclass(frozen=True)
class Frame:
    """One rendered picture, RGB uint8 (height, width, 3), to be shown at `time_s` on the reply clock."""

    index: int
    time_s: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Failed:
    """A component failed. `fallback` names what took over: a component, or what the turn goes on without."""

    stage: str
    component: str
    error: str
    fallback: str


@dataclass(frozen=True)
class Interrupted:
    """The person broke in: the reply was heard up to `heard_until_s` on the reply clock, which is `heard_text`."""

    heard_until_s: float
    heard_text: str


@dataclass(frozen=True)
class Done:
    """The turn is over and remembered."""

    reply: Reply


@dataclass(frozen=True)
class Reply:
    """A whole answer. `text` is what was heard of it; `audio` is None when no voice spoke."""

    text: str
    plan: EmpathyPlan | None
    felt: AffectState
    perceived: EmotionEstimate
    clauses: tuple[SpokenClause, ...]
    audio: Audio | None
    track: FaceTrack | None
    trace: TurnTrace


Event: TypeAlias = (
    Listening
    | Hearing
    | Held
    | Resumed
    | Attending
    | Refused
    | Heard
    | Risk
    | Perceived
    | Felt
    | Planned
    | Clause
    | Spoken
    | Face
    | Frame
    | Failed
    | Interrupted
    | Done
)
