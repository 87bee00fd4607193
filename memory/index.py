"""The vectors' codes of the people who talk just now, in memory: found in the database, and caught up with it.

Nothing of it is on disk. A process that starts, or that comes after another one's write, reads what is new.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

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


_NEW_CODES = text("SELECT turn_id, code FROM vectors WHERE person_key = :key AND revision > :seen AND revision <= :now")


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

    def add(self, turn_ids: list[int], blob: bytes) -> None:
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

    `opened` turns what is stored into a code (decrypts it, where the database is encrypted).
    """

    def __init__(self, opened: Callable[[bytes], bytes]) -> None:
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
            given = {"key": person_key, "seen": known.revision, "now": revision}
            # Straight from the driver: an ORM result would hold a million rows at once.
            for part in session.connection().execute(_NEW_CODES, given).partitions(20_000):
                fits = [(turn_id, code) for turn_id, sealed in part if len(code := self._opened(sealed)) == code_bytes]
                if fits:
                    known.add([turn_id for turn_id, _ in fits], b"".join(code for _, code in fits))
            known.revision = revision
            self._drop_the_silent()
        return known

    def _drop_the_silent(self) -> None:
        while len(self._people) > 1 and sum(known.size_bytes for known in self._people.values()) > MOST_BYTES:
            self._people.popitem(last=False)
