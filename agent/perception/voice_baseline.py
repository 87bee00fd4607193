"""How a person's voice usually is, so that a high voice is not taken for an excited one.

What is kept of each clip heard is how far its features lie off what its own feeling would have sounded like in the
average speaker (the *residual*, see `voice_model`). The mean of that is the speaker's habit, microphone and room
included. Feelings are taken out before averaging, since a talk may be sad from beginning to end.

A baseline is one immutable value: recognisers keep nothing of a conversation, so it travels with the turn, and the
estimate brings back the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import EmotionEstimate

Floats = NDArray[np.float64]

MOST_CLIPS = 32
"""From so many clips on, older ones fade: a person moves, a room changes."""
PRIOR_CLIPS = 2.0
"""The average speaker counts as much as so many clips of this one."""


@dataclass(frozen=True, eq=False)
class SpeakerBaseline:
    """The habit of one speaker as one recogniser hears it."""

    reader: str
    """Whose features these are: they mean nothing to another recogniser."""
    clips: int
    """How many clips it rests on, at least 1 and at most MOST_CLIPS."""
    residual: Floats
    """Their mean residual in standard deviations, (features,)."""

    @property
    def offset(self) -> Floats:
        """What to take off the features of this speaker: the mean residual, drawn towards the average speaker's 0."""
        return self.residual * (self.clips / (self.clips + PRIOR_CLIPS))


def offset_of(baseline: SpeakerBaseline | None, reader: str) -> Floats | float:
    """What this reader is to take off: nothing for a speaker of whom it has heard nothing."""
    return baseline.offset if baseline is not None and baseline.reader == reader else 0.0


def with_clip(baseline: SpeakerBaseline | None, reader: str, residual: Floats) -> SpeakerBaseline:
    """The baseline after one more clip; a fresh one where there was none of this reader."""
    if baseline is None or baseline.reader != reader:
        return SpeakerBaseline(reader, 1, residual)
    clips = min(baseline.clips + 1, MOST_CLIPS)
    return SpeakerBaseline(reader, clips, baseline.residual + (residual - baseline.residual) / clips)


@dataclass(frozen=True)
class VoiceEstimate(EmotionEstimate):
    """An estimate of a voice that also says how the speaker's baseline goes on."""

    baseline: SpeakerBaseline | None = field(default=None, compare=False, repr=False)
