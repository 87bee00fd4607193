"""`rapport train fusion`: the learned fusion, from public corpora and the recognisers that ship, in a few minutes.

A training example is put together anew each time (see `fusion_data` for the readings):

- a feeling is drawn, as often as the root of its share in MELD's lines, and a reading of each modality with its label;
- NEUTRAL_WORDS of the examples have words that say nothing of it: a neutral line, or the sentences of RAVDESS;
- in CONTRADICTIONS one modality is of another feeling. In NOISE one is noise: a reading of any feeling, or one
  whose emotions and VAD are shuffled;
- modalities are left out at random, at least one stays;
- the target is the label of one of the modalities that stayed and are no noise, drawn at random. So a network that
  tells the truth divides its mass, and widens its standard deviation, where modalities disagree.

The VAD to be told is the label's point with the spread of feelings of one name around it (POINT_SD).
"""

# torch declares its types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.fusion_attention import (
    FEATURES,
    HEADS,
    LAYERS,
    MODALITIES,
    NARROWEST_SD,
    WIDTH,
    weight_shapes,
)
from rapport.agent.perception.knowledge import Floats
from rapport.apps.train.fusion_data import (
    POINTS,
    Corpus,
    Ints,
    Readings,
    clear,
    noise,
    read_corpus,
    rows_of,
    voice_readers,
)
from rapport.apps.train.fusion_scores import model_card, score
from rapport.persona.affect import EKMAN7, EmotionEstimate

if TYPE_CHECKING:
    import torch

STEPS, BATCH, RATE, DECAY = 3000, 256, 2e-3, 0.01
PER_LABEL, PER_LABEL_DEV = 250, 100
NEUTRAL_WORDS, CONTRADICTIONS, NOISE = 0.2, 0.15, 0.15
DROPPED = 0.35
"""Share of the modalities that are left out."""
POINT_SD = 0.1
NEUTRAL = EKMAN7.index("neutral")
NOISE_READINGS = 300
NOISE_KIND, PLAIN_KIND = len(EKMAN7), len(EKMAN7) + 1
"""What may be shown instead of a label's reading: noise, and words that say nothing of a feeling."""

Flags = NDArray[np.bool_]


def train_fusion(
    data: Path, out: Path, *, seed: int = 0, steps: int = STEPS, per_label: int = PER_LABEL
) -> dict[str, Any]:
    """Train on the folders meld, ravdess, emodb and fer_plus of `data`, and write the folder that ships to `out`.

    `out` receives weights.npz, config.json and MODEL_CARD.md; the contents of config.json are returned.

    Raises:
        InputError: a file of the corpora is missing or not in its released format.
    """
    from rich.progress import Progress

    rng = np.random.default_rng(seed)
    with Progress() as progress:
        reading = progress.add_task("reading lines and clips", total=None)

        def tick() -> None:
            progress.advance(reading)

        voice_of = voice_readers(data, seed, tick)
        train = read_corpus(data, "train", rng, per_label, tick, voice_of)
        dev = read_corpus(data, "dev", rng, min(per_label, PER_LABEL_DEV), tick, voice_of)
        fitting = progress.add_task("training", total=steps)
        weights = fit(train, seed=seed, steps=steps, tick=lambda: progress.advance(fitting))
        scoring = progress.add_task("scoring on development data", total=None)
        scores = score(weights, dev, np.random.default_rng(seed + 1))
        progress.update(scoring, total=1, completed=1)
    config: dict[str, Any] = {
        "labels": list(EKMAN7.labels),
        "scores": scores,
        "training": {
            "seed": seed,
            "steps": steps,
            "batch": BATCH,
            "rate": RATE,
            "readings": {
                "text": len(train.text.labels), "voice": len(train.voice.labels), "face": len(train.face.labels),
            },
        },
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: array.astype(np.float32) for name, array in weights.items()}
    np.savez(out / "weights.npz", **arrays)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(model_card(config), encoding="utf-8")
    return config


@dataclass(frozen=True)
class Examples:
    """Features (n, 3, FEATURES), which modalities are there (n, 3), and the places of the labels in EKMAN7 (n,)."""

    rows: Floats
    there: Flags
    labels: Ints


