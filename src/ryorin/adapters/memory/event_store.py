"""The event log in memory, in the order in which transactions commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import ConcurrencyConflict
from ryorin.kernel.events import BEGINNING, EventMetadata, LogPosition, RecordedEvent, Stream
from ryorin.kernel.ports import Clock


class MemoryEventStore:
    """The `EventStore` port; every append is a transaction of its own, settled at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[RecordedEvent] = []
        self._news = asyncio.Event()

    async def read_stream(self, stream: Stream, after_version: int = 0) -> Sequence[RecordedEvent]:
        """All events of one aggregate after a version, in order."""
        return [event for event in self._events if event.stream == stream and event.version > after_version]

    async def read_all(self, after: LogPosition, limit: int) -> Sequence[RecordedEvent]:
        """Events of all streams after a position."""
        return [event for event in self._events if event.position > after][:limit]

    async def head(self) -> LogPosition:
        """The position of the last event."""
        return self._events[-1].position if self._events else BEGINNING

    async def wait(self, after: LogPosition, timeout_seconds: float) -> None:
        """Return when there are events after a position, or after the timeout."""
        if await self.head() > after:
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._news.wait()
        except TimeoutError:
            return  # the time is up, as was asked for

    def check(self, aggregate: Aggregate) -> int:
        """The version held of an aggregate's stream; raises ConcurrencyConflict when it is not the loaded one."""
        held = sum(event.stream == aggregate.stream for event in self._events)
        if held != aggregate.stored_version:
            raise ConcurrencyConflict(f"{aggregate.stream.key} already has a version {aggregate.stored_version + 1}")
        return held

    def append(self, aggregate: Aggregate, metadata: EventMetadata) -> LogPosition:
        """Write an aggregate's pending events; raises ConcurrencyConflict when another writer was first."""
        held = self.check(aggregate)
        transaction = self._events[-1].position.transaction_id + 1 if self._events else 1
        for version, event in enumerate(aggregate.pending, start=held + 1):
            position = LogPosition(transaction, len(self._events) + 1)
            self._events.append(RecordedEvent(position, aggregate.stream, version, event, metadata, self._clock.now()))
        news, self._news = self._news, asyncio.Event()
        news.set()
        return self._events[-1].position
