"""A voice that hums: one short tone for every word."""

import numpy as np

from rapport.speech.audio import Audio, SpokenClause, SynthesizerCapabilities


class Hum:
    capabilities = SynthesizerCapabilities(sample_rate_hz=16_000)

    def __init__(self, model=None):
        time_s = np.arange(4000) / 16_000
        self.tone = 0.3 * np.hanning(4000) * np.sin(2 * np.pi * float(model or 220) * time_s)

    async def speak(self, text, felt, voice, seed):
        return SpokenClause(text, Audio(np.tile(self.tone, len(text.split())), 16_000))
