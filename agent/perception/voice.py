"""Feeling from the sound of a voice: pitch, vocal effort and rate tell how aroused a speaker is, and little else.

Studies of vocal expression agree (reviews: Juslin & Laukka 2003, Psychological Bulletin 129; Scherer 2003, Speech
Communication 40) that high-arousal emotions raise the pitch and widen its range, put more energy into high frequencies,
and speed speech up; low-arousal ones do the reverse. The sign of the four cues comes from there, and they weigh alike.
Only their typical values, one zero and one scale were set on data: RAVDESS, actors 1-20, 1,198 clips, so that acted
neutral gives arousal 0 and estimates spread as widely as the arousal of the acted emotions does (EKMAN7's table, calm
at -0.25, normal intensity at 0.7 of strong).

Measured:

- High (angry, fearful, happy, surprised) against low arousal (neutral, calm, sad): AUC .85 on RAVDESS (.79 to .91 by
  groups of four actors), .99 on EmoDB (German, 280 clips, nothing of it used to set anything).
- Arousal itself: r = .56 and rms error .35 on RAVDESS, r = .89 and .29 on EmoDB. Zero and scale set on actors 1-18 give
  r = .55 and .35 on actors 19 and 20. Four weights fitted by ridge regression instead do no better (r = .56).
- A high voice reads as aroused, for the speaker's own habit is not known: neutral men and women lie 0.34 apart.
- Valence: r between -.23 and .37, depending on which cues are taken: not usable, so it is left open.

Acted speech is easier than talk, hence a wider standard deviation than measured. Loudness is left out, for it is the
microphone's as much as the speaker's.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.persona.affect import EKMAN7, VAD, EmotionDistribution, EmotionEstimate, Evidence
from rapport.persona.errors import ComponentError
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio
from rapport.speech.files import resample

LONGEST_S = 10.0
FRAME_PERIOD_MS = 10.0
LEAST_VOICED_S = 0.3
SILENCE_PEAK = 1e-3
"""Peak below which (-60 dBFS) nobody is taken to have spoken."""
SPEECH_RANGE_DB = 35.0
"""Frames this far under the loudest are pauses."""
STEADY_SEMITONES = 2.0
"""Pitch of speech moves less than this from frame to frame on average; a tracker on noise jumps."""

HOP = round(RECOGNITION_RATE_HZ * FRAME_PERIOD_MS / 1000)
WINDOW = 512

Floats = NDArray[np.float64]
PitchTracker = Callable[..., tuple[Floats, Floats]]


@dataclass(frozen=True)
class Prosody:
    """What is measured of a voice."""

    pitch_semitones: float
    """Median fundamental frequency, in semitones above 100 Hz."""
    pitch_range_semitones: float
    """From the 10th to the 90th percentile of the fundamental frequency."""
    brightness_db: float
    """Energy of voiced frames at 1-3.5 kHz over 80-1000 Hz: grows with vocal effort, whatever the recording level."""
    voiced_runs_per_s: float
    """Unbroken stretches of voicing per second, a stand-in for the syllable rate that needs no transcript."""


TYPICAL = np.array([11.58, 8.24, -12.01, 3.98])
SPREAD = np.array([7.14, 3.61, 4.34, 1.11])
"""Mean and standard deviation of the four cues over RAVDESS, actors 1-20."""
CUES = ("high pitch", "wide pitch range", "vocal effort", "fast speech")
OPPOSITES = ("low pitch", "narrow pitch range", "soft voice", "slow speech")
NEUTRAL_DEVIATION = -0.309
"""Mean standardised deviation of the four cues in acted neutral speech, which is to read as arousal 0."""
AROUSAL_SCALE = 0.559
"""Arousal per standard deviation of that mean: the ratio of the spreads of acted arousal and of the cues."""
DOMINANCE_SCALE = 0.08
"""Per standard deviation of pitch range and effort; r = .23 with the acted emotions' dominance, so almost nothing."""
VAD_SD = (1.0, 0.5, 0.7)
"""Valence is not read; arousal and dominance are wider than the errors measured on actors (.35, .24)."""
LABEL_SPREAD = 0.5


class ProsodyEmotion:
    """Arousal from pitch, vocal effort and rate. It has no weights to load, so `model` is not used.

    Raises:
        ComponentError: pyworld cannot be imported.
    """

    capabilities = EmotionCapabilities(modality="voice", taxonomy=EKMAN7.name)

    def __init__(self, model: str | None = None) -> None:
        if model is not None:
            raise ComponentError(f"prosody takes no model, got {model!r}; name the component as plain `prosody`")
        self._track_pitch = _pitch_tracker()

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        """How aroused the voice sounds; None without audio, in silence, noise, or under 0.3 s of voicing."""
        if heard.audio is None:
            return None
        return await asyncio.to_thread(self.listen, heard.audio)

    def listen(self, audio: Audio) -> EmotionEstimate | None:
        """Blocking form of `estimate`. Of long audio the last ten seconds count."""
        prosody = measure_prosody(audio, self._track_pitch)
        return None if prosody is None else estimate_from(prosody)


