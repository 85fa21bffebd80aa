"""The files read model on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ryorin.adapters.postgres.pool import Connection, Pool, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.files.events import FileKept
from ryorin.contexts.files.queries import FileView
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE files_g{g} (
    org_id text NOT NULL, file text NOT NULL, filename text NOT NULL, content_hash text NOT NULL,
    size_bytes bigint NOT NULL, purpose text NOT NULL, created_at timestamptz NOT NULL, PRIMARY KEY (org_id, file));
CREATE INDEX ON files_g{g} (org_id, created_at DESC, file);
"""
SCHEMA = Schema(DDL, ("files",))
PUT = """
INSERT INTO files_g{g} (org_id, file, filename, content_hash, size_bytes, purpose, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
REMOVE = "DELETE FROM files_g{g} WHERE org_id = %s AND file = %s"
COLUMNS = "file, filename, content_hash, size_bytes, purpose, created_at"
GET = f"SELECT {COLUMNS} FROM files WHERE org_id = %s AND file = %s"
PAGE = f"""
SELECT {COLUMNS} FROM files
WHERE org_id = %(org_id)s AND (%(purpose)s::text IS NULL OR purpose = %(purpose)s)
  AND (%(after)s::text IS NULL OR (created_at, file) <
       (SELECT created_at, file FROM files WHERE org_id = %(org_id)s AND file = %(after)s))
ORDER BY created_at DESC, file DESC LIMIT %(limit)s
"""


class PostgresFileRows:
    """The `FileRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def put(self, org_id: OrgId, event: FileKept, at: datetime) -> None:
        """Write a file."""
        statement = PUT.replace("{g}", str(self._generation))
        values = (event.file, event.filename, event.content_hash, event.size_bytes, event.purpose)
        await run(self._connection, statement, (org_id, *values, at))

    async def remove(self, org_id: OrgId, file: str) -> None:
        """Delete a file."""
        await run(self._connection, REMOVE.replace("{g}", str(self._generation)), (org_id, file))


class PostgresFiles:
    """The `FileReadModel` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, org_id: OrgId, file: str) -> FileView | None:
        """A file."""
        row = await self._pool.fetch_one(GET, (org_id, file))
        return FileView(**row) if row else None

    async def page(self, org_id: OrgId, purpose: str | None, after: str | None, limit: int) -> Sequence[FileView]:
        """Files, newest first."""
        parameters = {"org_id": org_id, "purpose": purpose, "after": after, "limit": limit}
        return [FileView(**row) for row in await self._pool.fetch(PAGE, parameters)]
