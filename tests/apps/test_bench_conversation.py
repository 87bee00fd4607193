"""A conversation in real time, on real ears and a real voice: the right turns, and a memory of what was played."""

from __future__ import annotations

import asyncio

import pytest

from rapport.agent import Agent, AgentConfig, StageConfig
from rapport.apps.bench.conversation import SCRIPT, hold


def test_the_script_is_the_conversation_that_it_claims_to_be():
    acts = [act for act, _ in SCRIPT]
    assert acts.count("say") + acts.count("interrupt") == 20
    assert acts.count("interrupt") == 4
    assert acts.count("backchannel") == 2
    assert acts.count("silence") == 1


@pytest.mark.models
@pytest.mark.timeout(600)
def test_twenty_turns_are_the_right_ones_and_memory_holds_what_was_played():
    config = AgentConfig(
        memory=StageConfig(use="sql::memory:"), response=StageConfig(use="rules"), max_sentences=1
    ).without_pictures()
    figures = asyncio.run(hold(Agent.from_config(config.patient(), seed=1)))
    assert figures["failures"] == 0
    assert figures["turns"] == 20
    assert figures["wrong_turns"] == []
    assert figures["wrong_memories"] == []
    assert figures["resumed"] >= 2
    assert figures["held"] - figures["resumed"] == 4
