"""The model card of the text-emotion model, written from what training measured."""

from __future__ import annotations

from typing import Any


def model_card(config: dict[str, Any]) -> str:
    """The card of a folder whose config.json holds `config`, as Markdown."""
    training, scores, frozen = config["training"], config["scores"], config["frozen_encoder_scores"]
    labels, labels_frozen = scores["goemotions_dev"], frozen["goemotions_dev"]
    bank, bank_frozen = scores["emobank_dev_r"], frozen["emobank_dev_r"]
    own = scores["goemotions_dev_vad_r"]
    meld, meld_frozen = scores["meld_dev"], frozen["meld_dev"]
    texts = {name: f"{n:,}" for name, n in training["texts"].items()}
    stopped = f", stopped after {training['max_steps']} steps" if training["max_steps"] else ""

    def row(name: str, ours: list[float], theirs: list[float]) -> str:
        return f"| {name} | {_interval(ours)} | {_interval(theirs)} |"

    def plain_row(name: str, group: str, key: str) -> str:
        return f"| {name} | {scores[group][key]:.3f} | {frozen[group][key]:.3f} |"

    axes = ("valence", "arousal", "dominance")
    bank_rows = "\n".join(
        row(f"EmoBank dev, r of {axis}, {source}", bank[source][axis], bank_frozen[source][axis])
        for source in ("head", "combined")
        for axis in axes
    )
    own_rows = "\n".join(
        row(f"GoEmotions dev, r of {axis} with the VAD points of the given labels", own["combined"][axis],
            frozen["goemotions_dev_vad_r"]["combined"][axis])
        for axis in axes
    )  # fmt: skip
    with_context, alone = meld["with_context"], meld["without_context"]
    return f"""# Text emotion: MiniLM with GoEmotions, Ekman and VAD heads

Reads English text, alone or with the turns before it: the 28 labels of GoEmotions, Ekman's seven as MELD labels them,
and valence, arousal and dominance. int8 ONNX for onnxruntime, 23 MB.

## Files

- `model.onnx`: `input_ids`, `attention_mask`, `token_type_ids` (int64, texts x tokens; type 1 is context) to
  `goemotions` (logits, texts x 28), `ekman` (logits, texts x 7, alphabetical), `vad` (EmoBank z-scores, texts x 3) and
  `token_vad` (texts x tokens x 3; its mean over the tokens of type 0 is `vad` less its bias).
- `tokenizer.json`: the encoder's uncased WordPiece. The reader spells emoji out by their Unicode names.
- `config.json`: label orders, the settings chosen on development data, scores, versions.

## Made from

| what | licence |
|---|---|
{_sources(texts)}

The texts are not in these files. Where weights count as adapted material of their training data, EmoBank's share-alike
terms and MELD's reach these weights. Utterances that stand in MELD's development part or in PELD's validation triples
were left out of training, in whichever corpus they stood.

## Training

`{_command(training, "DIR")}`:
{training["epochs"]} epochs{stopped}, {training["threads"]} threads, batches of {training["batch"]} that mix the tasks,
{training["tokens"]} tokens of text and {training["context_tokens"]} of up to {training["context_turns"]} earlier turns,
AdamW at {training["encoder_rate"]:g} with layer decay. Utterances of dialogues are learned with their context and
without; a fifth of the other texts get a foreign one, so that what is said of the utterance depends on it alone. Mean
pooling over the utterance's tokens, one linear head a task. Weights are quantised per channel to int8 of which seven
bits are used, so that processors without VNNI do not overflow; channels whose activations are outliers are divided
before each product, and their weights multiplied (Xiao et al. 2023, arXiv 2211.10438).
{_taught(training)}
## Scores on development data

The quantised file, one run with seed {training["seed"]}; 95 % bootstrap intervals in brackets. Thresholds are
cross-validated: chosen on four folds, scored on the fifth. *Frozen* is the same encoder as it was, with the same heads
fitted to convergence.

| | this model | frozen |
|---|---|---|
{row("GoEmotions dev, macro F1 of 28 labels", labels["macro_f1"], labels_frozen["macro_f1"])}
{row("micro F1", labels["micro_f1"], labels_frozen["micro_f1"])}
{plain_row("macro F1 on the texts that chose the thresholds", "goemotions_dev", "macro_f1_on_its_own_thresholds")}
{row("macro F1 over Ekman's groups", labels["ekman_macro_f1"], labels_frozen["ekman_macro_f1"])}
{row("micro F1 over Ekman's groups", labels["ekman_micro_f1"], labels_frozen["ekman_micro_f1"])}
{plain_row("most probable label is among those given", "goemotions_dev", "top_label_accuracy")}
{plain_row("calibration error (ECE, 15 bins), all labels' probabilities", "goemotions_dev", "ece_labels")}
{plain_row("calibration error of the most probable label", "goemotions_dev", "ece_top_label")}
{row("MELD dev, weighted F1, with context", with_context["weighted_f1"], meld_frozen["with_context"]["weighted_f1"])}
{row("MELD dev, weighted F1, without", alone["weighted_f1"], meld_frozen["without_context"]["weighted_f1"])}
{row("gain by context", meld["context_gain"], meld_frozen["context_gain"])}
{bank_rows}
{own_rows}

MELD dev, further: macro F1 {with_context["macro_f1"]:.3f} with context and {alone["macro_f1"]:.3f} without; calibration
error {with_context["ece"]:.3f} and {alone["ece"]:.3f}; weighted F1 of the seven classes after pooling with the 28,
which is what the estimate shows, {with_context["weighted_f1_pooled_with_the_28"]:.3f}. Temperatures, thresholds and
weights below were chosen on these development texts; where that could flatter a score, it is cross-validated or said.

## From outputs to an estimate

- Probabilities are sigmoid(logit / {config["temperature"]:.2f}). A label's weight is its odds over the odds of its
  threshold, neutral's is 1; weights to the power {config["sharpness"]:.2f} are normalised. Neutral is most probable
  exactly when no emotion passes its threshold.
- The mass of each Ekman class is the log-linear pool of the 28 (weight {1 - config["ekman_share"]:.2f}) and of
  softmax(logit / {config["ekman_temperature"]:.2f}) of the seven (weight {config["ekman_share"]:.2f}).
- VAD head: (z - {config["vad_neutral"]}) x {config["vad_scale"]}, cut to [-1, 1]. So texts
  labelled neutral alone read 0 on average, and the head spreads over GoEmotions as the VAD points of its labels do.
  (One z is {config["emobank_sd"]} on EmoBank's scale.)
- Labels: their expected VAD less {config["label_vad_neutral"]}, its mean over texts labelled neutral alone.
- Combined: {config["vad_head_share"]} of the head and the rest of the labels, the least squared error over both
  corpora. What remains has the standard deviation {config["vad_sd"]}, the estimate's `vad_sd`.

## Limits

- English only, of Reddit, edited prose and one television series; other languages, dialects and times will read worse,
  and the labels carry the views of their raters (GoEmotions: English speakers in India).
- Rare labels (grief, pride, relief, nervousness) are weak. Irony and quoted feelings are read literally.
- Beyond {training["max_tokens"]} tokens only the beginning and the end are read.
- Not a diagnostic instrument: it must not decide about people.
"""


