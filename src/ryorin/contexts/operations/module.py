"""Builds operations: which handler answers which message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ryorin.contexts.operations import commands, queries
from ryorin.contexts.operations.commands import DiscardCommand, OperationDone, RebuildProjection, RetryCommand
from ryorin.contexts.operations.queries import (
    AuditEntry,
    CommandView,
    GetCommand,
    ListCommands,
    ListProjections,
    ListTogether,
    ReadAuditLog,
)
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.commands import CommandFilter, CommandRecord, CommandState
from ryorin.kernel.errors import Conflict, InvalidInput, NotFound
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.messages import Actor, Command, CommandId, OrgId, Query
from ryorin.kernel.ports import CommandLog, UnitOfWork
from ryorin.kernel.projection import ProjectionRunner, ProjectionStatus

ENDED_BADLY = (CommandState.FAILED, CommandState.DEAD, CommandState.CANCELLED)


class AuditLog(Protocol):
    """The event log, as people who have to answer for it read it."""

    async def read(self, org_id: OrgId, query: ReadAuditLog) -> Sequence[AuditEntry]: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What operations look at; `runners` are the projections by name."""

    log: CommandLog
    runners: Mapping[str, ProjectionRunner[Any]]
    statuses: Callable[[], Awaitable[Sequence[ProjectionStatus]]]
    audit: AuditLog


def view(record: CommandRecord) -> CommandView:
    """A command as people see it."""
    payload = to_json(record.envelope.command)
    assert isinstance(payload, dict)
    return CommandView(
        id=str(record.envelope.id),
        name=record.envelope.command.name,
        state=record.state.value,
        ended=record.ended,
        attempts=record.attempts,
        accepted_at=record.accepted_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        next_attempt_at=record.next_attempt_at,
        payload=payload,
        progress=record.progress,
        result=record.result,
        error=record.error,
        position=str(record.position) if record.position else None,
        sequence=record.sequence,
    )


class RetryCommandHandler(CommandHandler[RetryCommand, None]):
    """Requeues."""

    def __init__(self, log: CommandLog) -> None:
        self._log = log

    async def decide(self, command: RetryCommand, prepared: None, run: Run, work: UnitOfWork) -> OperationDone:
        changed = None
        if command.changes is not None:
            changed = await self._changed(run.actor.org_id, CommandId(command.id), command.changes)
        record = await self._log.requeue(run.actor.org_id, CommandId(command.id), changed)
        return OperationDone(str(command.id), record.state.value)

    async def _changed(self, org_id: OrgId, command_id: CommandId, changes: Mapping[str, object]) -> Command:
        record = await self._log.get(org_id, command_id)
        if record is None:
            raise NotFound(f"there is no command {command_id}")
        if record.state not in ENDED_BADLY:
            raise Conflict(f"command {command_id} is {record.state.value} and cannot be retried")
        kind, payload = type(record.envelope.command), to_json(record.envelope.command)
        assert isinstance(payload, Mapping)
        if unknown := sorted(changes.keys() - payload.keys()):
            raise InvalidInput(f"{kind.name} has no field {', '.join(unknown)}; it has {', '.join(sorted(payload))}")
        changed: Command = from_json(kind, to_json({**payload, **changes}))
        changed.validate()
        return changed


class DiscardCommandHandler(CommandHandler[DiscardCommand, None]):
    """Cancels."""

    def __init__(self, log: CommandLog) -> None:
        self._log = log

    async def decide(self, command: DiscardCommand, prepared: None, run: Run, work: UnitOfWork) -> OperationDone:
        record = await self._log.discard(run.actor.org_id, CommandId(command.id))
        return OperationDone(str(command.id), record.state.value)


class RebuildProjectionHandler(CommandHandler[RebuildProjection, int]):
    """Rebuilds blue/green, outside the command's transaction."""

    def __init__(self, runners: Mapping[str, ProjectionRunner[Any]]) -> None:
        self._runners = runners

    async def prepare(self, command: RebuildProjection, run: Run) -> int:
        """Fill and switch; raises NotFound when there is no such projection."""
        runner = self._runners.get(command.projection)
        if runner is None:
            known = ", ".join(sorted(self._runners))
            raise NotFound(f"there is no projection {command.projection!r}; there are {known}")
        return await runner.rebuild()

    async def decide(self, command: RebuildProjection, prepared: int, run: Run, work: UnitOfWork) -> OperationDone:
        return OperationDone(command.projection, f"generation {prepared}")


def command_handlers(ports: Ports) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.RetryCommand: RetryCommandHandler(ports.log),
        commands.DiscardCommand: DiscardCommandHandler(ports.log),
        commands.RebuildProjection: RebuildProjectionHandler(ports.runners),
    }


def query_handlers(ports: Ports) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""

    async def list_commands(query: ListCommands, actor: Actor) -> tuple[CommandView, ...]:
        which = CommandFilter(query.state, query.command_name, query.before, query.limit)
        return tuple(view(record) for record in await ports.log.list(actor.org_id, which))

    async def get_command(query: GetCommand, actor: Actor) -> CommandView:
        record = await ports.log.wait_ended(actor.org_id, CommandId(query.id), query.wait_seconds)
        everyones = actor.may(GetCommand.scope)
        if record is None or not (everyones or record.envelope.actor.principal_id == actor.principal_id):
            raise NotFound(f"there is no command {query.id}")
        return view(record)

    async def list_together(query: ListTogether, actor: Actor) -> tuple[CommandView, ...]:
        which = CommandFilter(limit=queries.MAX_LIMIT, correlation_id=query.correlation_id)
        return tuple(view(record) for record in await ports.log.list(actor.org_id, which))

    async def list_projections(query: ListProjections, actor: Actor) -> tuple[ProjectionStatus, ...]:
        return tuple(await ports.statuses())

    async def read_audit_log(query: ReadAuditLog, actor: Actor) -> tuple[AuditEntry, ...]:
        return tuple(await ports.audit.read(actor.org_id, query))

    return {
        queries.ReadAuditLog: read_audit_log,
        queries.ListCommands: list_commands,
        queries.GetCommand: get_command,
        queries.ListTogether: list_together,
        queries.ListProjections: list_projections,
    }
