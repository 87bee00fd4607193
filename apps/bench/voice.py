"""`rapport bench voice`: is every emotion understood, does the voice do what was asked, and is it quick enough."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from rapport.agent.config import AgentConfig
from rapport.agent.perception.voice_pitch import RATE_HZ, track_pitch
from rapport.agent.registry import create
from rapport.agent.stages import EmotionRecognizer, PersonTurn, SpeechRecognizer, SpeechSynthesizer
from rapport.apps.bench.report import Report, spread
from rapport.apps.bench.wer import word_error_rate
from rapport.apps.evaluate.metrics import pearson
from rapport.persona.affect import EKMAN7, VAD, AffectState
from rapport.persona.card import load_persona
from rapport.persona.errors import ComponentError, InputError
from rapport.speech.audio import PAUSE, RECOGNITION_RATE_HZ, SpokenClause, Transcript, VoiceProfile
from rapport.speech.files import resample
from rapport.speech.level import loudness_lufs

GRID = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Valence and arousal that are asked for."""
SENTENCES_PER_CELL = 8
SHORT_WORDS = (3, 8)
"""How many words a first clause has."""
MEASURES = ("f0_hz", "f0_range_st", "phonemes_per_s", "level_lufs")
NEUTRAL = "neutral"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """What is measured, and what measures it."""

    voice: SpeechSynthesizer
    profile: VoiceProfile
    recogniser: SpeechRecognizer
    listener: EmotionRecognizer
    """Reads feelings from voices."""

    async def say(self, text: str, vad: VAD) -> tuple[SpokenClause, float]:
        """A clause, and how long it took."""
        began_s = time.perf_counter()
        clause = await self.voice.speak(text, AffectState(emotion=vad), self.profile, 0)
        return clause, time.perf_counter() - began_s


def run(config: AgentConfig, *, sentences: int, emotion: str | None, as_json: bool) -> None:
    """Speak the shipped sentences in the persona's voice and report what is heard in them.

    - `wer`: word error rate of the recogniser on all sentences, for EKMAN7's emotions at full intensity, and
      `wer_rise`, the worst of them less neutral.
    - `grid`: what was reached at 5 x 5 points of valence and arousal: medians over eight sentences of median F0, F0
      range (10th to 90th percentile), phonemes per second without pauses, loudness. `spearman` says how each follows
      arousal over all points, and valence at equal arousal (the mean of five).
    - `asked`: the factors on rate and F0 and the level that were asked for, against those reached: Pearson's r, and the
      reached effect per effect asked (slope).
    - `heard_arousal_r`: median arousal that the emotion recogniser for voices hears at each of the 25 points, against
      arousal asked; `heard_arousal_r_by_clip`: the same clip by clip, where what is said plays in as well.
    - `rtf` and `first_audio_s`: time to make a clause over its length, and the time itself for clauses of 3 to 8 words.
    """
    texts = shipped_sentences()[:sentences]
    if config.voice is None:
        raise InputError("the configuration has no voice; name one, e.g. voice: kokoro")
    listener, parts = _parts(config, config.voice.use, emotion)
    figures = {
        "voice": config.voice.use,
        "persona": config.persona,
        "sentences": len(texts),
        "listener": listener,
        **asyncio.run(measure(parts, texts)),
    }
    Report("voice", figures).show(as_json)


def shipped_sentences() -> list[str]:
    """Fifty everyday sentences without numbers or names."""
    return (resources.files("rapport.apps.bench") / "sentences.txt").read_text("utf-8").splitlines()


def _parts(config: AgentConfig, use: str, emotion: str | None) -> tuple[str, Parts]:
    name, listener = _listener([emotion] if emotion else [stage.use for stage in config.emotion])
    voice = create("voice", use)
    card = load_persona(config.persona).voice
    profile = VoiceProfile(dict(card.styles), card.pitch_scale, card.rate_scale)
    return name, Parts(voice, profile, create("recognition", config.recognition.use), listener)


def _listener(names: Sequence[str]) -> tuple[str, EmotionRecognizer]:
    for name in names:
        component: EmotionRecognizer = create("emotion", name)
        if component.capabilities.modality == "voice":
            return name, component
    raise ComponentError(
        f"none of {', '.join(names)} reads feelings from voices; name one with --emotion, e.g. prosody"
    )


async def measure(parts: Parts, texts: Sequence[str]) -> dict[str, Any]:
    """The figures of the report."""
    few = min(SENTENCES_PER_CELL, len(texts))
    cell = [texts[round(i * (len(texts) - 1) / max(1, few - 1))] for i in range(few)]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("speaking", total=len(texts) * len(EKMAN7) + len(cell) * len(GRID) ** 2)

        def step() -> None:
            progress.advance(task)

        await parts.say(texts[0], VAD())  # warms up
        understood = await _understood(parts, texts, step)
        reached = await _reached(parts, cell, step)
    return {**understood, **reached}


