"""Feeling from words: a small fine-tuned encoder gives 28 emotions, VAD, and the words that carried them.

The model (models/text_emotion, with its card; made again by `rapport train text-emotion`) has two heads: a sigmoid for
each GoEmotions label, and the three axes of EmoBank. This file turns what they say into one estimate:

- Labels. With p the calibrated probability of an emotion and t the model's one threshold, its weight is the odds of p
  over the odds of t, and neutral weighs 1: neutral is most probable exactly when no emotion passes the threshold.
  Weights, raised to a power that was fitted to human votes, are normalised to a distribution.
- VAD. The VAD head learned from ratings of whole texts; the expected VAD of the labels knows what 28 words mean. Their
  errors are only partly shared, so a mean of both, weighted per axis, errs least. The weights and the remaining
  standard deviation come from development data, see the model card.
- Evidence. A word's weight is the mean of how much valence falls when it is left out, and of how much it rises when the
  word stands alone: the last and the first step of its Shapley value, so two words that say the same share the credit.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.stages import EmotionCapabilities, PersonTurn
from rapport.persona.affect import GOEMOTIONS28, VAD, EmotionDistribution, EmotionEstimate, Evidence
from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "models" / "text_emotion"
NEUTRAL = GOEMOTIONS28.index("neutral")
LABEL_VADS = np.array([point.as_tuple() for point in GOEMOTIONS28.points.values()])

MAX_TOKENS = 128
MAX_CHARACTERS = 4_000
OCCLUDED_WORDS = 6
EVIDENCE_WORDS = 3
LEAST_EVIDENCE = 0.05
PUNCTUATION = ".,;:!?\"'()[]…“”‘’"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TextEmotionSettings:
    """What training measured on development data and reading needs; the fields of the model's config.json."""

    temperature: float
    """Divides the logits before the sigmoid."""
    threshold: float
    """Probability from which an emotion counts as present, one for all labels."""
    sharpness: float
    """Power that the labels' weights are raised to before they are normalised."""
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
            threshold=float(config["threshold"]),
            sharpness=float(config["sharpness"]),
            vad_neutral=np.array(config["vad_neutral"], np.float64),
            vad_scale=np.array(config["vad_scale"], np.float64),
            label_vad_neutral=np.array(config["label_vad_neutral"], np.float64),
            vad_head_share=np.array(config["vad_head_share"], np.float64),
            vad_sd=(v, a, d),
        )


def label_weights(logits: Floats, settings: TextEmotionSettings) -> Floats:
    """Distributions over GoEmotions' 28 from the label head's logits, both (n, 28); rows sum to 1."""
    log_odds = logits / settings.temperature - np.log(settings.threshold / (1 - settings.threshold))
    log_odds[:, NEUTRAL] = 0.0
    log_odds *= settings.sharpness
    weights = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


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


def readable_words(text: str) -> list[str]:
    """The words of a text, with each emoji spelled out by its Unicode name and apart from its neighbours.

    Texts beyond MAX_CHARACTERS keep their beginning and their end, half each.
    """
    if len(text) > MAX_CHARACTERS:
        text = f"{text[: MAX_CHARACTERS // 2]} {text[-MAX_CHARACTERS // 2 :]}"
    words: list[str] = []
    for word in text.split():
        plain = ""
        for character in word:
            if _is_pictograph(character):
                words += [plain] if plain else []
                words.append(unicodedata.name(character, "").lower())
                plain = ""
            else:
                plain += character
        words += [plain] if plain else []
    return words


def _is_pictograph(character: str) -> bool:
    code = ord(character)
    return unicodedata.category(character) == "So" and (0x2600 <= code < 0x2800 or code >= 0x1F000)


