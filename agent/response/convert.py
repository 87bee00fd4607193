"""Turns a SmolLM2 GGUF file into an int8 CTranslate2 model beside a tokenizer.json.

    python -m rapport.agent.response.convert GGUF FOLDER [ADAPTER]

A low-rank adapter (LoRA, Hu et al. 2021, arXiv 2106.09685) is added to the weights before they become int8.

It runs in a process of its own, because ctranslate2.specs imports torch where torch is installed, and the agent's
process is to stay small. Progress goes to standard output, one number in [0, 1] per line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.response.gguf import GGUFFile
from rapport.persona.errors import InputError

_CONTROL_TOKEN = 3
"""ggml's token type of special tokens such as <|im_end|>."""


class Adapter:
    """The low-rank changes to a model's matrices, from the file that `rapport train reply` writes (safetensors).

    `<matrix>.lora_a` (rank, columns) and `<matrix>.lora_b` (rows, rank), float16, have the GGUF file's names and order
    of rows: a matrix changes by alpha / rank * lora_b @ lora_a.

    Raises:
        InputError: the file cannot be read, or is no such file.
    """

    def __init__(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        self._path = path
        try:
            with cast("Any", safe_open)(path, framework="np") as file:
                told: dict[str, str] = file.metadata() or {}
                names: list[str] = file.keys()
                self._factors: dict[str, NDArray[np.float32]] = {
                    name: file.get_tensor(name).astype(np.float32) for name in names
                }
            self._scale = float(told["alpha"]) / float(told["rank"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"{path}: is no adapter that `rapport train reply` wrote ({error})") from None

    def added(self, name: str, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """The matrix called `name` with its change; other tensors as they are.

        Raises:
            InputError: the change is of another shape: the adapter was made for another model.
        """
        a, b = (self._factors.get(f"{name}.lora_{factor}") for factor in "ab")
        if a is None or b is None:
            return weight
        if (b.shape[0], a.shape[1]) != weight.shape or a.shape[0] != b.shape[1]:
            raise InputError(f"{self._path}: does not fit {name} of this model; it was made for another one")
        return (weight + self._scale * (b @ a)).astype(np.float32, copy=False)


def convert(source: Path, folder: Path, progress: Callable[[float], None], adapter: Path | None = None) -> None:
    """Write `model.bin`, `config.json`, `vocabulary.json` (CTranslate2) and `tokenizer.json` into an existing folder.

    Raises:
        InputError: the file is no SmolLM2 (Llama architecture, byte-level BPE), or is broken; or the adapter is.
        OSError: the folder cannot be written.
    """
    gguf = GGUFFile(source)
    if gguf.metadata.get("general.architecture") != "llama" or gguf.metadata.get("tokenizer.ggml.pre") != "smollm":
        raise InputError(f"{source}: is not a SmolLM2 model; give a SmolLM2-*-Instruct GGUF file")
    changes = Adapter(adapter) if adapter is not None else None
    save_tokenizer(gguf, folder / "tokenizer.json")
    spec = _spec(gguf, changes, progress)
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    progress(1.0)


def save_tokenizer(gguf: GGUFFile, path: Path) -> None:
    """The model's byte-level BPE, digits split one by one, as a `tokenizers` file."""
    tokens: list[str] = gguf.metadata["tokenizer.ggml.tokens"]
    kinds: list[int] = gguf.metadata["tokenizer.ggml.token_type"]
    special = [i for i, kind in enumerate(kinds) if kind == _CONTROL_TOKEN]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    state = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": tokens[i], **flags} for i in special],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [merge.split(" ", 1) for merge in gguf.metadata["tokenizer.ggml.merges"]],
        },
    }
    path.write_text(json.dumps(state), "utf-8")


def _spec(gguf: GGUFFile, changes: Adapter | None, progress: Callable[[float], None]) -> Any:
    from ctranslate2.specs import common_spec, transformer_spec  # pyright: ignore[reportMissingTypeStubs]

    meta = gguf.metadata
    layers, heads = int(meta["llama.block_count"]), int(meta["llama.attention.head_count"])
    kv_heads = int(meta.get("llama.attention.head_count_kv", heads))
    spec: Any = transformer_spec.TransformerDecoderModelSpec.from_config(  # pyright: ignore[reportUnknownMemberType]
        layers,
        heads,
        activation=common_spec.Activation.SWISH,
        pre_norm=True,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=0,
        # llama.cpp stores query and key rows so that rotary pairs lie side by side.
        rotary_interleave=True,
        rotary_base=float(meta["llama.rope.freq_base"]),
        num_heads_kv=None if kv_heads == heads else kv_heads,
    )
    tokens: list[str] = meta["tokenizer.ggml.tokens"]
    spec.register_vocabulary(tokens)
    spec.config.bos_token = tokens[meta["tokenizer.ggml.bos_token_id"]]
    spec.config.eos_token = tokens[meta["tokenizer.ggml.eos_token_id"]]
    spec.config.unk_token = tokens[meta.get("tokenizer.ggml.unknown_token_id", 0)]
    spec.config.layer_norm_epsilon = float(meta["llama.attention.layer_norm_rms_epsilon"])

    def weight(name: str) -> NDArray[np.float32]:
        return gguf.tensor(name) if changes is None else changes.added(name, gguf.tensor(name))

    decoder = spec.decoder
    decoder.scale_embeddings = False
    embeddings = gguf.tensor("token_embd.weight")
    decoder.embeddings.weight = embeddings
    decoder.projection.weight = gguf.tensor("output.weight") if "output.weight" in gguf else embeddings
    decoder.layer_norm.gamma = gguf.tensor("output_norm.weight")
    for i, layer in enumerate(decoder.layer):
        _set_layer(layer, lambda name, i=i: weight(f"blk.{i}.{name}.weight"))
        progress(0.9 * (i + 1) / layers)
    return spec


def _set_layer(layer: Any, weight: Callable[[str], NDArray[np.float32]]) -> None:
    attention, ffn = layer.self_attention, layer.ffn
    attention.layer_norm.gamma = weight("attn_norm")
    attention.linear[0].weight = np.concatenate([weight("attn_q"), weight("attn_k"), weight("attn_v")])
    attention.linear[1].weight = weight("attn_output")
    ffn.layer_norm.gamma = weight("ffn_norm")
    ffn.linear_0.weight = weight("ffn_gate")
    ffn.linear_0_noact.weight = weight("ffn_up")
    ffn.linear_1.weight = weight("ffn_down")


def main(arguments: list[str]) -> int:
    """Convert and report. Exit code 2 means that the file cannot be used, 3 that the disk cannot be written."""

    def report(share: float) -> None:
        sys.stdout.write(f"{share:.3f}\n")
        sys.stdout.flush()

    try:
        source, folder, *adapter = map(Path, arguments)
        convert(source, folder, report, *adapter)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
