"""The model card of the learned transition, written from what training measured."""

from __future__ import annotations

from typing import Any


def model_card(config: dict[str, Any]) -> str:
    """The card of a folder whose config.json holds `config`, as Markdown."""
    rows = config["rows"]
    baselines = "\n".join(
        f"| {name} | {s['macro_f1']:.3f} | {s['weighted_f1']:.3f} | {s['accuracy']:.3f} | |"
        for name, s in config["baselines"].items()
    )
    compared = "\n".join(
        f"| {name} | {s['macro_f1']:.3f} | {s['weighted_f1']:.3f} | {s['accuracy']:.3f} | "
        f"{s['gain_over_hold'][0]:+.3f} [{s['gain_over_hold'][1]:+.3f}, {s['gain_over_hold'][2]:+.3f}] |"
        for name, s in config["comparison"].items()
    )
    return f"""# Learned transition: how the agent's feeling moves, from PELD

From the agent's emotion and the feeling read in the person's words to the agent's next emotion: a target in VAD, gone
towards at the pace of the personality, and a label head over Ekman's seven. `transition.npz`, a few kilobytes; the
equation is in `persona/learned.py`.

## Made from

PELD (Wen et al. 2021, arXiv 2106.15846): {rows["train"]:,} training triples of a television series, of which no licence
is stated: for research. What the words of the second utterance show is read by `{config["words_read_by"]}`, the first
utterance being its context. MELD's dialogues (Poria et al. 2019, GPL-3.0) serve one row of the comparison alone.

## Training

`rapport train transition --data DIR --out DIR`, seed {config["seed"]}: L-BFGS on the cross-entropy of the label, the
squared error of VAD_r, and a squared penalty of {config["penalty"]:g}. Penalty and balance (probabilities over the
labels' frequencies to the power {config["balance"]:.1f}) are those of best macro F1 in five-fold cross-validation over
scenes of the training triples. The scene is what overlapping triples have in common.

## Scores on the {rows["valid"]:,} validation triples

Not used to choose anything. The last column is the difference in macro F1 to *hold*, which keeps the agent's emotion as
it was, with a 95 % bootstrap interval over scenes. *mirror* takes the given emotion of the person.

| | macro F1 | weighted F1 | accuracy | gain over hold |
|---|---|---|---|---|
{baselines}
{compared}

Read it as it stands: an interval that holds zero says that nothing was shown to beat keeping the emotion. The oracle
shows that even the given emotion of the person's words would not help much; what the next line of a script feels like
does not follow from the lines before.

The rows on personality are the ablation: PELD's six personalities are six roles, so that nothing about personality in
general can be learned from it. What personality does here comes from the literature's priors.

## Limits

- One scripted comedy in English; the agent is one of six main roles.
- The point VAD_r is a mean over what may come: it moves less than people do.
- The emotion of the person's words is read by a model that has seen other lines of the same series.
"""
