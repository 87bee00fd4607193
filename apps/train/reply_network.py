"""The embedded language model in PyTorch: from its GGUF file, with a low-rank adapter (LoRA) that can be trained.

LoRA after Hu et al. 2021 (arXiv 2106.09685).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.response.gguf import GGUFFile, in_halves, interleaved

RANK, ALPHA = 8, 16
_PARTS: Mapping[str, str] = {
    # transformers' names of a layer's matrices, and ggml's
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True)
class Heads:
    """How many attention heads have queries, and how many keys and values."""

    queries: int
    keys: int

    def of(self, part: str) -> int | None:
        """The heads whose rows the two libraries order differently; None for matrices that both order alike."""
        return {"attn_q": self.queries, "attn_k": self.keys}.get(part)


def heads_of(gguf: GGUFFile) -> Heads:
    """The attention heads of a Llama-like GGUF file."""
    queries = int(gguf.metadata["llama.attention.head_count"])
    return Heads(queries, int(gguf.metadata.get("llama.attention.head_count_kv", queries)))


def base_model(gguf: GGUFFile) -> Any:
    """transformers' LlamaForCausalLM with the weights of a GGUF file, in float32."""
    from torch import from_numpy  # pyright: ignore[reportUnknownVariableType]
    from transformers import LlamaConfig, LlamaForCausalLM

    meta, heads = gguf.metadata, heads_of(gguf)
    hidden = int(meta["llama.embedding_length"])
    config = cast(Any, LlamaConfig)(
        vocab_size=len(meta["tokenizer.ggml.tokens"]),
        hidden_size=hidden,
        intermediate_size=int(meta["llama.feed_forward_length"]),
        num_hidden_layers=int(meta["llama.block_count"]),
        num_attention_heads=heads.queries,
        num_key_value_heads=heads.keys,
        max_position_embeddings=int(meta["llama.context_length"]),
        rms_norm_eps=float(meta["llama.attention.layer_norm_rms_epsilon"]),
        rope_parameters={"rope_type": "default", "rope_theta": float(meta["llama.rope.freq_base"])},
        tie_word_embeddings="output.weight" not in gguf,
    )
    model = cast(Any, LlamaForCausalLM)(config)
    state = {
        "model.embed_tokens.weight": gguf.tensor("token_embd.weight"),
        "model.norm.weight": gguf.tensor("output_norm.weight"),
    }
    if "output.weight" in gguf:
        state["lm_head.weight"] = gguf.tensor("output.weight")
    for k in range(config.num_hidden_layers):
        ours, theirs = f"model.layers.{k}", f"blk.{k}"
        state[f"{ours}.input_layernorm.weight"] = gguf.tensor(f"{theirs}.attn_norm.weight")
        state[f"{ours}.post_attention_layernorm.weight"] = gguf.tensor(f"{theirs}.ffn_norm.weight")
        for name, part in _PARTS.items():
            rows, of = gguf.tensor(f"{theirs}.{part}.weight"), heads.of(part)
            state[f"{ours}.{name}.weight"] = rows if of is None else in_halves(rows, of)
    missing, unexpected = model.load_state_dict(
        {k: cast(Any, from_numpy)(v.copy()) for k, v in state.items()}, strict=False
    )
    assert not unexpected and set(missing) <= {"lm_head.weight"}
    model.tie_weights()
    return model.eval()


def add_adapter(model: Any, seed: int) -> None:
    """Put a fresh adapter to every matrix of attention and feed-forward layers, and freeze the rest."""
    from peft import LoraConfig, inject_adapter_in_model
    from transformers import set_seed

    set_seed(seed)
    names = [name.rpartition(".")[2] for name in _PARTS]
    settings = cast(Any, LoraConfig)(r=RANK, lora_alpha=ALPHA, target_modules=names, bias="none")
    cast(Any, inject_adapter_in_model)(settings, model)


def factors_of(model: Any, heads: Heads) -> dict[str, NDArray[np.float16]]:
    """The adapter's two factors of each matrix, under llama.cpp's names and in its order of rows.

    `blk.0.attn_q.weight.lora_a` has shape (RANK, columns), `...lora_b` (rows, RANK): the matrix changes by
    ALPHA / RANK * lora_b @ lora_a.
    """
    found: dict[str, NDArray[np.float16]] = {}
    for k, layer in enumerate(model.model.layers):
        for name, part in _PARTS.items():
            block, _, matrix = name.partition(".")
            adapted = getattr(getattr(layer, block), matrix)
            a = adapted.lora_A["default"].weight.detach().numpy()
            b, of = adapted.lora_B["default"].weight.detach().numpy(), heads.of(part)
            found[f"blk.{k}.{part}.weight.lora_a"] = a.astype(np.float16)
            found[f"blk.{k}.{part}.weight.lora_b"] = (b if of is None else interleaved(b, of)).astype(np.float16)
    return found
