"""The command log in memory: acceptance, leases, retries and dead letters by the rules of PostgreSQL's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ryorin.kernel.codec import JSON, to_json
from ryorin.kernel.commands import CommandFilter, CommandRecord, CommandState, Envelope, Failure
from ryorin.kernel.errors import Conflict, LeaseLost, NotFound
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Command, CommandId, OrgId, Result
from ryorin.kernel.ports import Clock, Ids, WorkQueue

LEASE_SECONDS = 20.0
POLL_SECONDS = 0.01


class MemoryCommandLog:
    """The `CommandLog` port, plus what transactions do to its rows."""

    def __init__(self, clock: Clock, ids: Ids, queue: WorkQueue) -> None:
        self._clock = clock
        self._ids = ids
        self._queue = queue
        self._rows: dict[CommandId, CommandRecord] = {}
        self._expiry: dict[CommandId, datetime] = {}
        # of those that were changed since
        self._sent_as: dict[CommandId, str] = {}

    async def accept(self, envelope: Envelope) -> CommandRecord:
        """Keep the row and enqueue; raises Conflict when the key is taken."""
        record = self.added(envelope, CommandState.ACCEPTED)
        self.put(record)
        await self._queue.enqueue(envelope.id, envelope.command.queue, None)
        return record

    def added(self, envelope: Envelope, state: CommandState) -> CommandRecord:
        """The row of a new command, not kept yet; raises Conflict when its key is taken."""
        if envelope.idempotency_key and self._by_key(envelope.actor.org_id, envelope.idempotency_key):
            raise Conflict(f"idempotency key {envelope.idempotency_key!r} is in use")
        now, running = self._clock.now(), state is CommandState.RUNNING
        return CommandRecord(
            envelope=envelope,
            sequence=len(self._rows) + 1,
            state=state,
            attempts=int(running),
            accepted_at=now,
            lease=self._ids.new() if running else None,
            started_at=now if running else None,
        )

    def put(self, record: CommandRecord) -> None:
        """Keep a row."""
        self._rows[record.envelope.id] = record

    def succeeded(self, record: CommandRecord, result: Result, position: LogPosition) -> CommandRecord:
        """The row of a command that is done."""
        said = to_json(result)
        assert isinstance(said, Mapping)
        return replace(
            record,
            state=CommandState.SUCCEEDED,
            result=said,
            error=None,
            lease=None,
            finished_at=self._clock.now(),
            position=position,
        )

    def failed(self, record: CommandRecord, failure: Failure) -> CommandRecord:
        """The row of a command whose attempt failed."""
        return replace(
            record,
            state=failure.state,
            error={"code": failure.code, "detail": failure.detail},
            next_attempt_at=failure.next_attempt_at,
            lease=None,
            finished_at=None if failure.next_attempt_at else self._clock.now(),
        )

    def check_lease(self, record: CommandRecord) -> None:
        """Raise LeaseLost unless the row still has this lease; a row not kept yet is the transaction's own."""
        kept = self._rows.get(record.envelope.id)
        if kept is not None and (kept.lease is None or kept.lease != record.lease):
            raise LeaseLost(f"command {record.envelope.id} is no longer this worker's")

    def _by_key(self, org_id: OrgId, key: str) -> CommandRecord | None:
        found = (row for row in self._rows.values() if row.envelope.idempotency_key == key)
        return next((row for row in found if row.envelope.actor.org_id == org_id), None)

    async def find_by_key(self, org_id: OrgId, idempotency_key: str) -> tuple[CommandRecord, str] | None:
        """The command accepted under a key, with its body hash."""
        row = self._by_key(org_id, idempotency_key)
        return (row, self._sent_as.get(row.envelope.id, row.envelope.body_hash)) if row else None

    async def get(self, org_id: OrgId, command_id: CommandId) -> CommandRecord | None:
        """One command of an organisation."""
        row = self._rows.get(command_id)
        return row if row is not None and row.envelope.actor.org_id == org_id else None

    async def list(self, org_id: OrgId, which: CommandFilter) -> Sequence[CommandRecord]:
        """Commands of an organisation, newest first."""
        rows = (row for row in self._rows.values() if row.envelope.actor.org_id == org_id)
        found = [
            row
            for row in sorted(rows, key=lambda row: -row.sequence)
            if (which.state is None or row.state is which.state)
            and (which.name is None or row.envelope.command.name == which.name)
            and (which.before is None or row.sequence < which.before)
            and which.correlation_id in (None, row.envelope.correlation_id)
        ]
        return found[: which.limit]

    async def lease(self, queue: str) -> CommandRecord | None:
        """Take the command of a queue whose turn it is for one attempt."""
        of_queue = [row for row in self._rows.values() if row.envelope.command.queue == queue]
        busy = Counter(row.envelope.actor.org_id for row in of_queue if self._under_way(row))
        runnable = [row for row in of_queue if self._runnable(row)]
        if not runnable:
            return None
        row = min(runnable, key=lambda row: (busy[row.envelope.actor.org_id], row.accepted_at, row.sequence))
        interrupted = row.state is CommandState.RUNNING
        taken = replace(
            row,
            state=CommandState.RUNNING,
            attempts=row.attempts + (not interrupted),
            lease=self._ids.new(),
            next_attempt_at=None,
            started_at=row.started_at or self._clock.now(),
        )
        self.put(taken)
        self._expiry[row.envelope.id] = self._clock.now() + timedelta(seconds=LEASE_SECONDS)
        return taken

    def _under_way(self, row: CommandRecord) -> bool:
        return row.state is CommandState.RUNNING and not self._runnable(row)

    def _runnable(self, row: CommandRecord) -> bool:
        now = self._clock.now()
        if row.state is CommandState.FAILED:
            return row.next_attempt_at is not None and row.next_attempt_at <= now
        if row.state is CommandState.RUNNING:
            return self._expiry.get(row.envelope.id, now) < now
        return row.state is CommandState.ACCEPTED

    async def extend(self, record: CommandRecord, progress: Mapping[str, JSON] | None = None) -> None:
        """Keep a lease alive, and record progress; raises LeaseLost when it is gone."""
        self.check_lease(record)
        row = self._rows[record.envelope.id]
        self.put(replace(row, progress=progress or row.progress))
        self._expiry[record.envelope.id] = self._clock.now() + timedelta(seconds=LEASE_SECONDS)

    async def requeue(self, org_id: OrgId, command_id: CommandId, changed: Command | None = None) -> CommandRecord:
        """Give a failed or dead command its attempts back, `changed` or as it is; raises NotFound or Conflict."""
        states = (CommandState.FAILED, CommandState.DEAD, CommandState.CANCELLED)
        row = await self._changeable(org_id, command_id, states, "retried")
        self._sent_as.setdefault(command_id, row.envelope.body_hash)
        envelope = replace(row.envelope, command=changed or row.envelope.command)
        again = replace(
            row,
            envelope=envelope,
            state=CommandState.ACCEPTED,
            attempts=0,
            next_attempt_at=None,
            finished_at=None,
            progress=None,
        )
        self.put(again)
        await self._queue.enqueue(command_id, row.envelope.command.queue, None)
        return again

    async def discard(self, org_id: OrgId, command_id: CommandId) -> CommandRecord:
        """Cancel a command that is not running; raises NotFound or Conflict."""
        states = (CommandState.ACCEPTED, CommandState.FAILED, CommandState.DEAD)
        row = await self._changeable(org_id, command_id, states, "discarded")
        gone = replace(row, state=CommandState.CANCELLED, next_attempt_at=None, finished_at=self._clock.now())
        self.put(gone)
        return gone

    async def _changeable(
        self, org_id: OrgId, command_id: CommandId, states: Sequence[CommandState], verb: str
    ) -> CommandRecord:
        row = await self.get(org_id, command_id)
        if row is None:
            raise NotFound(f"there is no command {command_id}")
        if row.state not in states:
            raise Conflict(f"command {command_id} is {row.state.value} and cannot be {verb}")
        return row

    async def sweep(self) -> Sequence[CommandId]:
        """Send a message for every runnable command that has none."""
        unspent, lost = Counter(await self._queue.depth()), []
        for row in [row for row in self._rows.values() if self._runnable(row)]:
            queue = row.envelope.command.queue
            if unspent[queue] > 0:
                unspent[queue] -= 1
                continue
            await self._queue.enqueue(row.envelope.id, queue, None)
            lost.append(row.envelope.id)
        return lost

    async def wait_ended(self, org_id: OrgId, command_id: CommandId, timeout_seconds: float) -> CommandRecord | None:
        """The command once it ended, or as it is after the timeout."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            row = await self.get(org_id, command_id)
            if row is None or row.ended or asyncio.get_running_loop().time() >= deadline:
                return row
            await asyncio.sleep(POLL_SECONDS)
