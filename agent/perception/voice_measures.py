"""What can be measured of a voice without a model: pitch, level, spectrum and rhythm, every 10 ms and summed up.

Studies of vocal expression agree on these (Scherer 2003, Speech Communication 40; Juslin & Laukka 2003, Psychological
Bulletin 129; the set of Eyben et al. 2016, IEEE Transactions on Affective Computing 7, is of their kind). Nothing here
depends on the recording's level, for that is the microphone's as much as the speaker's, nor on how long one spoke.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.voice_pitch import HOP_S, track_pitch
from rapport.agent.perception.voice_pitch import RATE_HZ as PITCH_RATE_HZ
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio
from rapport.speech.files import resample

LONGEST_S = 10.0
"""Of long audio the end counts."""
LEAST_VOICED_S = 0.3
SILENCE_PEAK = 1e-3
"""Peak below which (-60 dBFS) nobody is taken to have spoken."""
SPEECH_RANGE_DB = 35.0
"""Frames this far under the loudest are pauses."""
SHORTEST_RUN_S = 0.035
"""A stretch of voicing up to this long is the tracker's doing, not a vowel."""
STEADY_SEMITONES = 2.0
"""Pitch of speech moves less than this from frame to frame on average; a tracker on noise jumps."""

Floats = NDArray[np.floating]

_WINDOW = 512
_HOP = round(RECOGNITION_RATE_HZ * HOP_S)
_HZ = np.arange(_WINDOW // 2 + 1) * RECOGNITION_RATE_HZ / _WINDOW
_HANN = np.hanning(_WINDOW).astype(np.float32)
_LOW, _HIGH, _AIR = (_HZ >= 80) & (_HZ < 1000), (_HZ >= 1000) & (_HZ < 3500), _HZ >= 3500
_BANDS, _CEPSTRA = 26, 13
_LEAST_POWER = 1e-10


@dataclass(frozen=True, eq=False)
class VoiceMeasures:
    """A voice frame by frame, every 10 ms. All arrays have a row for each frame."""

    semitones: Floats
    """Fundamental frequency in semitones above 100 Hz, (frames,); NaN where unvoiced."""
    level_db: Floats
    """(frames,)"""
    effort_db: Floats
    """Energy at 1-3.5 kHz over 80-1000 Hz: grows with vocal effort, whatever the recording level. (frames,)"""
    air_db: Floats
    """Energy above 3.5 kHz over 80-1000 Hz: hiss and breath. (frames,)"""
    cepstrum: Floats
    """Cosine transform of the log mel spectrum without its mean (the level), (frames, 13)."""
    spoken: NDArray[np.bool_]
    """Frames from the first to the last of the speech that are no pauses, (frames,)."""

    @property
    def voiced(self) -> NDArray[np.bool_]:
        return np.isfinite(self.semitones)

    @property
    def is_voice(self) -> bool:
        """Whether there is enough of a voice, with a steady enough pitch, to be a person's and no noise."""
        pitch = self.semitones[self.voiced]
        return len(pitch) * HOP_S >= LEAST_VOICED_S and bool(np.abs(np.diff(pitch)).mean() <= STEADY_SEMITONES)

    @property
    def runs_s(self) -> Floats:
        """Lengths of the unbroken stretches of voicing in seconds, (runs,); scraps are left out."""
        edges = np.diff(self.voiced.astype(np.int8), prepend=0, append=0)
        lengths_s = (np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)) * HOP_S
        return lengths_s[lengths_s > SHORTEST_RUN_S]


def measure(audio: Audio) -> VoiceMeasures | None:
    """The measures from the first to the last frame of speech; None for silence or sound too short to say anything."""
    recent = audio.between(audio.duration_s - LONGEST_S, audio.duration_s)
    samples = resample(recent, RECOGNITION_RATE_HZ).samples
    if len(samples) < RECOGNITION_RATE_HZ * LEAST_VOICED_S:
        return None
    samples = samples - samples.mean()
    if np.abs(samples).max() < SILENCE_PEAK:
        return None
    f0_hz = track_pitch(resample(Audio(samples, RECOGNITION_RATE_HZ), PITCH_RATE_HZ).samples)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * _HANN
    spectrum = np.fft.rfft(frames, axis=1)
    n = min(len(f0_hz), len(spectrum))
    power = (spectrum.real**2 + spectrum.imag**2)[:n]
    low, high, air = (power[:, band].sum(axis=1) + _LEAST_POWER for band in (_LOW, _HIGH, _AIR))
    level_db = 10 * np.log10(low + high)
    spoken = level_db > level_db.max() - SPEECH_RANGE_DB
    heard = slice(np.flatnonzero(spoken)[0], np.flatnonzero(spoken)[-1] + 1)
    f0_hz = np.where(spoken, f0_hz[:n], 0.0)
    semitones = np.where(f0_hz > 0, 12 * np.log2(np.maximum(f0_hz, 1.0) / 100), np.nan)
    mel_db = 10 * np.log10(power[heard] @ _MEL_BANDS + _LEAST_POWER)
    return VoiceMeasures(
        semitones[heard],
        level_db[heard],
        10 * np.log10(high / low)[heard],
        10 * np.log10(air / low)[heard],
        mel_db @ _COSINES / _BANDS,
        spoken[heard],
    )


