"""The command log in PostgreSQL: acceptance, leases, retries, dead letters and the sweeper."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from ryorin.adapters.postgres import command_sql as sql
from ryorin.adapters.postgres.notifications import Channel, Wakeup, wait_for
from ryorin.adapters.postgres.owner import OwnerName
from ryorin.adapters.postgres.pool import Connection, Pool, Row, rows_of, run
from ryorin.kernel.codec import JSON, Registry, from_json, to_json
from ryorin.kernel.commands import CommandFilter, CommandRecord, CommandState, Envelope, Failure
from ryorin.kernel.errors import Conflict, LeaseLost, NotFound, Unavailable
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, Command, CommandId, OrgId, Result
from ryorin.kernel.ports import WorkQueue

logger = logging.getLogger(__name__)

# three renewals long: a busy event loop must not cost a worker its lease
LEASE_SECONDS = 20.0
# a command that took its worker down this often is not tried again by itself
# two beside others, which are not blamed for them, and the rest alone: they can be a coincidence of restarts only
SUSPECT_INTERRUPTIONS, MAX_INTERRUPTIONS = 2, 8
POLL_SECONDS = 1.0


class PostgresCommandLog:
    """The `CommandLog` port, plus the statements that command transactions run on their connection."""

    def __init__(
        self, pool: Pool, registry: Registry[Command], queue: WorkQueue, owner: OwnerName, wakeup: Wakeup
    ) -> None:
        self._pool = pool
        self._registry = registry
        self._queue = queue
        self._owner = owner
        self._wakeup = wakeup

    async def accept(self, envelope: Envelope) -> CommandRecord:
        """Write the row and enqueue, in one transaction; raises Conflict when the key is taken."""
        async with self._pool.transaction() as connection:
            record = await self._insert(connection, envelope, CommandState.ACCEPTED)
            await self._wake_within(connection, envelope)
        await self._wake_after(envelope)
        return record

    async def _wake_within(self, connection: Connection, envelope: Envelope, due: datetime | None = None) -> None:
        if self._queue.transactional:
            await self._queue.enqueue(envelope.id, envelope.command.queue, due, connection)

    async def _wake_after(self, envelope: Envelope) -> None:
        if self._queue.transactional:
            return
        try:
            await self._queue.enqueue(envelope.id, envelope.command.queue, None)
        except Unavailable as error:
            # it is accepted all the same: the sweeper tells the workers when they can be told
            logger.warning("%s", error.detail)

    async def accept_running(self, connection: Connection, envelope: Envelope) -> CommandRecord:
        """Write the row of a command that this transaction itself carries out."""
        return await self._insert(connection, envelope, CommandState.RUNNING)

    async def _insert(self, connection: Connection, envelope: Envelope, state: CommandState) -> CommandRecord:
        parameters = {
            "id": envelope.id,
            "org_id": envelope.actor.org_id,
            "name": envelope.command.name,
            "payload": Jsonb(to_json(envelope.command)),
            "body_hash": envelope.body_hash,
            "idempotency_key": envelope.idempotency_key,
            "correlation_id": envelope.correlation_id,
            "traceparent": envelope.traceparent,
            "actor": Jsonb({**_actor_json(envelope.actor), "source": envelope.source}),
            "queue": envelope.command.queue,
            "state": state.value,
            "lease_owner": self._owner.name,
        }
        try:
            rows = await rows_of(connection, sql.INSERT, parameters)
        except UniqueViolation as error:
            raise Conflict(f"idempotency key {envelope.idempotency_key!r} is in use") from error
        return self._record(rows[0])

    async def succeed(
        self, connection: Connection, record: CommandRecord, result: Result, position: LogPosition
    ) -> None:
        """Mark a command done inside the transaction of its events; raises LeaseLost."""
        parameters = {
            "id": record.envelope.id,
            "lease": record.lease,
            "result": Jsonb(to_json(result)),
            "transaction_id": str(position.transaction_id),
            "position": position.position,
        }
        await self._fenced(connection, sql.SUCCEED, parameters, record)

    async def fail(self, connection: Connection, record: CommandRecord, failure: Failure) -> None:
        """Record a failed attempt and enqueue the next one; raises LeaseLost."""
        parameters = {
            "id": record.envelope.id,
            "lease": record.lease,
            "state": failure.state.value,
            "error": Jsonb({"code": failure.code, "detail": failure.detail}),
            "next_attempt_at": failure.next_attempt_at,
        }
        await self._fenced(connection, sql.FAIL, parameters, record)
        if failure.next_attempt_at is not None:
            # a queue that cannot join the transaction leaves what is not due yet to the sweeper
            await self._wake_within(connection, record.envelope, failure.next_attempt_at)

    async def _fenced(
        self, connection: Connection, statement: str, parameters: Mapping[str, object], record: CommandRecord
    ) -> None:
        if not await run(connection, statement, parameters):
            raise LeaseLost(f"command {record.envelope.id} is no longer this worker's")
        await run(connection, "SELECT pg_notify(%s, '')", (Channel.COMMANDS.value,))

    async def find_by_key(self, org_id: OrgId, idempotency_key: str) -> tuple[CommandRecord, str] | None:
        """The command accepted under a key, with its body hash."""
        row = await self._pool.fetch_one(sql.BY_KEY, (org_id, idempotency_key))
        return (self._record(row), row["body_hash"]) if row else None

    async def get(self, org_id: OrgId, command_id: CommandId) -> CommandRecord | None:
        """One command of an organisation."""
        row = await self._pool.fetch_one(sql.GET, (org_id, command_id))
        return self._record(row) if row else None

    async def list(self, org_id: OrgId, which: CommandFilter) -> Sequence[CommandRecord]:
        """Commands of an organisation, newest first."""
        parameters = {
            "org_id": org_id,
            "state": which.state,
            "name": which.name,
            "before": which.before,
            "limit": which.limit,
            "correlation_id": which.correlation_id,
        }
        statement = sql.LIST if which.correlation_id is None else sql.LIST_CORRELATED
        return [self._record(row) for row in await self._pool.fetch(statement, parameters)]

    async def lease(self, queue: str) -> CommandRecord | None:
        """Take the command whose turn it is for one attempt; one that killed too many workers becomes a dead letter."""
        parameters = {
            "queue": queue,
            "owner": self._owner.name,
            "seconds": LEASE_SECONDS,
            "max_interruptions": MAX_INTERRUPTIONS,
            "suspect": SUSPECT_INTERRUPTIONS,
            "names": self._registry.names,
        }
        while True:
            async with self._pool.connection() as connection:
                row = next(iter(await rows_of(connection, sql.LEASE, parameters)), None)
            if row is None:
                return None
            if row["state"] == CommandState.RUNNING:
                return self._record(row)

    async def extend(self, record: CommandRecord, progress: Mapping[str, JSON] | None = None) -> None:
        """Keep a lease alive, and record progress; raises LeaseLost when it is gone."""
        parameters = {
            "id": record.envelope.id,
            "lease": record.lease,
            "seconds": LEASE_SECONDS,
            "progress": Jsonb(progress) if progress else None,
        }
        async with self._pool.transaction() as connection:
            await self._fenced(connection, sql.EXTEND, parameters, record)

    async def requeue(self, org_id: OrgId, command_id: CommandId, changed: Command | None = None) -> CommandRecord:
        """Give a failed or dead command its attempts back, `changed` or as it is; raises NotFound or Conflict."""
        async with self._pool.transaction() as connection:
            if changed is not None:
                await run(connection, sql.REWRITE, (Jsonb(to_json(changed)), org_id, command_id))
            record = await self._change(connection, sql.REQUEUE, org_id, command_id, "retried")
            await self._wake_within(connection, record.envelope)
        await self._wake_after(record.envelope)
        return record

    async def discard(self, org_id: OrgId, command_id: CommandId) -> CommandRecord:
        """Cancel a command that is not running; raises NotFound or Conflict."""
        async with self._pool.transaction() as connection:
            return await self._change(connection, sql.DISCARD, org_id, command_id, "discarded")

    async def _change(
        self, connection: Connection, statement: str, org_id: OrgId, command_id: CommandId, verb: str
    ) -> CommandRecord:
        rows = await rows_of(connection, statement, (org_id, command_id))
        if rows:
            await run(connection, "SELECT pg_notify(%s, '')", (Channel.COMMANDS.value,))
            return self._record(rows[0])
        present = await rows_of(connection, sql.GET, (org_id, command_id))
        if not present:
            raise NotFound(f"there is no command {command_id}")
        raise Conflict(f"command {command_id} is {present[0]['state']} and cannot be {verb}")

    async def sweep(self) -> Sequence[CommandId]:
        """Send a message for every runnable command that has none; for which ones."""
        await self._free_leases_of_the_dead()
        rows = await self._pool.fetch(sql.RUNNABLE)
        if not rows:
            return []
        # any message wakes a worker for any command of its queue
        unspent = Counter(await self._queue.depth())
        lost = []
        for row in rows:
            if unspent[row["queue"]] > 0:
                unspent[row["queue"]] -= 1
                continue
            await self._queue.enqueue(CommandId(row["id"]), row["queue"], None)
            lost.append(CommandId(row["id"]))
        return lost

    async def _free_leases_of_the_dead(self) -> None:
        owners = [row["lease_owner"] for row in await self._pool.fetch(sql.LEASE_OWNERS)]
        dead = [owner for owner in owners if self._owner.is_dead(owner)]
        if dead:
            await self._pool.execute(sql.FREE_LEASES, (dead,))

    async def wait_ended(self, org_id: OrgId, command_id: CommandId, timeout_seconds: float) -> CommandRecord | None:
        """The command once it ended, or as it is after the timeout."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            ticket = self._wakeup.ticket()
            record = await self.get(org_id, command_id)
            left = deadline - asyncio.get_running_loop().time()
            if record is None or record.ended or left <= 0:
                return record
            await wait_for(ticket, min(left, POLL_SECONDS))

    def _record(self, row: Row) -> CommandRecord:
        actor = row["actor"]
        envelope = Envelope(
            id=CommandId(row["id"]),
            command=self._registry.decode(row["name"], row["payload"]),
            actor=Actor(OrgId(actor["org_id"]), actor["principal_id"], frozenset(actor["scopes"]), held=_held(actor)),
            idempotency_key=row["idempotency_key"],
            correlation_id=row["correlation_id"],
            traceparent=row["traceparent"],
            source=actor.get("source", ""),
        )
        return CommandRecord(
            envelope=envelope,
            sequence=row["sequence"],
            state=CommandState(row["state"]),
            attempts=row["attempts"],
            accepted_at=row["accepted_at"],
            lease=from_json(UUID, str(row["lease"])) if row["lease"] else None,
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            next_attempt_at=row["next_attempt_at"],
            progress=row["progress"],
            result=row["result"],
            error=row["error"],
            position=_position(row),
        )


def _position(row: Row) -> LogPosition | None:
    if row["position"] is None:
        return None
    return LogPosition(row["transaction_id"], row["position"])


def _actor_json(actor: Actor) -> Mapping[str, JSON]:
    return {
        "org_id": actor.org_id,
        "principal_id": actor.principal_id,
        "scopes": sorted(actor.scopes),
        "held": [list(one) for one in sorted(actor.held)],
    }


def _held(actor: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    # commands of earlier versions have none
    return frozenset((resource, scope) for resource, scope in actor.get("held", ()))