class TextEmotionModel:
    """Tokenizer and network: words in, raw outputs of the heads out. Safe from several threads."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import onnxruntime
        import tokenizers

        # Neither library declares all of its types.
        runtime, tokenizer_class = cast(Any, onnxruntime), cast(Any, tokenizers.Tokenizer)
        self._tokenizer: Any = tokenizer_class.from_file(str(folder / "tokenizer.json"))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self.unknown_id: int = self._tokenizer.token_to_id("[UNK]")

    def tokenize(self, words: Sequence[Sequence[str]]) -> list[Tokens]:
        """Token ids of each text, given as words; beyond MAX_TOKENS the middle is left out."""
        encodings = self._tokenizer.encode_batch([list(w) for w in words], is_pretokenized=True)
        return [Tokens.of(e.ids, e.word_ids) for e in encodings]

    def run(self, rows: Sequence[NDArray[np.int64]]) -> tuple[Floats, Floats, Floats]:
        """Label logits (n, 28), VAD z-scores (n, 3), and each token's part of those (n, longest row, 3; padding 0)."""
        longest = max(len(row) for row in rows)
        ids = np.zeros((len(rows), longest), np.int64)
        mask = np.zeros_like(ids)
        for k, row in enumerate(rows):
            ids[k, : len(row)] = row
            mask[k, : len(row)] = 1
        outputs = self._session.run(["goemotions", "vad", "token_vad"], {"input_ids": ids, "attention_mask": mask})
        logits, vad, token_vad = (np.asarray(o, np.float64) for o in outputs)
        return logits, vad, token_vad * mask[..., None]

    def run_all(self, texts: Sequence[str], batch: int = 64) -> tuple[Floats, Floats]:
        """Label logits and VAD z-scores of many texts, in batches of similar length."""
        tokens = self.tokenize([readable_words(text) for text in texts])
        order: list[int] = np.argsort([len(t.ids) for t in tokens], kind="stable").tolist()
        logits, vad = np.zeros((len(texts), len(GOEMOTIONS28))), np.zeros((len(texts), 3))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            logits[chosen], vad[chosen], _ = self.run([tokens[i].ids for i in chosen])
        return logits, vad


@dataclass(frozen=True)
class Tokens:
    """Ids of a text's tokens, (n,) int64, and the word each belongs to (-1 for the two that mark begin and end)."""

    ids: NDArray[np.int64]
    word_of: NDArray[np.int64]

    @classmethod
    def of(cls, ids: Sequence[int], word_ids: Sequence[int | None]) -> Tokens:
        row = np.array(ids, np.int64)
        words = np.array([-1 if w is None else w for w in word_ids], np.int64)
        if len(row) > MAX_TOKENS:
            kept = np.r_[0 : MAX_TOKENS // 2, len(row) - MAX_TOKENS // 2 : len(row)]
            row, words = row[kept], words[kept]
        return cls(row, words)

    def without(self, word: int) -> NDArray[np.int64]:
        return self.ids[self.word_of != word]

    def only(self, word: int) -> NDArray[np.int64]:
        """The word between the two marks; of word -1, the marks alone."""
        return self.ids[(self.word_of == word) | (self.word_of < 0)]


class MiniLMEmotion:
    """Emotion recogniser for English text. `model` is a folder in the shipped model's format; None is the shipped one.

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
            self._model = TextEmotionModel(folder)
        except Exception as error:  # noqa: BLE001 - onnxruntime and tokenizers raise bare exceptions of their own
            raise ComponentError(f"{folder} cannot be loaded as a text-emotion model: {error}") from None

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        """The feeling in the transcript's words, or None where there is nothing that the model can read."""
        return await asyncio.to_thread(self.read, heard.transcript.text)

    def read(self, text: str) -> EmotionEstimate | None:
        """Blocking form of `estimate`."""
        words = readable_words(text)
        if not words:
            return None
        tokens = self._model.tokenize([words])[0]
        known = (tokens.word_of >= 0) & (tokens.ids != self._model.unknown_id)
        if not known.any():
            return None
        logits, z_scores, token_vad = self._model.run([tokens.ids])
        distributions = label_weights(logits, self.settings)
        vad = combined_vad(z_scores, distributions, self.settings)[0]
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
        whole, *left = self._valence([tokens.ids, *(tokens.without(w) for w in candidates)])
        empty, *alone = self._valence([tokens.only(-1), *(tokens.only(w) for w in candidates)])
        falls = (0.5 * (whole - a + b - empty) for a, b in zip(left, alone, strict=True))
        told = sorted(zip(candidates, falls, strict=True), key=lambda pair: -abs(pair[1]))[:EVIDENCE_WORDS]
        return tuple(
            Evidence("text", words[word].strip(PUNCTUATION) or words[word], fall)
            for word, fall in told
            if abs(fall) >= LEAST_EVIDENCE
        )

    def _valence(self, rows: Sequence[NDArray[np.int64]]) -> list[float]:
        logits, z_scores, _ = self._model.run(rows)
        return combined_vad(z_scores, label_weights(logits, self.settings), self.settings)[:, 0].tolist()


def _promising_words(tokens: Tokens, token_vad: Floats) -> list[int]:
    """Up to OCCLUDED_WORDS words worth leaving out: their tokens stand out from the text's mean in the VAD head."""
    unusual = np.abs(token_vad - token_vad.mean(axis=0)).sum(axis=1)
    strength: dict[int, float] = {}
    for word, u in zip(tokens.word_of.tolist(), unusual.tolist(), strict=True):
        if word >= 0:
            strength[word] = max(strength.get(word, 0.0), u)
    return sorted(strength, key=lambda word: -strength[word])[:OCCLUDED_WORDS]