async def _understood(parts: Parts, texts: Sequence[str], step: Callable[[], None]) -> dict[str, Any]:
    rates: dict[str, float] = {}
    neutral: list[tuple[str, SpokenClause, float]] = []
    for label, point in sorted(EKMAN7.points.items(), key=lambda item: item[0] != NEUTRAL):
        pairs: list[tuple[str, str]] = []
        for text in texts:
            clause, took_s = await parts.say(text, point)
            heard = await parts.recogniser.transcribe(resample(clause.audio, RECOGNITION_RATE_HZ))
            pairs.append((text, heard.text))
            if label == NEUTRAL:
                neutral.append((text, clause, took_s))
            step()
        rates[label] = word_error_rate(pairs)
    short = [took_s for text, _, took_s in neutral if SHORT_WORDS[0] <= len(text.split()) <= SHORT_WORDS[1]]
    return {
        "wer": {label: round(rate, 4) for label, rate in rates.items()},
        "wer_rise": round(max(rates.values()) - rates[NEUTRAL], 4),
        "rtf": spread([took_s / clause.audio.duration_s for _, clause, took_s in neutral]),
        "first_audio_s": spread(short or [float("nan")]),
    }


async def _reached(parts: Parts, texts: Sequence[str], step: Callable[[], None]) -> dict[str, Any]:
    cells: list[dict[str, float]] = []
    asked: list[dict[str, float]] = []
    arousal: list[list[float]] = []
    for v, a in product(GRID, GRID):
        clips: list[dict[str, float]] = []
        arousal.append([])
        for text in texts:
            clause, _ = await parts.say(text, VAD(v, a))
            clips.append(measured(clause))
            estimate = await parts.listener.estimate(PersonTurn(Transcript(""), audio=clause.audio))
            if estimate is not None:
                arousal[-1].append(estimate.vad.arousal)
            asked.append(clause.prosody or {})
            step()
        medians = {name: round(float(np.median([clip[name] for clip in clips])), 3) for name in MEASURES}
        cells.append({"valence": v, "arousal": a, **medians})
    follow = {
        axis: {name: round(_follows(cells, axis, name), 3) for name in MEASURES} for axis in ("arousal", "valence")
    }
    points = [(cell["arousal"], heard) for cell, heard in zip(cells, arousal, strict=True) if heard]
    by_clip = np.array([(a, each) for a, heard in points for each in heard] or [(0.0, 0.0)])
    by_point = np.array([(a, float(np.median(heard))) for a, heard in points] or [(0.0, 0.0)])
    return {
        "grid": cells,
        "spearman_arousal": follow["arousal"],
        "spearman_valence": follow["valence"],
        "asked": _asked_and_reached(asked[:: len(texts)], cells),
        "heard_arousal_r": round(pearson(by_point[:, 0], by_point[:, 1]), 3),
        "heard_arousal_r_by_clip": round(pearson(by_clip[:, 0], by_clip[:, 1]), 3),
    }


def measured(clause: SpokenClause) -> dict[str, float]:
    """Median F0, its range, articulation rate and loudness of a clause; NaN where there is nothing to measure."""
    f0_hz = track_pitch(resample(clause.audio, RATE_HZ).samples)
    f0_hz = f0_hz[f0_hz > 0]
    low, middle, high = np.percentile(f0_hz, [10, 50, 90]) if len(f0_hz) else [float("nan")] * 3
    spoken = [p.end_s - p.start_s for p in clause.phonemes if p.symbol != PAUSE]
    return {
        "f0_hz": float(middle),
        "f0_range_st": float(12 * np.log2(high / low)),
        "phonemes_per_s": len(spoken) / sum(spoken) if spoken else float("nan"),
        "level_lufs": loudness_lufs(clause.audio.samples, clause.audio.sample_rate_hz),
    }


def spearman(a: Floats, b: Floats) -> float:
    """Spearman's rank correlation, equal values sharing their mean rank; NaN where one series is constant."""
    return pearson(_ranks(a), _ranks(b))


def _ranks(values: Floats) -> Floats:
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[at]


def _follows(cells: Sequence[dict[str, float]], axis: str, measure: str) -> float:
    """How a measure follows arousal over all cells, or valence among cells of equal arousal."""
    if axis == "arousal":
        return spearman(np.array([c[axis] for c in cells]), np.array([c[measure] for c in cells]))
    rows = [[c for c in cells if c["arousal"] == a] for a in GRID]
    return float(
        np.mean([spearman(np.array([c[axis] for c in row]), np.array([c[measure] for c in row])) for row in rows])
    )


def _asked_and_reached(asked: Sequence[dict[str, float]], cells: Sequence[dict[str, float]]) -> dict[str, Any]:
    """For each thing asked for: r between its effect and the one reached, and the effect reached per effect asked."""
    pairs = {"rate": "phonemes_per_s", "f0_scale": "f0_hz", "f0_range_scale": "f0_range_st", "energy_db": "level_lufs"}
    found: dict[str, Any] = {}
    for name, measure in pairs.items():
        if all(name in prosody for prosody in asked):
            wanted = np.array([prosody[name] for prosody in asked])
            got = np.array([cell[measure] for cell in cells])
            if name != "energy_db":
                wanted, got = np.log(wanted), np.log(got)
            slope = float(np.polyfit(wanted, got, 1)[0]) if np.ptp(wanted) > 1e-9 else float("nan")
            found[name] = {"r": round(pearson(wanted, got), 3), "slope": round(slope, 3)}
    return found
