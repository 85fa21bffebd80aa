"""Webhooks on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ryorin.adapters.postgres.pool import Connection, Pool, Row, rows_of, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.webhooks.specs import Webhook, WebhookSpec
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE webhooks_g{g} (
    org_id text NOT NULL, webhook text NOT NULL, spec jsonb NOT NULL, PRIMARY KEY (org_id, webhook));
"""
SCHEMA = Schema(DDL, ("webhooks",))
PUT = """
INSERT INTO webhooks_g{g} (org_id, webhook, spec) VALUES (%s, %s, %s)
ON CONFLICT (org_id, webhook) DO UPDATE SET spec = excluded.spec
"""
REMOVE = "DELETE FROM webhooks_g{g} WHERE org_id = %s AND webhook = %s"
ALL = "SELECT webhook, spec FROM webhooks WHERE org_id = %s ORDER BY webhook"


class PostgresWebhookRows:
    """The `WebhookRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def put(self, org_id: OrgId, webhook: str, spec: WebhookSpec) -> None:
        """Write a webhook."""
        stored = json.dumps(to_json(spec), ensure_ascii=False)
        await run(self._connection, PUT.replace("{g}", str(self._generation)), (org_id, webhook, stored))

    async def remove(self, org_id: OrgId, webhook: str) -> None:
        """Delete a webhook."""
        await run(self._connection, REMOVE.replace("{g}", str(self._generation)), (org_id, webhook))

    async def all(self, org_id: OrgId) -> Sequence[Webhook]:
        """By name."""
        return [_webhook(row) for row in await rows_of(self._connection, ALL, (org_id,))]


class PostgresWebhooks:
    """The `Webhooks` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self, org_id: OrgId) -> Sequence[Webhook]:
        """By name."""
        return [_webhook(row) for row in await self._pool.fetch(ALL, (org_id,))]


def _webhook(row: Row) -> Webhook:
    return Webhook(row["webhook"], from_json(WebhookSpec, row["spec"]))
