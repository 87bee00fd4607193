"""Fitting the adapter of the embedded language model to examples, many to a row.

Examples of one persona begin alike. A row holds that beginning once and as many examples behind it as there is room
for; positions go on from the beginning for each of them, and the mask lets each see the beginning and itself alone, so
the loss is what it would be one by one, at fewer tokens.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.apps.train.reply_data import Example

Ints = NDArray[np.int64]

ROW_TOKENS = 512
RATE = 8e-4
WARM_UP_SHARE = 0.06
LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Row:
    """Examples with one beginning, side by side. Every array has shape (tokens,)."""

    ids: Ints
    positions: Ints
    example: Ints
    """Which example a token is of; 0 for the beginning."""
    learned: NDArray[np.bool_]
    """Whether a token is to be predicted."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Whether a token, by row, sees another, by column; (tokens, tokens)."""
        order = np.arange(len(self.ids))
        own = (self.example[None, :] == self.example[:, None]) | (self.example[None, :] == 0)
        return own & (order[None, :] <= order[:, None])


def rows_of(examples: Sequence[Example], vocabulary: Mapping[str, int], seed: int) -> list[Row]:
    """All examples, packed into rows of at most ROW_TOKENS tokens (one longer example makes a row of its own), in an
    order of the seed."""
    by_beginning: dict[tuple[str, ...], list[Example]] = {}
    for example in examples:
        by_beginning.setdefault(example.beginning, []).append(example)
    rows: list[Row] = []
    for beginning, own in sorted(by_beginning.items()):
        held: list[Example] = []
        length = len(beginning)
        for example in own:
            size = len(example.talk) + len(example.target)
            if held and length + size > ROW_TOKENS:
                rows.append(_row(beginning, held, vocabulary))
                held, length = [], len(beginning)
            held.append(example)
            length += size
        rows.append(_row(beginning, held, vocabulary))
    random.Random(seed).shuffle(rows)
    return rows


def _row(beginning: Sequence[str], examples: Sequence[Example], vocabulary: Mapping[str, int]) -> Row:
    tokens = list(beginning)
    positions, of = list(range(len(beginning))), [0] * len(beginning)
    learned = [False] * len(beginning)
    for number, example in enumerate(examples, 1):
        size = len(example.talk) + len(example.target)
        tokens += [*example.talk, *example.target]
        positions += range(len(beginning), len(beginning) + size)
        of += [number] * size
        learned += [False] * len(example.talk) + [True] * len(example.target)
    return Row(np.array([vocabulary[token] for token in tokens]), np.array(positions), np.array(of), np.array(learned))


def loss_of(model: Any, row: Row) -> Any:
    """Mean cross-entropy of the row's learned tokens, nats, as a tensor; `model` is a LlamaForCausalLM."""
    torch = _torch()
    hidden = model.model(
        input_ids=torch.from_numpy(row.ids)[None],
        attention_mask=torch.from_numpy(row.mask)[None, None],
        position_ids=torch.from_numpy(row.positions)[None],
        use_cache=False,
    ).last_hidden_state[0]
    # Logits of 49,152 words cost as much as a fifth of the network: only those that are asked for are made.
    at = np.flatnonzero(row.learned)
    logits = model.lm_head(hidden[torch.from_numpy(at - 1)])
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(row.ids[at]))


def mean_loss(model: Any, rows: Sequence[Row]) -> float:
    """Cross-entropy per learned token of all rows, nats."""
    torch = _torch()
    model.eval()
    with torch.no_grad():
        sums = [float(loss_of(model, row)) * int(row.learned.sum()) for row in rows]
    return sum(sums) / max(1, sum(int(row.learned.sum()) for row in rows))


def fit(model: Any, rows: Sequence[Row], report: Callable[[int, float], None]) -> None:
    """One pass over the rows, a step of AdamW for each; `report` is told the number of the row and its loss."""
    torch = _torch()
    model.train()
    adapted = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(adapted, lr=RATE, weight_decay=0.0)
    for number, row in enumerate(rows):
        for group in optimizer.param_groups:
            group["lr"] = RATE * pace(number, len(rows))
        loss = loss_of(model, row)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapted, LARGEST_GRADIENT)
        optimizer.step()
        report(number, float(loss.detach()))
    model.eval()


def pace(step: int, steps: int) -> float:
    """The share of the rate at a step: up in a line, then down along a cosine to 0."""
    warm = max(1, round(WARM_UP_SHARE * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _torch() -> Any:
    """torch, imported where it is used; its stubs leave half of the types open."""
    import torch

    return torch
