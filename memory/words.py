"""Finding memories by their words: SQLite's FTS5, or PostgreSQL's text search. What is found is scored in `scoring`.

Words that stand in very many memories are worth little and slow to count, so each is counted up to a bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from rapport.memory.scoring import content_words, inverse_frequency

_MOST_COUNTED = 300
"""Memories per word that are looked at, the newest first."""
_MOST_WORDS = 8

_FTS5 = (
    "SELECT {k}, group_concat(rowid) FROM "
    "(SELECT rowid FROM words WHERE words MATCH :word{k} ORDER BY rowid DESC LIMIT :many)"
)
_TSVECTOR = (
    "SELECT {k}, string_agg(CAST(id AS text), ',') FROM "
    "(SELECT turns.id FROM turns JOIN conversations ON conversations.id = turns.conversation_id "
    "WHERE conversations.person_id = :person_id "
    "AND to_tsvector('english', turns.person_text) @@ plainto_tsquery('english', :word{k}) "
    "ORDER BY turns.id DESC LIMIT :many) AS found{k}"
)


@dataclass(frozen=True)
class WordHits:
    """The query's words with their weights, and the turns that hold the most weight of them, best first."""

    idf: dict[str, float]
    turn_ids: list[int]


def query_words(query: str) -> list[str]:
    """The words of a query to look for: the longest, if there are many."""
    return sorted(content_words(query), key=len, reverse=True)[:_MOST_WORDS]


def find(session: Session, query: str, *, person_id: str, person_key: int, total: int, limit: int) -> WordHits:
    """Look a query's words up in one person's memories, `total` in number."""
    looked_for = query_words(query)
    if not looked_for:
        return WordHits({}, [])
    given: dict[str, str | int] = {"many": _MOST_COUNTED}
    if session.get_bind().dialect.name == "sqlite":
        one = _FTS5
        given |= {f"word{k}": f'person : p{person_key} AND said : "{word}"' for k, word in enumerate(looked_for)}
    else:
        one = _TSVECTOR
        given |= {"person_id": person_id} | {f"word{k}": word for k, word in enumerate(looked_for)}
    together = " UNION ALL ".join(one.format(k=k) for k in range(len(looked_for)))
    idf: dict[str, float] = dict.fromkeys(looked_for, 0.0)
    ids, weights = [np.empty(0, np.int64)], [np.empty(0)]
    for k, listed in session.execute(text(together), given).all():
        found = np.array(listed.split(",") if listed else [], np.int64)
        # A word that reaches the bound is taken to be common.
        common = len(found) if len(found) < _MOST_COUNTED else max(len(found), total // 50)
        idf[looked_for[k]] = inverse_frequency(common, total)
        ids.append(found)
        weights.append(np.full(len(found), idf[looked_for[k]]))
    turn_ids, which = np.unique(np.concatenate(ids), return_inverse=True)
    weight = np.bincount(which, np.concatenate(weights), len(turn_ids))
    best = np.lexsort((-turn_ids, -weight))[:limit]
    return WordHits(idf, turn_ids[best].tolist())


def add(session: Session, turn_id: int, person_key: int, said: str) -> None:
    """Put a turn's words into SQLite's index; PostgreSQL does so by itself."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(
            text("INSERT INTO words (rowid, person, said) VALUES (:id, :person, :said)"),
            {"id": turn_id, "person": f"p{person_key}", "said": said},
        )


def remove(session: Session, turn_id: int, person_key: int, said: str) -> None:
    """Take a turn's words out again; `said` is exactly what was put in."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(
            text("INSERT INTO words (words, rowid, person, said) VALUES ('delete', :id, :person, :said)"),
            {"id": turn_id, "person": f"p{person_key}", "said": said},
        )


def compact(session: Session) -> None:
    """Merge SQLite's index, so that nothing of removed words is left in it."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("INSERT INTO words (words) VALUES ('optimize')"))
