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
from ryorin.kernel.events import Event, EventMetadata, LogPosition, RecordedEvent, Stream

COLUMNS = """transaction_id::text::bigint AS transaction_id, position, org_id, stream_type, stream_id,
    version, type, schema_version, data, metadata, recorded_at"""

# An append is refused when the event before it was written by a younger transaction: readers go
# by transaction first, so the pair would reach them in the wrong order (ADR-0002).
APPEND = """
INSERT INTO events (org_id, stream_type, stream_id, version, type, schema_version, data, metadata)
SELECT org_id, stream_type, stream_id, version, type, schema_version, data, %(metadata)s
FROM unnest(%(org_ids)s::text[], %(stream_types)s::text[], %(stream_ids)s::text[], %(versions)s::int[],
            %(types)s::text[], %(schema_versions)s::int[], %(data)s::jsonb[])
    WITH ORDINALITY AS fresh(org_id, stream_type, stream_id, version, type, schema_version, data, place)
WHERE NOT EXISTS (
    SELECT 1 FROM events e
    WHERE e.org_id = fresh.org_id AND e.stream_id = fresh.stream_id AND e.version = fresh.version - 1
      AND e.transaction_id > pg_current_xact_id())
ORDER BY place
RETURNING transaction_id::text::bigint AS transaction_id, position
"""

READ_STREAM = f"""
SELECT {COLUMNS} FROM events
WHERE org_id = %s AND stream_id = %s AND version > %s ORDER BY version
"""

READ_STREAMS = f"""
SELECT {COLUMNS} FROM events WHERE org_id = %s AND stream_id = ANY(%s) ORDER BY stream_id, version
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

    async def read_streams_on(self, connection: Connection, streams: Sequence[Stream]) -> Sequence[RecordedEvent]:
        """All events of many aggregates of one organisation, each stream's in order."""
        org_id = streams[0].org_id if streams else ""
        rows = await rows_of(connection, READ_STREAMS, (org_id, [stream.key for stream in streams]))
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

    async def append(
        self, connection: Connection, aggregates: Sequence[Aggregate], metadata: EventMetadata
    ) -> LogPosition:
        """Write aggregates' pending events; raises ConcurrencyConflict when another writer was first."""
        fresh = [
            (aggregate.stream, aggregate.stored_version + offset, event)
            for aggregate in aggregates
            for offset, event in enumerate(aggregate.pending, start=1)
        ]
        parameters = {
            "org_ids": [stream.org_id for stream, _, _ in fresh],
            "stream_types": [stream.type for stream, _, _ in fresh],
            "stream_ids": [stream.key for stream, _, _ in fresh],
            "versions": [version for _, version, _ in fresh],
            "types": [event.type for _, _, event in fresh],
            "schema_versions": [event.schema_version for _, _, event in fresh],
            "data": [Jsonb(to_json(event)) for _, _, event in fresh],
            "metadata": Jsonb(to_json(metadata)),
        }
        keys = ", ".join(sorted({stream.key for stream, _, _ in fresh})[:3])
        try:
            rows = await rows_of(connection, APPEND, parameters)
        except UniqueViolation as error:
            raise ConcurrencyConflict(f"{keys}: another writer was first") from error
        if len(rows) < len(fresh):
            raise ConcurrencyConflict(f"{keys}: changed by a younger transaction; try again")
        await run(connection, "SELECT pg_notify(%s, '')", (Channel.EVENTS.value,))
        return max(LogPosition(row["transaction_id"], row["position"]) for row in rows)

    def _recorded(self, row: Row) -> RecordedEvent:
        return RecordedEvent(
            position=LogPosition(row["transaction_id"], row["position"]),
            stream=Stream(row["org_id"], row["stream_type"], row["stream_id"].partition("/")[2]),
            version=row["version"],
            event=self._registry.decode(row["type"], row["data"], row["schema_version"]),
            metadata=from_json(EventMetadata, row["metadata"]),
            recorded_at=row["recorded_at"],
        )
