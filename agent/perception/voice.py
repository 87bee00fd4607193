"""Feeling from the sound of a voice: pitch, vocal effort and rate tell how aroused a speaker is, and little else.

Studies of vocal expression agree (reviews: Juslin & Laukka 2003, Psychological Bulletin 129; Scherer 2003, Speech
Communication 40) that high-arousal emotions raise the pitch and widen its range, put more energy into high frequencies,
and speed speech up; low-arousal ones do the reverse. The sign of the four cues comes from there, and they weigh alike.
Only their typical values, one zero and one scale were set on data: RAVDESS, actors 1-20, 1,200 clips, so that acted
neutral gives arousal 0 and estimates spread as widely as the arousal of the acted emotions does (EKMAN7's table, calm
at -0.25, normal intensity at 0.7 of strong).

Measured:

- High (angry, fearful, happy, surprised) against low arousal (neutral, calm, sad): AUC .85 on RAVDESS (.82 to .91 by
  groups of four actors), .95 on EmoDB (German, 280 clips, nothing of it used to set anything).
- Arousal itself: r = .58 and rms error .33 on RAVDESS, r = .75 and .27 on EmoDB. Zero and scale set on actors 1-18 give
  r = .55 and .36 on actors 19 and 20. Four weights fitted by least squares instead do little better (r = .59).
- A high voice reads as aroused, for the speaker's own habit is not known: neutral men and women lie 0.21 apart.
- Valence: r between -.10 and .22 for each of the cues: not usable, so it is left open.

`voice_emotion` reads more of a voice, with weights; this needs none, and its cues are the evidence of both.

Acted speech is easier than talk, hence a wider standard deviation than measured. Loudness is left out, for it is the
microphone's as much as the speaker's.
"""

from __future__ import annotations

import asyncio
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.voice_measures import VoiceMeasures, measure
from rapport.agent.perception.voice_pitch import HOP_S
from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.persona.affect import EKMAN7, VAD, EmotionDistribution, EmotionEstimate, Evidence
from rapport.persona.errors import ComponentError
from rapport.speech.audio import Audio


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


TYPICAL = np.array([11.98, 8.59, -12.18, 4.15])
SPREAD = np.array([7.11, 3.60, 4.22, 1.14])
"""Mean and standard deviation of the four cues over RAVDESS, actors 1-20."""
CUES = ("high pitch", "wide pitch range", "vocal effort", "fast speech")
OPPOSITES = ("low pitch", "narrow pitch range", "soft voice", "slow speech")
NEUTRAL_DEVIATION = -0.369
"""Mean standardised deviation of the four cues in acted neutral speech, which is to read as arousal 0."""
AROUSAL_SCALE = 0.542
"""Arousal per standard deviation of that mean: the ratio of the spreads of acted arousal and of the cues."""
DOMINANCE_SCALE = 0.08
"""Per standard deviation of pitch range and effort; r = .24 with the acted emotions' dominance, so almost nothing."""
VAD_SD = (1.0, 0.5, 0.7)
"""Valence is not read; arousal and dominance are wider than the errors measured on actors (.33, .24)."""
LABEL_SPREAD = 0.5


class ProsodyEmotion:
    """Arousal from pitch, vocal effort and rate. It has no weights to load, so `model` is not used.

    Raises:
        ComponentError: a model is named.
    """

    capabilities = EmotionCapabilities(modality="voice", taxonomy=EKMAN7.name)

    def __init__(self, model: str | None = None) -> None:
        if model is not None:
            raise ComponentError(f"prosody takes no model, got {model!r}; name the component as plain `prosody`")

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        """How aroused the voice sounds; None without audio, in silence, noise, or under 0.3 s of voicing."""
        if heard.audio is None:
            return None
        return await asyncio.to_thread(self.listen, heard.audio)

    def listen(self, audio: Audio) -> EmotionEstimate | None:
        """Blocking form of `estimate`. Of long audio the last ten seconds count."""
        voice = measure(audio)
        prosody = None if voice is None else prosody_of(voice)
        return None if prosody is None else estimate_from(prosody)


def estimate_from(prosody: Prosody) -> EmotionEstimate:
    """The feeling that four measured cues point to."""
    deviations = _deviations(prosody)
    arousal = AROUSAL_SCALE * (float(deviations.mean()) - NEUTRAL_DEVIATION)
    dominance = DOMINANCE_SCALE * float(deviations[1:3].mean())
    vad = VAD.clamped(0.0, arousal, dominance)
    return EmotionEstimate(_labels_at_any_valence(vad), vad, VAD_SD, "voice", evidence_of(prosody))


def evidence_of(prosody: Prosody) -> tuple[Evidence, ...]:
    """The cues that stand out, in words, the strongest first."""
    cues = zip(CUES, OPPOSITES, _deviations(prosody).tolist(), strict=True)
    return tuple(
        # An evidence weight is signed towards positive valence, on which these cues say nothing.
        Evidence("voice", cue if z > 0 else opposite, 0.0)
        for cue, opposite, z in sorted(cues, key=lambda item: -abs(item[2]))
        if abs(z) >= 1.0
    )


def _deviations(prosody: Prosody) -> NDArray[np.float64]:
    """The cues in standard deviations off their typical values, (4,)."""
    return np.clip((np.array(astuple(prosody)) - TYPICAL) / SPREAD, -2.5, 2.5)


def prosody_of(voice: VoiceMeasures) -> Prosody | None:
    """The four cues, or None where there is too little voice to measure."""
    if not voice.is_voice:
        return None
    p10, p50, p90 = np.percentile(voice.semitones[voice.voiced], [10, 50, 90]).tolist()
    return Prosody(
        pitch_semitones=p50,
        pitch_range_semitones=p90 - p10,
        brightness_db=float(voice.effort_db[voice.voiced].mean()),
        voiced_runs_per_s=len(voice.runs_s) / (len(voice.spoken) * HOP_S),
    )


def _labels_at_any_valence(vad: VAD) -> EmotionDistribution:
    """Labels around the point, valence averaged out: at high arousal anger, fear, joy and surprise alike."""
    mixture = np.mean(
        [EKMAN7.around(VAD(v, vad.arousal, vad.dominance), LABEL_SPREAD).probabilities for v in (-0.6, 0.0, 0.6)],
        axis=0,
    )
    return EmotionDistribution.normalised(EKMAN7, mixture.tolist())
