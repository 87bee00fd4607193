"""The agent's long-term memory: turns go in as they were heard, and similar ones come to mind again.

`SqlMemory` keeps them in SQLite or any database that SQLAlchemy reaches; `NoMemory` keeps nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from rapport.memory.database import Database
from rapport.memory.embedding import Embedder, MiniLMEmbedder
from rapport.memory.records import Exchange, MemoryCapabilities, TurnRecord
from rapport.memory.tables import Affect, Conversation, Person, Turn

_EMBEDDING_DTYPE = np.dtype("<f4")


class SqlMemory:
    """Turns in a database, recalled by the cosine similarity of what the person said (exact search).

    `model` is a path, `:memory:`, an SQLAlchemy URL (`postgresql+psycopg://...`), or None for a file in the user's data
    folder. Threads, event loops and, except for `:memory:`, processes may share one database.

    Raises:
        ComponentError: a driver or the embedding model is not installed, or the URL is none.
        StorageError: the database cannot be opened; methods raise it as well, and then nothing is half-written.
    """

    def __init__(self, model: str | None = None, *, embedder: Embedder | None = None) -> None:
        self._embedder = embedder or MiniLMEmbedder()
        self._database = Database(model)
        in_memory = self._database.is_sqlite and not self._database.is_file
        self.capabilities = MemoryCapabilities(persistent=not in_memory, semantic=True)

    async def remember(self, record: TurnRecord) -> None:
        """Keep a turn; it is on disk on return. The same person, session and turn again replaces what was there."""
        await asyncio.to_thread(self._remember, record)

    async def recall(self, text: str, *, person_id: str, limit: int) -> Sequence[Exchange]:
        """Up to `limit` exchanges whose person's words mean what `text` means, best first, of this person only."""
        return await asyncio.to_thread(self._recall, text, person_id, limit)

    async def export(self, person_id: str) -> dict[str, Any]:
        """Everything kept about a person, ready for JSON; no conversations when nothing is kept."""
        return await asyncio.to_thread(self._export, person_id)

    async def erase(self, person_id: str) -> int:
        """Forget a person; returns how many turns were deleted. No byte of their words stays in an SQLite file.

        Raises:
            StorageError: also when another program keeps the file's log from being cleared; erase again then.
        """
        return await asyncio.to_thread(self._erase, person_id)

    def close(self) -> None:
        """Close the connections that are open; another call opens them again."""
        self._database.close()

    def _remember(self, record: TurnRecord) -> None:
        exchange = record.exchange
        said = _storable(exchange.person)
        embedding = self._embedder.embed([said])[0].astype(_EMBEDDING_DTYPE).tobytes() if said.strip() else None

        def work(session: Session) -> None:
            conversation = _conversation(session, record)
            turn = session.scalar(
                select(Turn).where(Turn.conversation_id == conversation.id, Turn.turn == exchange.turn)
            )
            if turn is None:
                turn = Turn(conversation=conversation, turn=exchange.turn, affect=Affect())
                session.add(turn)
            turn.said_at = record.said_at
            turn.person_text, turn.agent_text = said, _storable(exchange.agent)
            turn.embedding = embedding
            _fill_affect(turn.affect, record)

        self._database.write(work)

    def _recall(self, text: str, person_id: str, limit: int) -> list[Exchange]:
        text = _storable(text)
        if not text.strip() or limit <= 0:
            return []
        query = self._embedder.embed([text])[0]
        with self._database.reading() as session:
            rows = session.execute(
                select(Turn.id, Turn.embedding)
                .join(Turn.conversation)
                .where(Conversation.person_id == _storable(person_id), Turn.embedding.is_not(None))
            ).all()
            # A vector of another length was made by another embedding model and cannot be compared.
            size = query.size * _EMBEDDING_DTYPE.itemsize
            known = [(id_, vector) for id_, vector in rows if vector is not None and len(vector) == size]
            if not known:
                return []
            vectors = np.frombuffer(b"".join(vector for _, vector in known), _EMBEDDING_DTYPE).reshape(len(known), -1)
            order = np.argsort(-(vectors @ query), kind="stable")[:limit]
            best = [known[int(i)][0] for i in order]
            turns = session.scalars(
                select(Turn).where(Turn.id.in_(best)).options(joinedload(Turn.conversation), joinedload(Turn.affect))
            )
            exchanges = {turn.id: _exchange(turn) for turn in turns}
        return [exchanges[id_] for id_ in best]

    def _export(self, person_id: str) -> dict[str, Any]:
        with self._database.reading() as session:
            conversations = session.scalars(
                select(Conversation)
                .where(Conversation.person_id == _storable(person_id))
                .order_by(Conversation.id)
                .options(selectinload(Conversation.turns).joinedload(Turn.affect))
            )
            return {
                "person_id": person_id,
                "conversations": [
                    {
                        "session": conversation.session,
                        "persona": conversation.persona,
                        "started_at": conversation.started_at,
                        "turns": [_exported(turn) for turn in conversation.turns],
                    }
                    for conversation in conversations
                ],
            }

    def _erase(self, person_id: str) -> int:
        def work(session: Session) -> int:
            person = session.get(Person, _storable(person_id))
            if person is None:
                return 0
            count = session.scalar(
                select(func.count(Turn.id)).join(Turn.conversation).where(Conversation.person_id == person.id)
            )
            session.delete(person)
            return count or 0

        count = self._database.write(work)
        self._database.scrub()
        return count


