"""The log, asked whether a collection or a prompt changed; and what collections decided about their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from cachebox import LRUCache

from ryorin.adapters.postgres.pool import Pool
from ryorin.contexts.knowledge.pipeline import CacheStage, Pipeline
from ryorin.kernel.codec import from_json
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import OrgId

# committed, settled or not: what has not settled yet is yet to be dealt with
NEWEST = """
SELECT transaction_id::text::bigint AS transaction_id, position FROM events
WHERE (transaction_id, position) > (%(transaction_id)s::text::xid8, %(position)s)
  AND org_id = %(org_id)s AND type = ANY(%(types)s) AND data->>%(field)s = %(name)s
ORDER BY events.transaction_id DESC, events.position DESC LIMIT 1
"""
STAGE = "SELECT pipeline FROM search_collections WHERE org_id = %s AND collection = %s"
# decided rarely, and asked for with every hit
REMEMBERED, REMEMBER_SECONDS = 10_000, 2.0
# for so long an answer waits for it, where nothing is known and where something is (seconds)
ASK_SECONDS, MOMENT_SECONDS = 1.0, 0.1


class PostgresCommittedChanges:
    """The `CommittedChanges` port; `types` are the events that answers may depend on, `field` names what changed."""

    def __init__(self, pool: Pool, types: Sequence[str], field: str = "collection") -> None:
        self._pool = pool
        self._types = list(types)
        self._field = field

    async def newest_after(self, org_id: OrgId, name: str, after: LogPosition) -> LogPosition | None:
        """The newest committed change after a position."""
        parameters = {
            "transaction_id": str(after.transaction_id),
            "position": after.position,
            "org_id": org_id,
            "types": self._types,
            "field": self._field,
            "name": name,
        }
        row = await self._pool.fetch_one(NEWEST, parameters)
        return LogPosition(row["transaction_id"], row["position"]) if row else None


class PostgresCacheStages:
    """The `CacheStages` port; a decision takes effect within two seconds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: LRUCache[tuple[str, str], tuple[float, CacheStage]] = LRUCache(REMEMBERED)
        self._asking: set[asyncio.Task[CacheStage]] = set()

    async def of(self, org_id: OrgId, collection: str) -> CacheStage:
        """What a collection has decided; nothing when there is none of that name.

        What it had decided when it was last heard, while the database does not answer.
        """
        key = (org_id, collection)
        at, known = self._known.get(key) or (None, CacheStage())
        if at is not None and monotonic() - at < REMEMBER_SECONDS:
            return known
        if at is None:
            return await self._asked(key, known)
        # whoever comes meanwhile does not ask too, and nobody waits for what is known but for a moment
        self._known[key] = monotonic(), known
        asking = asyncio.create_task(self._asked(key, known))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        await asyncio.wait({asking}, timeout=MOMENT_SECONDS)
        return asking.result() if asking.done() else known

    async def _asked(self, key: tuple[str, str], known: CacheStage) -> CacheStage:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                row = await self._pool.fetch_one(STAGE, key)
        except (Unavailable, TimeoutError):
            # tried again when that would be due
            self._known[key] = monotonic(), known
            return known
        pipeline: Pipeline = from_json(Pipeline, row["pipeline"] if row else {})
        self._known[key] = monotonic(), pipeline.cache
        return pipeline.cache
