"""The model card of the safety classifier, written from what training measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def model_card(config: Mapping[str, Any]) -> str:
    """The card of a folder whose config.json holds `config`, as Markdown."""
    scores, training, thresholds = config["scores"], config["training"], config["thresholds"]
    rows = [("cross-validation, 5 folds, pairs together", scores["cross_validation"])]
    rows += [("rules alone, on the cases they were written with", scores["rules_alone_train_dev"])]
    rows += [(f"part {part!r}, no part in training", told) for part, told in scores["held_out"].items()]
    table = "\n".join(
        f"| {name} | {told['n']} | {told['crisis_recall']:.3f} | {told['concern_recall']:.3f} | "
        f"{told['false_alarm_rate']:.3f} | {told['false_crisis_rate']:.3f} |"
        for name, told in rows
    )
    everyday = "\n".join(
        f"| {name} | {told['n']:,} | {told['concern_rate']:.4f} | {told['crisis_rate']:.4f} |"
        for name, told in scores["everyday"].items()
    )
    return f"""# Safety: is somebody in danger?

A text to one of three levels (none, concern, crisis) and six kinds of risk. Two logistic regressions over the sentence
vector of all-MiniLM-L6-v2 (int8, the encoder that memory uses) and hashed pieces of words; readable rules
(`rules.yaml`) stand beside it and are believed when they find a crisis (`rapport.agent.safety.guard`).

**What it is not.** A floor, not a clinical screen: it diagnoses nobody, it is made for English, and it misses people.
Whoever runs it for people in need must have people to look after them.

## Files

- `heads.npz`: float16 arrays without pickles: `level` (columns + 1, 3) and `kind` (columns + 1, 6), intercepts last.
- `config.json`: thresholds, training settings, all scores.

## Made from

{training["cases"]} of the cases in `tests/fixtures/safety_cases.jsonl`, written for this purpose (no real person's
words), and {training["everyday_texts"]:,} everyday texts of GoEmotions (Apache-2.0), EmpatheticDialogues
(CC BY-NC 4.0) and DailyDialog (CC BY-NC-SA 4.0),
as examples of nothing, each with a weight of {training["everyday_weight"]:g}. No text is
in these files. Where weights count as adapted material of their data, the non-commercial terms reach them; the rules
have no weights.

`rapport train safety --cases tests/fixtures/safety_cases.jsonl --data DIR --out DIR --seed {training["seed"]}`.
Thresholds: crisis {thresholds["crisis"]:g} alone and {thresholds["crisis_with_rule"]:g} beside a rule's concern, risk
{thresholds["risk"]:g}, veto {thresholds["veto"]:g}.

## Scores

False alarm: a case of level none read as anything else; false crisis: read as a crisis. Concern recall counts concerns
read as a concern or more.

| judged on | n | crisis recall | concern recall | false alarms | false crises |
|---|---|---|---|---|---|
{table}

The cases and the rules have one author, who knew the cases of all parts when writing the rules, and settings were
changed once after the held-out part had been scored, which was then scored again: expect less on
strangers' words than any row says.

Everyday talk of people, unfiltered (some of it does tell of real distress). These texts helped to choose the
thresholds, so the rates are optimistic:

| corpus | n | read as concern | read as crisis |
|---|---|---|---|
{everyday}
"""
