"""What the kernel needs from outside: event log, command log, queue, time and telemetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Literal, Protocol, TypeVar
from uuid import UUID

from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.codec import JSON
from ryorin.kernel.commands import CommandFilter, CommandRecord, Envelope, Failure
from ryorin.kernel.events import LogPosition, RecordedEvent, Stream
from ryorin.kernel.messages import Command, CommandId, OrgId, Result

A = TypeVar("A", bound=Aggregate)


class Clock(Protocol):
    """The present time, always with a time zone."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """New time-ordered identifiers."""

    def new(self) -> UUID: ...


class EventStore(Protocol):
    """The one event log."""

    async def read_stream(self, stream: Stream, after_version: int = 0) -> Sequence[RecordedEvent]:
        """All events of one aggregate after a version, in order."""
        ...

    async def read_all(self, after: LogPosition, limit: int) -> Sequence[RecordedEvent]:
        """Events of all streams after a position, in the global order; only settled ones."""
        ...

    async def head(self) -> LogPosition:
        """The position of the last settled event, BEGINNING when there is none."""
        ...

    async def wait(self, after: LogPosition, timeout_seconds: float) -> None:
        """Return when there may be events after a position, or after the timeout."""
        ...


class UnitOfWork(Protocol):
    """One transaction of the write side, as handlers see it."""

    async def load(self, aggregate: A) -> A:
        """Replay the aggregate's stream into it and return it."""
        ...

    async def load_all(self, aggregates: Sequence[A]) -> Sequence[A]:
        """As `load`, for many at once."""
        ...

    async def save(self, aggregate: Aggregate) -> None:
        """Append what the aggregate decided; raises ConcurrencyConflict when it is outdated."""
        ...

    async def save_all(self, aggregates: Sequence[Aggregate]) -> None:
        """As `save`, for many at once."""
        ...


class CommandTransaction(UnitOfWork, Protocol):
    """A transaction that also writes how the command ended: both commit or neither."""

    async def accept_running(self, envelope: Envelope) -> CommandRecord:
        """Write the row of an inline command; raises Conflict when its idempotency key is taken."""
        ...

    async def succeed(self, record: CommandRecord, result: Result) -> LogPosition:
        """Mark the command done; raises LeaseLost when another worker took it over."""
        ...

    async def fail(self, record: CommandRecord, failure: Failure) -> None:
        """Record a failed attempt and enqueue the next one; raises LeaseLost as above."""
        ...


class Transactions(Protocol):
    """Begins transactions; leaving the context commits, an exception rolls back."""

    def begin(self, envelope: Envelope) -> AbstractAsyncContextManager[CommandTransaction]: ...


class CommandLog(Protocol):
    """The queue's truth: every accepted command, its state and its end."""

    async def accept(self, envelope: Envelope) -> CommandRecord:
        """Write the row and enqueue in one transaction; raises Conflict when the key is taken."""
        ...

    async def find_by_key(self, org_id: OrgId, idempotency_key: str) -> tuple[CommandRecord, str] | None:
        """The command accepted under a key, with its body hash."""
        ...

    async def get(self, org_id: OrgId, command_id: CommandId) -> CommandRecord | None:
        """One command of an organisation."""
        ...

    async def list(self, org_id: OrgId, which: CommandFilter) -> Sequence[CommandRecord]:
        """Commands of an organisation, newest first."""
        ...

    async def lease(self, queue: str) -> CommandRecord | None:
        """Take the command of a queue whose turn it is for one attempt; None when none can be run.

        It is the turn of the organisation that has the fewest under way, and of its oldest command: whoever sends
        thousands waits for the others, not they for him (ADR-0022).
        """
        ...

    async def extend(self, record: CommandRecord, progress: Mapping[str, JSON] | None = None) -> None:
        """Keep a lease alive, and record progress; raises LeaseLost when it is gone."""
        ...

    async def requeue(self, org_id: OrgId, command_id: CommandId, changed: Command | None = None) -> CommandRecord:
        """Give a failed or dead command its attempts back, `changed` or as it is; raises NotFound or Conflict.

        Its idempotency key goes on meaning the command as it was sent.
        """
        ...

    async def discard(self, org_id: OrgId, command_id: CommandId) -> CommandRecord:
        """Cancel a command that is not running; raises NotFound or Conflict."""
        ...

    async def sweep(self) -> Sequence[CommandId]:
        """Enqueue again every runnable command whose job or worker was lost; return their ids."""
        ...

    async def wait_ended(self, org_id: OrgId, command_id: CommandId, timeout_seconds: float) -> CommandRecord | None:
        """The command once it ended, or as it is after the timeout."""
        ...


class WorkQueue(Protocol):
    """Wakes workers: each message lets one of them take a command of its queue. Losing them all loses nothing
    (DESIGN.md section 1.3)."""

    @property
    def transactional(self) -> bool:
        """Whether messages are sent by the transaction they are given; others must be sent after it."""
        ...

    async def enqueue(
        self, command_id: CommandId, queue: str, not_before: datetime | None, within: object | None = None
    ) -> None:
        """Send a message that is delivered once it is due; `within` is the adapter's open transaction.

        Raises Unavailable when there is nobody to send it to; the sweeper tries again.
        """
        ...

    async def depth(self) -> Mapping[str, int]:
        """How many messages that are due wait in each queue; those of workers that died are dropped first."""
        ...


class ReadPositions(Protocol):
    """How far the read models are."""

    async def wait_for(self, read_models: Sequence[str], position: LogPosition, timeout_seconds: float) -> bool:
        """Wait until all named projections passed a position; False after the timeout."""
        ...

    async def current(self, read_models: Sequence[str]) -> LogPosition:
        """The position that all named projections have reached."""
        ...

    async def told(self, read_models: Sequence[str]) -> LogPosition:
        """The position up to which this process was told what the named projections did, evictions among it."""
        ...


# who works in a span: for whom it came in, whom it went out to, or neither (OpenTelemetry's span kinds)
SpanKind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | bool | int | float | Sequence[str]]


class Span(Protocol):
    """A piece of work in a trace."""

    def set(self, attributes: Attributes) -> None:
        """Say more of it."""
        ...

    def name(self, name: str) -> None:
        """What it is called, now that this is known."""
        ...

    def event(self, name: str, attributes: Attributes) -> None:
        """Something happened within it."""
        ...

    def failed(self, code: str) -> None:
        """It did not do what it was for."""
        ...

    def current(self) -> AbstractContextManager[None]:
        """What is begun in this context belongs below it."""
        ...

    def end(self) -> None:
        """It is over; a second time changes nothing."""
        ...


class Telemetry(Protocol):
    """Spans and figures of both wheels."""

    def span(
        self, name: str, attributes: Attributes, parents: Sequence[str] = (), kind: SpanKind = "internal"
    ) -> AbstractContextManager[Span]:
        """Time a piece of work as a trace span; what is begun in it belongs below.

        `parents` are W3C traceparents of those who wanted it: it is below one, and linked to several, each of whose
        traces gets a span of its own of the same time.
        """
        ...

    def begin(self, name: str, attributes: Attributes, kind: SpanKind = "internal") -> Span:
        """Begin a span that its owner ends: for generators, whose contexts are their callers'."""
        ...

    def traceparent(self) -> str | None:
        """The current span as a W3C trace context header."""
        ...

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter."""
        ...

    def add(self, name: str, amount: float, **labels: str) -> None:
        """Add an amount to a counter, in the unit the metric's name says."""
        ...

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one observation, in the unit the metric's name ends with."""
        ...
