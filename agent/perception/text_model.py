"""The text-emotion network and its tokens: words and earlier turns in, raw outputs of three heads out.

One MiniLM encoder reads the utterance as its first segment and, where there are any, the turns before it as its second,
the latest first, each opened by who said it ("me" is the utterance's own speaker, "you" anybody else). Only the
utterance's tokens are pooled, so the context can change how words are read but brings no feeling of its own.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from rapport.persona.affect import EKMAN7, GOEMOTIONS28

MAX_TOKENS = 128
MAX_CHARACTERS = 4_000
CONTEXT_TURNS = 3
CONTEXT_TOKENS = 48

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class ContextTurn(NamedTuple):
    """An earlier turn of the dialogue, and whether the speaker of the utterance said it."""

    text: str
    same_speaker: bool = False


@dataclass(frozen=True)
class Tokens:
    """A tokenised text: ids (n,), the word each belongs to (n,; -1 for marks and context), and its segment (n,)."""

    ids: Ids
    word_of: Ids
    segment: Ids

    def keep(self, chosen: NDArray[np.bool_]) -> Tokens:
        return Tokens(self.ids[chosen], self.word_of[chosen], self.segment[chosen])

    def without(self, word: int) -> Tokens:
        return self.keep(self.word_of != word)

    def only(self, word: int) -> Tokens:
        """The word between the utterance's two marks, before the same context; of word -1, none of the words."""
        return self.keep((self.word_of == word) | (self.word_of < 0))


@dataclass(frozen=True)
class TextOutputs:
    """Raw outputs for n texts."""

    goemotions: Floats
    """Logits of GoEmotions' 28 labels, (n, 28), each for a sigmoid."""
    ekman: Floats
    """Logits of Ekman's seven as MELD labels them, (n, 7), for a softmax."""
    vad: Floats
    """EmoBank's valence, arousal and dominance as z-scores, (n, 3)."""


class TextTokenizer:
    """Texts to ids of the encoder's WordPiece, from a tokenizer.json of the `tokenizers` library."""

    def __init__(self, path: Path) -> None:
        import tokenizers

        # The library does not declare all of its types.
        self._tokenizer: Any = cast(Any, tokenizers.Tokenizer).from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.unknown_id: int = self._tokenizer.token_to_id("[UNK]")
        self._begin: int = self._tokenizer.token_to_id("[CLS]")
        self._end: int = self._tokenizer.token_to_id("[SEP]")

    def encode(
        self,
        texts: Sequence[Sequence[str]],
        contexts: Sequence[Sequence[ContextTurn]] | None = None,
        limit: int = MAX_TOKENS,
    ) -> list[Tokens]:
        """Tokens of texts given as words (see `readable_words`), with the turns before each, oldest first.

        Beyond `limit` tokens the middle of the utterance is left out. Of the context the last CONTEXT_TURNS turns are
        read, as far as CONTEXT_TOKENS go.
        """
        utterances = self._encode([list(words) for words in texts])
        before: Sequence[Sequence[ContextTurn]] = contexts if contexts is not None else [()] * len(texts)
        told = [list(context)[-CONTEXT_TURNS:][::-1] for context in before]
        turns = iter(
            self._encode([["me" if t.same_speaker else "you", ":", *readable_words(t.text)] for c in told for t in c])
        )
        return [
            self._join(utterance, [next(turns)[0] for _ in context], limit)
            for utterance, context in zip(utterances, told, strict=True)
        ]

    def _encode(self, texts: list[list[str]]) -> list[tuple[list[int], list[int]]]:
        if not texts:
            return []
        encodings = self._tokenizer.encode_batch(texts, is_pretokenized=True, add_special_tokens=False)
        return [(e.ids, e.word_ids) for e in encodings]

    def _join(self, utterance: tuple[list[int], list[int]], context: list[list[int]], limit: int) -> Tokens:
        ids, words = utterance
        if len(ids) > limit - 2:
            head = (limit - 2) // 2
            ids, words = ids[:head] + ids[head + 2 - limit :], words[:head] + words[head + 2 - limit :]
        row = [self._begin, *ids, self._end]
        after: list[int] = []
        for turn in context:
            room = CONTEXT_TOKENS - len(after) - 1
            if room < 4:
                break
            after += [*turn[:room], self._end]
        return Tokens(
            np.array(row + after, np.int64),
            np.array([-1, *words, -1, *(-1 for _ in after)], np.int64),
            np.array([0] * len(row) + [1] * len(after), np.int64),
        )


def collate(rows: Sequence[Tokens]) -> tuple[Ids, Ids, Ids]:
    """Rows padded to one length: ids, attention mask and segments, each int64 (n, longest)."""
    longest = max(len(row.ids) for row in rows)
    ids, mask, segments = (np.zeros((len(rows), longest), np.int64) for _ in range(3))
    for k, row in enumerate(rows):
        ids[k, : len(row.ids)] = row.ids
        mask[k, : len(row.ids)] = 1
        segments[k, : len(row.ids)] = row.segment
    return ids, mask, segments


class TextEmotionModel:
    """Tokenizer and network of a model folder. Safe from several threads."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import onnxruntime

        runtime = cast(Any, onnxruntime)
        self.tokenizer = TextTokenizer(folder / "tokenizer.json")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def run(self, rows: Sequence[Tokens]) -> tuple[TextOutputs, Floats]:
        """Outputs of one batch, and what each token brings to the VAD z-scores (n, longest row, 3; 0 elsewhere)."""
        ids, mask, segments = collate(rows)
        outputs = self._session.run(
            ["goemotions", "ekman", "vad", "token_vad"],
            {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments},
        )
        goemotions, ekman, vad, token_vad = (np.asarray(o, np.float64) for o in outputs)
        return TextOutputs(goemotions, ekman, vad), token_vad * (mask * (1 - segments))[..., None]

    def run_all(self, texts: Sequence[str], contexts: Sequence[Sequence[ContextTurn]] | None = None) -> TextOutputs:
        """Outputs for many texts, each with the turns before it.

        Each is read by itself, as in a conversation: int8 activations share one scale over a batch, and what a text
        says must not depend on its neighbours.
        """
        rows = self.tokenizer.encode([readable_words(text) for text in texts], contexts)
        n = len(rows)
        found = TextOutputs(np.zeros((n, len(GOEMOTIONS28))), np.zeros((n, len(EKMAN7))), np.zeros((n, 3)))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for k, (outputs, _) in enumerate(pool.map(self.run, ([row] for row in rows))):
                found.goemotions[k], found.ekman[k], found.vad[k] = outputs.goemotions, outputs.ekman, outputs.vad
        return found


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
