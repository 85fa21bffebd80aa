"""For whom the documents of collections are, remembered until a notification says that it changed."""

from __future__ import annotations

import asyncio

from cachebox import LRUCache

from ryorin.adapters.postgres.pool import Pool
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

NAMED = "SELECT readers FROM answer_collections WHERE org_id = %s AND collection = %s"
REMEMBERED = 10_000
# for so long an answer waits for what was known before (seconds)
ASK_SECONDS = 0.15

_Key = tuple[str, str]


class PostgresAudiences:
    """The `Audiences` port; hears notifications through `told` and `connection`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # with the round of notifications in which it was read
        self._known: LRUCache[_Key, tuple[int, frozenset[str] | None]] = LRUCache(REMEMBERED)
        self._round = 0
        self._connected = False

    async def named(self, org_id: OrgId, collection: str) -> frozenset[str] | None:
        """Readers of restricted documents; what was known last, while the database does not answer."""
        key = (org_id, collection)
        read_in, known = self._known.get(key) or (None, None)
        if read_in == self._round and self._connected:
            return known
        began = self._round
        try:
            async with asyncio.timeout(ASK_SECONDS if read_in is not None else None):
                row = await self._pool.fetch_one(NAMED, key)
        except (Unavailable, TimeoutError):
            if read_in is None:
                raise
            return known
        found = frozenset(row["readers"]) if row and row["readers"] is not None else None
        self._known[key] = began, found
        return found

    def told(self, payload: str) -> None:
        """Take a notification: `readers US org US collection US`; others are not for us."""
        if payload.startswith("readers\x1f"):
            self._round += 1

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), or may get lost (False)."""
        self._connected = connected
        self._round += 1
