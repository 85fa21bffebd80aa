"""Projections' generations in PostgreSQL: tables per generation, views that readers use, checkpoints."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from ryorin.adapters.postgres.notifications import Channel, Wakeup, wait_for
from ryorin.adapters.postgres.pool import Connection, Pool, rows_of, run
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.projection import ProjectionStatus

W = TypeVar("W")

# an advisory lock, not a row lock: it takes no transaction id, so an idle runner delays no reader of the log
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7)) AS locked"
WAIT_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"
CHECKPOINT = """
SELECT generation, transaction_id::text::bigint AS transaction_id, position FROM projection_generations
WHERE name = %(name)s AND CASE WHEN %(generation)s::int IS NULL THEN state = 'active'
                               ELSE generation = %(generation)s END
  AND (%(fingerprint)s::text IS NULL OR fingerprint = %(fingerprint)s)
"""
ADVANCE = """
UPDATE projection_generations SET transaction_id = %s::text::xid8, position = %s, updated_at = now()
WHERE name = %s AND generation = %s
"""
INSERT = "INSERT INTO projection_generations (name, generation, state, fingerprint) VALUES (%s, %s, %s, %s)"
FINGERPRINT = "SELECT fingerprint FROM projection_generations WHERE name = %s AND state = 'active'"
NEXT = "SELECT COALESCE(max(generation), 0) + 1 AS next FROM projection_generations WHERE name = %s"
LEFTOVERS = "SELECT generation FROM projection_generations WHERE name = %s AND state <> 'active'"
SET_STATE = "UPDATE projection_generations SET state = %s, updated_at = now() WHERE name = %s AND generation = %s"
RETIRE = """
UPDATE projection_generations SET state = 'retired', updated_at = now() WHERE name = %s AND state = 'active'
"""
FORGET = "DELETE FROM projection_generations WHERE name = %s AND generation = %s"
RECORD_ERROR = "UPDATE projection_generations SET error = %s WHERE name = %s AND state = 'active'"
STATUSES = """
SELECT name, generation, state, transaction_id::text::bigint AS transaction_id, position, updated_at, error,
    (SELECT count(*) FROM events e
     WHERE (e.transaction_id, e.position) > (g.transaction_id, g.position)) AS lag
FROM projection_generations g ORDER BY name, generation
"""
POSITIONS = """
SELECT name, transaction_id::text::bigint AS transaction_id, position
FROM projection_generations WHERE state = 'active'
"""
# what a listener has to know at first, in the form of notifications
GREETING = "SELECT name || ' ' || transaction_id || '-' || position FROM projection_generations WHERE state = 'active'"


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables of one generation (`{g}` in the DDL is its number) and the views readers use instead.

    Each view NAME shows table NAME_g{g} of the active generation.
    """

    ddl: str
    views: tuple[str, ...]
    # whether something beside the database still has to be given what a generation holds
    unsettled: str | None = None

    @property
    def fingerprint(self) -> str:
        """Changes with the tables."""
        return hashlib.sha256(self.ddl.encode()).hexdigest()[:16]

    def create(self, generation: int) -> str:
        """The statements that make a generation's tables."""
        return self.ddl.replace("{g}", str(generation))

    def show(self, generation: int) -> str:
        """The statements that make readers see a generation."""
        # dropped first: a view can only be replaced by one with the same columns
        return "\n".join(
            f"DROP VIEW IF EXISTS {view}; CREATE VIEW {view} AS SELECT * FROM {view}_g{generation};"
            for view in self.views
        )

    def drop(self, generation: int) -> str:
        """The statements that remove a generation's tables."""
        return "\n".join(f"DROP TABLE IF EXISTS {view}_g{generation} CASCADE;" for view in self.views)


