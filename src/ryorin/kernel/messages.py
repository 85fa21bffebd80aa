"""Commands, queries and who sends them: the only things the outside world hands to the buses."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Generic, NewType, TypeVar
from uuid import UUID

OrgId = NewType("OrgId", str)
CommandId = NewType("CommandId", UUID)
R_co = TypeVar("R_co", covariant=True)


def uuid7(now_ns: int | None = None, entropy: bytes | None = None) -> UUID:
    """Make a time-ordered UUID version 7 (RFC 9562 section 5.7); inputs are injectable for replay."""
    milliseconds = (time.time_ns() if now_ns is None else now_ns) // 1_000_000
    tail = int.from_bytes(os.urandom(10) if entropy is None else entropy[:10], "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class Scope(StrEnum):
    """What a credential allows; `OWNER` contains all others, `ADMIN` all but `OWNER` (ADR-0023)."""

    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_WRITE = "knowledge:write"
    ANSWERS_READ = "answers:read"
    PROMPTS_WRITE = "prompts:write"
    OPERATIONS = "operations"
    ADMIN = "admin"
    OWNER = "owner"


# all who may read in an organisation at all
EVERYONE = "*"
# whoever it is, without any credential; what is for them is for everyone in the organisation too
PUBLIC = "public"
# what a document may be read by, or an actor reads as; None: reads everything
Readers = tuple[str, ...] | None


def may_read(actor: Readers, document: Iterable[str]) -> bool:
    """Whether one of an actor's readers is among a document's."""
    return actor is None or not set(actor).isdisjoint(document)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which organisation, with which scopes; and as whom documents are read (ADR-0015).

    `readers` are sorted: `*`, and `user:NAME` and `group:NAME` of the credential; None reads everything. `held` are
    scopes in one resource each: (`collection:NAME`, scope).
    """

    org_id: OrgId
    principal_id: str
    scopes: frozenset[str]
    readers: Readers = (EVERYONE,)
    held: frozenset[tuple[str, str]] = frozenset()

    def may(self, scope: str, resource: str = "") -> bool:
        """Tell whether this actor's credential contains `scope`, everywhere or in the resource."""
        if _contains(self.scopes, scope):
            return True
        return bool(resource and self.held) and _contains({one for at, one in self.held if at == resource}, scope)

    def may_somewhere(self, scope: str) -> bool:
        """Tell whether this actor's credential contains `scope`, be it in one resource only."""
        return _contains(self.scopes, scope) or _contains({one for _, one in self.held}, scope)

    def reading_as(self, readers: Readers) -> Actor:
        """The same, with other readers."""
        return replace(self, readers=readers)


def _contains(scopes: Collection[str], scope: str) -> bool:
    return scope in scopes or Scope.OWNER in scopes or (scope != Scope.OWNER and Scope.ADMIN in scopes)


# kinds of resources that roles are held in; messages name them by a field of the kind's name
RESOURCE_FIELDS = ("collection", "prompt")


def resource_of(message: object) -> str:
    """The resource that a message names: `collection:NAME`, `prompt:NAME`; "" when it names none."""
    for kind in RESOURCE_FIELDS:
        name = getattr(message, kind, None)
        if isinstance(name, str) and name:
            return f"{kind}:{name}"
    return ""


class Result:
    """Base of what a command handler answers; a frozen dataclass, stored with the command."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a kind of command is tried, and how long it waits in between (seconds): exponential backoff with full
    jitter (Brooker, AWS Architecture Blog, 2015). Errors with a code of `permanent` are not tried again."""

    attempts: int = 5
    base_seconds: float = 1.0
    cap_seconds: float = 300.0
    permanent: frozenset[str] = frozenset()

    def pause(self, attempts: int, random: float) -> timedelta:
        """The wait before the next attempt; `random` is in [0, 1)."""
        ceiling = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempts, 30))
        return timedelta(seconds=ceiling * (0.5 + 0.5 * random))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request to change state, written in the imperative (`PutDocument`).

    Class attributes say how the bus treats it: `name` is stable on the wire, `queued` sends it
    to a worker, `retry` bounds attempts before the dead letter.
    """

    name: ClassVar[str]
    scope: ClassVar[Scope]
    anywhere: ClassVar[bool] = False
    result_type: ClassVar[type[Result]]
    queued: ClassVar[bool] = False
    queue: ClassVar[str] = "interactive"
    retry: ClassVar[RetryPolicy] = RetryPolicy()

    def needs(self) -> tuple[Scope, ...]:
        """Every scope that this very command needs."""
        return (self.scope,)

    def touches(self) -> str:
        """The resource whose roles allow it too; "": those of the organisation only."""
        return resource_of(self)

    def validate(self) -> None:
        """Raise InvalidInput when a field can never be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Generic[R_co]):
    """A question whose answer type is R_co; `read_models` are the projections it depends on."""

    name: ClassVar[str]
    scope: ClassVar[Scope]
    # whether scopes in any one resource do; its handler then shows what belongs to the actor
    anywhere: ClassVar[bool] = False
    read_models: ClassVar[tuple[str, ...]] = ()

    def depends_on(self) -> tuple[str, ...]:
        """The projections that this very question depends on: a token makes it wait for these."""
        return self.read_models

    def needs(self) -> tuple[Scope, ...]:
        """Every scope that this very question needs."""
        return (self.scope,)

    def touches(self) -> str:
        """The resource whose roles allow it too; "": those of the organisation only."""
        return resource_of(self)

    def validate(self) -> None:
        """Raise InvalidInput when a field can never be accepted."""
