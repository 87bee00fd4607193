"""The model cards of the small models behind empathy, written from what training measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rapport.agent.response.strategy import STRATEGIES


def empathy_card(config: Mapping[str, Any]) -> str:
    """The card of the scorer of empathy, as Markdown."""
    rows = "\n".join(
        f"| {scale} | {s['macro_f1']:.3f} ({s['macro_f1_interval'][0]:.3f}-{s['macro_f1_interval'][1]:.3f}) | "
        + " | ".join(f"{s['per_class'][k]:.3f}" for k in "012")
        + f" | {s['accuracy']:.3f} | {s['majority_macro_f1']:.3f} |"
        for scale, s in config["cross_validation"].items()
    )
    return f"""# Empathy: how much of it does a reply show?

A seeker's words and a response to levels 0, 1 and 2 of emotional reactions, interpretations and explorations. Hashed
TF-IDF with int8 weights, read over the whole response and each of its sentences, and a regression over what is read.

## Made from

{config["pairs"]:,} pairs of EPITOME's Reddit part with their rationales (Sharma et al. 2020, for research), and the
strategies of ESConv's training dialogues (CC BY-NC 4.0). No text is in these files. Where weights count as adapted
material of their data, the non-commercial terms reach them.

`rapport train empathy --data DIR --out DIR --seed {config["seed"]}`

## Scores

{config["folds"]}-fold cross-validation over posters; 95% intervals by a bootstrap over posters. The settings were
chosen by eye on cross-validations of the same pairs: expect a little less on strangers' pairs.

| scale | macro F1 | F1 of 0 | F1 of 1 | F1 of 2 | accuracy | macro F1 of the majority |
|---|---|---|---|---|---|---|
{rows}

Weak interpretations (3.5% of pairs) are hardly told from strong ones and from none. The scorer reads the form of a
response and hardly its truth: a warm sentence that misses the point scores well. English, written, from Reddit.
"""


def strategy_card(config: Mapping[str, Any]) -> str:
    """The card of the policy over support strategies, as Markdown."""
    s = config["valid"]
    low, high = s["macro_f1_interval"]
    head = " | ".join(STRATEGIES)
    table = "\n".join(
        f"| {name} | " + " | ".join(str(n) for n in row) + " |"
        for name, row in zip(STRATEGIES, s["confusion"], strict=True)
    )
    return f"""# Strategy: what would a good supporter do next?

The talk so far, the feeling and the strategies used to probabilities of ESConv's eight support strategies. Hashed words
of the last turns with int8 weights, and the form of the talk: its phase, what was done before, the person's last words.

## Made from

{config["turns"]:,} turns of supporters in {config["dialogues"]} training dialogues of ESConv (Liu et al. 2021,
CC BY-NC 4.0). No text is in these files. Where weights count as adapted material of their data, the non-commercial
terms reach them.

`rapport train strategy --data DIR --out DIR --seed {config["seed"]}`. The temperature {config["temperature"]:g} makes
the probabilities of left-out training dialogues likeliest.

## Scores on the validation dialogues

{s["n"]:,} turns of supporters; none took part in training. 95% interval by a bootstrap over dialogues.

| | macro F1 | accuracy | log loss |
|---|---|---|---|
| this policy | {s["macro_f1"]:.3f} ({low:.3f}-{high:.3f}) | {s["accuracy"]:.3f} | {s["log_loss"]:.3f} |
| likeliest follower of the last strategy | {s["follower_macro_f1"]:.3f} | {s["follower_accuracy"]:.3f} | \
{s["follower_log_loss"]:.3f} |
| always the most frequent | {s["majority_macro_f1"]:.3f} | {s["majority_accuracy"]:.3f} | |

What the supporter did is among the three likeliest in {100 * s["top3"]:.1f}% of turns. Several strategies are right at
most moments, and the corpus knows only one. Rows: what the supporter did; columns: the likeliest.

| | {head} |
|---|{"---|" * len(STRATEGIES)}
{table}

