"""What the command log knows of a command: its envelope, its state and how it ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ryorin.kernel.codec import JSON, to_json
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, Command, CommandId


class CommandState(StrEnum):
    """The life of a command (DESIGN.md section 4).

    `FAILED` with a next attempt is waiting to be retried; without one the input was refused for
    good. `DEAD` ran out of attempts and waits for a person.
    """

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command on its way: identity, actor, idempotency key, trace, and the address it came from."""

    id: CommandId
    command: Command
    actor: Actor
    idempotency_key: str | None = None
    correlation_id: str = ""
    traceparent: str | None = None
    source: str = ""

    @property
    def body_hash(self) -> str:
        """Fingerprint of the command's name and fields; the same key must come with the same body."""
        body = json.dumps([self.command.name, to_json(self.command)], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, and when the next one starts (None: never by itself)."""

    state: CommandState
    code: str
    detail: str
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One row of the command log."""

    envelope: Envelope
    sequence: int
    state: CommandState
    attempts: int
    accepted_at: datetime
    lease: UUID | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    next_attempt_at: datetime | None = None
    progress: Mapping[str, JSON] | None = None
    result: Mapping[str, JSON] | None = None
    error: Mapping[str, JSON] | None = None
    position: LogPosition | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to this command by itself."""
        waiting = self.state is CommandState.FAILED and self.next_attempt_at is not None
        return not waiting and self.state not in (CommandState.ACCEPTED, CommandState.RUNNING)


@dataclass(frozen=True, slots=True)
class CommandFilter:
    """Which commands a listing shows, newest first; `before` continues an earlier page."""

    state: CommandState | None = None
    name: str | None = None
    before: int | None = None
    limit: int = 50
    correlation_id: str | None = None
