"""What can be asked about commands and projections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from ryorin.kernel.codec import JSON
from ryorin.kernel.commands import CommandState
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.messages import Query, Scope
from ryorin.kernel.projection import ProjectionStatus

MAX_LIMIT = 500
MAX_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command as its organisation sees it; `position` is the consistency token of its effects."""

    id: str
    name: str
    state: str
    ended: bool
    attempts: int
    accepted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    payload: Mapping[str, JSON]
    progress: Mapping[str, JSON] | None
    result: Mapping[str, JSON] | None
    error: Mapping[str, JSON] | None
    position: str | None
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCommands(Query[tuple[CommandView, ...]]):
    """Which commands were sent, newest first? `before` is the sequence that ended the page before."""

    name: ClassVar[str] = "operations.list_commands"
    scope: ClassVar[Scope] = Scope.OPERATIONS

    state: CommandState | None = None
    command_name: str | None = None
    before: int | None = None
    limit: int = 50

    def validate(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_LIMIT}")
        if self.before is not None and not 0 <= self.before < 2**63:
            raise InvalidInput(f"before is {self.before}; it must be a sequence number of an earlier page")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCommand(Query[CommandView]):
    """How is a command? `wait_seconds` waits for its end that long. Raises NotFound."""

    name: ClassVar[str] = "operations.get_command"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    # whoever may write one collection only looks after commands of his own
    anywhere: ClassVar[bool] = True

    id: UUID
    wait_seconds: float = 0.0

    def validate(self) -> None:
        if not 0 <= self.wait_seconds <= MAX_WAIT_SECONDS:
            raise InvalidInput(f"wait is {self.wait_seconds:g} s; it must be 0-{MAX_WAIT_SECONDS:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTogether(Query[tuple[CommandView, ...]]):
    """How are the commands that were sent under one correlation id? At most 500, newest first."""

    name: ClassVar[str] = "operations.list_together"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ

    correlation_id: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was changed: what and on which stream, by whom, through which command, from which address."""

    position: str
    at: datetime
    what: str
    on: str
    version: int
    who: str
    command: str
    correlation: str
    source: str
    details: Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAuditLog(Query[tuple[AuditEntry, ...]]):
    """What was changed, in the order of the log? `after` is the position that ended the page before.

    `who` and `what` are names or their beginnings (`user:alice`, `identity.`).
    """

    name: ClassVar[str] = "operations.read_audit_log"
    scope: ClassVar[Scope] = Scope.ADMIN

    after: LogPosition = BEGINNING
    since: datetime | None = None
    until: datetime | None = None
    who: str = ""
    what: str = ""
    limit: int = 500

    def validate(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_LIMIT}")
        for name, at in (("since", self.since), ("until", self.until)):
            if at is not None and at.tzinfo is None:
                raise InvalidInput(f"{name} needs a time zone, such as 2026-11-22T09:00:00Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProjections(Query[tuple[ProjectionStatus, ...]]):
    """How far are the read models?"""

    name: ClassVar[str] = "operations.list_projections"
    scope: ClassVar[Scope] = Scope.OPERATIONS
