"""Recall at any size, facts, episodes and rapport. Turns of older databases are digested again, their vectors kept."""

import secrets
from contextlib import suppress

import numpy as np
import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

from rapport.memory.vectors import codes, packed

revision = "0002"
down_revision = "0001"

_TURNS_AT_ONCE = 2_000


def upgrade() -> None:
    op.add_column("schema_info", sa.Column("salt", sa.LargeBinary))
    op.add_column("schema_info", sa.Column("proof", sa.String))
    op.add_column("people", sa.Column("key", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("people", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    op.add_column("turns", sa.Column("digested", sa.Integer, nullable=False, server_default="0"))
    op.add_column("turns", sa.Column("importance", sa.Float, nullable=False, server_default="0"))
    op.add_column("turns", sa.Column("risk", sa.String))
    op.create_table(
        "vectors",
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("person_key", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("code", sa.LargeBinary, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "facts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.String, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("quote", sa.String, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("superseded_by", sa.Integer, sa.ForeignKey("facts.id", ondelete="SET NULL")),
    )
    op.create_index("facts_person", "facts", ["person_id"])
    op.create_table(
        "episodes",
        sa.Column(
            "conversation_id", sa.Integer, sa.ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("summary", sa.String, nullable=False),
        sa.Column("arc", sa.String, nullable=False),
    )
    op.create_table(
        "rapport",
        sa.Column("person_id", sa.String, sa.ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("persona", sa.String, primary_key=True),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("warmth", sa.Float, nullable=False),
        sa.Column("disclosure", sa.Float, nullable=False),
    )
    _give_people_their_keys()
    op.create_index("people_key", "people", ["key"], unique=True)
    _move_vectors()
    op.drop_column("turns", "embedding")
    op.create_index("vectors_new", "vectors", ["person_key", "revision", "turn_id", "code"])
    undigested = sa.text("digested = 0")
    op.create_index(
        "turns_undigested", "turns", ["conversation_id"], sqlite_where=undigested, postgresql_where=undigested
    )
    _index_words()
    op.execute("UPDATE schema_info SET version = 2")


def _give_people_their_keys() -> None:
    connection = op.get_bind()
    for (person_id,) in connection.execute(sa.text("SELECT id FROM people")).all():
        connection.execute(
            sa.text("UPDATE people SET key = :key WHERE id = :id"), {"key": secrets.randbits(62), "id": person_id}
        )


def _move_vectors() -> None:
    """float32 beside the turns becomes a code and float16 in a table of their own."""
    connection, last = op.get_bind(), 0
    turns = sa.text(
        "SELECT turns.id, people.key, turns.embedding FROM turns "
        "JOIN conversations ON conversations.id = turns.conversation_id "
        "JOIN people ON people.id = conversations.person_id "
        "WHERE turns.id > :last AND turns.embedding IS NOT NULL ORDER BY turns.id LIMIT :many"
    )
    insert = sa.text("INSERT INTO vectors VALUES (:turn_id, :person_key, 1, :code, :vector)")
    while rows := connection.execute(turns, {"last": last, "many": _TURNS_AT_ONCE}).all():
        for turn_id, key, blob in rows:
            vector = np.frombuffer(bytes(blob)[: len(blob) // 4 * 4], "<f4")
            if not vector.size or not np.isfinite(vector).all():
                continue
            stored = {"code": codes(vector[None])[0].tobytes(), "vector": packed(vector)}
            connection.execute(insert, {"turn_id": turn_id, "person_key": key, **stored})
        last = rows[-1][0]
    connection.execute(sa.text("UPDATE people SET revision = 1"))


def _index_words() -> None:
    """SQLite keeps an inverted index without the texts (FTS5); PostgreSQL indexes an expression."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE words USING fts5"
            "(person, said, content = '', tokenize = 'porter unicode61 remove_diacritics 2')"
        )
    else:
        op.execute("CREATE INDEX turns_words ON turns USING gin (to_tsvector('english', person_text))")
        _add_pgvector()


def _add_pgvector() -> None:
    """A column that PostgreSQL itself can search, where pgvector is installed and may be switched on."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")).scalar():
        with suppress(DBAPIError), connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
            connection.execute(sa.text("ALTER TABLE vectors ADD COLUMN meaning vector"))
