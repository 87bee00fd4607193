"""The memory's tables, as SQLAlchemy 2 declares them. `migrations/` makes them; a test holds the two together.

A turn is written in one short transaction. What is derived from it (its vector, its words in the index, facts, the
episode, rapport) is made afterwards in a second one, and `Turn.digested` says whether that has happened.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA_VERSION = 2
"""Raised by one with every change to the tables below, together with a migration."""


class Base(DeclarativeBase):
    pass


class SchemaInfo(Base):
    """One row: the version of the tables in this database, and how its words are sealed."""

    __tablename__ = "schema_info"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    salt: Mapped[bytes | None]
    """Of the key derivation, where the database is encrypted; None where it is not."""
    proof: Mapped[str | None]
    """A known text sealed with the key, to recognise a wrong one."""


class Person(Base):
    __tablename__ = "people"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[int] = mapped_column(BigInteger, unique=True)
    """A random number, new for every person who is added, also after an erasure."""
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    """Raised with every vector that is stored, so that other processes see that there is something new."""
    conversations: Mapped[list[Conversation]] = relationship(
        back_populates="person", cascade="all, delete-orphan", order_by="Conversation.id"
    )


class Conversation(Base):
    """One session of one person with one persona."""

    __tablename__ = "conversations"
    __table_args__ = (UniqueConstraint("person_id", "session"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    session: Mapped[str]
    persona: Mapped[str]
    started_at: Mapped[str]
    """Wall-clock time of its first stored turn, ISO 8601."""
    person: Mapped[Person] = relationship(back_populates="conversations")
    turns: Mapped[list[Turn]] = relationship(
        back_populates="conversation", cascade="all, delete-orphan", order_by="Turn.turn"
    )


class Turn(Base):
    """What both sides heard in one turn."""

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("conversation_id", "turn"),
        Index(
            "turns_undigested",
            "conversation_id",
            sqlite_where=text("digested = 0"),
            postgresql_where=text("digested = 0"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    turn: Mapped[int]
    said_at: Mapped[str]
    person_text: Mapped[str]
    agent_text: Mapped[str]
    digested: Mapped[int] = mapped_column(default=0, server_default="0")
    """1 once everything that is derived from the turn has been stored."""
    importance: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """How much it weighs in recall, in [0, 1]."""
    risk: Mapped[str | None]
    """What a safety guard found."""
    conversation: Mapped[Conversation] = relationship(back_populates="turns")
    affect: Mapped[Affect] = relationship(back_populates="turn", cascade="all, delete-orphan")


class Affect(Base):
    """How both sides felt in one turn: labels, and VAD in [-1, 1]."""

    __tablename__ = "affect"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    person_emotion: Mapped[str]
    person_valence: Mapped[float]
    person_arousal: Mapped[float]
    person_dominance: Mapped[float]
    agent_emotion: Mapped[str]
    agent_valence: Mapped[float]
    agent_arousal: Mapped[float]
    agent_dominance: Mapped[float]
    mood_valence: Mapped[float]
    mood_arousal: Mapped[float]
    mood_dominance: Mapped[float]
    turn: Mapped[Turn] = relationship(back_populates="affect")


class Vector(Base):
    """What a turn means, as the embedding model has it. See `rapport.memory.vectors` for the two encodings."""

    __tablename__ = "vectors"
    __table_args__ = (Index("vectors_new", "person_key", "revision", "turn_id", "code"),)

    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    person_key: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int]
    """The person's revision with which it came."""
    code: Mapped[bytes]
    """Signs of the rotated vector, a bit each."""
    vector: Mapped[bytes]
    """float16 values, little-endian."""


class FactRow(Base):
    """Something the person said of themselves. A superseded fact stays, and says what came in its place."""

    __tablename__ = "facts"
    __table_args__ = (Index("facts_person", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    subject: Mapped[str]
    value: Mapped[str]
    quote: Mapped[str]
    confidence: Mapped[float]
    vector: Mapped[bytes]
    """Meaning of the quote, float16 little-endian."""
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("facts.id", ondelete="SET NULL"))


class EpisodeRow(Base):
    """A conversation's summary and its emotional arc, brought up to date with every turn."""

    __tablename__ = "episodes"

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True)
    turns: Mapped[int]
    summary: Mapped[str]
    arc: Mapped[str]
    """JSON: pairs of label and valence at the beginning, lowest, highest point and end."""


class RapportRow(Base):
    """How close one persona and one person are."""

    __tablename__ = "rapport"

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    persona: Mapped[str] = mapped_column(primary_key=True)
    turns: Mapped[int]
    warmth: Mapped[float]
    disclosure: Mapped[float]
