"""Looks at every dependency, for `ryorin doctor` and /readyz."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence

from ryorin.adapters.llamacpp.chat import bundled_model
from ryorin.adapters.postgres.projections import statuses
from ryorin.bootstrap.settings import MEGABYTE, Settings
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.entrypoints.services import Check
from ryorin.kernel.errors import Unavailable

MIN_FREE_BYTES = 500 * MEGABYTE
VERSIONS = """
SELECT current_setting('server_version') AS server,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector
"""
REPLAYED = """
SELECT pg_is_in_recovery() AS replica,
       CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE COALESCE(EXTRACT(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END::float8 AS behind
"""
ORDER = """
SELECT transaction_id >= pg_snapshot_xmax(pg_current_snapshot()) AS ahead FROM events
ORDER BY events.transaction_id DESC, events.position DESC LIMIT 1
"""


class Checks:
    """Database, disk, embeddings, bundled model and projections."""

    def __init__(self, base: Foundation, engine: EmbeddingEngine, settings: Settings) -> None:
        self._base = base
        self._engine = engine
        self._settings = settings

    async def run(self) -> Sequence[Check]:
        """All checks, the failing ones with a remedy."""
        return [
            await self._database(),
            *await self._replica(),
            await self._order(),
            self._disk(),
            await self._embedding(),
            self._model(),
            await self._queue(),
            *await self._projections(),
        ]

    async def _database(self) -> Check:
        try:
            row = await self._base.pool.fetch_one(VERSIONS)
        except Unavailable as error:
            return Check(
                "database",
                False,
                error.detail,
                "start PostgreSQL, or unset RYORIN_DATABASE_URL to use the embedded one",
            )
        kind = "external" if self._settings.database_url else "embedded"
        return Check("database", True, f"PostgreSQL {row['server']} ({kind}), pgvector {row['vector']}" if row else "")

    async def _replica(self) -> list[Check]:
        if self._settings.database_read_url is None:
            return []
        remedy = "start the replica, or unset RYORIN_DATABASE_READ_URL to read from the database itself"
        try:
            row = await self._base.reading.fetch_one(REPLAYED)
        except Unavailable as error:
            return [Check("replica", False, error.detail, remedy)]
        if row is None or not row["replica"]:
            return [Check("replica", False, "RYORIN_DATABASE_READ_URL is no replica: it takes writes", remedy)]
        return [Check("replica", True, f"has what was committed {row['behind']:.1f} s ago at the latest")]

    async def _order(self) -> Check:
        """A log that was copied without its cluster's transaction ids would be read by nobody for a long time."""
        try:
            row = await self._base.pool.fetch_one(ORDER)
        except Unavailable as error:
            return Check("log", False, error.detail)
        if row is not None and row["ahead"]:
            return Check(
                "log",
                False,
                "events have transaction ids that this PostgreSQL has not reached: they were restored by pg_dump",
                "restore a physical backup (`ryorin restore`, pg_basebackup); see docs/en/backup.md",
            )
        return Check("log", True, "in the order of this PostgreSQL's transactions")

    def _disk(self) -> Check:
        free = shutil.disk_usage(self._settings.data_dir).free
        detail = f"{self._settings.data_dir}: {free / MEGABYTE / 1024:.1f} GB free"
        return Check("disk", free > MIN_FREE_BYTES, detail, "free some space, or set RYORIN_DATA_DIR to a larger disk")

    async def _embedding(self) -> Check:
        vector = await asyncio.to_thread(self._engine.embed_queries, ["ryorin"])
        detail = f"{self._engine.model_id}, {vector.shape[1]} dimensions"
        return Check("embedding", vector.shape == (1, self._engine.dimensions), detail)

    def _model(self) -> Check:
        path = bundled_model()
        return Check("model smollm2", path.is_file(), str(path.name), "reinstall with `make setup`")

    async def _queue(self) -> Check:
        remedy = "start the broker of RYORIN_BROKER__URL; until then commands are accepted and wait"
        try:
            waiting = sum((await self._base.queue.depth()).values())
        except Unavailable as error:
            return Check("queue", False, error.detail, remedy, needed=False)
        kind = "in the database" if self._settings.broker.url is None else "at the broker"
        return Check("queue", True, f"{waiting} messages wait {kind}", needed=False)

    async def _projections(self) -> list[Check]:
        try:
            found = await statuses(self._base.pool)
        except Unavailable:
            return []  # the database check above tells already
        return [
            Check(
                f"projection {status.name}",
                status.error is None,
                status.error or f"generation {status.generation}, {status.lag} events behind",
                f"see the log, then `ryorin projections rebuild {status.name}`",
            )
            for status in found
            if status.state == "active"
        ]
