"""Turns a SmolLM2 GGUF file into an int8 CTranslate2 model beside a tokenizer.json: `python -m ...convert GGUF FOLDER`.

It runs in a process of its own, because ctranslate2.specs imports torch where torch is installed, and the agent's
process is to stay small. Progress goes to standard output, one number in [0, 1] per line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.response.gguf import GGUFFile
from rapport.persona.errors import InputError

_CONTROL_TOKEN = 3
"""ggml's token type of special tokens such as <|im_end|>."""


def convert(source: Path, folder: Path, progress: Callable[[float], None]) -> None:
    """Write `model.bin`, `config.json`, `vocabulary.json` (CTranslate2) and `tokenizer.json` into an existing folder.

    Raises:
        InputError: the file is no SmolLM2 (Llama architecture, byte-level BPE), or is broken.
        OSError: the folder cannot be written.
    """
    gguf = GGUFFile(source)
    if gguf.metadata.get("general.architecture") != "llama" or gguf.metadata.get("tokenizer.ggml.pre") != "smollm":
        raise InputError(f"{source}: is not a SmolLM2 model; give a SmolLM2-*-Instruct GGUF file")
    save_tokenizer(gguf, folder / "tokenizer.json")
    spec = _spec(gguf, progress)
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


def _spec(gguf: GGUFFile, progress: Callable[[float], None]) -> Any:
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

    decoder = spec.decoder
    decoder.scale_embeddings = False
    embeddings = gguf.tensor("token_embd.weight")
    decoder.embeddings.weight = embeddings
    decoder.projection.weight = gguf.tensor("output.weight") if "output.weight" in gguf else embeddings
    decoder.layer_norm.gamma = gguf.tensor("output_norm.weight")
    for i, layer in enumerate(decoder.layer):
        _set_layer(layer, lambda name, i=i: gguf.tensor(f"blk.{i}.{name}.weight"))
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
        convert(Path(arguments[0]), Path(arguments[1]), report)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
