"""`rapport train reply`: an adapter of the embedded language model, on human replies in the responder's own prompts."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console

from rapport.agent.response.convert import save_tokenizer
from rapport.agent.response.gguf import GGUFFile
from rapport.agent.response.responder import trained_parts
from rapport.agent.response.weights import ADAPTER_FILE, embedded_gguf
from rapport.apps.evaluate.empathy_data import read_dialogues
from rapport.apps.train.reply_card import reply_card
from rapport.apps.train.reply_data import Chosen, Encode, Examples, choose_examples
from rapport.apps.train.reply_fit import RATE, fit, mean_loss, rows_of
from rapport.persona.errors import ComponentError, InputError

TOKENS = 64_000
"""Of the examples less what they share, by default: some 20 minutes on one free thread."""
_TOLD_EVERY = 20


def train_reply(data: Path, out: Path, *, seed: int = 0, tokens: int = TOKENS) -> None:
    """Train on `data`/empatheticdialogues/train.jsonl and `data`/esconv/train.jsonl, one pass over `tokens` of the best
    examples; write adapter.safetensors, config.json and the card to `out`.

    Raises:
        InputError: a file is missing or malformed, or holds no reply that may teach.
        ComponentError: peft, or the package with the model's weights, is not installed.
    """
    need_peft()
    corpora = [read_dialogues(data / name / "train.jsonl") for name in ("empatheticdialogues", "esconv")]
    gguf = GGUFFile(embedded_gguf())
    vocabulary, encode = _tokenizer(gguf)
    chosen = choose_examples([*corpora[0], *corpora[1]], Examples(trained_parts()[0], encode, seed), tokens, seed)
    if not chosen.learned:
        raise InputError(f"{data}: no reply of the training dialogues may teach; take whole corpora")
    teach(gguf, chosen, vocabulary, out, seed)


def teach(gguf: GGUFFile, chosen: Chosen, vocabulary: Mapping[str, int], out: Path, seed: int) -> None:
    """Fit an adapter of the model to the chosen examples, and write it with its settings, figures and card to `out`."""
    import torch
    from safetensors import numpy as safetensors

    from rapport.apps.train.reply_network import ALPHA, RANK, add_adapter, base_model, factors_of, heads_of

    torch.set_num_threads(1)
    console = Console(soft_wrap=True)
    console.print(json.dumps(chosen.counts))
    model = base_model(gguf)
    rows, held_out = (rows_of(of, vocabulary, seed) for of in (chosen.learned, chosen.held_out))
    before = mean_loss(model, held_out)
    console.print(f"held-out loss before: {before:.3f}; {len(rows)} rows")
    add_adapter(model, seed)
    losses: list[float] = []

    def report(number: int, loss: float) -> None:
        losses.append(loss)
        if number % _TOLD_EVERY == _TOLD_EVERY - 1:
            console.print(f"row {number + 1} of {len(rows)}: loss {np.mean(losses[-_TOLD_EVERY:]):.3f}")

    began_s = time.perf_counter()
    fit(model, rows, report)
    took_s = time.perf_counter() - began_s
    read = sum(len(row.ids) for row in rows)
    config = {
        "seed": seed,
        "rank": RANK,
        "alpha": ALPHA,
        "rate": RATE,
        "tokens": read,
        "rows": len(rows),
        "minutes": round(took_s / 60, 1),
        "tokens_per_s": round(read / took_s, 1),
        "counts": chosen.counts,
        **_told(chosen),
        "held_out_loss": {"before": before, "after": mean_loss(model, held_out)},
    }
    out.mkdir(parents=True, exist_ok=True)
    metadata = {"rank": str(RANK), "alpha": str(ALPHA)}
    adapter: bytes = cast("Any", safetensors).save(factors_of(model, heads_of(gguf)), metadata)
    (out / ADAPTER_FILE).write_bytes(adapter)
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(reply_card(config), "utf-8")
    console.print_json(json.dumps(config))


def need_peft() -> None:
    """Raise ComponentError where peft is missing."""
    if find_spec("peft") is None:
        raise ComponentError('training needs peft: pip install "rapport-agent[train]"')


def _tokenizer(gguf: GGUFFile) -> tuple[dict[str, int], Encode]:
    """The model's vocabulary, and how it cuts text into tokens."""
    from tokenizers import Tokenizer

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        save_tokenizer(gguf, path)
        tokenizer = cast("Any", Tokenizer.from_file(str(path)))
    tokenizer.encode_special_tokens = True
    return tokenizer.get_vocab(), lambda text: tokenizer.encode(text, add_special_tokens=False).tokens


def _told(chosen: Chosen) -> dict[str, Any]:
    """What the card says of the examples."""
    learned = chosen.learned
    return {
        "kinds": dict(Counter(example.kind for example in learned)),
        "tones": dict(Counter(example.tone for example in learned)),
        "relevance": float(np.mean([example.relevance for example in learned])),
        "empathy": float(np.mean([example.empathy for example in learned])),
    }
