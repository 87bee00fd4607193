"""An application may call its own files agent.py and memory.py and embed the agent all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AGENT = """
import memory

from rapport.agent.testing import fake_agent

print(memory.WHOSE)
print(fake_agent().say("Hello.").text)
"""
MEMORY = 'WHOSE = "the application\'s own"\n'


def test_an_application_with_its_own_agent_and_memory_embeds_ours(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    (tmp_path / "memory.py").write_text(MEMORY)
    done = subprocess.run([sys.executable, "agent.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["the application's own", "I'm sorry to hear that. What happened?"]
