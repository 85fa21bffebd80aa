"""The work queue in memory: messages in the order they become due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from ryorin.kernel.messages import CommandId

_ALWAYS = datetime.min.replace(tzinfo=UTC)


class MemoryWorkQueue:
    """The `WorkQueue` port; `due` hands out what a worker would get."""

    transactional = True

    def __init__(self) -> None:
        self._jobs: list[tuple[datetime, CommandId, str]] = []

    async def enqueue(
        self, command_id: CommandId, queue: str, not_before: datetime | None, within: object | None = None
    ) -> None:
        """Deliver an id once it is due."""
        self._jobs.append((not_before or _ALWAYS, command_id, queue))

    async def depth(self) -> Mapping[str, int]:
        """How many messages wait in each queue."""
        return Counter(queue for _, _, queue in self._jobs)

    def due(self, now: datetime) -> list[str]:
        """Take everything that is due: for each message the queue whose turn it is."""
        taken = [job for job in self._jobs if job[0] <= now]
        self._jobs = [job for job in self._jobs if job[0] > now]
        return [queue for _, _, queue in taken]

    def lose_everything(self) -> None:
        """Be a broker that was wiped."""
        self._jobs.clear()
