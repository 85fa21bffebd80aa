"""Objectives on PostgreSQL: rows, and what a process remembers of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, Pool, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.traffic.events import ObjectiveLevelChanged, ObjectivePut
from ryorin.contexts.traffic.queries import ObjectiveView
from ryorin.contexts.traffic.specs import ObjectiveSpec
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE traffic_objectives_g{g} (
    org_id text NOT NULL, objective text NOT NULL, spec jsonb NOT NULL, level text NOT NULL, told text NOT NULL,
    author text NOT NULL, changed_at timestamptz NOT NULL, PRIMARY KEY (org_id, objective));
"""
SCHEMA = Schema(DDL, ("traffic_objectives",))
PUT = """
INSERT INTO traffic_objectives_g{g} (org_id, objective, spec, level, told, author, changed_at)
VALUES (%s, %s, %s, 'ok', '', %s, %s)
ON CONFLICT (org_id, objective) DO UPDATE SET spec = excluded.spec, level = 'ok', told = '', author = excluded.author,
    changed_at = excluded.changed_at
"""
REMOVE = "DELETE FROM traffic_objectives_g{g} WHERE org_id = %s AND objective = %s"
LEVEL = """
UPDATE traffic_objectives_g{g} SET level = %s, told = %s, changed_at = %s WHERE org_id = %s AND objective = %s
"""
ALL = "SELECT * FROM traffic_objectives ORDER BY org_id, objective"
BURNING = "SELECT level, count(*) AS objectives FROM traffic_objectives GROUP BY level"
TOLD = "objectives\x1f"


class PostgresObjectiveRows:
    """The `ObjectiveRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, *parameters: object) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def put(self, org_id: OrgId, put: ObjectivePut, at: datetime) -> None:
        """Write an objective."""
        spec = json.dumps(to_json(put.spec), ensure_ascii=False)
        await self._run(PUT, org_id, put.objective, spec, put.author, at)

    async def remove(self, org_id: OrgId, objective: str) -> None:
        """Delete an objective."""
        await self._run(REMOVE, org_id, objective)

    async def level(self, org_id: OrgId, changed: ObjectiveLevelChanged, at: datetime) -> None:
        """Write how it stands."""
        await self._run(LEVEL, changed.after, changed.told, at, org_id, changed.objective)

    async def changed(self) -> None:
        """Tell every process, when the transaction commits."""
        await run(self._connection, "SELECT pg_notify(%s, %s)", (Channel.EVICTIONS.value, f"{TOLD}\x1f\x1f"))


class PostgresObjectives:
    """The `Objectives` port; hears notifications through `told` and `connection`.

    Objectives of all organisations are remembered: they are few, and every answer asks for its share.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: tuple[tuple[OrgId, ObjectiveView], ...] = ()
        self._shares: Mapping[tuple[OrgId, str, str], float] = {}
        self._round = 0
        self._read_in: int | None = None
        self._connected = False

    async def all(self, org_id: OrgId) -> Sequence[ObjectiveView]:
        """By name."""
        return [view for owner, view in await self.known() if owner == org_id]

    async def everywhere(self) -> Sequence[tuple[OrgId, ObjectiveView]]:
        """Of all organisations."""
        return await self.known()

    async def share(self, org_id: OrgId, prompt: str, label: str) -> float:
        """The greatest share that one of them wants stored; raises Unavailable.

        While notifications do not arrive, what was known last counts: no answer waits for a database that is away.
        """
        if self._connected:
            await self.known()
        return self._shares.get((org_id, prompt, label), 0.0)

    async def known(self) -> Sequence[tuple[OrgId, ObjectiveView]]:
        """All of them; as they were last, while the database does not answer. Raises Unavailable before that."""
        if self._read_in == self._round and self._connected:
            return self._known
        began = self._round
        try:
            rows = await self._pool.fetch(ALL)
        except Unavailable:
            if self._read_in is None:
                raise
            return self._known
        self._known = tuple(
            (
                OrgId(row["org_id"]),
                ObjectiveView(
                    row["objective"],
                    from_json(ObjectiveSpec, row["spec"]),
                    row["level"],
                    row["author"],
                    row["changed_at"],
                    row["told"],
                ),
            )
            for row in rows
        )
        shares: dict[tuple[OrgId, str, str], float] = {}
        for org_id, view in self._known:
            key = org_id, view.spec.prompt, view.spec.label
            shares[key] = max(shares.get(key, 0.0), view.spec.samples)
        self._shares, self._read_in = shares, began
        return self._known

    def told(self, payload: str) -> None:
        """Take a notification: `objectives US US`; others are not for us."""
        if payload.startswith(TOLD):
            self._round += 1

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), or may get lost (False)."""
        self._connected = connected
        self._round += 1
