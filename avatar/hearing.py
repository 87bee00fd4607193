"""An ear for pauses: from a person's sound, as it arrives, to the moments at which a listener may nod.

Loudness in steps of 10 ms against a floor and a speech level that both follow the sound: it needs no model, hears a
pause within a fifth of a second, and costs nothing. Pauses after 0.7 s of speech are what English listeners answer
with a backchannel (Ward & Tsukahara 2000).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError
from rapport.speech.audio import Audio

STEP_S = 0.01
PAUSE_S = 0.2
"""Silence that is heard as a pause."""
PHRASE_S = 0.7
"""Speech, short gaps included, after which a pause asks for an answer."""
_BREAK_S = 0.6
"""A longer pause ends a phrase."""
_LOWEST_FLOOR_DB, _HIGHEST_FIRST_FLOOR_DB, _LOWEST_SPEECH_DB = -80.0, -40.0, -52.0
_FLOOR_RISE_DB, _SPEECH_FALL_DB = 0.03, 0.04
"""A step: the floor creeps up to noise that stays, the speech level down to a voice that becomes softer."""
_ABOVE_FLOOR_DB = 9.0
_ONSET_STEPS = 3


@dataclass(frozen=True)
class Phrase:
    """A phrase is over: noticed at `at_s`, PAUSE_S after the voice fell silent; it was `spoken_s` long."""

    at_s: float
    spoken_s: float


@dataclass(frozen=True)
class Voiced:
    """The person begins to speak (`on`), or has been silent for 0.6 s; noticed at `at_s`."""

    at_s: float
    on: bool


class Ear:
    """Fed with sound piece by piece; times are seconds since its first sample."""

    def __init__(self) -> None:
        self._rate_hz = 0
        self._samples = 0
        self._rest = np.zeros(0, np.float32)
        self._steps = 0
        self._floor_db, self._speech_db = _HIGHEST_FIRST_FLOOR_DB, _LOWEST_SPEECH_DB
        self._loud_steps = self._quiet_steps = self._phrase_steps = 0
        self._talking = False

    @property
    def heard_s(self) -> float:
        return self._samples / self._rate_hz if self._rate_hz else 0.0

    def push(self, sound: Audio) -> list[Phrase | Voiced]:
        """What is noticed in the next piece, in order of time. How the sound is cut makes no difference.

        Raises:
            InputError: the sample rate is another one than before, or below 1 kHz.
        """
        if self._rate_hz not in (0, sound.sample_rate_hz) or sound.sample_rate_hz < 1000:
            raise InputError(
                f"a listener takes sound at one rate of at least 1 kHz: first {self._rate_hz or 'none'}, now "
                f"{sound.sample_rate_hz} Hz; resample it"
            )
        self._rate_hz = sound.sample_rate_hz
        self._samples += len(sound.samples)
        samples = np.concatenate([self._rest, sound.samples])
        step = round(self._rate_hz * STEP_S)
        count = len(samples) // step
        self._rest = samples[count * step :]
        noticed: list[Phrase | Voiced] = []
        for level_db in levels_db(samples[: count * step].reshape(count, step)):
            self._steps += 1
            noticed.extend(self._step(level_db))
        return noticed

    def _step(self, level_db: float) -> list[Phrase | Voiced]:
        if self._steps == 1:  # a room that hums from the first moment on is no voice
            self._floor_db = min(level_db, _HIGHEST_FIRST_FLOOR_DB)
        elif level_db < self._floor_db:
            self._floor_db += 0.3 * (level_db - self._floor_db)
        else:
            self._floor_db += min(_FLOOR_RISE_DB, level_db - self._floor_db)
        self._floor_db = max(self._floor_db, _LOWEST_FLOOR_DB)
        if level_db > self._speech_db:
            self._speech_db += 0.2 * (level_db - self._speech_db)
        else:
            self._speech_db = max(self._speech_db - _SPEECH_FALL_DB, _LOWEST_SPEECH_DB)
        between_db = self._floor_db + 0.4 * (self._speech_db - self._floor_db)
        loud = level_db > max(between_db, self._floor_db + _ABOVE_FLOOR_DB, _LOWEST_SPEECH_DB)
        self._loud_steps = self._loud_steps + 1 if loud else 0
        self._quiet_steps = 0 if self._loud_steps >= _ONSET_STEPS else self._quiet_steps + 1
        return self._noticed()

    def _noticed(self) -> list[Phrase | Voiced]:
        now_s = self._steps * self._step_s
        if self._quiet_steps == 0:
            begins = not self._talking
            self._talking = True
            self._phrase_steps += 1
            return [Voiced(now_s, True)] if begins else []
        if not self._talking:
            return []
        if self._quiet_steps == round(PAUSE_S / STEP_S):
            spoken_s = self._phrase_steps * STEP_S
            if spoken_s >= PHRASE_S:
                self._phrase_steps = 0
                return [Phrase(now_s, spoken_s)]
        if self._quiet_steps == round(_BREAK_S / STEP_S):
            self._talking, self._phrase_steps = False, 0
            return [Voiced(now_s, False)]
        self._phrase_steps += self._quiet_steps < round(PAUSE_S / STEP_S) and self._phrase_steps > 0
        return []

    @property
    def _step_s(self) -> float:
        return round(self._rate_hz * STEP_S) / self._rate_hz


def levels_db(steps: NDArray[np.float32]) -> list[float]:
    """The level of each row of samples (n, step) in decibels of full scale."""
    power = np.einsum("ij,ij->i", steps, steps, dtype=np.float64) / max(steps.shape[1], 1)
    return [10.0 * math.log10(p + 1e-12) for p in power.tolist()]