class PostgresProjectionTransaction(Generic[W]):
    """Checkpoint and rows of one generation on one connection."""

    def __init__(self, connection: Connection, name: str, generation: int, checkpoint: LogPosition, rows: W) -> None:
        self._connection = connection
        self._name = name
        self._generation = generation
        self.checkpoint = checkpoint
        self.rows = rows

    async def advance(self, position: LogPosition) -> None:
        """Move the checkpoint; commits with the rows, and tells waiting readers."""
        parameters = (str(position.transaction_id), position.position, self._name, self._generation)
        await run(self._connection, ADVANCE, parameters)
        await run(
            self._connection,
            "SELECT pg_notify(%s, %s)",
            (Channel.PROJECTIONS.value, f"{self._name} {position}"),
        )


class PostgresProjectionStore(Generic[W]):
    """The `ProjectionStore` port: generations of one projection."""

    def __init__(self, pool: Pool, name: str, schema: Schema, rows: Callable[[Connection, int], W]) -> None:
        self._pool = pool
        self._name = name
        self._schema = schema
        self._rows = rows

    async def ensure(self) -> None:
        """Create the first generation if there is none, and drop what an unfinished rebuild left."""
        async with self._pool.transaction() as connection:
            await run(connection, WAIT_LOCK, (self._name,))
            anything = {"name": self._name, "generation": None, "fingerprint": None}
            if not await rows_of(connection, CHECKPOINT, anything):
                await self._create(connection, 1, "active")
                await run(connection, self._schema.show(1))

    async def outdated(self) -> bool:
        """Whether the active generation was made by another version of Ryorin, or for another embedding model."""
        row = await self._pool.fetch_one(FINGERPRINT, (self._name,))
        return bool(self._schema.ddl) and row is not None and row["fingerprint"] != self._schema.fingerprint

    async def _create(self, connection: Connection, generation: int, state: str) -> None:
        await run(connection, self._schema.create(generation))
        await run(connection, INSERT, (self._name, generation, state, self._schema.fingerprint))

    @asynccontextmanager
    async def open(self, generation: int | None = None) -> AsyncIterator[PostgresProjectionTransaction[W] | None]:
        """Lock a generation for one batch; None when another runner has it, or only those of another version can: while
        processes are replaced one by one, tables of the new version are none of the old one's business.
        """
        async with self._pool.transaction() as connection:
            lock = self._name if generation is None else f"{self._name}#{generation}"
            locked = await rows_of(connection, TRY_LOCK, (lock,))
            own = self._schema.fingerprint if self._schema.ddl else None
            parameters = {"name": self._name, "generation": generation, "fingerprint": own}
            found = await rows_of(connection, CHECKPOINT, parameters) if locked[0]["locked"] else []
            if not found:
                yield None
                return
            row = found[0]
            checkpoint = LogPosition(row["transaction_id"], row["position"])
            rows = self._rows(connection, row["generation"])
            yield PostgresProjectionTransaction(connection, self._name, row["generation"], checkpoint, rows)

    async def begin_rebuild(self) -> int:
        """Create an empty next generation, dropping retired and unfinished ones, and return its number."""
        async with self._pool.transaction() as connection:
            await run(connection, WAIT_LOCK, (f"{self._name} rebuild",))
            for row in await rows_of(connection, LEFTOVERS, (self._name,)):
                await run(connection, self._schema.drop(row["generation"]))
                await run(connection, FORGET, (self._name, row["generation"]))
            generation = int((await rows_of(connection, NEXT, (self._name,)))[0]["next"])
            await self._create(connection, generation, "building")
        return generation

    async def settled(self, generation: int) -> bool:
        """Whether nothing beside the database has to be given any more of what the generation holds."""
        if self._schema.unsettled is None:
            return True
        row = await self._pool.fetch_one(self._schema.unsettled.replace("{g}", str(generation)))
        return row is None

    async def switch_to(self, generation: int) -> None:
        """Make a generation active, atomically for readers; the one before stays until the next rebuild."""
        async with self._pool.transaction() as connection:
            await run(connection, WAIT_LOCK, (self._name,))
            await run(connection, RETIRE, (self._name,))
            await run(connection, SET_STATE, ("active", self._name, generation))
            await run(connection, self._schema.show(generation))

    async def record_error(self, message: str | None) -> None:
        """Keep the last error for `projections status`; None clears it."""
        await self._pool.execute(RECORD_ERROR, (message, self._name))


