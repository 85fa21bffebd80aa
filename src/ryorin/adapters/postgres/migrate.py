"""Brings a database to the present schema, unless it is there already.

Migrations only add (docs/en/deployment.md): a database that a newer version has migrated serves this one too, and old
and new processes run side by side while they are replaced one by one.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import psycopg
from psycopg.errors import UndefinedTable

from ryorin.kernel.errors import Unavailable

logger = logging.getLogger(__name__)

VERSION = "SELECT version_num FROM alembic_version"


def migrate(url: str) -> None:
    """Upgrade the database at a libpq URL if it is older; processes that come together wait for the first.

    Raises Unavailable when the server cannot be reached, lacks pgvector, or a migration fails.
    """
    found = _version(url)
    if found is not None and found > newest():
        logger.warning("the database has the schema %s of a newer version; this one knows %s", found, newest())
    if found is None or found < newest():
        # what runs migrations takes a quarter of a second to load, and is needed once
        from ryorin.adapters.postgres.upgrade import upgrade  # noqa: PLC0415

        upgrade(url)


@cache
def newest() -> str:
    """The newest revision that there is a migration to; revisions are numbered."""
    return max(file.name[:4] for file in (Path(__file__).parent / "migrations" / "versions").glob("0*.py"))


def _version(url: str) -> str | None:
    try:
        with psycopg.connect(url) as connection:
            row = connection.execute(VERSION).fetchone()
    except UndefinedTable:
        return None
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(f"PostgreSQL does not answer: {reason}; is it running?") from error
    return str(row[0]) if row else None
