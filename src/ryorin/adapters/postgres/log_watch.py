"""Tells all who follow the log in a process of news: at each notification, and with one look in case one was lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ryorin.adapters.postgres.notifications import Wakeup, wait_for
from ryorin.adapters.postgres.pool import Pool, Row
from ryorin.kernel.events import BEGINNING, LogPosition

# how late a lost notification is made up for (DESIGN.md section 4)
POLL_SECONDS = 0.25
# committed events that no reader gets yet have not settled: worth a short nap, not a long wait
NAP_SECONDS = 0.01
# settled: of transactions older than every running one, nothing can still appear before them (ADR-0002)
ENDS = """
SELECT newest.transaction_id AS newest_transaction, newest.position AS newest_position,
       settled.transaction_id AS settled_transaction, settled.position AS settled_position
FROM (SELECT transaction_id::text::bigint AS transaction_id, position FROM events
      ORDER BY events.transaction_id DESC, events.position DESC LIMIT 1) AS newest
LEFT JOIN (SELECT transaction_id::text::bigint AS transaction_id, position FROM events
           WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY events.transaction_id DESC, events.position DESC LIMIT 1) AS settled ON true
"""


@dataclass(frozen=True, slots=True)
class LogEnds:
    """The last event that is committed, and the last one that readers get."""

    newest: LogPosition
    settled: LogPosition


class LogWatch:
    """Waits for events; however many wait, they look together."""

    def __init__(self, pool: Pool, wakeup: Wakeup) -> None:
        self._pool = pool
        self._wakeup = wakeup
        self._next: asyncio.Task[LogEnds] | None = None

    async def ends(self) -> LogEnds:
        """Where the log ends; a call shares a look that begins after it, never one that is under way."""
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        # one who gives up must not take the look from the others
        return await asyncio.shield(self._next)

    async def _look(self) -> LogEnds:
        # a task starts when all who were woken together have come
        self._next = None
        row = await self._pool.fetch_one(ENDS)
        if row is None:
            return LogEnds(BEGINNING, BEGINNING)
        return LogEnds(_position(row, "newest"), _position(row, "settled"))

    async def beyond(self, after: LogPosition, timeout_seconds: float) -> None:
        """Return at the next append, when readers get events after a position, or after the timeout.

        Raises Unavailable when the database does not answer.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while True:
            ticket = self._wakeup.ticket()
            ends = await self.ends()
            left = deadline - loop.time()
            if ends.settled > after or left <= 0:
                return
            # all who poll do it at the same moments, so that one look serves them
            pause = NAP_SECONDS if ends.newest > after else POLL_SECONDS - loop.time() % POLL_SECONDS
            if await wait_for(ticket, min(pause, left)):
                return


def _position(row: Row, name: str) -> LogPosition:
    transaction_id = row[f"{name}_transaction"]
    return BEGINNING if transaction_id is None else LogPosition(transaction_id, row[f"{name}_position"])
