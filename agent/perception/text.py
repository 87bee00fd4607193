"""Feeling from words: a small fine-tuned encoder gives 28 emotions, VAD, and the words that carried them.

The model (models/text_emotion, with its card; made again by `rapport train text-emotion`) has three heads: a sigmoid
for each GoEmotions label, a softmax over Ekman's seven that learned from dialogues, and the three axes of EmoBank. This
file turns what they say into one estimate:

- Labels. With p the calibrated probability of an emotion and t its threshold, its weight is the odds of p over the odds
  of t, and neutral weighs 1: neutral is most probable exactly when no emotion passes its threshold. Weights, raised to
  a power that was fitted to human votes, are normalised to a distribution over the 28.
- Classes. The mass that each of Ekman's classes gets is the log-linear pool of what both label heads give it; within a
  class the 28 divide it. So the words of a comment and the course of a talk both count.
- VAD. The VAD head learned from ratings of whole texts; the expected VAD of the labels knows what 28 words mean. Their
  errors are only partly shared, so a mean of both, weighted per axis, errs least. The weights and the remaining
  standard deviation come from development data, see the model card.
- Evidence. A word's weight is the mean of how much valence falls when it is left out, and of how much it rises when the
  word stands alone: the last and the first step of its Shapley value, so two words that say the same share the credit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rapport.agent.perception.links import softmax
from rapport.agent.perception.text_model import (
    ContextTurn,
    Floats,
    TextEmotionModel,
    TextOutputs,
    Tokens,
    readable_words,
)
from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.persona.affect import (
    EKMAN7,
    GOEMOTIONS28,
    VAD,
    EmotionDistribution,
    EmotionEstimate,
    Evidence,
    ekman_of,
)
from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "models" / "text_emotion"
NEUTRAL = GOEMOTIONS28.index("neutral")
LABEL_VADS = np.array([point.as_tuple() for point in GOEMOTIONS28.points.values()])
CLASS_OF = np.array([EKMAN7.index(ekman_of(GOEMOTIONS28, label)) for label in GOEMOTIONS28.labels])
"""The Ekman class of each of the 28, (28,)."""

OCCLUDED_WORDS = 6
EVIDENCE_WORDS = 3
LEAST_EVIDENCE = 0.05
PUNCTUATION = ".,;:!?\"'()[]…“”‘’"


@dataclass(frozen=True)
class TextEmotionSettings:
    """What training measured on development data and reading needs; the fields of the model's config.json."""

    temperature: float
    """Divides the 28 logits before the sigmoid."""
    thresholds: Floats
    """Probability from which each emotion counts as present, (28,)."""
    sharpness: float
    """Power that the labels' weights are raised to before they are normalised."""
    ekman_temperature: float
    """Divides the seven logits before the softmax."""
    ekman_share: float
    """Weight of the seven-class head in the pool of the classes in [0, 1]; the 28 have the rest."""
    vad_neutral: Floats
    """The VAD head's z-scores for neutral text, (3,)."""
    vad_scale: Floats
    """Units of VAD per z-score, (3,)."""
    label_vad_neutral: Floats
    """The labels' expected VAD for neutral text, (3,): the mass that emotions keep there leans to the positive."""
    vad_head_share: Floats
    """Weight of the VAD head in [0, 1] per axis; the labels' expected VAD has the rest."""
    vad_sd: tuple[float, float, float]
    """Standard deviation of what remains unexplained, per axis, in units of VAD."""

    @classmethod
    def read(cls, path: Path) -> TextEmotionSettings:
        config = json.loads(path.read_text(encoding="utf-8"))
        if tuple(config["labels"]) != GOEMOTIONS28.labels:
            raise ValueError("its labels are not GoEmotions' 28 in their order")
        v, a, d = (float(x) for x in config["vad_sd"])
        return cls(
            temperature=float(config["temperature"]),
            thresholds=np.array(config["thresholds"], np.float64),
            sharpness=float(config["sharpness"]),
            ekman_temperature=float(config["ekman_temperature"]),
            ekman_share=float(config["ekman_share"]),
            vad_neutral=np.array(config["vad_neutral"], np.float64),
            vad_scale=np.array(config["vad_scale"], np.float64),
            label_vad_neutral=np.array(config["label_vad_neutral"], np.float64),
            vad_head_share=np.array(config["vad_head_share"], np.float64),
            vad_sd=(v, a, d),
        )


def label_weights(logits: Floats, settings: TextEmotionSettings) -> Floats:
    """Distributions over GoEmotions' 28 from that head's logits alone, both (n, 28); rows sum to 1."""
    thresholds = settings.thresholds
    log_odds = logits / settings.temperature - np.log(thresholds / (1 - thresholds))
    log_odds[:, NEUTRAL] = 0.0
    return softmax(settings.sharpness * log_odds)


def class_weights(distributions: Floats, ekman_logits: Floats, settings: TextEmotionSettings) -> Floats:
    """Distributions over Ekman's seven (n, 7): the pool of both label heads' views of them."""
    own = np.log(class_sums(distributions) + 1e-9)
    told = np.log(softmax(ekman_logits / settings.ekman_temperature) + 1e-9)
    return softmax((1 - settings.ekman_share) * own + settings.ekman_share * told)


def pooled_weights(outputs: TextOutputs, settings: TextEmotionSettings) -> Floats:
    """Distributions over the 28 (n, 28) whose classes have the mass that both label heads give them together."""
    distributions = label_weights(outputs.goemotions, settings)
    classes = class_weights(distributions, outputs.ekman, settings)
    return distributions * (classes / np.maximum(class_sums(distributions), 1e-12))[:, CLASS_OF]


