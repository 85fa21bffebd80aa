"""Work that is done once for all who want it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class NextRound(Generic[T]):
    """One piece of work for all who want it at the same time, begun after each of them came."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody works and nobody waits."""
        return self._next is None and (self._running is None or self._running.done())

    async def join(self) -> T:
        """The result of a round that begins after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._go(self._running))
        return await asyncio.shield(self._next)

    async def _go(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        return await self._work()
