"""Reads many texts with a component of the stage `emotion`: in batches where it is the embedded model."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from rapport.agent.perception.links import sigmoid, softmax
from rapport.agent.perception.text import (
    MODEL_FOLDER,
    MiniLMEmotion,
    TextEmotionSettings,
    combined_vad,
    pooled_weights,
)
from rapport.agent.perception.text_model import ContextTurn, TextOutputs
from rapport.agent.registry import create
from rapport.agent.stages import EmotionRecognizer, PersonTurn
from rapport.apps.evaluate.metrics import Flags, Floats, one_hot
from rapport.apps.evaluate.report import progress_of
from rapport.memory.records import Exchange
from rapport.persona.affect import (
    EKMAN7,
    GOEMOTIONS28,
    TAXONOMIES,
    VAD,
    EmotionDistribution,
    EmotionEstimate,
    Taxonomy,
    convert,
)
from rapport.persona.errors import InputError
from rapport.speech.audio import Transcript

CHUNK = 512


class Readings(Protocol):
    """What was read in n texts. A text in which there was nothing to read counts as neutral."""

    def probabilities(self, taxonomy: Taxonomy) -> Floats:
        """Over the labels of a taxonomy, (n, labels)."""
        ...

    def vad(self) -> Floats:
        """Valence, arousal and dominance on EmoBank's scale of 1 to 5, (n, 3)."""
        ...

    def goemotions(self) -> Flags:
        """Which of GoEmotions' 28 labels are found, any number per text, (n, 28)."""
        ...

    def estimates(self) -> list[EmotionEstimate]:
        """As the agent would get them, without evidence."""
        ...


@dataclass(frozen=True)
class EstimateReadings:
    """Readings of any component, from its estimates. Of GoEmotions' labels only the most probable one is found."""

    read: list[EmotionEstimate]

    def probabilities(self, taxonomy: Taxonomy) -> Floats:
        return np.array(
            [
                np.array(e.distribution.probabilities) @ conversion(e.distribution.taxonomy.name, taxonomy.name)
                for e in self.read
            ]
        )

    def vad(self) -> Floats:
        return 3.0 + 2.0 * np.array([e.vad.as_tuple() for e in self.read])

    def goemotions(self) -> Flags:
        return one_hot(self.probabilities(GOEMOTIONS28).argmax(axis=1), len(GOEMOTIONS28))

    def estimates(self) -> list[EmotionEstimate]:
        return self.read


@dataclass(frozen=True)
class MiniLMReadings:
    """Readings of the embedded model, each from the head that was trained for it."""

    outputs: TextOutputs
    settings: TextEmotionSettings
    emobank_mean: Floats
    emobank_sd: Floats

    def probabilities(self, taxonomy: Taxonomy) -> Floats:
        if taxonomy.name == EKMAN7.name:
            return softmax(self.outputs.ekman / self.settings.ekman_temperature)
        return pooled_weights(self.outputs, self.settings) @ conversion(GOEMOTIONS28.name, taxonomy.name)

    def vad(self) -> Floats:
        return self.outputs.vad * self.emobank_sd + self.emobank_mean

    def goemotions(self) -> Flags:
        p = sigmoid(self.outputs.goemotions / self.settings.temperature)
        return p > self.settings.thresholds

    def estimates(self) -> list[EmotionEstimate]:
        distributions = pooled_weights(self.outputs, self.settings)
        vads = combined_vad(self.outputs.vad, distributions, self.settings)
        return [
            EmotionEstimate(
                EmotionDistribution.normalised(GOEMOTIONS28, weights), VAD.from_array(vad), self.settings.vad_sd, "text"
            )
            for weights, vad in zip(distributions.tolist(), vads, strict=True)
        ]


class TextReader:
    """A component of the stage `emotion` that reads texts, by its name ("minilm", "transformers:FOLDER").

    Raises:
        ComponentError: it is unknown, not installed, or cannot start.
        InputError: it reads voices or faces.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.component: EmotionRecognizer = create("emotion", name)
        if (modality := self.component.capabilities.modality) != "text":
            raise InputError(f"--emotion {name} reads the {modality}; name a component that reads text, such as minilm")
        self.seconds = 0.0
        """Time that reading has taken so far."""

    @property
    def english_only(self) -> bool:
        """Whether it is known to read no language but English."""
        return isinstance(self.component, MiniLMEmotion)

    def read(self, texts: Sequence[str], contexts: Sequence[Sequence[ContextTurn]] | None = None) -> Readings:
        """Read texts, each with the turns of the dialogue before it, oldest first."""
        began_s = time.perf_counter()
        with progress_of(f"reading with {self.name}", len(texts)) as done:
            if isinstance(self.component, MiniLMEmotion):
                readings = self._batched(self.component, texts, contexts, done)
            else:
                readings = self._one_by_one(texts, contexts, done)
        self.seconds += time.perf_counter() - began_s
        return readings

    def _batched(
        self,
        component: MiniLMEmotion,
        texts: Sequence[str],
        contexts: Sequence[Sequence[ContextTurn]] | None,
        done: Callable[[int], None],
    ) -> Readings:
        parts: list[TextOutputs] = []
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            parts.append(component.model.run_all(texts[chunk], contexts[chunk] if contexts is not None else None))
            done(len(texts[chunk]))
        outputs = TextOutputs(
            np.concatenate([part.goemotions for part in parts]),
            np.concatenate([part.ekman for part in parts]),
            np.concatenate([part.vad for part in parts]),
        )
        folder = Path(self.name.partition(":")[2] or MODEL_FOLDER)
        config = json.loads((folder / "config.json").read_text("utf-8"))
        mean, sd = (np.array(config[name], np.float64) for name in ("emobank_mean", "emobank_sd"))
        return MiniLMReadings(outputs, component.settings, mean, sd)

    def _one_by_one(
        self,
        texts: Sequence[str],
        contexts: Sequence[Sequence[ContextTurn]] | None,
        done: Callable[[int], None],
    ) -> Readings:
        async def all_of_them() -> list[EmotionEstimate]:
            found: list[EmotionEstimate] = []
            for k, text in enumerate(texts):
                history = exchanges(contexts[k]) if contexts is not None else ()
                estimate = await self.component.estimate(PersonTurn(Transcript(text), history=history))
                found.append(estimate or EmotionEstimate.unknown("text"))
                done(1)
            return found

        return EstimateReadings(asyncio.run(all_of_them()))


def exchanges(context: Sequence[ContextTurn]) -> tuple[Exchange, ...]:
    """Turns before an utterance as the history of an agent: its speaker is the person, everybody else the agent."""
    out: list[Exchange] = []
    for text, same_speaker in context:
        if same_speaker:
            out.append(Exchange(text, ""))
        else:
            person, said = (out[-1].person, out.pop().agent) if out else ("", "")
            out.append(Exchange(person, f"{said} {text}".strip()))
    return tuple(out)


@cache
def conversion(source: str, target: str) -> Floats:
    """The linear map that `convert` is, (labels of source, labels of target), between taxonomies by name."""
    taxonomy = TAXONOMIES[source]
    certain = [EmotionDistribution.certain(taxonomy, label) for label in taxonomy.labels]
    return np.array([convert(distribution, TAXONOMIES[target]).probabilities for distribution in certain])
