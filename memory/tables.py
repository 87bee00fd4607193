"""The memory's tables, as SQLAlchemy 2 declares them: people, conversations, turns and how both sides felt."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA_VERSION = 1
"""Raised by one with every change to the tables below."""


class Base(DeclarativeBase):
    pass


class SchemaInfo(Base):
    """One row: the version of the tables in this database."""

    __tablename__ = "schema_info"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


class Person(Base):
    __tablename__ = "people"

    id: Mapped[str] = mapped_column(primary_key=True)
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
    __table_args__ = (UniqueConstraint("conversation_id", "turn"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    turn: Mapped[int]
    said_at: Mapped[str]
    person_text: Mapped[str]
    agent_text: Mapped[str]
    embedding: Mapped[bytes | None]
    """Meaning of the person's words: float32 values, little-endian. None when they said nothing."""
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
