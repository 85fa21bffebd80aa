"""What handlers are: plain objects that prepare outside a transaction and decide inside one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from ryorin.kernel.codec import JSON
from ryorin.kernel.commands import CommandRecord
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.messages import Actor, Command, Query, Result
from ryorin.kernel.ports import UnitOfWork

C = TypeVar("C", bound=Command)
P = TypeVar("P")
Q_contra = TypeVar("Q_contra", bound=Query[Any], contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Run:
    """One attempt at a command: what the handler may know of it, and its way to report progress."""

    def __init__(self, record: CommandRecord) -> None:
        self.record = record
        self.progress: Mapping[str, JSON] | None = None
        self.changed = asyncio.Event()

    @property
    def actor(self) -> Actor:
        """Who sent the command."""
        return self.record.envelope.actor

    def report(self, phase: str, done: int, total: int) -> None:
        """Note progress; the bus writes the newest note to the log, the ones between may be skipped."""
        self.progress = {"phase": phase, "done": done, "total": total}
        self.changed.set()


class CommandHandler(ABC, Generic[C, P]):
    """One use case. `prepare` does slow work without a transaction, `decide` changes state in one."""

    async def prepare(self, command: C, run: Run) -> P:
        """Do what takes long and needs no transaction; repeated on a retry."""
        return None  # type: ignore[return-value]  # handlers without slow work have P = None

    @abstractmethod
    async def decide(self, command: C, prepared: P, run: Run, work: UnitOfWork) -> Result:
        """Load, decide in the aggregate, save; repeated when another writer was faster."""

    async def on_failure(self, command: C, error: RyorinError, run: Run, work: UnitOfWork) -> None:
        """Record in the aggregate that the command was refused for good, if the domain wants to know."""
        return


class QueryHandler(Protocol[Q_contra, R_co]):
    """Answers one query from read models."""

    async def __call__(self, query: Q_contra, actor: Actor) -> R_co: ...


class StreamHandler(Protocol[Q_contra, R_co]):
    """Answers one query piece by piece."""

    def __call__(self, query: Q_contra, actor: Actor) -> AsyncIterator[R_co]: ...
