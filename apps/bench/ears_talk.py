"""The conversations that `rapport bench ears` listens to: the project's own voice, with pauses, noise and echo.

The voice is synthetic and easier to understand than people are: the figures compare settings and machines.
"""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import VAD, AffectState
from rapport.speech.audio import PAUSE, RECOGNITION_RATE_HZ, SpokenClause, VoiceProfile
from rapport.speech.files import resample
from rapport.speech.kokoro import Kokoro

Floats = NDArray[np.float32]

PERSON = (VoiceProfile({"jf_alpha": 1.0}, pitch_scale=0.9), VoiceProfile({"jm_kumo": 1.0}, pitch_scale=1.15))
"""Two people take turns with the lines."""
AGENT = VoiceProfile({"jf_alpha": 0.5, "jm_kumo": 0.5})
BETWEEN_TURNS_S = 2.2
"""Longer than the longest silence that the default policy waits for."""
DRAWN_OUT = 1.8
"""How much longer the last word before a hesitation lasts (Shriberg 2001, "To 'errrr' is human")."""
FADE_S = 0.01
LEVEL = 0.1
"""Root mean square of speech: some -20 dB of full scale."""
_PAUSE = re.compile(r"\|([\d.]+)\|")


@dataclass(frozen=True)
class Turn:
    """What a person says, as it stands in the sound of a conversation; times in seconds from its start."""

    text: str
    start_s: float
    end_s: float
    words: tuple[tuple[str, float], ...]
    """Words and when they end."""
    pauses: tuple[tuple[float, float], ...]
    """Hesitations: from when until when nothing is said."""


@dataclass(frozen=True)
class Talk:
    """A conversation as one microphone hears it, 16 kHz mono."""

    sound: Floats
    turns: tuple[Turn, ...]


def read_lines() -> list[str]:
    text = (resources.files("rapport.apps.bench") / "ears_lines.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def speak_lines(lines: Iterable[str], voices: Sequence[VoiceProfile]) -> Iterator[tuple[str, SpokenClause]]:
    """Each line, spoken without its pauses."""
    kokoro = Kokoro()
    for i, line in enumerate(lines):
        text = " ".join(_PAUSE.sub(" ", line).split())
        yield line, asyncio.run(kokoro.speak(text, AffectState(emotion=VAD()), voices[i % len(voices)], seed=0))


def make_talk(spoken: Iterable[tuple[str, SpokenClause]]) -> Talk:
    """The lines one after the other, with their hesitations, and silence between them."""
    parts: list[Floats] = [_silence(BETWEEN_TURNS_S)]
    turns: list[Turn] = []
    for line, clause in spoken:
        offset = sum(map(len, parts))
        sound, turn = _with_pauses(line, clause, offset / RECOGNITION_RATE_HZ)
        turns.append(turn)
        parts += [sound, _silence(BETWEEN_TURNS_S)]
    return Talk(np.concatenate(parts), tuple(turns))


def monologue(clauses: Iterable[SpokenClause]) -> Floats:
    """Clauses one after the other at the level of a talk."""
    sound = np.concatenate([resample(clause.audio, RECOGNITION_RATE_HZ).samples for clause in clauses])
    return (sound * (LEVEL / np.sqrt(np.mean(np.square(sound))))).astype(np.float32)


def pink_noise(samples: int, seed: int) -> Floats:
    """Noise whose power falls by 3 dB an octave, root mean square 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(1.0, np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum, samples)
    return (noise / noise.std()).astype(np.float32)


def noisy(talk: Talk, snr_db: float, seed: int = 0) -> Talk:
    """The same with pink noise all through, `snr_db` below the speech."""
    noise = pink_noise(len(talk.sound), seed) * LEVEL * 10 ** (-snr_db / 20)
    return Talk(np.clip(talk.sound + noise, -1.0, 1.0).astype(np.float32), talk.turns)


def room_echo(sound: Floats, delay_s: float, decay_s: float = 0.25, seed: int = 0) -> Floats:
    """What a microphone hears of a loudspeaker at the same level, through a room that decays by 60 dB in `decay_s`."""
    length = round(decay_s * RECOGNITION_RATE_HZ)
    response = np.random.default_rng(seed).standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    response = np.concatenate([np.zeros(round(delay_s * RECOGNITION_RATE_HZ)), response / np.linalg.norm(response)])
    size = 1 << (len(sound) + len(response)).bit_length()
    echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)]
    return echo.astype(np.float32)


def _with_pauses(line: str, clause: SpokenClause, offset_s: float) -> tuple[Floats, Turn]:
    audio = resample(clause.audio, RECOGNITION_RATE_HZ)
    sound = audio.samples * (LEVEL / np.sqrt(np.mean(np.square(audio.samples))))
    shift = 0.0
    parts: list[Floats] = []
    pauses: list[tuple[float, float]] = []
    cuts = {len(before.split()): float(pause) for before, pause in _pauses_of(line)}
    words: list[tuple[str, float]] = []
    start_s = 0.0
    for i, word in enumerate(clause.words, 1):
        words.append((word.text, offset_s + word.end_s + shift))
        if i in cuts:
            a, b, c = (round(t * RECOGNITION_RATE_HZ) for t in (start_s, word.start_s, word.end_s))
            drawn_out = _stretched(sound[b:c])
            parts += [_faded(np.concatenate([sound[a:b], drawn_out])), _silence(cuts[i])]
            shift += (len(drawn_out) - (c - b)) / RECOGNITION_RATE_HZ
            words[-1] = (word.text, offset_s + word.end_s + shift)
            # A comma makes a pause of its own, which belongs to the hesitation.
            start_s = word.end_s
            pauses.append((words[-1][1], offset_s + clause.words[i].start_s + shift + cuts[i]))
            shift += cuts[i]
    parts.append(_faded(sound[round(start_s * RECOGNITION_RATE_HZ) :]))
    spoken_s = [phoneme.end_s for phoneme in clause.phonemes if phoneme.symbol != PAUSE]
    text = " ".join(_PAUSE.sub(" ", line).split())
    begins_s = offset_s + clause.words[0].start_s
    return np.concatenate(parts), Turn(text, begins_s, offset_s + shift + spoken_s[-1], tuple(words), tuple(pauses))


def _stretched(sound: Floats) -> Floats:
    """A word drawn out as people do before they hesitate, its pitch kept (WORLD; Morise et al. 2016)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyworld imports pkg_resources, which says that it is deprecated
        import pyworld

    world: Any = pyworld
    f0, spectrum, aperiodicity = world.wav2world(sound.astype(np.float64), RECOGNITION_RATE_HZ)
    frames = np.round(np.linspace(0, len(f0) - 1, round(DRAWN_OUT * len(f0)))).astype(int)
    out = world.synthesize(f0[frames], spectrum[frames], aperiodicity[frames], RECOGNITION_RATE_HZ)
    return np.asarray(out, np.float32)


def _pauses_of(line: str) -> Iterator[tuple[str, str]]:
    """For each pause: all words before it, and its length."""
    for found in _PAUSE.finditer(line):
        yield _PAUSE.sub(" ", line[: found.start()]), found[1]


def _silence(duration_s: float) -> Floats:
    return np.zeros(round(duration_s * RECOGNITION_RATE_HZ), np.float32)


def _faded(sound: Floats) -> Floats:
    """Without a click at either end."""
    count = min(len(sound) // 2, round(FADE_S * RECOGNITION_RATE_HZ))
    ramp = np.linspace(0.0, 1.0, count, dtype=np.float32)
    out = sound.astype(np.float32)
    out[:count] *= ramp
    out[len(out) - count :] *= ramp[::-1]
    return out
