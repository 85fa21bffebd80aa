"""Projections in memory: generations of rows, each with its checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Generic, TypeVar

from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.projection import ProjectionTransaction

W = TypeVar("W")
POLL_SECONDS = 0.005


@dataclass(slots=True)
class _Generation(Generic[W]):
    """Checkpoint and rows; as a transaction, a copy that replaces them when it commits."""

    rows: W
    checkpoint: LogPosition = BEGINNING

    async def advance(self, position: LogPosition) -> None:
        """Move the checkpoint."""
        self.checkpoint = position


class MemoryProjectionStore(Generic[W]):
    """The `ProjectionStore` port; `rows` are those of the active generation."""

    def __init__(self, empty: Callable[[], W]) -> None:
        self._empty = empty
        self._generations: dict[int, _Generation[W]] = {1: _Generation(empty())}
        self._busy: set[int] = set()
        self.active = 1
        self.error: str | None = None

    @property
    def rows(self) -> W:
        """What readers see."""
        return self._generations[self.active].rows

    @property
    def position(self) -> LogPosition:
        """How far the active generation is."""
        return self._generations[self.active].checkpoint

    @asynccontextmanager
    async def open(self, generation: int | None = None) -> AsyncIterator[ProjectionTransaction[W] | None]:
        """Lock a generation for one batch; None when another runner has it."""
        number = generation or self.active
        if number in self._busy:
            yield None
            return
        self._busy.add(number)
        try:
            working = deepcopy(self._generations[number])
            yield working
            self._generations[number] = working
        finally:
            self._busy.discard(number)

    async def begin_rebuild(self) -> int:
        """Create an empty next generation and return its number."""
        number = max(self._generations) + 1
        self._generations[number] = _Generation(self._empty())
        return number

    async def settled(self, generation: int) -> bool:
        """There is nothing outside."""
        return True

    async def switch_to(self, generation: int) -> None:
        """Make a generation the active one."""
        self.active = generation

    async def record_error(self, message: str | None) -> None:
        """Keep the last error."""
        self.error = message


class MemoryReadPositions:
    """The `ReadPositions` port over stores by name."""

    def __init__(self, stores: dict[str, MemoryProjectionStore[object]]) -> None:
        self._stores = stores

    async def wait_for(self, read_models: Sequence[str], position: LogPosition, timeout_seconds: float) -> bool:
        """Wait until all named projections passed a position; False after the timeout."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while await self.current(read_models) < position:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def current(self, read_models: Sequence[str]) -> LogPosition:
        """The position that all named projections have reached."""
        return await self.told(read_models)

    async def told(self, read_models: Sequence[str]) -> LogPosition:
        """As `current`: in memory everyone is told at once."""
        return min((self._stores[name].position for name in read_models), default=BEGINNING)
