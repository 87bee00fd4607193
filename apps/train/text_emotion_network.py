"""The network of the text-emotion model in torch: encoder and heads, and how it is fitted.

The encoder is all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957; 22 million parameters), mean-pooled over the
utterance's tokens. One linear head a task: the 28 labels of GoEmotions with a binary cross-entropy each, the z-scored
VAD of EmoBank with a squared error, and Ekman's seven of MELD and PELD with a cross-entropy; batches mix the tasks.
"""

# torch, transformers and onnxruntime declare their types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.text_model import (
    ContextTurn,
    Ids,
    TextOutputs,
    TextTokenizer,
    Tokens,
    collate,
    readable_words,
)
from rapport.persona.affect import EKMAN7, GOEMOTIONS28

if TYPE_CHECKING:
    import torch
    from rich.progress import Progress

BATCH = 64
TRAIN_TOKENS = 64
ENCODER_RATE = 2e-4
LAYER_DECAY = 0.85
HEAD_RATE = 1e-3
WARM_UP = 0.06
LAYERS = 6
FOREIGN_CONTEXT = 0.2
"""Share of texts without a dialogue that get one of another text: what belongs to them must not depend on it."""


@dataclass(frozen=True)
class Examples:
    """Tokenised texts with what each head is to say of them, and how much each head learns from them.

    Rows with a context are learned with it and without.
    """

    rows: list[Tokens]
    goemotions: NDArray[np.float32]
    """Probabilities of GoEmotions' labels, (n, 28)."""
    ekman: NDArray[np.float32]
    """A distribution over Ekman's seven, (n, 7)."""
    vad: NDArray[np.float32]
    """Z-scores, (n, 3)."""
    weights: NDArray[np.float32]
    """Weights of the three heads' losses, (n, 3); 0 where a corpus says nothing about a head's task."""


