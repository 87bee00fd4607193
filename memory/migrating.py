"""Brings a database to the tables of this release, in the caller's transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from rapport.memory.tables import SCHEMA_VERSION
from rapport.persona.errors import StorageError

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(connection: Connection, name: str) -> bool:
    """Make or migrate the tables of the database called `name`; returns whether it had none. Takes two queries when
    there is nothing to do.

    Raises:
        StorageError: it was written by a newer version; nothing is changed.
    """
    version = _version(connection)
    if version == SCHEMA_VERSION:
        return False
    if version is not None and version > SCHEMA_VERSION:
        raise StorageError(
            f"{name} was written by a newer Rapport (schema {version}, this one knows {SCHEMA_VERSION}); "
            "upgrade with: pip install -U rapport-agent"
        )
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(_MIGRATIONS), version_locations=[str(_MIGRATIONS)])
    # The first release knew no Alembic, and left its version only in a table of its own.
    present = None if version is None else f"{version:04d}"

    def steps(_: Any, __: Any) -> Any:
        return script._upgrade_revs("head", present or "base")  # pyright: ignore[reportPrivateUsage]

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        migration = environment.get_context()
        if present is not None and migration.get_current_revision() is None:
            migration.stamp(script, present)
        environment.run_migrations()
    return version is None


def _version(connection: Connection) -> int | None:
    """The version that the tables say; None where there are no tables of ours."""
    if not inspect(connection).has_table("schema_info"):
        return None
    return connection.execute(text("SELECT version FROM schema_info WHERE id = 1")).scalar()