class NoMemory:
    """Keeps nothing and recalls nothing. Takes no model."""

    capabilities = MemoryCapabilities()

    def __init__(self, model: str | None = None) -> None:
        del model

    async def remember(self, record: TurnRecord) -> None:
        """Forget the turn at once."""

    async def recall(self, text: str, *, person_id: str, limit: int) -> Sequence[Exchange]:
        """Nothing."""
        return ()

    async def export(self, person_id: str) -> dict[str, Any]:
        """What is kept: nothing."""
        return {"person_id": person_id, "conversations": []}

    async def erase(self, person_id: str) -> int:
        """Nothing was there to delete: 0."""
        return 0


def _conversation(session: Session, record: TurnRecord) -> Conversation:
    """The stored conversation that the turn belongs to, made when this is its first."""
    person_id, name = _storable(record.person_id), _storable(record.exchange.session)
    found = session.scalar(
        select(Conversation).where(Conversation.person_id == person_id, Conversation.session == name)
    )
    if found is not None:
        return found
    if session.get(Person, person_id) is None:
        session.add(Person(id=person_id))
    made = Conversation(person_id=person_id, session=name, persona=_storable(record.persona), started_at=record.said_at)
    session.add(made)
    session.flush()
    return made


def _fill_affect(affect: Affect, record: TurnRecord) -> None:
    affect.person_emotion, affect.agent_emotion = record.exchange.person_emotion, record.agent_emotion
    affect.person_valence, affect.person_arousal, affect.person_dominance = record.person_vad.as_tuple()
    affect.agent_valence, affect.agent_arousal, affect.agent_dominance = record.agent_vad.as_tuple()
    affect.mood_valence, affect.mood_arousal, affect.mood_dominance = record.agent_mood.as_tuple()


def _exchange(turn: Turn) -> Exchange:
    return Exchange(turn.person_text, turn.agent_text, turn.affect.person_emotion, turn.conversation.session, turn.turn)


def _exported(turn: Turn) -> dict[str, Any]:
    affect = turn.affect
    return {
        "turn": turn.turn,
        "said_at": turn.said_at,
        "person": turn.person_text,
        "person_emotion": affect.person_emotion,
        "person_vad": [affect.person_valence, affect.person_arousal, affect.person_dominance],
        "agent": turn.agent_text,
        "agent_emotion": affect.agent_emotion,
        "agent_vad": [affect.agent_valence, affect.agent_arousal, affect.agent_dominance],
        "agent_mood": [affect.mood_valence, affect.mood_arousal, affect.mood_dominance],
    }


def _storable(text: str) -> str:
    """The text without what databases refuse: NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
