"""What is remembered of the person, over the memory's own interface: seen, searched, corrected, erased, taken along."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from rapport.agent.agent import Agent
from rapport.apps.demo.exports import ExportedFile
from rapport.memory.records import Exchange, Recollection, TurnRecord
from rapport.persona.affect import VAD
from rapport.persona.errors import InputError

MOST_FOUND = 8
MAX_LINE_CHARS = 4000
_NOTHING = '<p class="rp-empty">Nothing is remembered of you yet.</p>'


class Remembered:
    """One person's memories in the store of an agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def everything(self) -> dict[str, Any]:
        """As the store exports it. A store that cannot tell has nothing."""
        store = await self._store()
        if not hasattr(store, "export"):
            return {"person_id": self._agent.person_id, "conversations": [], "facts": [], "episodes": []}
        return await store.export(self._agent.person_id)

    async def file(self) -> ExportedFile:
        """Everything as JSON."""
        text = json.dumps(await self.everything(), ensure_ascii=False, indent=2)
        return ExportedFile("memory.json", "application/json", text.encode())

    async def search(self, text: str) -> Sequence[Exchange]:
        """What comes to mind for a text."""
        store = await self._store()
        return await store.recall(text.strip()[:MAX_LINE_CHARS], person_id=self._agent.person_id, limit=MOST_FOUND)

    async def lines(self) -> list[tuple[str, str]]:
        """Everything that the person said, newest first, as (label, key) for a choice."""
        told = await self.everything()
        found = [
            (
                f"{turn['said_at'][:16].replace('T', ' ')} · {_cut(turn['person'])}",
                key_of(talk["session"], turn["turn"]),
            )
            for talk in told["conversations"]
            for turn in talk["turns"]
        ]
        return found[::-1]

    async def words_of(self, key: str) -> str:
        """The words behind a key; empty when they are gone."""
        found = await self._turn(key)
        return "" if found is None else str(found[1]["person"])

    async def correct(self, key: str, words: str) -> None:
        """Put other words in the place of what was said; facts that rested on it go with it. No words: forget it.

        Raises:
            InputError: too long, or it is not remembered any more.
            StorageError: the store failed.
        """
        words = words.strip()
        if len(words) > MAX_LINE_CHARS:
            raise InputError(f"a line may have {MAX_LINE_CHARS:,} characters")
        found = await self._turn(key)
        if found is None:
            raise InputError("that line is not remembered any more")
        talk, turn = found
        record = TurnRecord(
            exchange=Exchange(words, turn["agent"], turn["person_emotion"], talk["session"], turn["turn"]),
            persona=talk["persona"],
            said_at=turn["said_at"],
            person_id=self._agent.person_id,
            person_vad=VAD(*turn["person_vad"]),
            agent_emotion=turn["agent_emotion"],
            agent_vad=VAD(*turn["agent_vad"]),
            agent_mood=VAD(*turn["agent_mood"]),
            risk=turn.get("risk"),
        )
        store = await self._store()
        await store.remember(record)
        history = self._agent.history
        for i, said in enumerate(history):
            if (said.session, said.turn) == (talk["session"], turn["turn"]):
                history[i] = replace(said, person=words)

    async def erase(self) -> int:
        """Forget the person; returns how many turns were erased."""
        store = await self._store()
        self._agent.history.clear()
        return await store.erase(self._agent.person_id) if hasattr(store, "erase") else 0

    async def _turn(self, key: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        told = await self.everything()
        for talk in told["conversations"]:
            for turn in talk["turns"]:
                if key_of(talk["session"], turn["turn"]) == key:
                    return talk, turn
        return None

    async def _store(self) -> Any:
        runner = self._agent.runners["memory"]
        return await runner.load(runner.config.use)


def key_of(session: str, turn: int) -> str:
    return f"{turn}@{session}"


def known_html(told: Mapping[str, Any]) -> str:
    """Facts and conversations, in tables."""
    facts = [fact for fact in told.get("facts", ()) if fact["current"]]
    if not facts and not told.get("conversations"):
        return _NOTHING
    rows = "".join(
        f'<tr><th scope="row">{escape(fact["subject"])}</th><td>{escape(fact["value"])}'
        f"<small>“{escape(_cut(fact['quote']))}” · {escape(fact['said_at'][:10])}</small></td></tr>"
        for fact in facts
    )
    episodes = "".join(
        f'<tr><th scope="row">{escape(told_of["started_at"][:10])}</th><td>{escape(told_of["summary"])}'
        f"<small>{told_of['turns']} turns with {escape(told_of['persona'])}</small></td></tr>"
        for told_of in told.get("episodes", ())
    )
    return (
        '<div class="rp-known">'
        + (f"<h4>What you told of yourself</h4><table>{rows}</table>" if rows else "")
        + (f"<h4>Your conversations</h4><table>{episodes}</table>" if episodes else "")
        + "</div>"
    )


def found_html(found: Sequence[Exchange]) -> str:
    """What came to mind, with the reasons where the store tells them."""
    if not found:
        return '<p class="rp-empty">Nothing comes to mind for that.</p>'
    items = "".join(f"<li>“{escape(memory.person)}”<small>{escape(_reasons(memory))}</small></li>" for memory in found)
    return f'<ul class="rp-known">{items}</ul>'


def _reasons(memory: Exchange) -> str:
    if not isinstance(memory, Recollection):
        return ""
    parts = ", ".join(f"{name} {part:.2f}" for name, part in memory.parts.items() if part)
    return f"{memory.said_at[:10]} · {memory.score:.2f}: {parts}"


def _cut(text: str, most: int = 70) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
