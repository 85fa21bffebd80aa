"""Redactions in the logs, and the end of contents that nobody names any more (ADR-0026)."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from psycopg import sql
from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.chunk_store import chunk_sets
from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, Pool, Row, rows_of, run
from ryorin.contexts.knowledge.domain.chunk_set import text_hash
from ryorin.contexts.knowledge.events import DocumentErased
from ryorin.kernel.codec import JSON
from ryorin.kernel.errors import Forbidden
from ryorin.kernel.events import RecordedEvent
from ryorin.kernel.messages import OrgId

logger = logging.getLogger(__name__)

# short transactions: what is dropped may be many texts
BATCH = 100
# what tells of a content, wherever it stands in an event or a command
BLANK: dict[str, JSON] = {
    "content_hash": "",
    "chunk_set": "",
    "filename": "",
    "url": "",
    "title": "",
    "metadata": {},
    "tags": [],
    "reason": "",
    "language": None,
    "add": [],
    "remove": [],
}
# only fields that are there are blanked
_BLANKED = "(SELECT COALESCE(jsonb_object_agg(key, value), '{{}}') FROM jsonb_each(%(blank)s) WHERE {column} ? key)"
REDACT_EVENTS = f"""
WITH told AS (
    SELECT position, data->>'content_hash' AS content_hash FROM events
    WHERE org_id = %(org_id)s AND stream_id = %(stream)s AND version < %(version)s FOR UPDATE),
redacted AS (
    UPDATE events e SET data = e.data || {_BLANKED.format(column="e.data")} FROM told WHERE e.position = told.position)
SELECT DISTINCT content_hash FROM told WHERE content_hash <> ''
"""
# of batches nothing is known but their content: one that has ended needs it no more
REDACT_COMMANDS = f"""
WITH told AS (
    SELECT id, payload->>'content_hash' AS content_hash FROM commands
    WHERE org_id = %(org_id)s AND payload->>'collection' = %(collection)s AND sequence < %(sequence)s
      AND (payload->>'document' = %(document)s OR name = 'knowledge.put_records')
    FOR UPDATE),
redacted AS (
    UPDATE commands c SET
        payload = payload || {_BLANKED.format(column="payload")},
        error = CASE WHEN error IS NOT NULL THEN error || '{{"detail": "the document was erased"}}' END,
        state = CASE WHEN state = 'succeeded' THEN state ELSE 'cancelled' END,
        lease = NULL, lease_expires_at = NULL, next_attempt_at = NULL, finished_at = COALESCE(finished_at, now())
    FROM told WHERE c.id = told.id AND c.payload->>'document' = %(document)s)
SELECT DISTINCT content_hash FROM told WHERE content_hash <> ''
"""
# what quotes it word by word
FORGET_SAMPLES = """
WITH gone AS (
    DELETE FROM answer_samples WHERE org_id = %(org_id)s AND collection = %(collection)s
      AND documents && ARRAY[%(document)s::text, '*'] RETURNING answer_id)
UPDATE answer_feedback SET correction = NULL, comment = ''
WHERE org_id = %(org_id)s AND answer_id IN (SELECT answer_id FROM gone)
"""
# scores stay: they are numbers; what they were given for goes
FORGET_RESULTS = """
UPDATE evaluation_results
SET result = jsonb_set(result, '{answered}', result->'answered' || '{"text": "", "contexts": []}')
             || jsonb_build_object('scores', (SELECT COALESCE(jsonb_object_agg(key, value || '{"detail": ""}'), '{}')
                                              FROM jsonb_each(result->'scores')))
WHERE org_id = %(org_id)s AND result->'answered'->'documents' ?| %(quoted)s::text[]
"""
FORGET_ANNOTATED = """
WITH gone AS (
    DELETE FROM annotation_items WHERE org_id = %(org_id)s AND documents && %(quoted)s::text[]
    RETURNING queue, item)
