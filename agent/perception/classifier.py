"""Any text-classification model of transformers as an emotion recogniser, its labels matched to a taxonomy by name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.persona.affect import TAXONOMIES, EmotionDistribution, EmotionEstimate, Taxonomy
from rapport.persona.errors import ComponentError, StageError

MAX_CHARACTERS = 4_000
VAD_SD = (0.4, 0.45, 0.45)
"""Wider than a text model whose errors were measured: nothing is known of the one that is loaded."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "joy": ("happy", "happiness", "joyful", "joy"),
    "anger": ("angry", "anger", "mad"),
    "sadness": ("sad", "sadness", "unhappy"),
    "fear": ("afraid", "fear", "fearful", "scared"),
    "disgust": ("disgusted", "disgust"),
    "surprise": ("surprised", "surprise", "astonished"),
    "neutral": ("neutral", "neutrality", "no emotion", "others"),
    "love": ("love", "loving"),
    "gratitude": ("grateful", "gratitude"),
    "embarrassment": ("embarrassed", "embarrassment"),
    "disappointment": ("disappointed", "disappointment"),
    "nervousness": ("nervous", "nervousness"),
    "excitement": ("excited", "excitement"),
    "annoyance": ("annoyed", "annoyance"),
    "pride": ("proud", "pride"),
}
"""Forms of one emotion's name: a model's label and a taxonomy's that stand in one row mean the same."""

Prediction = Sequence[Mapping[str, Any]]


class TransformersEmotion:
    """Emotion recogniser over `model`: a local folder, or the name of a model that this machine has or may fetch.

    Its labels go to the taxonomy that has the most of them, the smaller one at a tie (happy counts as joy, and so on).
    The VAD is the expected one of the labels.

    Raises:
        ComponentError: no model named, it cannot be loaded, or under two of its labels are known emotions.
    """

    def __init__(self, model: str | None = None) -> None:
        if not model:
            raise ComponentError("transformers needs a model: write `transformers:FOLDER` or `transformers:OWNER/NAME`")
        self._classify, labels = _load(model)
        self._taxonomy, self._place = match_labels(labels)
        if len(self._place) < 2:
            raise ComponentError(
                f"{model} labels texts as {', '.join(labels)}; at least two of them must be emotions of one of: "
                f"{', '.join(TAXONOMIES)}"
            )
        self.capabilities = EmotionCapabilities(modality="text", taxonomy=self._taxonomy.name)
        # The fast tokenizer inside the pipeline changes its own truncation settings during a call.
        self._lock = threading.Lock()

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        """The feeling in the transcript's words; None for an empty one, or when no known label applies."""
        text = " ".join(heard.transcript.text.split())[:MAX_CHARACTERS]
        if not text:
            return None
        return await asyncio.to_thread(self._read, text)

    def _read(self, text: str) -> EmotionEstimate | None:
        try:
            with self._lock:
                predictions = self._classify(text)
        except (RuntimeError, ValueError, IndexError) as error:
            raise StageError(f"the transformers emotion model failed: {error}") from error
        weights = np.zeros(len(self._taxonomy))
        for prediction in predictions:
            place = self._place.get(str(prediction["label"]))
            if place is not None:
                weights[place] += float(prediction["score"])
        if not np.isfinite(weights).all():
            raise StageError("the transformers emotion model returned scores that are no numbers", retryable=False)
        if weights.sum() <= 0:
            return None
        distribution = EmotionDistribution.normalised(self._taxonomy, weights.tolist())
        return EmotionEstimate(distribution, distribution.vad, VAD_SD, "text")


def match_labels(labels: Sequence[str]) -> tuple[Taxonomy, dict[str, int]]:
    """The taxonomy that knows the most of a model's labels, and the place there of each label it knows."""
    places = {
        name: {label: place for label in labels if (place := _place(label, taxonomy)) is not None}
        for name, taxonomy in TAXONOMIES.items()
    }
    best = max(places, key=lambda name: (len(places[name]), -len(TAXONOMIES[name])))
    return TAXONOMIES[best], places[best]


def _place(label: str, taxonomy: Taxonomy) -> int | None:
    names = _names(label)
    return next((i for i, own in enumerate(taxonomy.labels) if names & _names(own)), None)


def _names(label: str) -> frozenset[str]:
    """All forms of a label's name, in lower case with spaces."""
    plain = " ".join(label.lower().replace("_", " ").replace("-", " ").split())
    return frozenset({plain, *next((forms for forms in SYNONYMS.values() if plain in forms), ())})


def _load(model: str) -> tuple[Any, list[str]]:
    """A function from a text to its scored labels, and the labels' names."""
    try:
        from transformers import pipeline
    except ImportError as error:
        raise ComponentError(f'{error}: pip install "transformers>=5"') from None
    try:
        classifier: Any = cast(Any, pipeline)("text-classification", model=model, top_k=None)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ComponentError(f"{model} cannot be loaded as a text-classification model: {reason}") from None
    labels = [str(name) for name in classifier.model.config.id2label.values()]

    def classify(text: str) -> Prediction:
        answer = classifier(text, truncation=True)
        # One text gives a list of labels, or a list that holds this list, by version.
        return cast(Prediction, answer[0] if answer and isinstance(answer[0], list) else answer)

    return classify, labels