class Examiner:
    """Puts examples together from the readings of a corpus."""

    def __init__(self, corpus: Corpus, rng: np.random.Generator) -> None:
        several = (corpus.text, corpus.voice, corpus.face)
        self._pools = [[rows_of(e) for e in self._kinds(readings, rng)] for readings in several]
        lines = self._pools[0][NEUTRAL]
        sentences = np.unique(rows_of(corpus.sentences.estimates), axis=0)
        self._pools[0].append(np.concatenate([lines, sentences[np.arange(len(lines)) % len(sentences)]]))
        shares = np.sqrt(np.bincount(corpus.text.labels, minlength=len(EKMAN7)))
        self._shares = shares / shares.sum()

    @staticmethod
    def _kinds(readings: Readings, rng: np.random.Generator) -> list[list[EmotionEstimate]]:
        """The estimates by label, a tenth more that are clear of that label, and as the last kind noise."""
        by_label = [[readings.estimates[i] for i in readings.of_label(k)] for k in range(len(EKMAN7))]
        for k, estimates in enumerate(by_label):
            estimates += [clear(rng, k, readings.estimates[0]) for _ in range(1 + len(estimates) // 10)]
        some = rng.integers(0, len(readings.estimates), NOISE_READINGS)
        return [*by_label, [noise(rng, readings.estimates[i]) for i in some]]

    def draw(self, rng: np.random.Generator, n: int) -> Examples:
        """Examples as described above."""
        each, odd = np.arange(n), rng.integers(0, 3, n)
        labels = rng.choice(len(EKMAN7), n, p=self._shares)
        other = (labels + rng.integers(1, len(EKMAN7), n)) % len(EKMAN7)
        shown, told = np.repeat(labels[:, None], 3, axis=1), np.ones((n, 3), np.bool_)
        plain, contradicts, noisy = np.split(rng.permutation(n), _counts(n, NEUTRAL_WORDS, CONTRADICTIONS, NOISE))[:3]
        shown[plain, 0], told[plain, 0] = PLAIN_KIND, False
        shown[contradicts, odd[contradicts]] = other[contradicts]
        anything = np.where(rng.random(len(noisy)) < 0.5, NOISE_KIND, rng.integers(0, len(EKMAN7), len(noisy)))
        shown[noisy, odd[noisy]], told[noisy, odd[noisy]] = anything, False
        there = rng.random((n, 3)) >= DROPPED
        there[each, rng.integers(0, 3, n)] |= ~there.any(axis=1)
        tells = there & told
        witness = (rng.random((n, 3)) * tells).argmax(axis=1)
        target = np.where(tells.any(axis=1), shown[each, witness], labels)
        return Examples(np.stack([self._rows(rng, m, shown[:, m]) for m in range(3)], axis=1), there, target)

    def _rows(self, rng: np.random.Generator, modality: int, kinds: Ints) -> Floats:
        rows = np.zeros((len(kinds), FEATURES))
        for kind, pool in enumerate(self._pools[modality]):
            wanted = np.flatnonzero(kinds == kind)
            if len(wanted) and len(pool):
                rows[wanted] = pool[rng.integers(0, len(pool), len(wanted))]
        return rows


def _counts(n: int, *shares: float) -> list[int]:
    """Where parts with these shares of n end, one after the other."""
    return np.round(n * np.cumsum(shares)).astype(int).tolist()


def fit(corpus: Corpus, *, seed: int, steps: int, tick: Callable[[], None]) -> dict[str, Floats]:
    """The weights after training, by the names of `weight_shapes`. One thread, so the same seed gives the same."""
    import torch

    torch.manual_seed(seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    examiner = Examiner(corpus, rng)
    weights = {name: _initial(name, shape) for name, shape in weight_shapes().items()}
    optimiser = torch.optim.AdamW(weights.values(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    points = torch.tensor(POINTS, dtype=torch.float32)
    for _ in range(steps):
        drawn = examiner.draw(rng, BATCH)
        target = torch.from_numpy(drawn.labels)
        logits, mean, sd = forward_torch(
            weights, torch.from_numpy(drawn.rows.astype(np.float32)), torch.from_numpy(drawn.there)
        )
        vad = points[target] + POINT_SD * torch.randn(BATCH, 3)
        surprise = 0.5 * ((vad - mean) / sd) ** 2 + torch.log(sd)
        loss = torch.nn.functional.cross_entropy(logits, target) + surprise.sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        tick()
    torch.set_num_threads(threads)
    return {name: w.detach().numpy().astype(np.float64) for name, w in weights.items()}


def _initial(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    scale = 0.0 if name.endswith("bias") else 0.1 if name == "query" else shape[-2] ** -0.5
    return (scale * torch.randn(*shape)).requires_grad_()


def forward_torch(
    weights: Mapping[str, torch.Tensor], rows: torch.Tensor, there: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`fusion_attention.forward` for training: logits instead of probabilities, otherwise the same."""
    import torch

    tokens = torch.einsum("nmf,mfw->nmw", rows, weights["token.weight"]) + weights["token.bias"]
    query = torch.where(there[:, :1], tokens[:, 0], weights["query"])
    for i in range(LAYERS):
        q = (query @ weights[f"{i}.q"]).reshape(-1, HEADS, WIDTH // HEADS)
        k = (tokens @ weights[f"{i}.k"]).reshape(-1, len(MODALITIES), HEADS, WIDTH // HEADS)
        v = (tokens @ weights[f"{i}.v"]).reshape(k.shape)
        scores = torch.einsum("nhw,nmhw->nhm", q, k) / (WIDTH // HEADS) ** 0.5
        shares = scores.masked_fill(~there[:, None], -torch.inf).softmax(dim=-1)
        attended = torch.einsum("nhm,nmhw->nhw", shares, v).reshape(-1, WIDTH) @ weights[f"{i}.o"]
        joined = torch.cat([attended, query], dim=1)
        query = torch.relu(joined @ weights[f"{i}.join.weight"] + weights[f"{i}.join.bias"])

    def head(name: str) -> torch.Tensor:
        return query @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    sd = NARROWEST_SD + (1.0 - NARROWEST_SD) * torch.sigmoid(head("sd"))
    return head("labels"), torch.tanh(head("mean")), sd
