"""The model card of the reader of voices, written from what training measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def model_card(config: Mapping[str, Any]) -> str:
    """The card of a folder whose config.json holds `config`, as Markdown."""
    scores, clips, calibration = config["scores"], config["clips"], config["calibration"]
    ravdess, emodb = scores["ravdess"], scores["emodb"]
    there, back = scores["ravdess to emodb"], scores["emodb to ravdess"]
    heard, draws = scores["baseline_clips"], scores["draws"]
    seed, shrinkage, widening, words = (
        config["training"][key] for key in ("seed", "shrinkage", "vad_widening", "words_weight")
    )
    actors, speakers = ravdess["speakers"], emodb["speakers"]
    return f"""# Voice emotion: feeling from Whisper's encoder and measures of the voice

A clip of speech to Ekman's seven, to valence, arousal and dominance, and to a standard deviation per axis. Features are
the mean of the encoder states of Whisper {config["encoder"]} over the speech, and measures of pitch, level, spectrum
and rhythm; a mixture discriminant analysis and a ridge regression read them in plain numpy
(`rapport.agent.perception.voice_model`).

## Files

- `voice_emotion.npz`: float32 arrays, no pickles; `VoiceModel` lists them.
- `config.json`: labels, calibration, training settings, all scores.

## Made from

| what | clips | licence |
|---|---|---|
| RAVDESS, speech (Livingstone & Russo 2018), English, {actors} actors | {clips["ravdess"]:,} | CC BY-NC-SA 4.0 |
| EmoDB (Burkhardt et al. 2005), German, {speakers} actors, no boredom | {clips["emodb"]:,} | free for research |
| LJ Speech (Ito & Johnson 2017), English, one reader, in pieces | {clips["read aloud"]:,} | public domain |

No recording is in these files. Where weights count as adapted material of their data, RAVDESS's terms, non-commercial
and share-alike, reach them; the component named `prosody` has no weights. Whisper's own weights (MIT) are not here.

## Training

`rapport train voice-emotion --data DIR --out DIR --seed {seed}`. Every clip is heard as it is, at another speed, and
behind noise; each without and with a baseline of its speaker. Covariance shrunk by {shrinkage:g}. What varies
among the sentences of LJ Speech's reader counts as noise, with a weight of {words:g}: RAVDESS has two sentences and
EmoDB ten, and a model that takes words for feelings does badly on all others. Temperature
{calibration["temperature"]:.2f} and lapse {calibration["lapse"]:.2f} (the share that all feelings divide evenly) are
of least log loss on the corpus that a model did not hear, both ways: strangers are further from these actors than they
are from each other, so probabilities are less sure than they could be here.

## Scores on speakers unheard

Six groups of RAVDESS's actors and each speaker of EmoDB were left out in turn; the other speakers of both corpora
taught the model. Intervals (95 %) are over speakers drawn whole. A speaker's baseline comes from {heard} other clips,
unlabelled and in random order: mean of {draws} draws, and their range. Temperature and lapse move the calibration
error (ECE) but hardly any label.

| UAR | one clip | with the speaker's baseline | `prosody` | majority |
|---|---|---|---|---|
| RAVDESS, 8 feelings | {_uar(ravdess["one clip"])} | {_drawn(ravdess)} | {ravdess["prosody"]["uar"]:.3f} | .125 |
| EmoDB, 4 feelings | {_uar(emodb["one clip"])} | {_drawn(emodb)} | {emodb["prosody"]["uar"]:.3f} | .250 |

| | accuracy | macro F1 | ECE | ECE with baseline |
|---|---|---|---|---|
| RAVDESS | {_more(ravdess)} |
| EmoDB | {_more(emodb)} |

On the corpus that a model did not hear, ECE is {there["ece"]:.3f} (taught by RAVDESS, on EmoDB) and
{back["ece"]:.3f} (the other way).

High arousal (angry, fearful, happy, surprised) against low (neutral, calm, sad), UAR at a fixed threshold / area under
the ROC curve:

| | this model | with the speaker's baseline | `prosody` |
|---|---|---|---|
| RAVDESS, speakers unheard | {_high(ravdess["arousal"])} | | {_high(ravdess["arousal, prosody"])} |
| EmoDB, speakers unheard | {_high(emodb["arousal"])} | | {_high(emodb["arousal, prosody"])} |
| taught by RAVDESS alone, on EmoDB | {_across(there)} |
| taught by EmoDB alone, on RAVDESS | {_across(back)} |

## Valence, arousal, dominance

Told is the point of the acted feeling (RAVDESS's normal intensity at 0.7 of strong). Correlation, root mean square
error and, for comparison, the error of always saying the mean; then the mean of the stated standard deviation.

| | axis | r | error | of a constant | stated |
|---|---|---|---|---|---|
{_vad("RAVDESS, speakers unheard", ravdess["vad"])}
{_vad("EmoDB, speakers unheard", emodb["vad"])}
{_vad("RAVDESS to EmoDB", there["vad"])}
{_vad("EmoDB to RAVDESS", back["vad"])}

Valence is heard among actors who say sentences that the model knows, and hardly at all where language and recording
change: take it from words and face. The stated deviations are those of reading another corpus, times
{widening:g}, since talk is harder than acted speech.

## Confusions on speakers unheard, one clip

RAVDESS, given by row, heard by column, in per cent:

{_confusion(ravdess["one clip"])}

EmoDB:

{_confusion(emodb["one clip"])}

## Limits

Acted speech, two sentences of English and ten of German, in studios. People who talk show less, and other things:
figures will be lower, by how much was not measured. Children, old voices and other languages are untested. A telephone
or a noisy room moves the features; the baseline takes off what stays the same from turn to turn. One voice at a time.
"""


def _uar(figures: Mapping[str, Any]) -> str:
    low, high = figures["intervals"]["uar"]
    return f"{figures['uar']:.3f} [{low:.3f}, {high:.3f}]"


def _drawn(corpus: Mapping[str, Any]) -> str:
    found = corpus["with baseline"]
    return f"{found['uar']:.3f} ({found['lowest']:.3f} to {found['highest']:.3f})"


def _more(corpus: Mapping[str, Any]) -> str:
    one = corpus["one clip"]
    return f"{one['accuracy']:.3f} | {one['macro_f1']:.3f} | {one['ece']:.3f} | {corpus['with baseline']['ece']:.3f}"


def _high(figures: Mapping[str, float]) -> str:
    return f"{figures['uar']:.3f} / {figures['auc']:.3f}"


def _across(figures: Mapping[str, Any]) -> str:
    return " | ".join(_high(figures[name]) for name in ("arousal", "arousal with baseline", "arousal, prosody"))


def _vad(name: str, axes: Mapping[str, Mapping[str, float]]) -> str:
    return "\n".join(
        f"| {name} | {axis} | {a['r']:.2f} | {a['rms']:.2f} | {a['rms of a constant']:.2f} | {a['stated']:.2f} |"
        for axis, a in axes.items()
    )


def _confusion(figures: Mapping[str, Any]) -> str:
    labels: Sequence[str] = figures["confusion"]["labels"]
    rows: Sequence[Sequence[int]] = figures["confusion"]["given_by_found"]
    head = "| | " + " | ".join(labels) + " |\n|---" + "|---:" * len(labels) + "|\n"
    return head + "\n".join(
        f"| {label} | " + " | ".join(f"{100 * n / max(1, sum(row)):.0f}" for n in row) + " |"
        for label, row in zip(labels, rows, strict=True)
    )
