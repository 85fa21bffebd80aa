"""The work queue in memory: ids in the order they become due."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import UTC, datetime

from ryorin.kernel.messages import CommandId

_ALWAYS = datetime.min.replace(tzinfo=UTC)


class MemoryWorkQueue:
    """The `WorkQueue` port; `due` hands out what a worker would get."""

    def __init__(self) -> None:
        self._jobs: list[tuple[datetime, CommandId, str]] = []

    async def enqueue(
        self, command_id: CommandId, queue: str, not_before: datetime | None, within: object | None = None
    ) -> None:
        """Deliver an id once it is due."""
        self._jobs.append((not_before or _ALWAYS, command_id, queue))

    async def waiting(self, ids: Sequence[CommandId]) -> Set[CommandId]:
        """Which of the ids are in the queue."""
        return {command_id for _, command_id, _ in self._jobs} & set(ids)

    def due(self, now: datetime) -> list[CommandId]:
        """Take everything that is due."""
        taken = [job for job in self._jobs if job[0] <= now]
        self._jobs = [job for job in self._jobs if job[0] > now]
        return [command_id for _, command_id, _ in taken]

    def lose_everything(self) -> None:
        """Be a broker that was wiped."""
        self._jobs.clear()
