"""How a database of any earlier release becomes one of this release: an Alembic revision per change of the tables."""
