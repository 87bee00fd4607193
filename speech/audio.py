"""Sound with its rate, and what was said in it: words and phonemes with times, transcripts, spoken clauses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError

RECOGNITION_RATE_HZ = 16_000
"""Rate that every recogniser and the endpointer take."""


@dataclass(frozen=True)
class Audio:
    """Mono sound: float32 samples in [-1, 1], shape (n,), at `sample_rate_hz`. Never NaN, may be empty.

    Raises:
        InputError: more than one channel, a NaN or infinity, or a rate that is not positive.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        if self.sample_rate_hz <= 0:
            raise InputError(f"sample_rate_hz must be positive, got {self.sample_rate_hz}")
        samples = np.ascontiguousarray(self.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise InputError(f"audio must be mono with shape (n,), got {samples.shape}; mix the channels first")
        if not np.isfinite(samples).all():
            raise InputError("audio holds NaN or infinite samples; decode it again")
        object.__setattr__(self, "samples", samples)

    @classmethod
    def silence(cls, duration_s: float, sample_rate_hz: int = RECOGNITION_RATE_HZ) -> Audio:
        return cls(np.zeros(round(duration_s * sample_rate_hz), np.float32), sample_rate_hz)

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz

    def between(self, start_s: float, end_s: float) -> Audio:
        """The part from `start_s` to `end_s`, cut to what there is."""
        a, b = (max(0, round(t * self.sample_rate_hz)) for t in (start_s, end_s))
        return replace(self, samples=self.samples[a:b])


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its times in seconds from the start of its audio and, when recognised, its probability."""

    text: str
    start_s: float
    end_s: float
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A phoneme in IPA (misaki's American alphabet; `pause` for silence); times in seconds from its audio's start."""

    symbol: str
    start_s: float
    end_s: float


PAUSE = "pause"
"""The symbol of a silent phoneme."""


@dataclass(frozen=True, eq=False)
class EncodedSpeech:
    """What a recogniser's encoder made of speech, for whoever reads more than words in it."""

    states: NDArray[np.float32]
    """(frames, width), one frame every 20 ms of speech; pauses that the recogniser skipped are left out."""
    encoder: str
    """The model that made them: states of one encoder mean nothing to the reader of another."""


@dataclass(frozen=True)
class Transcript:
    """What a recogniser heard. Empty `text` and no words mean that nobody spoke."""

    text: str
    words: tuple[Word, ...] = ()
    language: str = "en"
    no_speech_probability: float = 0.0
    encoded: EncodedSpeech | None = field(default=None, compare=False, repr=False)
    """The encoder's states where the recogniser has them; never part of a trace."""


@dataclass(frozen=True)
class VoiceProfile:
    """A persona's voice. `styles` blends a synthesiser's own voices by weight; empty means its default."""

    styles: dict[str, float]
    pitch_scale: float = 1.0
    """Multiplies the fundamental frequency, 0.5 to 2."""
    rate_scale: float = 1.0
    """Multiplies the speaking rate, 0.5 to 2: above 1 is faster."""


@dataclass(frozen=True)
class SpokenClause:
    """A clause as sound. Word and phoneme times are seconds from the start of this clause's audio."""

    text: str
    audio: Audio
    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()
    prosody: dict[str, float] | None = None
    """What the synthesiser was asked for, e.g. rate, F0 scale, energy shift: for the trace."""


@dataclass(frozen=True)
class RecognizerCapabilities:
    languages: tuple[str, ...] = ("en",)
    """Languages it can transcribe (BCP 47); empty means any."""
    word_times: bool = False
    """Whether words come with start and end times."""


@dataclass(frozen=True)
class SynthesizerCapabilities:
    sample_rate_hz: int = 24_000
    phoneme_times: bool = False
    """Whether clauses come with exact phoneme times; without them the face follows the energy of the sound."""
    prosody: frozenset[str] = field(default_factory=frozenset[str])
    """Which of `rate`, `f0`, `energy` follow the agent's affect."""
    voices: tuple[str, ...] = ()
    """Names that a voice profile's `styles` may blend."""
