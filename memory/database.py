"""Opening the memory's database: SQLite safe for many threads and processes, or any other server that SQLAlchemy knows.

What goes wrong below becomes a StorageError with one line that says what to do.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from rapport.memory.migrating import upgrade
from rapport.memory.sealing import Seal, known_seal, new_seal
from rapport.memory.tables import SchemaInfo
from rapport.persona.errors import ComponentError, StorageError

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for another one of the same file before it gives up."""

_CACHE_KB = 16_384
"""Of a connection: holds the upper pages of a million rows, so that reading one vector costs one page."""


def default_path() -> Path:
    """Where memories lie unless told otherwise, in the user's own data folder."""
    return Path(platformdirs.user_data_dir("rapport", appauthor=False)) / "memory.db"


def database_url(model: str | None) -> URL:
    """The database that a component's `model` names: None, `:memory:`, a path, or an SQLAlchemy URL.

    Raises:
        ComponentError: it looks like a URL and is none.
    """
    if model is None:
        return URL.create("sqlite", database=str(default_path()))
    if "://" not in model:
        return URL.create("sqlite", database=":memory:" if model == ":memory:" else str(Path(model).expanduser()))
    try:
        return make_url(model)
    except ArgumentError as error:
        raise ComponentError(f"{model!r} is no database URL; write e.g. postgresql+psycopg://user@host/name") from error


class Database:
    """An engine with transactions that are durable when they return, usable from any thread.

    Raises:
        ComponentError: the URL names a driver that is not installed.
        StorageError: the database cannot be opened, was written by a newer version, or is sealed with another
            passphrase.
    """

    def __init__(self, model: str | None, passphrase: str | None = None) -> None:
        self.url = database_url(model)
        self.name = self.url.render_as_string(hide_password=True)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.is_file = self.is_sqlite and self.url.database not in (None, "", ":memory:")
        if self.is_file:
            self.name = str(self.url.database)
        # Threads of one process queue here rather than poll for SQLite's own lock.
        self._writing = threading.RLock()
        # All threads share the one connection that holds a database in memory, so they take turns.
        self._turn = nullcontext() if self.is_file or not self.is_sqlite else threading.RLock()
        self._engine = self._create_engine()
        self._writer = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        with self.errors_explained():
            if self.is_file:
                _create_private(Path(self.name))
            self.seal = self._open(passphrase)
        """What stands between texts and their fields."""

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A session that sees one consistent state and writes nothing."""
        with self._turn, self.errors_explained(), Session(self._engine) as session:
            yield session

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction and return its result once it is on disk; all of it happens or nothing.

        A transaction that lost a race with another process over the same new row is tried once more.
        """
        with self._writing, self._turn, self.errors_explained():
            try:
                return self._transaction(work)
            except IntegrityError:
                return self._transaction(work)

    def scrub(self) -> None:
        """Rewrite the database file without any trace of deleted rows, in the write-ahead log too (SQLite).

        Raises:
            StorageError: another process is reading old rows just now; what was deleted stays deleted, but the old
                bytes are still in the log.
        """
        if not self.is_file:
            return
        with self.errors_explained():
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("VACUUM")
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.close()
        if busy:
            raise StorageError(f"{self.name} is in use by another program, so erased words are still in its log; retry")

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def errors_explained(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StorageError(_explain(self.name, str(error.orig))) from error
        except sqlite3.Error as error:
            raise StorageError(_explain(self.name, str(error))) from error
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(_explain(self.name, str(error))) from error

    def _transaction(self, work: Callable[[Session], T]) -> T:
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            return work(session)

    def _create_engine(self) -> Engine:
        options: dict[str, Any] = {}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
            if not self.is_file:
                options["poolclass"] = StaticPool
        else:
            options["pool_pre_ping"] = True
        try:
            engine = create_engine(self.url, **options)
        except NoSuchModuleError as error:
            raise ComponentError(f"no database driver for {self.name}; name sqlite or postgresql+psycopg") from error
        except ModuleNotFoundError as error:
            hint = 'pip install "rapport-agent[postgres]"' if "psycopg" in str(error) else f"pip install {error.name}"
            raise ComponentError(f"the driver of {self.name} is not installed; run: {hint}") from error
        if self.is_sqlite:
            event.listen(engine, "connect", _configure_sqlite)
            event.listen(engine, "begin", _begin)
        return engine

    def _open(self, passphrase: str | None) -> Seal:
        """Bring the tables up to date, and find out how the fields are sealed."""

        def work(session: Session) -> Seal:
            is_new = upgrade(session.connection(), self.name)
            info = session.get_one(SchemaInfo, 1)
            if is_new:
                seal, info.salt, info.proof = new_seal(passphrase)
                return seal
            return known_seal(self.name, passphrase, info.salt, info.proof)

        return self._transaction(work)


def _create_private(path: Path) -> None:
    """A new, empty database file that only its owner may read; the files beside it inherit that."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


def _configure_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    # A commit is on disk when it returns, even through a power cut.
    cursor.execute("PRAGMA synchronous = FULL")
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself where another process is just switching the same file to WAL.
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that first reads and then writes would fail as soon as another had written.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


_EXPLANATIONS = {
    "locked": "is locked by another program; close that one and try again",
    "readonly": "is read-only; make it writable or name another file",
    "read-only": "is read-only; make it writable or name another file",
    "unable to open": "cannot be opened; check that its folder exists and may be written",
    "disk is full": "cannot grow, the disk is full; free some space and try again",
    "No space left": "cannot grow, the disk is full; free some space and try again",
    "disk I/O": "cannot be written (disk error or full disk); free some space and try again",
    "not a database": "is not a memory database, or is damaged; move it away or name another file",
    "malformed": "is damaged; move it away to start anew, or restore a copy",
    "Permission denied": "may not be written; change its permissions or name another file",
}


def _explain(name: str, message: str) -> str:
    for sign, meaning in _EXPLANATIONS.items():
        if sign in message:
            return f"{name} {meaning}"
    return f"{name} failed: {' '.join(message.split())[:200]}"