def estimate_from(prosody: Prosody) -> EmotionEstimate:
    """The feeling that four measured cues point to."""
    deviations = np.clip((np.array(astuple(prosody)) - TYPICAL) / SPREAD, -2.5, 2.5)
    arousal = AROUSAL_SCALE * (float(deviations.mean()) - NEUTRAL_DEVIATION)
    dominance = DOMINANCE_SCALE * float(deviations[1:3].mean())
    vad = VAD.clamped(0.0, arousal, dominance)
    evidence = tuple(
        # An evidence weight is signed towards positive valence, on which these cues say nothing.
        Evidence("voice", (cue if z > 0 else opposite), 0.0)
        for cue, opposite, z in sorted(
            zip(CUES, OPPOSITES, deviations.tolist(), strict=True), key=lambda item: -abs(item[2])
        )
        if abs(z) >= 1.0
    )
    return EmotionEstimate(_labels_at_any_valence(vad), vad, VAD_SD, "voice", evidence)


def measure_prosody(audio: Audio, track_pitch: PitchTracker) -> Prosody | None:
    """The four cues, or None where there is too little voice to measure."""
    recent = audio.between(audio.duration_s - LONGEST_S, audio.duration_s)
    samples = resample(recent, RECOGNITION_RATE_HZ).samples.astype(np.float64)
    if samples.size < RECOGNITION_RATE_HZ * LEAST_VOICED_S:
        return None
    samples = samples - samples.mean()
    if np.abs(samples).max() < SILENCE_PEAK:
        return None
    power, frequencies = _spectrogram(samples)
    low = power[:, (frequencies >= 80) & (frequencies < 1000)].sum(axis=1) + 1e-12
    high = power[:, (frequencies >= 1000) & (frequencies < 3500)].sum(axis=1) + 1e-12
    level_db = 10 * np.log10(low + high)
    spoken = level_db > level_db.max() - SPEECH_RANGE_DB
    f0_hz, _ = track_pitch(samples, RECOGNITION_RATE_HZ, f0_floor=65.0, f0_ceil=550.0, frame_period=FRAME_PERIOD_MS)
    # dio's frame k is centred on k hops, the spectrogram's on k hops and half a window (1.6 hops).
    f0_hz = f0_hz[1 : len(spoken) + 1]
    voiced = (f0_hz > 0) & spoken
    if voiced.sum() * FRAME_PERIOD_MS / 1000 < LEAST_VOICED_S:
        return None
    semitones = 12 * np.log2(f0_hz[voiced] / 100)
    if np.abs(np.diff(semitones)).mean() > STEADY_SEMITONES:
        return None
    first, last = np.flatnonzero(spoken)[[0, -1]]
    starts = int((np.diff(voiced[first : last + 1].astype(np.int8), prepend=0) == 1).sum())
    p10, p50, p90 = np.percentile(semitones, [10, 50, 90])
    return Prosody(
        pitch_semitones=float(p50),
        pitch_range_semitones=float(p90 - p10),
        brightness_db=float((10 * np.log10(high[voiced] / low[voiced])).mean()),
        voiced_runs_per_s=starts / ((last - first + 1) * FRAME_PERIOD_MS / 1000),
    )


def _labels_at_any_valence(vad: VAD) -> EmotionDistribution:
    """Labels around the point, valence averaged out: at high arousal anger, fear, joy and surprise alike."""
    mixture = np.mean(
        [EKMAN7.around(VAD(v, vad.arousal, vad.dominance), LABEL_SPREAD).probabilities for v in (-0.6, 0.0, 0.6)],
        axis=0,
    )
    return EmotionDistribution.normalised(EKMAN7, mixture.tolist())


def _spectrogram(samples: Floats) -> tuple[Floats, Floats]:
    """Power (frames, bins) every 10 ms over 32 ms, and the bins' frequencies in Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    power: Floats = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)) ** 2
    frequencies: Floats = np.arange(WINDOW // 2 + 1, dtype=np.float64) * RECOGNITION_RATE_HZ / WINDOW
    return power, frequencies


def _pitch_tracker() -> PitchTracker:
    """WORLD's dio (Morise et al. 2009). pyworld has no types and warns of its own packaging on import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pyworld
        except ImportError as error:
            raise ComponentError(f'{error}: pip install "pyworld>=0.3.5" "setuptools<81"') from None
    return cast(PitchTracker, cast(Any, pyworld).dio)
