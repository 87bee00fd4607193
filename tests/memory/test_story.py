"""The same person comes back in a new process after a thousand other conversations, and is remembered."""

import asyncio
import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from rapport.memory.records import Exchange, TurnRecord
from rapport.memory.store import SqlMemory
from rapport.persona.affect import VAD

pytestmark = pytest.mark.models

FIRST_TALK = (
    ("Hello, I am new here.", "neutral", VAD()),
    ("My dog Max is the best thing in my life.", "joy", VAD(0.7, 0.4, 0.3)),
    ("I have a chemistry exam on Friday and I'm terrified of failing it.", "fear", VAD(-0.62, 0.8, -0.4)),
)
OTHERS = [
    f"{who} {did} {what}."
    for who, did, what in product(
        ["My sister", "My boss", "Our neighbour", "A friend", "My flatmate"],
        ["called me about", "forgot", "laughed at", "asked about", "ruined"],
        ["the party", "the piano", "the rent", "our holiday", "the garden", "a letter", "the choir", "dinner"],
    )
]
IN_A_NEW_PROCESS = """
import asyncio, json, sys
from rapport.memory.store import SqlMemory

async def ask():
    memory = SqlMemory(sys.argv[1])
    found = {}
    for text in ("How is my pet doing, do you remember him?", "The test at school, I was so nervous about it"):
        best = (await memory.recall(text, person_id="ann", limit=1))[0]
        found[text] = [best.person, best.person_emotion, best.vad.valence, [fact.statement for fact in best.facts]]
    print(json.dumps(list(found.values())))

asyncio.run(ask())
"""


def test_after_a_thousand_other_conversations_the_dog_and_the_exam_come_to_mind(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    asyncio.run(_talks(path))
    done = subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS, str(path)], capture_output=True, text=True, check=True
    )
    dog, exam = json.loads(done.stdout)
    assert dog == [FIRST_TALK[1][0], "joy", 0.7, ["dog max: called Max"]]
    assert exam[:3] == [FIRST_TALK[2][0], "fear", -0.62]
    assert "chemistry exam: 2026-03-06" in exam[3]


async def _talks(path: Path) -> None:
    memory = SqlMemory(str(path))

    async def say(who: str, session: str, turn: int, text: str, emotion: str, vad: VAD) -> None:
        exchange = Exchange(text, "I see.", emotion, session, turn)
        await memory.remember(TurnRecord(exchange, "harbor", "2026-03-03T10:00:00+00:00", who, vad))

    for turn, (text, emotion, vad) in enumerate(FIRST_TALK):
        await say("ann", "first", turn, text, emotion, vad)
    for number in range(1_000):  # every fifth with the same person, so that there is much else to recall
        who = "ann" if number % 5 == 0 else f"person {number % 50}"
        await say(who, f"talk {number}", 0, OTHERS[number % len(OTHERS)], "neutral", VAD())
    await memory.settle()
    memory.close()
