"""The tables as first released: people, conversations, turns with their vector, affect."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "schema_info",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table("people", sa.Column("id", sa.String, primary_key=True))
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.String, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
        sa.Column("session", sa.String, nullable=False),
        sa.Column("persona", sa.String, nullable=False),
        sa.Column("started_at", sa.String, nullable=False),
        sa.UniqueConstraint("person_id", "session"),
    )
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("conversation_id", sa.Integer, sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("said_at", sa.String, nullable=False),
        sa.Column("person_text", sa.String, nullable=False),
        sa.Column("agent_text", sa.String, nullable=False),
        sa.Column("embedding", sa.LargeBinary),
        sa.UniqueConstraint("conversation_id", "turn"),
    )
    numbers = [
        f"{whose}_{axis}" for whose in ("person", "agent", "mood") for axis in ("valence", "arousal", "dominance")
    ]
    op.create_table(
        "affect",
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("person_emotion", sa.String, nullable=False),
        sa.Column("agent_emotion", sa.String, nullable=False),
        *(sa.Column(name, sa.Float, nullable=False) for name in numbers),
    )
    op.execute("INSERT INTO schema_info (id, version) VALUES (1, 1)")
