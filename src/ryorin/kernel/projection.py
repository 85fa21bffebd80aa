"""Projections: events become read models; each has a checkpoint and generations that can be rebuilt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from ryorin.kernel.errors import NewerVersion, Unavailable
from ryorin.kernel.events import LogPosition, RecordedEvent
from ryorin.kernel.ports import EventStore, Telemetry

W = TypeVar("W")
W_contra = TypeVar("W_contra", contravariant=True)
W_co = TypeVar("W_co", covariant=True)

logger = logging.getLogger(__name__)

# between tries while another runner has the projection, and between looks at a rebuild
POLL_SECONDS = 0.25
# however quiet the log is: another process may have switched to a generation that is behind
LOOK_SECONDS = 5.0
MAX_PAUSE_SECONDS = 5.0
# a store that is down must not keep a read model from being rebuilt
SETTLE_SECONDS = 600.0


class Projection(Protocol[W_contra]):
    """Copies what events say into rows; decides nothing."""

    @property
    def name(self) -> str: ...

    async def apply(self, events: Sequence[RecordedEvent], rows: W_contra) -> None:
        """Write the rows of a batch of events, in order; applying a batch twice never happens."""
        ...


class ProjectionTransaction(Protocol[W_co]):
    """Checkpoint and rows of one generation, in one transaction."""

    @property
    def checkpoint(self) -> LogPosition: ...

    @property
    def rows(self) -> W_co: ...

    async def advance(self, position: LogPosition) -> None:
        """Move the checkpoint; commits with the rows."""
        ...


class ProjectionStore(Protocol[W_co]):
    """Where one projection keeps its generations."""

    def open(self, generation: int | None = None) -> AbstractAsyncContextManager[ProjectionTransaction[W_co] | None]:
        """Lock a generation (None: the active one) for one batch; None when another runner has it."""
        ...

    async def begin_rebuild(self) -> int:
        """Create an empty next generation and return its number."""
        ...

    async def settled(self, generation: int) -> bool:
        """Whether what lies outside the store, such as vectors elsewhere, has all of a generation too."""
        ...

    async def switch_to(self, generation: int) -> None:
        """Make a generation the active one, atomically for readers; retire the one before it."""
        ...

    async def record_error(self, message: str | None) -> None:
        """Keep the last error for `projections status`; None clears it."""
        ...


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """One line of `ryorin projections status`; `lag` counts settled events not yet applied."""

    name: str
    generation: int
    state: str
    position: LogPosition
    lag: int
    updated_at: datetime | None
    error: str | None


class ProjectionRunner(Generic[W]):
    """Feeds one projection from the log, batch by batch."""

    def __init__(
        self,
        projection: Projection[W],
        store: ProjectionStore[W],
        events: EventStore,
        telemetry: Telemetry,
        batch_size: int = 100,
    ) -> None:
        self.projection = projection
        self._store = store
        self._events = events
        self._telemetry = telemetry
        self._batch_size = batch_size

    async def catch_up(self, generation: int | None = None) -> LogPosition | None:
        """Apply settled events until none is left; the position reached, None if another runner has it."""
        while True:
            async with self._store.open(generation) as transaction:
                if transaction is None:
                    return None
                batch = await self._events.read_all(transaction.checkpoint, self._batch_size)
                if not batch:
                    return transaction.checkpoint
                with self._telemetry.span(
                    "projection.apply",
                    {"ryorin.projection": self.projection.name, "ryorin.batch.events": len(batch)},
                    parents=tuple({one.metadata.traceparent or "": None for one in batch}),
                    kind="consumer",
                ):
                    await self.projection.apply(batch, transaction.rows)
                await transaction.advance(batch[-1].position)

    async def rebuild(self, settle: bool = True) -> int:
        """Fill a next generation beside the active one, switch to it and return its number.

        With `settle` it is served only when other stores have it too, or after a while without them.
        """
        generation = await self._store.begin_rebuild()
        await self.catch_up(generation)
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while settle and not await self._store.settled(generation) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            await self.catch_up(generation)
        await self._store.switch_to(generation)
        await self.catch_up()
        return generation

    async def run(self) -> None:
        """Follow the log until cancelled; an error is recorded and retried, never skipped."""
        failures = 0
        while True:
            try:
                reached = await self.catch_up()
                if failures:
                    await self._store.record_error(None)
                failures = 0
                if reached is not None:
                    await self._events.wait(reached, LOOK_SECONDS)
                    continue
            except Exception as error:  # a projection must outlive any one failure; it is shown in its status
                failures += 1
                await self._note(error)
            await asyncio.sleep(min(POLL_SECONDS * 2**failures, MAX_PAUSE_SECONDS))

    async def _note(self, error: Exception) -> None:
        if isinstance(error, Unavailable | NewerVersion):
            # what it needs is away, and it goes on when that is back; or another process is to go on
            logger.warning("projection %s waits: %s", self.projection.name, error.detail)
        else:
            logger.exception("projection %s failed", self.projection.name)
        self._telemetry.count("ryorin_projection_errors_total", projection=self.projection.name)
        try:
            await self._store.record_error(f"{type(error).__name__}: {error}")
        except Exception:  # the store itself may be what failed; the log line above has the cause
            logger.warning("projection %s: its error could not be recorded", self.projection.name)