async def statuses(pool: Pool) -> Sequence[ProjectionStatus]:
    """Every generation of every projection with its lag, counted in events."""
    return [
        ProjectionStatus(
            name=row["name"],
            generation=row["generation"],
            state=row["state"],
            position=LogPosition(row["transaction_id"], row["position"]),
            lag=row["lag"],
            updated_at=row["updated_at"],
            error=row["error"],
        )
        for row in await pool.fetch(STATUSES)
    ]


class PostgresReadPositions:
    """The `ReadPositions` port: told by notifications, read from the table only while those may be missing.

    Notifications of one transaction arrive in order. So whoever waited here for a position has also
    been told every eviction up to it, and may trust this process's memory.

    Read models in `replicated` are read from a streaming replica: they are only as far as its own checkpoints say,
    which are asked for each time (ADR-0027).
    """

    CHECK_SECONDS = 0.25
    # between looks at a replica that is behind
    REPLAY_SECONDS = 0.02

    def __init__(
        self, pool: Pool, wakeup: Wakeup, replica: Pool | None = None, replicated: Collection[str] = ()
    ) -> None:
        self._pool = pool
        self._wakeup = wakeup
        self._replica = replica
        self._replicated = frozenset(replicated) if replica is not None else frozenset[str]()
        self._known: dict[str, LogPosition] = {}
        self._listening = False

    def tell(self, payload: str) -> None:
        """Take a notification: the projection's name and the position it reached."""
        name, _, position = payload.partition(" ")
        self._known[name] = max(LogPosition.parse(position), self._known.get(name, BEGINNING))
        self._wakeup.ring()

    def connection(self, connected: bool) -> None:
        """Notifications arrive from here on (True), the present positions first, or may get lost (False)."""
        self._listening = connected
        self._wakeup.ring()

    async def wait_for(self, read_models: Sequence[str], position: LogPosition, timeout_seconds: float) -> bool:
        """Wait until all named projections passed a position; False after the timeout."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            ticket = self._wakeup.ticket()
            if not self._listening:
                await self._refresh()
            if self._reached(read_models, position):
                return await self._replayed(self._replicated.intersection(read_models), position, deadline)
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await wait_for(ticket, min(left, self.CHECK_SECONDS))

    async def _replayed(self, read_models: Collection[str], position: LogPosition, deadline: float) -> bool:
        """Whether the replica has what its own checkpoints show, in time."""
        while read_models:
            present = await self._positions(self._replica)
            if all(present.get(name, BEGINNING) >= position for name in read_models):
                break
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(self.REPLAY_SECONDS)
        return True

    def _reached(self, read_models: Sequence[str], position: LogPosition) -> bool:
        return all(self._known.get(name, BEGINNING) >= position for name in read_models)

    async def current(self, read_models: Sequence[str]) -> LogPosition:
        """The position that all named projections have reached, as the database has it now."""
        there = self._replicated.intersection(read_models)
        present = await self._positions() if there != set(read_models) else {}
        if there:
            replayed = await self._positions(self._replica)
            present = {**present, **{name: replayed.get(name, BEGINNING) for name in there}}
        return min((present.get(name, BEGINNING) for name in read_models), default=BEGINNING)

    async def told(self, read_models: Sequence[str]) -> LogPosition:
        """The position up to which this process was told; while notifications may get lost, what the database has."""
        if not self._listening:
            await self._refresh()
        return min((self._known.get(name, BEGINNING) for name in read_models), default=BEGINNING)

    async def _refresh(self) -> None:
        for name, position in (await self._positions()).items():
            self._known[name] = max(position, self._known.get(name, BEGINNING))

    async def _positions(self, where: Pool | None = None) -> dict[str, LogPosition]:
        rows = await (where or self._pool).fetch(POSITIONS)
        return {row["name"]: LogPosition(row["transaction_id"], row["position"]) for row in rows}