def summary(voice: VoiceMeasures) -> dict[str, float]:
    """The measures as named numbers, the same names for every voice."""
    pitch = voice.semitones[voice.voiced]
    moves = np.diff(voice.semitones)
    moves = moves[np.isfinite(moves)]
    tone = voice.voiced if voice.voiced.any() else voice.spoken
    level = voice.level_db[voice.spoken] - voice.level_db[voice.spoken].mean()
    steps = np.abs(np.diff(voice.level_db))[voice.spoken[1:]]
    runs_s, duration_s = voice.runs_s, len(voice.spoken) * HOP_S
    found = {
        **_spread("pitch", pitch),
        "pitch_range": float(np.ptp(np.percentile(pitch, [10, 90]))) if len(pitch) else 0.0,
        "pitch_slope": _slope(pitch),
        "pitch_end": float(pitch[-max(1, len(pitch) // 5) :].mean() - pitch.mean()) if len(pitch) else 0.0,
        "pitch_step": _mean(np.abs(moves)),
        "pitch_jitter": _sd(moves),
        "voiced_share": float(voice.voiced.sum() / max(1, voice.spoken.sum())),
        "runs_per_s": len(runs_s) / duration_s,
        "run_s": _mean(runs_s),
        "run_s_sd": _sd(runs_s),
        "pause_share": float((~voice.spoken).mean()),
        "level_sd": _sd(level),
        "level_p10": float(np.percentile(level, 10)),
        "level_p90": float(np.percentile(level, 90)),
        "level_step": _mean(steps),
        "level_step_sd": _sd(steps),
        **_spread("effort", voice.effort_db[tone]),
        **_spread("air", voice.air_db[tone]),
    }
    changes = np.abs(np.diff(voice.cepstrum, axis=0))[voice.spoken[1:]]
    for k in range(_CEPSTRA):
        found[f"cepstrum_{k + 1}"] = _mean(voice.cepstrum[tone, k])
        found[f"cepstrum_{k + 1}_sd"] = _sd(voice.cepstrum[tone, k])
        found[f"cepstrum_{k + 1}_step"] = _mean(changes[:, k])
    return found


def _spread(name: str, values: Floats) -> dict[str, float]:
    p10, p50, p90 = np.percentile(values, [10, 50, 90]).tolist() if len(values) else (0.0, 0.0, 0.0)
    return {
        name: _mean(values), f"{name}_sd": _sd(values),
        f"{name}_p10": p10, f"{name}_p50": p50, f"{name}_p90": p90,
    }  # fmt: skip


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _sd(values: Floats) -> float:
    return float(values.std()) if len(values) else 0.0


def _slope(pitch: Floats) -> float:
    """Semitones from the beginning to the end of what is voiced, by least squares."""
    if len(pitch) < 2:
        return 0.0
    place = np.linspace(-0.5, 0.5, len(pitch))
    return float(place @ (pitch - pitch.mean()) / (place @ place))


def _mel_bands() -> Floats:
    """Triangles that overlap by half, equally wide in mel from 60 to 7,600 Hz, (bins, bands)."""
    mel = 1127 * np.log1p(_HZ / 700)
    lowest, highest = (1127 * float(np.log1p(hz / 700)) for hz in (60.0, 7600.0))
    edges = np.linspace(lowest, highest, _BANDS + 2)
    rise = (mel[:, None] - edges[:-2]) / (edges[1] - edges[0])
    return np.maximum(0.0, np.minimum(rise, 2.0 - rise)).astype(np.float32)


_MEL_BANDS = _mel_bands()
_COSINES = np.cos(np.pi * np.arange(1, _CEPSTRA + 1) * (np.arange(_BANDS)[:, None] + 0.5) / _BANDS).astype(np.float32)

_NOTHING = np.zeros(2)
MEASURES = tuple(
    summary(VoiceMeasures(_NOTHING, _NOTHING, _NOTHING, _NOTHING, np.zeros((2, _CEPSTRA)), np.ones(2, np.bool_)))
)
"""The names that `summary` gives, in its order."""
