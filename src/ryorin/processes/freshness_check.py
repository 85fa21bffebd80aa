"""Whether this process was told every change that was committed before it was asked (ADR-0011).

Changes are asked for by the name of what changed: a collection, or a prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, Protocol, TypeVar

from ryorin.contexts.answers.queries import FRESHNESS_MODEL
from ryorin.kernel.bounded import Remembered
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import ReadPositions

T = TypeVar("T")

# how long a hit waits for invalidations before the answer is made anew (seconds)
WAIT_SECONDS = 2.0
# how long the log may take to answer at all (seconds)
ASK_SECONDS = 5.0
# a check that will do is made anew behind the asker's back once it is this share of its bound old: when the log cannot
# be asked any more, most of the bound is still to come
AHEAD = 0.1
# names whose last check is remembered
REMEMBERED = 10_000

Key = tuple[OrgId, str]


class CommittedChanges(Protocol):
    """The log, asked about one collection or prompt."""

    async def newest_after(self, org_id: OrgId, name: str, after: LogPosition) -> LogPosition | None:
        """The newest committed change of what answers may depend on; None when there is none after a position."""
        ...


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


class FreshnessCheck:
    """Asks the log, once for all who want to know it at the same time; `read_model` is what must have the changes."""

    def __init__(self, changes: CommittedChanges, positions: ReadPositions, read_model: str = FRESHNESS_MODEL) -> None:
        self._changes = changes
        self._positions = positions
        self._read_models = (read_model,)
        self._rounds: dict[Key, NextRound[bool]] = {}
        self._ahead: set[asyncio.Task[bool]] = set()
        self._checked_at: Remembered[Key, float] = Remembered(REMEMBERED)

    async def up_to_date(self, org_id: OrgId, name: str, max_age_seconds: float = 0.0) -> bool:
        """Whether memory and store know of every change; a check that is younger than `max_age_seconds` will do.

        False when they do not within two seconds, and when the log cannot be asked.
        """
        key = (org_id, name)
        if max_age_seconds and self.checked_within(org_id, name, max_age_seconds):
            if key not in self._rounds and not self.checked_within(org_id, name, max_age_seconds * AHEAD):
                ahead = asyncio.create_task(self._joined(key))
                self._ahead.add(ahead)
                ahead.add_done_callback(self._ahead.discard)
            return True
        return await self._joined(key)

    async def _joined(self, key: Key) -> bool:
        following = self._rounds.get(key)
        if following is None:
            following = self._rounds[key] = NextRound(lambda: self._check(key))
        try:
            return await following.join()
        finally:
            if following.idle and self._rounds.get(key) is following:
                del self._rounds[key]

    def checked_within(self, org_id: OrgId, name: str, seconds: float) -> bool:
        """Whether a check that found everything up to date began at most so long ago."""
        checked_at = self.checked_at(org_id, name)
        return checked_at is not None and monotonic() - checked_at <= seconds

    def checked_at(self, org_id: OrgId, name: str) -> float | None:
        """When the last check that found everything up to date began, by the monotonic clock (seconds)."""
        return self._checked_at.get((org_id, name))

    async def _check(self, key: Key) -> bool:
        began = monotonic()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                if not await self._reached(key):
                    return False
        except (Unavailable, TimeoutError):
            # whoever needs to know goes on without a hit, and meets the same trouble there
            return False
        self._checked_at.put(key, began)
        return True

    async def _reached(self, key: Key) -> bool:
        told = await self._positions.told(self._read_models)
        newest = await self._changes.newest_after(*key, told)
        return newest is None or await self._positions.wait_for(self._read_models, newest, WAIT_SECONDS)
