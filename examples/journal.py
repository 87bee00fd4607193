"""A journal that listens: every line of a diary gets an answer, and the week's feelings end up in a picture.

    python examples/journal.py diary.txt --out week.html

The diary is plain text, one entry a line. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rapport.agent import Agent
from rapport.agent.config import AgentConfig
from rapport.agent.trace import write_traces
from rapport.apps.plot.write import plot

QUIET = AgentConfig(memory="none").text_only()  # pyright: ignore[reportArgumentType]
"""Words only: no voice, no face, nothing remembered."""


def keep_journal(diary: Path, out: Path, agent: Agent) -> list[str]:
    """Answer every entry, draw how both felt, and return the answers."""
    replies = [agent.say(entry) for entry in diary.read_text("utf-8").splitlines() if entry.strip()]
    traces = out.with_suffix(".jsonl")
    write_traces(traces, [reply.trace for reply in replies])
    plot(traces, out)
    return [f"{reply.perceived.label:>9}  {reply.text}" for reply in replies]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("diary", type=Path)
    options.add_argument("--out", type=Path, default=Path("journal.html"))
    given = options.parse_args()
    for line in keep_journal(given.diary, given.out, Agent.from_persona("harbor", QUIET)):
        print(line)  # noqa: T201
    print(f"drawn in {given.out}")  # noqa: T201


if __name__ == "__main__":
    main()
