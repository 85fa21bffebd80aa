"""Alembic migrations of the tables that are not generations of a projection."""
