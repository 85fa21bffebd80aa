"""Units of work in PostgreSQL: events, the command's end and the next enqueue commit together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from ryorin.adapters.postgres.command_log import PostgresCommandLog
from ryorin.adapters.postgres.event_store import PostgresEventStore
from ryorin.adapters.postgres.pool import Connection, Pool
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.commands import CommandRecord, Envelope, Failure
from ryorin.kernel.events import BEGINNING, EventMetadata, LogPosition
from ryorin.kernel.messages import Result

A = TypeVar("A", bound=Aggregate)


class PostgresTransaction:
    """The `CommandTransaction` port on one connection."""

    def __init__(
        self, connection: Connection, events: PostgresEventStore, log: PostgresCommandLog, envelope: Envelope
    ) -> None:
        self._connection = connection
        self._events = events
        self._log = log
        self._metadata = EventMetadata(
            principal_id=envelope.actor.principal_id,
            causation_id=str(envelope.id),
            correlation_id=envelope.correlation_id,
            traceparent=envelope.traceparent,
            source=envelope.source,
        )
        self._seen = BEGINNING

    async def load(self, aggregate: A) -> A:
        """Replay the aggregate's stream into it."""
        for recorded in await self._events.read_stream_on(self._connection, aggregate.stream):
            aggregate.replay(recorded.event)
            self._seen = max(self._seen, recorded.position)
        return aggregate

    async def load_all(self, aggregates: Sequence[A]) -> Sequence[A]:
        """Replay many streams into their aggregates, by one statement."""
        found = {aggregate.stream: aggregate for aggregate in aggregates}
        for recorded in await self._events.read_streams_on(self._connection, list(found)):
            found[recorded.stream].replay(recorded.event)
            self._seen = max(self._seen, recorded.position)
        return aggregates

    async def save(self, aggregate: Aggregate) -> None:
        """Append what the aggregate decided."""
        await self.save_all([aggregate])

    async def save_all(self, aggregates: Sequence[Aggregate]) -> None:
        """Append what many decided, by one statement."""
        changed = [aggregate for aggregate in aggregates if aggregate.pending]
        if not changed:
            return
        self._seen = max(self._seen, await self._events.append(self._connection, changed, self._metadata))
        for aggregate in changed:
            aggregate.mark_saved()

    async def accept_running(self, envelope: Envelope) -> CommandRecord:
        """Write the row of an inline command."""
        return await self._log.accept_running(self._connection, envelope)

    async def succeed(self, record: CommandRecord, result: Result) -> LogPosition:
        """Mark the command done at the newest position it wrote or decided upon."""
        await self._log.succeed(self._connection, record, result, self._seen)
        return self._seen

    async def fail(self, record: CommandRecord, failure: Failure) -> None:
        """Record a failed attempt."""
        await self._log.fail(self._connection, record, failure)


class PostgresTransactions:
    """The `Transactions` port."""

    def __init__(self, pool: Pool, events: PostgresEventStore, log: PostgresCommandLog) -> None:
        self._pool = pool
        self._events = events
        self._log = log

    @asynccontextmanager
    async def begin(self, envelope: Envelope) -> AsyncIterator[PostgresTransaction]:
        """Open a transaction for one command; leaving commits, an exception rolls back."""
        async with self._pool.transaction() as connection:
            yield PostgresTransaction(connection, self._events, self._log, envelope)