UPDATE annotations a SET comment = '' FROM gone
WHERE a.org_id = %(org_id)s AND (a.queue, a.item) = (gone.queue, gone.item)
"""
DOOM = """
INSERT INTO doomed_contents (org_id, content_hash) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING
"""
UNNAMED_SETS = """
SELECT org_id, id FROM chunk_sets s
WHERE used_at < now() - make_interval(secs => %(idle)s) AND NOT EXISTS (
    SELECT 1 FROM events e WHERE e.type = 'knowledge.document_version_indexed'
      AND e.org_id = s.org_id AND e.data->>'chunk_set' = s.id)
ORDER BY org_id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
"""
DROP_SETS = "DELETE FROM chunk_sets WHERE org_id = %s AND id = ANY(%s)"
DROP_VECTORS = "DELETE FROM embeddings WHERE org_id = %s AND passage_hash = ANY(%s)"
# named by an event, by a file, or by a command that will need it
DOOMED = """
SELECT d.org_id, d.content_hash FROM doomed_contents d
WHERE NOT EXISTS (
    SELECT 1 FROM commands c WHERE c.org_id = d.org_id AND c.state NOT IN ('succeeded', 'cancelled')
      AND c.payload->>'content_hash' = d.content_hash)
ORDER BY d.doomed_at LIMIT %(batch)s
"""
NAMED = """
SELECT EXISTS (SELECT 1 FROM events WHERE org_id = %(org_id)s AND data->>'content_hash' = %(content_hash)s) AS named
"""
FORGET_DOOMED = "DELETE FROM doomed_contents WHERE org_id = %(org_id)s AND content_hash = %(content_hash)s"
WAITING = """
SELECT (SELECT count(*) FROM doomed_contents) + (
    SELECT count(*) FROM chunk_sets s WHERE NOT EXISTS (
        SELECT 1 FROM events e WHERE e.type = 'knowledge.document_version_indexed'
          AND e.org_id = s.org_id AND e.data->>'chunk_set' = s.id)) AS waiting
"""
TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = current_schema() ORDER BY pg_relation_size(c.oid)
"""

AHEAD = "SELECT count(*) AS ahead FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())"
# until the checkpointer has read its configuration again
RELOAD_SECONDS = 1.0


class Contents(Protocol):
    """Of the blob store, what is needed here."""

    async def delete(self, org_id: OrgId, content_hash: str, idle_seconds: float) -> bool:
        """Drop a content unless it was stored so lately; whether it is gone."""
        ...


class PostgresErasures:
    """The `Erasures` port on one connection; it has no tables of its own and no generations."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection

    async def redact_document(self, erased: RecordedEvent, event: DocumentErased) -> None:
        """Redact a document's earlier events and its commands, and doom its contents."""
        parameters = {
            "collection": event.collection,
            "document": event.document,
            "sequence": event.accepted_sequence,
        }
        await self._redact(erased, REDACT_EVENTS, {})
        await self._redact(erased, REDACT_COMMANDS, parameters)
        quoting = {
            **parameters,
            "org_id": erased.stream.org_id,
            "quoted": [f"{event.collection}/{event.document}", f"{event.collection}/*"],
        }
        for statement in (FORGET_SAMPLES, FORGET_RESULTS, FORGET_ANNOTATED):
            await run(self._connection, statement, quoting)
        await run(self._connection, "SELECT pg_notify(%s, '')", (Channel.COMMANDS.value,))

    async def redact_file(self, forgotten: RecordedEvent) -> None:
        """Redact a file's earlier events, and doom its content."""
        await self._redact(forgotten, REDACT_EVENTS, {})

    async def _redact(self, recorded: RecordedEvent, statement: str, more: dict[str, object]) -> None:
        org_id = recorded.stream.org_id
        where = {"org_id": org_id, "stream": recorded.stream.key, "version": recorded.version}
        rows = await rows_of(self._connection, statement, {**where, "blank": Jsonb(BLANK), **more})
        await run(self._connection, DOOM, (org_id, [row["content_hash"] for row in rows]))


