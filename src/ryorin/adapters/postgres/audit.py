"""The event log as an audit log: nothing is copied, so that nothing can differ."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.adapters.postgres.pool import Pool
from ryorin.contexts.operations.queries import AuditEntry, ReadAuditLog
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import OrgId

# what proves a key is nobody's business, were it a hash
HIDDEN = ("secret_hash",)
READ = """
SELECT transaction_id::text::bigint AS transaction_id, position, recorded_at, type, stream_id, version, data, metadata
FROM events
WHERE org_id = %(org_id)s AND (transaction_id, position) > (%(transaction_id)s::text::xid8, %(position)s)
  AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
  AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR recorded_at < %(until)s)
  AND starts_with(metadata->>'principal_id', %(who)s) AND starts_with(type, %(what)s)
ORDER BY events.transaction_id, events.position LIMIT %(limit)s
"""


class PostgresAuditLog:
    """The `AuditLog` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, org_id: OrgId, query: ReadAuditLog) -> Sequence[AuditEntry]:
        """A page of an organisation's events, oldest first."""
        parameters = {
            "org_id": org_id,
            "transaction_id": str(query.after.transaction_id),
            "position": query.after.position,
            "since": query.since,
            "until": query.until,
            "who": query.who,
            "what": query.what,
            "limit": query.limit,
        }
        return [
            AuditEntry(
                position=str(LogPosition(row["transaction_id"], row["position"])),
                at=row["recorded_at"],
                what=row["type"],
                on=row["stream_id"],
                version=row["version"],
                who=row["metadata"]["principal_id"],
                command=row["metadata"]["causation_id"],
                correlation=row["metadata"]["correlation_id"],
                source=row["metadata"].get("source", ""),
                details={name: value for name, value in row["data"].items() if name not in HIDDEN},
            )
            for row in await self._pool.fetch(READ, parameters, anew=True)
        ]
