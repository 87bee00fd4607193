"""The vectors' codes of the people who talk just now, in memory: found in the database, and caught up with it.

Nothing of it is on disk. A process that starts, or that comes after another one's write, reads what is new.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from rapport.memory.vectors import codes, estimates, hamming, nearest

MOST_BYTES = 256 * 2**20
"""Codes kept in memory over all people; those who were silent longest are dropped, and read again when needed."""
_MOST_EXACT, _ESTIMATED = 600, 12
"""Vectors that are read from the database and compared exactly, at most, and how many times as many are estimated."""
_GROWTH = 1.25
"""Room for new codes, so that a turn does not copy all of them."""


_NEW = "FROM vectors WHERE person_key = :key AND revision > :seen AND revision <= :now"
_NEW_CODES = text(f"SELECT turn_id, code {_NEW}")
_NEW_CODES_JOINED = text(
    "SELECT group_concat(turn_id), group_concat(hex(code), '') "
    f"FROM (SELECT turn_id, code {_NEW} AND length(code) = :size)"
)
"""The same in one row: a million rows would each be made into Python objects, which takes ten times as long."""
_REVISIONS_JOINED = 16_384


class _Codes:
    """One person's codes and the turns that they belong to, as growing arrays."""

    def __init__(self, code_bytes: int) -> None:
        self.revision = 0
        self.count = 0
        self._columns = np.empty((code_bytes // 8, 0), np.uint64)
        self._turn_ids = np.empty(0, np.int64)

    @property
    def columns(self) -> NDArray[np.uint64]:
        return self._columns[:, : self.count]

    @property
    def turn_ids(self) -> NDArray[np.int64]:
        return self._turn_ids[: self.count]

    @property
    def size_bytes(self) -> int:
        return self._columns.nbytes + self._turn_ids.nbytes

    def add(self, turn_ids: NDArray[np.int64], blob: bytes) -> None:
        count = self.count + len(turn_ids)
        if count > len(self._turn_ids):
            room = count if self.count == 0 else int(count * _GROWTH)
            columns, ids = self._columns, self._turn_ids
            self._columns = np.empty((len(columns), room), np.uint64)
            self._turn_ids = np.empty(room, np.int64)
            self._columns[:, : self.count], self._turn_ids[: self.count] = columns[:, : self.count], ids[: self.count]
        self._columns[:, self.count : count] = np.frombuffer(blob, np.uint64).reshape(len(turn_ids), -1).T
        self._turn_ids[self.count : count] = turn_ids
        self.count = count


class CodeIndex:
    """Finds the turns of a person whose vectors lie near a query. Thread-safe.

    `opened` decrypts a stored code; None where codes are stored as they are.
    """

    def __init__(self, opened: Callable[[bytes], bytes] | None) -> None:
        self._opened = opened
        self._people: OrderedDict[int, _Codes] = OrderedDict()
        self._lock = threading.Lock()

    def forget(self, person_key: int) -> None:
        """Drop a person's codes."""
        with self._lock:
            self._people.pop(person_key, None)

    def candidates(
        self, session: Session, person_key: int, revision: int, query: NDArray[np.float32], wanted: int
    ) -> list[int]:
        """Ids of at least `wanted` turns that are probably nearest, where there are as many: for an exact ranking."""
        code = codes(query[None])[0]
        with self._lock:
            found = self._caught_up(session, person_key, revision, code.size)
            columns, turn_ids = found.columns, found.turn_ids
        refined = max(wanted, min(_MOST_EXACT, 250 + len(turn_ids) // 200))
        if len(turn_ids) <= refined:
            return turn_ids.tolist()
        near = nearest(hamming(columns, code), _ESTIMATED * refined)
        if len(near) > refined:
            score = estimates(columns[:, near], query)
            near = near[np.argpartition(-score, refined - 1)[:refined]]
        return turn_ids[near].tolist()

    def _caught_up(self, session: Session, person_key: int, revision: int, code_bytes: int) -> _Codes:
        known = self._people.get(person_key)
        if known is None or len(known.columns) * 8 != code_bytes:
            known = self._people[person_key] = _Codes(code_bytes)
        self._people.move_to_end(person_key)
        if known.revision < revision:
            for turn_ids, blob in self._read(session, person_key, known.revision, revision, code_bytes):
                known.add(turn_ids, blob)
            known.revision = revision
            self._drop_the_silent()
        return known

    def _read(
        self, session: Session, person_key: int, seen: int, now: int, code_bytes: int
    ) -> Iterator[tuple[NDArray[np.int64], bytes]]:
        """Turns and codes that came after one revision and up to another, in portions."""
        connection = session.connection()
        if self._opened is None and connection.dialect.name == "sqlite":
            for start in range(seen, now, _REVISIONS_JOINED):
                end = min(now, start + _REVISIONS_JOINED)
                given = {"key": person_key, "seen": start, "now": end, "size": code_bytes}
                listed, joined = connection.execute(_NEW_CODES_JOINED, given).one()
                if listed is not None:
                    yield np.array(listed.split(","), np.int64), bytes.fromhex(joined)
            return
        opened = self._opened or bytes
        # Straight from the driver: an ORM result would hold a million rows at once.
        rows = connection.execute(_NEW_CODES, {"key": person_key, "seen": seen, "now": now})
        for part in rows.partitions(20_000):
            fits = [(turn_id, code) for turn_id, sealed in part if len(code := opened(sealed)) == code_bytes]
            if fits:
                yield np.array([turn_id for turn_id, _ in fits], np.int64), b"".join(code for _, code in fits)

    def _drop_the_silent(self) -> None:
        while len(self._people) > 1 and sum(known.size_bytes for known in self._people.values()) > MOST_BYTES:
            self._people.popitem(last=False)