def build_network(encoder_folder: Path) -> torch.nn.Module:
    """`forward(input_ids, attention_mask, token_type_ids)` gives logits (n, 28), logits (n, 7), VAD z-scores (n, 3),
    and what each token brings to the latter (n, tokens, 3): their mean over the utterance's tokens plus the bias."""
    import torch
    from transformers import AutoModel

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder: Any = AutoModel.from_pretrained(
                encoder_folder,
                attn_implementation="eager",  # on short texts faster than fused attention, and ONNX has it
                attention_probs_dropout_prob=0.0,
                hidden_dropout_prob=0.1,
                add_pooling_layer=False,
            )
            width = int(self.encoder.config.hidden_size)
            self.dropout = torch.nn.Dropout(0.1)
            self.goemotions = torch.nn.Linear(width, len(GOEMOTIONS28))
            self.ekman = torch.nn.Linear(2 * width, len(EKMAN7))
            self.vad = torch.nn.Linear(width, 3)

        def pool(
            self, ids: torch.Tensor, mask: torch.Tensor, segments: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            """Means over the utterance's tokens and over the context's (n, width), 0 without one; and all tokens."""
            tokens = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=segments).last_hidden_state.float()
            own, before = ((mask * part)[..., None].float() for part in (1 - segments, segments))
            return (tokens * own).sum(1) / own.sum(1), (tokens * before).sum(1) / before.sum(1).clamp(min=1.0), tokens

        def heads(self, pooled: torch.Tensor, before: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            return self.goemotions(pooled), self.ekman(torch.cat([pooled, before], dim=1)), self.vad(pooled)

        def forward(
            self, ids: torch.Tensor, mask: torch.Tensor, segments: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
            pooled, before, tokens = self.pool(ids, mask, segments)
            return *self.heads(pooled, before), tokens @ self.vad.weight.T

    return Network()


def fit(
    network: torch.nn.Module,
    examples: Examples,
    *,
    seed: int,
    epochs: int,
    max_steps: int | None,
    progress: Progress,
    pace: float = 1.0,
) -> None:
    """Train in place, at `pace` times the usual learning rates."""
    import torch

    net = cast(Any, network)
    rng = np.random.default_rng(seed)
    epoch_rows = [_epoch(examples, rng) for _ in range(epochs)]
    total = sum(-(-len(rows) // BATCH) for rows in epoch_rows)
    warm_up = max(1, round(WARM_UP * total))
    optimizer = torch.optim.AdamW(_parameter_groups(network, pace), betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, max(0.0, (total - step) / max(1, total - warm_up)))
    )
    bfloat16 = _has_bfloat16()
    bar = progress.add_task("training", total=min(total, max_steps or total))
    step = 0
    network.train()
    for rows in epoch_rows:
        for batch in _bucketed(rng, np.array([len(row.tokens.ids) for row in rows])):
            chosen = [rows[i] for i in batch]
            arrays = collate([row.tokens for row in chosen])
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                pooled, before, _tokens = net.pool(*(torch.from_numpy(a) for a in arrays))
            said = net.heads(net.dropout(pooled), net.dropout(before))
            weights = np.stack([row.weights for row in chosen])
            loss = _loss(said, examples, [row.example for row in chosen], weights)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            step += 1
            progress.update(bar, completed=step, description=f"training, loss {float(loss.detach()):.2f}")
            if step == max_steps:
                network.eval()
                return
    network.eval()


def _loss(
    said: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    examples: Examples,
    chosen: list[int],
    weights: NDArray[np.float32],
) -> torch.Tensor:
    """Mean over the chosen examples of the heads' weighted losses: binary and plain cross-entropy, squared error."""
    import torch
    from torch.nn import functional

    goemotions, ekman, vad = (
        torch.from_numpy(part[chosen]) for part in (examples.goemotions, examples.ekman, examples.vad)
    )
    losses = (
        functional.binary_cross_entropy_with_logits(said[0], goemotions, reduction="none").sum(dim=1),
        functional.cross_entropy(said[1], ekman, reduction="none"),
        functional.mse_loss(said[2], vad, reduction="none").sum(dim=1),
    )
    return (torch.stack(losses, dim=1) * torch.from_numpy(weights)).sum() / len(chosen)


@dataclass(frozen=True)
class _Row:
    tokens: Tokens
    example: int
    weights: NDArray[np.float32]


def _epoch(examples: Examples, rng: np.random.Generator) -> list[_Row]:
    contexts = [context for row in examples.rows if len(context := row.ids[row.segment == 1])]
    without_ekman = np.array([1, 0, 1], np.float32)
    rows: list[_Row] = []
    for k, (tokens, weights) in enumerate(zip(examples.rows, examples.weights, strict=True)):
        if tokens.segment.any():
            rows.append(_Row(tokens, k, weights))
            rows.append(_Row(tokens.keep(tokens.segment == 0), k, weights))
        elif contexts and weights[1] < 1 and rng.random() < FOREIGN_CONTEXT:
            # What a foreign context makes of Ekman's classes nobody has said.
            foreign = contexts[rng.integers(len(contexts))]
            rows.append(_Row(_with_context(tokens, foreign), k, weights * without_ekman))
        else:
            rows.append(_Row(tokens, k, weights))
    return rows


def _with_context(tokens: Tokens, context: Ids) -> Tokens:
    return Tokens(
        np.concatenate([tokens.ids, context]),
        np.concatenate([tokens.word_of, np.full(len(context), -1)]),
        np.concatenate([tokens.segment, np.ones(len(context), np.int64)]),
    )


def _bucketed(rng: np.random.Generator, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """One epoch of batches: shuffled, but each of texts of about one length, so that little is padding."""
    order = rng.permutation(len(lengths))
    pool = BATCH * 50
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), pool):
        chunk = order[start : start + pool]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        batches += [chunk[k : k + BATCH] for k in range(0, len(chunk), BATCH)]
    return [batches[i] for i in rng.permutation(len(batches))]


def _parameter_groups(network: torch.nn.Module, pace: float) -> list[dict[str, Any]]:
    """Lower layers learn slower by LAYER_DECAY a layer; vectors (biases, norms) do not decay."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if name.startswith("encoder."):
            depth = LAYERS - int(name.split("layer.")[1].split(".")[0]) if "layer." in name else LAYERS + 1
            rate = ENCODER_RATE * LAYER_DECAY**depth
        else:
            rate = HEAD_RATE
        decay = 0.0 if parameter.dim() < 2 else 0.01
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": pace * rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself: twice as fast then, ten times as slow otherwise."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def frozen_baseline(
    encoder_folder: Path, tokenizer: TextTokenizer, examples: Examples, *, seed: int
) -> Callable[[list[str], list[tuple[ContextTurn, ...]] | None], TextOutputs]:
    """The same heads on the encoder as it was, fitted to convergence: what fine-tuning is to be compared with."""
    import torch

    torch.manual_seed(seed)
    network = cast(Any, build_network(encoder_folder))
    network.eval()

    def pooled(rows: list[Tokens]) -> tuple[torch.Tensor, torch.Tensor]:
        order = sorted(range(len(rows)), key=lambda k: len(rows[k].ids))
        width = int(network.encoder.config.hidden_size)
        own, before = torch.empty(len(rows), width), torch.empty(len(rows), width)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=_has_bfloat16()):
            for start in range(0, len(order), 2 * BATCH):
                chosen = order[start : start + 2 * BATCH]
                arrays = collate([rows[k] for k in chosen])
                own[chosen], before[chosen], _ = network.pool(*(torch.from_numpy(a) for a in arrays))
        return own, before

    features = pooled(examples.rows)
    parameters = [p for head in (network.goemotions, network.ekman, network.vad) for p in head.parameters()]
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, line_search_fn="strong_wolfe")
    everything = list(range(len(examples.rows)))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = _loss(network.heads(*features), examples, everything, examples.weights)
        loss.backward()
        return loss

    optimizer.step(closure)

    def read(texts: list[str], contexts: list[tuple[ContextTurn, ...]] | None) -> TextOutputs:
        rows = tokenizer.encode([readable_words(text) for text in texts], contexts)
        with torch.no_grad():
            goemotions, ekman, vad = (said.double().numpy() for said in network.heads(*pooled(rows)))
        return TextOutputs(goemotions, ekman, vad)

    return read