def _command(training: dict[str, Any], out: str) -> str:
    """The command that made a model, earlier ones being called by their seeds."""
    seed, epochs = training["seed"], training["epochs"]
    command = f"rapport train text-emotion --data DIR --out {out} --seed {seed} --epochs {epochs}"
    command += "".join(f" --teacher SEED{teacher['seed']}" for teacher in training.get("teachers", []))
    return command + (f" --start SEED{training['start']['seed']}" if "start" in training else "")


def _earlier(training: dict[str, Any]) -> dict[str, str]:
    """The commands that made the models which this one learned from or goes on from, the earliest first."""
    models = [*training.get("teachers", []), *([training["start"]] if "start" in training else [])]
    commands: dict[str, str] = {}
    for model in models:
        commands |= _earlier(model)
        name = f"SEED{model['seed']}"
        commands[name] = _command(model, name)
    return commands


def _taught(training: dict[str, Any]) -> str:
    earlier = _earlier(training)
    if not earlier:
        return ""
    told = ""
    if training.get("teachers"):
        told += """
The targets are the annotators' and the teachers' mean view in equal parts (born-again networks, Furlanello et al. 2018,
arXiv 1805.04770). On texts that annotators say nothing about to a head, the teachers' view alone counts, with a weight
of 0.3.
"""
    if "start" in training:
        told += """
It goes on from an earlier model at half of its rates, and its weights are the mean of those before and after (Wortsman
et al. 2022, arXiv 2203.05482).
"""
    return told + "\nThe earlier models are made by\n\n```\n" + "\n".join(earlier.values()) + "\n```\n"


def _sources(texts: dict[str, str]) -> str:
    rows = [
        ("all-MiniLM-L6-v2, the encoder (Wang et al. 2020; Reimers & Gurevych 2019)", "Apache-2.0"),
        (f"GoEmotions (Demszky et al. 2020), {texts['goemotions']} Reddit comments", "Apache-2.0 / CC BY 4.0"),
        (
            f"EmoBank (Buechel & Hahn 2017), {texts['emobank']} sentences of news, fiction and letters",
            "CC BY-SA 4.0",
        ),
        (
            f"MELD (Poria et al. 2019) and, beyond it, the EmoryNLP part of PELD (Wen et al. 2021): {texts['friends']} "
            "utterances of a television series",
            "GPL-3.0 (MELD); none stated, for research (PELD)",
        ),
    ]
    return "\n".join(f"| {what} | {licence} |" for what, licence in rows)


def _interval(value: list[float]) -> str:
    return f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]"
