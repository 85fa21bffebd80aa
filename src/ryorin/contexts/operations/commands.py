"""What can be done about commands and projections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope


@dataclass(frozen=True, slots=True)
class OperationDone(Result):
    """What was operated on, and how it stands now."""

    target: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryCommand(Command):
    """Give a failed, dead or cancelled command its attempts back.

    With `changes`, fields of its payload have other values from then on, which only administrators may decide: it runs
    in the name of whoever sent it. Raises InvalidInput for fields that its kind of command does not have, or values
    that it does not accept.
    """

    name: ClassVar[str] = "operations.retry_command"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    result_type: ClassVar[type[Result]] = OperationDone

    id: UUID
    changes: Mapping[str, object] | None = None

    def needs(self) -> tuple[Scope, ...]:
        return (self.scope,) if self.changes is None else (self.scope, Scope.ADMIN)

    def validate(self) -> None:
        if self.changes is not None and not self.changes:
            raise InvalidInput("payload names no field to change; leave it out to try again with what was sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardCommand(Command):
    """Cancel a command that is not running."""

    name: ClassVar[str] = "operations.discard_command"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    result_type: ClassVar[type[Result]] = OperationDone

    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProjection(Command):
    """Fill a projection's next generation beside the one that serves, then switch."""

    name: ClassVar[str] = "operations.rebuild_projection"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    result_type: ClassVar[type[Result]] = OperationDone
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "interactive"

    projection: str


COMMANDS: tuple[type[Command], ...] = (RetryCommand, DiscardCommand, RebuildProjection)
