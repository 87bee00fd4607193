"""The agent's long-term memory: turns go in as they were heard, and those that matter now come to mind again.

`SqlMemory` keeps them in SQLite, PostgreSQL or any database that SQLAlchemy reaches; `NoMemory` keeps nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from rapport.memory import exporting, words
from rapport.memory.database import Database
from rapport.memory.digest import digest, undigested
from rapport.memory.embedding import Embedder, MiniLMEmbedder
from rapport.memory.recalling import Query, Recaller, facts_of, turn_count
from rapport.memory.records import Closeness, Episode, Fact, MemoryCapabilities, Recollection, TurnRecord
from rapport.memory.redaction import redacted
from rapport.memory.sealing import KEY_VARIABLE
from rapport.memory.storing import storable, store_turn
from rapport.memory.tables import Conversation, EpisodeRow, Person, RapportRow, Turn
from rapport.persona.affect import VAD
from rapport.persona.errors import ComponentError, StorageError

_DIGESTED_BEFORE_RECALL = 16
"""Turns of the person that recall waits for, if they have not been digested yet; the rest follows in its own time."""
_REDACT = re.compile(r"[?&]redact=([^&]*)$")
_FAMILIAR_TURNS = 60
"""After so many turns a person is half familiar."""


class SqlMemory:
    """Turns in a database, recalled by meaning, words, recency, importance and mood (see `rapport.memory.scoring`).

    `model` is a path, `:memory:`, an SQLAlchemy URL (`postgresql+psycopg://...`), or None for a file in the user's data
    folder. Threads, event loops and, except for `:memory:`, processes may share one database. Where the environment has
    RAPPORT_MEMORY_KEY, a new database is encrypted with it (see `rapport.memory.sealing`).

    A `model` that ends in `?redact=yes` (after other options of a URL `&redact=yes`) keeps emails, phone numbers,
    cards, bank accounts, addresses and keys out of what is stored of both sides' words (see
    `rapport.memory.redaction`).

    Raises:
        ComponentError: a driver or the embedding model is not installed, or the URL is none.
        StorageError: the database cannot be opened; methods raise it as well, and then nothing is half-written.
    """

    def __init__(
        self, model: str | None = None, *, embedder: Embedder | None = None, passphrase: str | None = None
    ) -> None:
        self._embedder = embedder or MiniLMEmbedder()
        model, self._redacts = _redacting(model)
        self._database = Database(model, passphrase or os.environ.get(KEY_VARIABLE) or None)
        in_memory = self._database.is_sqlite and not self._database.is_file
        encrypted = self._database.seal.encrypts
        self._pgvector = not encrypted and self._has_pgvector()
        self.recaller = Recaller(self._database, pgvector=self._pgvector)
        self._digesting = threading.Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._work: Future[None] | None = None
        self.capabilities = MemoryCapabilities(persistent=not in_memory, semantic=True, encrypted=encrypted)

    async def remember(self, record: TurnRecord) -> None:
        """Keep a turn; it is on disk on return. The same person, session and turn again replaces what was there.

        Its vector, words and facts are made afterwards, on a thread of their own; recall waits for them.
        """
        await asyncio.to_thread(self._remember, record)

    async def recall(self, text: str, *, person_id: str, limit: int, mood: VAD | None = None) -> Sequence[Recollection]:
        """Up to `limit` exchanges that matter for `text`, best first, of this person only, with the reasons.

        `mood` is how the person feels now: what they felt likewise comes to mind more easily.
        """
        return await asyncio.to_thread(self._recall, text, person_id, limit, mood)

    async def settle(self) -> None:
        """Return once every turn has been digested, in whichever process it was stored."""
        await asyncio.to_thread(self._settle)

    async def facts(self, person_id: str, *, superseded: bool = False) -> Sequence[Fact]:
        """What the person said of themselves, oldest first; with what no longer holds, if that is wanted."""
        return await asyncio.to_thread(self._facts, person_id, superseded)

    async def episodes(self, person_id: str) -> Sequence[Episode]:
        """The person's conversations in short, oldest first."""
        return await asyncio.to_thread(self._episodes, person_id)

    async def closeness(self, person_id: str) -> Sequence[Closeness]:
        """How well each persona knows the person."""
        return await asyncio.to_thread(self._closeness, person_id)

    async def people(self) -> dict[str, int]:
        """Everybody of whom something is kept, with the number of their turns."""
        return await asyncio.to_thread(self._people)

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
        """Finish what is being digested, and close the connections; another call opens them again."""
        if self._worker is not None:
            self._worker.shutdown(wait=True)
            self._worker = None
        self._database.close()

    # ------------------------------------------------------------------------------------------------------- turns

    def _remember(self, record: TurnRecord) -> None:
        exchange = record.exchange
        said, answered = storable(exchange.person), storable(exchange.agent)
        if self._redacts:
            said, answered = redacted(said), redacted(answered)
        self._database.write(lambda session: store_turn(session, self._database, record, said, answered))
        self._wake()

    def _wake(self) -> None:
        """Have a thread digest what waits, unless one is about to."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "rapport-memory")
        if self._work is None or self._work.done() or self._work.running():
            with suppress(RuntimeError):  # the interpreter is shutting down: the next process will do it
                self._work = self._worker.submit(self._digest_all)

    def _digest_all(self) -> None:
        # What fails now (a locked file, a full disk) waits for the next turn, recall or process.
        with suppress(StorageError):
            while self._digest(None, 64) and threading.main_thread().is_alive():
                pass

    def _digest(self, person_id: str | None, limit: int) -> int:
        """Digest up to `limit` turns that wait, of one person or of all; returns how many there were."""
        with self._database.reading() as session:
            waiting = undigested(session, person_id, limit)
        for done, turn_id in enumerate(waiting):
            if person_id is None and not threading.main_thread().is_alive():
                return done
            with self._digesting:
                digest(self._database, self._embedder, turn_id, pgvector=self._pgvector)
        return len(waiting)

    def _settle(self) -> None:
        while self._digest(None, 256):
            pass

    # ------------------------------------------------------------------------------------------------------ asking

    def _recall(self, text: str, person_id: str, limit: int, mood: VAD | None) -> list[Recollection]:
        text, person_id = storable(text), storable(person_id)
        if not text.strip() or limit <= 0:
            return []
        self._catch_up(person_id)
        query = Query(text, self._embedder.embed([text])[0], person_id, limit, mood)
        with self._database.reading() as session:
            return self.recaller.recall(session, query)

    def _catch_up(self, person_id: str) -> None:
        with suppress(StorageError):  # what cannot be written now can be recalled later; the rest is there
            self._digest(person_id, _DIGESTED_BEFORE_RECALL)

    def _facts(self, person_id: str, superseded: bool) -> list[Fact]:
        person_id = storable(person_id)
        self._catch_up(person_id)
        with self._database.reading() as session:
            return facts_of(session, self._database, person_id, superseded=superseded)

    def _episodes(self, person_id: str) -> list[Episode]:
        self._catch_up(storable(person_id))
        with self._database.reading() as session:
            return self._episodes_in(session, storable(person_id))

    def _episodes_in(self, session: Session, person_id: str) -> list[Episode]:
        rows = session.execute(
            select(EpisodeRow, Conversation)
            .join(Conversation, Conversation.id == EpisodeRow.conversation_id)
            .where(Conversation.person_id == person_id)
            .order_by(Conversation.id)
        )
        opened = self._database.seal.opened_text
        return [
            Episode(
                talk.session, talk.persona, talk.started_at, row.turns, opened(row.summary),
                tuple((str(label), float(valence)) for label, valence in json.loads(row.arc)),
            )
            for row, talk in rows
        ]  # fmt: skip

    def _closeness(self, person_id: str) -> list[Closeness]:
        self._catch_up(storable(person_id))
        with self._database.reading() as session:
            return _closeness_in(session, storable(person_id))

    def _people(self) -> dict[str, int]:
        query = (
            select(Person.id, func.count(Turn.id))
            .outerjoin(Conversation, Conversation.person_id == Person.id)
            .outerjoin(Turn, Turn.conversation_id == Conversation.id)
            .group_by(Person.id)
            .order_by(Person.id)
        )
        with self._database.reading() as session:
            return {person_id: count for person_id, count in session.execute(query)}

    def _export(self, person_id: str) -> dict[str, Any]:
        name = storable(person_id)
        self._catch_up(name)
        with self._database.reading() as session:
            return {
                "person_id": person_id,
                "conversations": exporting.conversations(session, self._database.seal, name),
                "episodes": [exporting.episode(told) for told in self._episodes_in(session, name)],
                "facts": [exporting.fact(f) for f in facts_of(session, self._database, name, superseded=True)],
                "rapport": [exporting.closeness(told) for told in _closeness_in(session, name)],
            }

    def _erase(self, person_id: str) -> int:
        def work(session: Session) -> int:
            person = session.execute(
                select(Person.id, Person.key).where(Person.id == storable(person_id))
            ).one_or_none()
            if person is None:
                return 0
            count = turn_count(session, person.id)
            if not self._database.seal.encrypts:
                digested = select(Turn.id, Turn.person_text).join(Turn.conversation)
                digested = digested.where(Conversation.person_id == person.id, Turn.digested == 1)
                for turn_id, said in session.execute(digested).all():
                    if said.strip():
                        words.remove(session, turn_id, person.key, said)
                words.compact(session)
            session.execute(delete(Person).where(Person.id == person.id))
            self.recaller.index.forget(person.key)
            return count

        with self._digesting:
            count = self._database.write(work)
            self._database.scrub()
        return count

    def _has_pgvector(self) -> bool:
        if self._database.url.get_backend_name() != "postgresql":
            return False
        column = "SELECT 1 FROM information_schema.columns WHERE table_name = 'vectors' AND column_name = 'meaning'"
        with self._database.reading() as session:
            return session.execute(text(column)).scalar() is not None


class NoMemory:
    """Keeps nothing and recalls nothing. Takes no model."""

    capabilities = MemoryCapabilities()

    def __init__(self, model: str | None = None) -> None:
        del model

    async def remember(self, record: TurnRecord) -> None:
        """Forget the turn at once."""

    async def recall(self, text: str, *, person_id: str, limit: int, mood: VAD | None = None) -> Sequence[Recollection]:
        """Nothing."""
        return ()

    async def export(self, person_id: str) -> dict[str, Any]:
        """What is kept: nothing."""
        return {"person_id": person_id, "conversations": [], "episodes": [], "facts": [], "rapport": []}

    async def erase(self, person_id: str) -> int:
        """Nothing was there to delete: 0."""
        return 0


def _redacting(model: str | None) -> tuple[str | None, bool]:
    """What names the database, and whether it was asked to keep personal data out."""
    asked = _REDACT.search(model or "")
    if model is None or asked is None:
        return model, False
    if asked[1] not in ("yes", "no"):
        raise ComponentError(f"memory: redact={asked[1]} says nothing; write redact=yes or redact=no")
    return model[: asked.start()] or None, asked[1] == "yes"


def _closeness_in(session: Session, person_id: str) -> list[Closeness]:
    rows = session.scalars(select(RapportRow).where(RapportRow.person_id == person_id).order_by(RapportRow.persona))
    return [
        Closeness(row.persona, row.turns, 1 - 0.5 ** (row.turns / _FAMILIAR_TURNS), row.warmth, row.disclosure)
        for row in rows
    ]
