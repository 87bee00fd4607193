"""Two personas talk to each other: how do two personalities take the same evening?

    python examples/two_minds.py --first willow --second spark --turns 6 --out evening.jsonl

The first one begins with --opening. `rapport plot evening.jsonl --out evening.html` draws both feelings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rapport.agent import Agent
from rapport.agent.config import AgentConfig
from rapport.agent.trace import write_traces

QUIET = AgentConfig(memory="none").text_only()  # pyright: ignore[reportArgumentType]
OPENING = "I had the strangest day. Nothing went as planned, and now I cannot sleep."


def talk(first: Agent, second: Agent, opening: str, turns: int, out: Path) -> list[tuple[str, str, str]]:
    """Let them talk; returns (who, how they felt, what they said) and writes the second one's trace."""
    said = opening
    lines = [(first.persona.name, first.state.label, said)]
    traces = []
    for _ in range(turns):
        answer = second.say(said)
        traces.append(answer.trace)
        lines.append((second.persona.name, answer.felt.label, answer.text))
        back = first.say(answer.text)
        said = back.text
        lines.append((first.persona.name, back.felt.label, said))
    write_traces(out, traces)
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--first", default="willow")
    options.add_argument("--second", default="spark")
    options.add_argument("--opening", default=OPENING)
    options.add_argument("--turns", type=int, default=4)
    options.add_argument("--out", type=Path, default=Path("evening.jsonl"))
    given = options.parse_args()
    one, two = (Agent.from_persona(name, QUIET, seed=7) for name in (given.first, given.second))
    for who, feeling, words in talk(one, two, given.opening, given.turns, given.out):
        print(f"{who} ({feeling}): {words}")  # noqa: T201


if __name__ == "__main__":
    main()