Supporters of ESConv are paid volunteers in English chats; what they do is common, not proven to help.
"""


def cause_card(config: Mapping[str, Any]) -> str:
    """The card of the finder of causes, as Markdown."""
    s = config["valid"]
    names = {
        "model": "this model",
        "last_sentence": "last sentence of the utterance",
        "utterance": "the whole utterance",
        "turn_before": "the whole turn before",
    }
    rows = "\n".join(
        f"| {title} | {s[key]['hit']:.3f} ({s[key]['hit_interval'][0]:.3f}-{s[key]['hit_interval'][1]:.3f}) | "
        f"{s[key]['word_f1']:.3f} ({s[key]['word_f1_interval'][0]:.3f}-{s[key]['word_f1_interval'][1]:.3f}) |"
        for key, title in names.items()
    )
    return f"""# Cause: which words does a feeling come from?

An utterance, its feeling and the turns before to the sentence or clause that is the likeliest cause. Hashed words with
int8 weights, and the form of each candidate: how far back, who said it, how long, where in its turn.

## Made from

{config["utterances"]:,} utterances with a feeling in {config["dialogues"]} training dialogues of RECCON (Poria et al.
2021; the dialogues are DailyDialog's, CC BY-NC-SA 4.0). No text is in these files. Where weights count as adapted
material of their data, the non-commercial terms reach them.

`rapport train cause --data DIR --out DIR --seed {config["seed"]}`

## Scores on the validation dialogues

{s["n"]} utterances with a feeling; none took part in training. Word F1: of the words that are
chosen and those of the best marked cause, 0 in another turn. Hit: a word F1 of at least a half. 95%
intervals by a bootstrap over dialogues.

| | hit | word F1 |
|---|---|---|
{rows}

Area under the curve of the confidence, over all candidates: {s["auc"]:.3f}. Log loss {s["log_loss"]:.3f} (always the
mean rate: {s["base_log_loss"]:.3f}). Everyday written English; a cause that nobody said is not found.
"""


def likeness_card(config: Mapping[str, Any]) -> str:
    """The card of the model that says whether an exemplar's answer fits, as Markdown."""
    by_hand, learned = config["cross_validation"]["by_hand"], config["cross_validation"]["learned"]
    shares = list(learned["best_fits"])
    head = " | ".join(f"best of the surest {float(share):.0%}" for share in shares)

    def row(name: str, s: Mapping[str, Any]) -> str:
        return f"| {name} | {s['auc']:.3f} | " + " | ".join(f"{s['best_fits'][share]:.3f}" for share in shares) + " |"

    weights = ", ".join(f"{name} {weight:+.2f}" for name, weight in config["weights"].items())
    return f"""# Likeness: does the answer to one turn fit another?

A turn and an exemplar (a turn said in two ways, and its answer) to the probability that the answer fits the turn. A
linear map of MiniLM's vectors and a logistic regression over four measures (`rapport.agent.response.likeness`).

## Made from

The stock of {config["exemplars"]:,} exemplars, and `apps/train/likeness_readings.txt`: {config["turns"]:,} turns
made up for this project (ways to say other exemplars, and harmless phrases of the safety classifier), with
{config["pairs"]:,} answers that a search found for them, and whether each fits: {config["share_that_fits"]:.0%} do.
A large language model read them one by one under strict rules (who did it, whether it happened, past or to come,
nothing assumed that was not said); a second reading of 58 agreed on 55. No data set took part; the weights are as free
as the code.

`rapport train likeness --out DIR --seed {config["seed"]}`

## Scores

{config["folds"]}-fold cross-validation over turns. Turns that are ways to say one exemplar are in one fold, and that
exemplar takes no part in learning there. Four settings were compared on these folds. AUC over pairs; then how often a
turn's best answer fits, for the turns in which the model is surest. By hand: MiniLM's cosines to the nearer way, the
farther way and the answer, 0.5, 0.3, 0.2.

| | AUC | {head} |
|---|---|{"---|" * len(shares)}
{row("by hand", by_hand)}
{row("learned", learned)}

From a probability of {config["threshold"]:g} on an answer is spoken. {learned["answered"]:.0%} of these turns have
one, and {learned["of_these_fit"]:.0%} of the best ones fit by the strict reading. The turns were drawn among those to
which the stock has something near, so of other talk less is answered.

Weights: {weights}; bias {config["bias"]:+.2f}.

The turns are made up, plain and English. That a listener could have said it is all that fits means; whether it helps is
another question.
"""
