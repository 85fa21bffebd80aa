"""Runs what a database lacks: pgvector, Procrastinate's tables, our migrations; under a lock."""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from ryorin.kernel.errors import Unavailable

# any constant will do: it only has to be the same in all processes of one database
MIGRATION_LOCK = 0x52594F52494E


def upgrade(url: str) -> None:
    """Upgrade the database at a libpq URL; processes that come together wait for the first.

    Raises Unavailable when the server cannot be reached, lacks pgvector, or a migration fails.
    """
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            # closing the connection gives the session's lock back, also when a migration fails
            _upgrade(connection)
    except OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {_first_line(error)}; is it running?") from error
    except DBAPIError as error:
        raise Unavailable(f"the database could not be migrated: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> None:
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is None:
        connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.commit()
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
