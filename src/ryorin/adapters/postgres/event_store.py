"""The event log in PostgreSQL: appends under optimistic concurrency, reads that never skip a late commit."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.log_watch import LogWatch
from ryorin.adapters.postgres.notifications import Channel, Wakeup
from ryorin.adapters.postgres.pool import Connection, Pool, Row, rows_of, run
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.codec import Registry, from_json, to_json
from ryorin.kernel.errors import ConcurrencyConflict
from ryorin.kernel.events import BEGINNING, Event, EventMetadata, LogPosition, RecordedEvent, Stream

COLUMNS = """transaction_id::text::bigint AS transaction_id, position, org_id, stream_type, stream_id,
    version, type, schema_version, data, metadata, recorded_at"""

# An append is refused when the event before it was written by a younger transaction: readers go
# by transaction first, so the pair would reach them in the wrong order (ADR-0002).
APPEND = """
INSERT INTO events (org_id, stream_type, stream_id, version, type, schema_version, data, metadata)
SELECT %(org_id)s, %(stream_type)s, %(stream_id)s, %(version)s, %(type)s, %(schema_version)s,
       %(data)s, %(metadata)s
WHERE NOT EXISTS (
    SELECT 1 FROM events
    WHERE org_id = %(org_id)s AND stream_id = %(stream_id)s AND version = %(version)s - 1
      AND transaction_id > pg_current_xact_id())
RETURNING transaction_id::text::bigint AS transaction_id, position
"""

READ_STREAM = f"""
SELECT {COLUMNS} FROM events
WHERE org_id = %s AND stream_id = %s AND version > %s ORDER BY version
"""

# Only rows of transactions older than every running one: nothing can still appear before them.
READ_ALL = f"""
SELECT {COLUMNS} FROM events
WHERE (transaction_id, position) > (%s::text::xid8, %s)
  AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY events.transaction_id, events.position LIMIT %s
"""


class PostgresEventStore:
    """The `EventStore` port on a pool, plus the append that units of work use on their connection."""

    def __init__(self, pool: Pool, registry: Registry[Event], wakeup: Wakeup) -> None:
        self._pool = pool
        self._registry = registry
        self._watch = LogWatch(pool, wakeup)

    async def read_stream(self, stream: Stream, after_version: int = 0) -> Sequence[RecordedEvent]:
        """All events of one aggregate after a version, in order."""
        async with self._pool.connection() as connection:
            return await self.read_stream_on(connection, stream, after_version)

    async def read_stream_on(
        self, connection: Connection, stream: Stream, after_version: int = 0
    ) -> Sequence[RecordedEvent]:
        """As `read_stream`, on a given connection."""
        rows = await rows_of(connection, READ_STREAM, (stream.org_id, stream.key, after_version))
        return [self._recorded(row) for row in rows]

    async def read_all(self, after: LogPosition, limit: int) -> Sequence[RecordedEvent]:
        """Settled events of all streams after a position, in (transaction, position) order."""
        rows = await self._pool.fetch(READ_ALL, (str(after.transaction_id), after.position, limit))
        return [self._recorded(row) for row in rows]

    async def head(self) -> LogPosition:
        """The position of the last settled event."""
        return (await self._watch.ends()).settled

    async def wait(self, after: LogPosition, timeout_seconds: float) -> None:
        """Return at the next append, when there are settled events after a position, or after the timeout."""
        await self._watch.beyond(after, timeout_seconds)

    async def append(self, connection: Connection, aggregate: Aggregate, metadata: EventMetadata) -> LogPosition:
        """Write an aggregate's pending events; raises ConcurrencyConflict when another writer was first."""
        position = BEGINNING
        for offset, event in enumerate(aggregate.pending):
            position = await self._append_one(
                connection, aggregate, aggregate.stored_version + offset + 1, event, metadata
            )
        await run(connection, "SELECT pg_notify(%s, '')", (Channel.EVENTS.value,))
        return position

    async def _append_one(
        self,
        connection: Connection,
        aggregate: Aggregate,
        version: int,
        event: Event,
        metadata: EventMetadata,
    ) -> LogPosition:
        stream = aggregate.stream
        parameters = {
            "org_id": stream.org_id,
            "stream_type": stream.type,
            "stream_id": stream.key,
            "version": version,
            "type": event.type,
            "schema_version": event.schema_version,
            "data": Jsonb(to_json(event)),
            "metadata": Jsonb(to_json(metadata)),
        }
        try:
            rows = await rows_of(connection, APPEND, parameters)
        except UniqueViolation as error:
            raise ConcurrencyConflict(f"{stream.key} already has a version {version}") from error
        if not rows:
            raise ConcurrencyConflict(f"{stream.key} was changed by a younger transaction; try again")
        return LogPosition(rows[0]["transaction_id"], rows[0]["position"])

    def _recorded(self, row: Row) -> RecordedEvent:
        return RecordedEvent(
            position=LogPosition(row["transaction_id"], row["position"]),
            stream=Stream(row["org_id"], row["stream_type"], row["stream_id"].partition("/")[2]),
            version=row["version"],
            event=self._registry.decode(row["type"], row["data"], row["schema_version"]),
            metadata=from_json(EventMetadata, row["metadata"]),
            recorded_at=row["recorded_at"],
        )