def class_sums(distributions: Floats) -> Floats:
    """Mass of each Ekman class in distributions over the 28: (n, 28) to (n, 7)."""
    return distributions @ np.eye(len(EKMAN7))[CLASS_OF]


def head_vad(z_scores: Floats, settings: TextEmotionSettings) -> Floats:
    """The VAD head alone, from EmoBank's z-scores to [-1, 1] with neutral text at 0, (n, 3)."""
    return np.clip((z_scores - settings.vad_neutral) * settings.vad_scale, -1.0, 1.0)


def label_vad(distributions: Floats, settings: TextEmotionSettings) -> Floats:
    """Expected VAD of label distributions (n, 28), with neutral text at 0, (n, 3)."""
    return np.clip(distributions @ LABEL_VADS - settings.label_vad_neutral, -1.0, 1.0)


def combined_vad(z_scores: Floats, distributions: Floats, settings: TextEmotionSettings) -> Floats:
    """VAD (n, 3) in [-1, 1] from the VAD head's z-scores (n, 3) and the label distributions (n, 28)."""
    share = settings.vad_head_share
    return share * head_vad(z_scores, settings) + (1 - share) * label_vad(distributions, settings)


class MiniLMEmotion:
    """Emotion recogniser for English text. `model` is a folder in the shipped model's format; None is the shipped one.

    It reads an utterance with the turns before it, as many as the turn's history brings.

    Raises:
        ComponentError: the folder holds no such model.
    """

    capabilities = EmotionCapabilities(modality="text", taxonomy=GOEMOTIONS28.name)

    def __init__(self, model: str | None = None) -> None:
        folder = Path(model) if model else MODEL_FOLDER
        missing = [n for n in ("model.onnx", "tokenizer.json", "config.json") if not (folder / n).is_file()]
        if missing:
            raise ComponentError(
                f"{folder} has no {', '.join(missing)}; make the model with `rapport train text-emotion`"
            )
        try:
            self.settings = TextEmotionSettings.read(folder / "config.json")
        except (ValueError, KeyError, TypeError) as error:
            raise ComponentError(f"{folder / 'config.json'} does not describe a text-emotion model: {error}") from None
        try:
            self.model = TextEmotionModel(folder)
        except Exception as error:  # noqa: BLE001 - onnxruntime and tokenizers raise bare exceptions of their own
            raise ComponentError(f"{folder} cannot be loaded as a text-emotion model: {error}") from None

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        """The feeling in the transcript's words, or None where there is nothing that the model can read."""
        context = [
            turn
            for said in heard.history
            for turn in (ContextTurn(said.person, same_speaker=True), ContextTurn(said.agent))
            if turn.text
        ]
        return await asyncio.to_thread(self.read, heard.transcript.text, context)

    def read(self, text: str, context: Sequence[ContextTurn] = ()) -> EmotionEstimate | None:
        """Blocking form of `estimate`, with the turns before the text, oldest first."""
        words = readable_words(text)
        if not words:
            return None
        tokens = self.model.tokenizer.encode([words], [context])[0]
        known = (tokens.word_of >= 0) & (tokens.ids != self.model.tokenizer.unknown_id)
        if not known.any():
            return None
        outputs, token_vad = self.model.run([tokens])
        distributions = pooled_weights(outputs, self.settings)
        vad = combined_vad(outputs.vad, distributions, self.settings)[0]
        return EmotionEstimate(
            EmotionDistribution.normalised(GOEMOTIONS28, distributions[0].tolist()),
            VAD.from_array(vad),
            self.settings.vad_sd,
            "text",
            self._evidence(words, tokens, token_vad[0]),
        )

    def _evidence(self, words: list[str], tokens: Tokens, token_vad: Floats) -> tuple[Evidence, ...]:
        candidates = _promising_words(tokens, token_vad)
        if len(candidates) < 2:
            return ()
        # The whole text runs again among them: int8 activations share one scale over a batch, and this cancels it.
        whole, *left = self._valence([tokens, *(tokens.without(w) for w in candidates)])
        empty, *alone = self._valence([tokens.only(-1), *(tokens.only(w) for w in candidates)])
        falls = (0.5 * (whole - a + b - empty) for a, b in zip(left, alone, strict=True))
        told = sorted(zip(candidates, falls, strict=True), key=lambda pair: -abs(pair[1]))[:EVIDENCE_WORDS]
        return tuple(
            Evidence("text", words[word].strip(PUNCTUATION) or words[word], fall)
            for word, fall in told
            if abs(fall) >= LEAST_EVIDENCE
        )

    def _valence(self, rows: Sequence[Tokens]) -> list[float]:
        outputs, _ = self.model.run(rows)
        return combined_vad(outputs.vad, pooled_weights(outputs, self.settings), self.settings)[:, 0].tolist()


def _promising_words(tokens: Tokens, token_vad: Floats) -> list[int]:
    """Up to OCCLUDED_WORDS words worth leaving out: their tokens stand out from the text's mean in the VAD head."""
    own = tokens.segment == 0
    unusual = np.abs(token_vad - token_vad[own].mean(axis=0)).sum(axis=1)
    strength: dict[int, float] = {}
    for word, u in zip(tokens.word_of.tolist(), unusual.tolist(), strict=True):
        if word >= 0:
            strength[word] = max(strength.get(word, 0.0), u)
    return sorted(strength, key=lambda word: -strength[word])[:OCCLUDED_WORDS]
