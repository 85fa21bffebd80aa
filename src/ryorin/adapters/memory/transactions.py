"""Units of work in memory: what a command did is kept together when it commits, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from ryorin.adapters.memory.command_log import MemoryCommandLog
from ryorin.adapters.memory.event_store import MemoryEventStore
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.commands import CommandRecord, CommandState, Envelope, Failure
from ryorin.kernel.events import BEGINNING, EventMetadata, LogPosition
from ryorin.kernel.messages import Result
from ryorin.kernel.ports import WorkQueue

A = TypeVar("A", bound=Aggregate)


class MemoryTransaction:
    """The `CommandTransaction` port; aggregates and rows wait here for the commit."""

    def __init__(self, events: MemoryEventStore, log: MemoryCommandLog, queue: WorkQueue, envelope: Envelope) -> None:
        self._events = events
        self._log = log
        self._queue = queue
        self._metadata = EventMetadata(
            envelope.actor.principal_id, str(envelope.id), envelope.correlation_id, envelope.traceparent
        )
        self._saved: list[Aggregate] = []
        self._ended: CommandRecord | None = None
        self._result: tuple[CommandRecord, Result] | None = None
        self._seen = BEGINNING

    async def load(self, aggregate: A) -> A:
        """Replay the aggregate's stream into it."""
        for recorded in await self._events.read_stream(aggregate.stream):
            aggregate.replay(recorded.event)
            self._seen = max(self._seen, recorded.position)
        return aggregate

    async def load_all(self, aggregates: Sequence[A]) -> Sequence[A]:
        """As `load`, for many."""
        return [await self.load(aggregate) for aggregate in aggregates]

    async def save_all(self, aggregates: Sequence[Aggregate]) -> None:
        """As `save`, for many."""
        for aggregate in aggregates:
            await self.save(aggregate)

    async def save(self, aggregate: Aggregate) -> None:
        """Append what the aggregate decided, at the commit."""
        if not aggregate.pending:
            return
        self._events.check(aggregate)
        self._saved.append(aggregate)

    async def accept_running(self, envelope: Envelope) -> CommandRecord:
        """The row of an inline command; raises Conflict when its key is taken."""
        return self._log.added(envelope, CommandState.RUNNING)

    async def succeed(self, record: CommandRecord, result: Result) -> LogPosition:
        """Mark the command done at the newest position it wrote or decided upon; raises LeaseLost."""
        self._log.check_lease(record)
        self._result = (record, result)
        return self._seen

    async def fail(self, record: CommandRecord, failure: Failure) -> None:
        """Record a failed attempt and enqueue the next one; raises LeaseLost."""
        self._log.check_lease(record)
        self._ended = self._log.failed(record, failure)
        if failure.next_attempt_at is not None:
            queue = record.envelope.command.queue
            await self._queue.enqueue(record.envelope.id, queue, failure.next_attempt_at)

    def commit(self) -> None:
        """Keep everything; raises ConcurrencyConflict when another writer was first."""
        for aggregate in self._saved:
            self._events.check(aggregate)
        for aggregate in self._saved:
            self._seen = max(self._seen, self._events.append(aggregate, self._metadata))
            aggregate.mark_saved()
        if self._result is not None:
            self._ended = self._log.succeeded(*self._result, self._seen)
        if self._ended is not None:
            self._log.put(self._ended)


class MemoryTransactions:
    """The `Transactions` port."""

    def __init__(self, events: MemoryEventStore, log: MemoryCommandLog, queue: WorkQueue) -> None:
        self._events = events
        self._log = log
        self._queue = queue

    @asynccontextmanager
    async def begin(self, envelope: Envelope) -> AsyncIterator[MemoryTransaction]:
        """Open a transaction for one command; leaving commits, an exception leaves nothing behind."""
        transaction = MemoryTransaction(self._events, self._log, self._queue, envelope)
        yield transaction
        transaction.commit()