class Remains:
    """What nobody names any more: dropped once it was not used for `idle_seconds`."""

    def __init__(self, pool: Pool, contents: Contents, idle_seconds: float) -> None:
        self._pool = pool
        self._contents = contents
        self._idle = idle_seconds

    async def drop(self) -> int:
        """Drop all that may go; how many chunk sets and contents."""
        dropped = 0
        while sets := await self._drop_sets():
            dropped += sets
        for row in await self._pool.fetch(DOOMED, {"batch": 10_000}):
            dropped += await self._drop_content(row)
        if dropped:
            logger.info("dropped %d contents that nobody names any more", dropped)
        return dropped

    async def waiting(self) -> int:
        """How many contents are still to be dropped."""
        row = await self._pool.fetch_one(WAITING)
        return int(row["waiting"]) if row else 0

    async def _drop_sets(self) -> int:
        async with self._pool.transaction() as connection:
            rows = await rows_of(connection, UNNAMED_SETS, {"idle": self._idle, "batch": BATCH})
            for org_id in {row["org_id"] for row in rows}:
                ids = [row["id"] for row in rows if row["org_id"] == org_id]
                found = await chunk_sets(connection, org_id, ids)
                hashes = {text_hash(passage) for one in found.values() for passage in one.passages()}
                await run(connection, DROP_VECTORS, (org_id, sorted(hashes)))
                await run(connection, DROP_SETS, (org_id, ids))
        return len(rows)

    async def _drop_content(self, row: Row) -> int:
        named = await self._pool.fetch_one(NAMED, row)
        if named is None or not named["named"]:
            if not await self._contents.delete(OrgId(row["org_id"]), row["content_hash"], self._idle):
                return 0
            await self._pool.execute(FORGET_DOOMED, row)
            return 1
        await self._pool.execute(FORGET_DOOMED, row)
        return 0

    async def scrub(self) -> int:
        """Rewrite every table and end the write-ahead log behind a checkpoint; how many tables that were.

        Each table is locked while it is rewritten. Raises Forbidden for whoever is no superuser of the database.
        """
        allowed = await self._pool.fetch_one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if not allowed or not allowed["rolsuper"]:
            raise Forbidden("scrubbing needs a superuser of the database: it rewrites statistics and the log too")
        tables = await self._pool.fetch(TABLES)
        async with self._pool.connection() as connection:
            for row in tables:
                name = sql.Identifier(row["nspname"], row["relname"])
                await connection.execute(sql.SQL("VACUUM (FULL) {}").format(name))
            # statistics hold the commonest values of columns
            await connection.execute("ANALYZE")
            await connection.execute("VACUUM (FULL) pg_catalog.pg_statistic")
            await _end_log(connection)
        return len(tables)


async def _end_log(connection: Connection) -> None:
    """Remove or overwrite all write-ahead log from before."""
    await connection.execute("ALTER SYSTEM SET wal_recycle = off")
    try:
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(RELOAD_SECONDS)
        await _next_segment(connection)
        # what a checkpoint leaves for those who crash is behind the next one
        for _ in range(2):
            await connection.execute("CHECKPOINT")
        # segments that were renamed for later use are written over one by one
        for _ in range((await rows_of(connection, AHEAD))[0]["ahead"] + 1):
            await _next_segment(connection)
        await connection.execute("CHECKPOINT")
    finally:
        await connection.execute("ALTER SYSTEM RESET wal_recycle")
        await connection.execute("SELECT pg_reload_conf()")


async def _next_segment(connection: Connection) -> None:
    # there is nothing to switch from where nothing was written
    await connection.execute("SELECT pg_logical_emit_message(false, 'ryorin', 'scrub')")
    await connection.execute("SELECT pg_switch_wal()")
