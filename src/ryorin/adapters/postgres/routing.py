"""Routing on PostgreSQL: rows of experts and gates, what a process remembers of them, gates' bytes, decisions."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cachebox import LRUCache

from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, Pool, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.routing.experts import Example, Expert, ExpertSpec, GateVersion, RoutingDecision
from ryorin.contexts.routing.queries import GatesView
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE routing_experts_g{g} (
    org_id text NOT NULL, expert text NOT NULL, spec jsonb NOT NULL, PRIMARY KEY (org_id, expert));
CREATE TABLE routing_gates_g{g} (
    org_id text NOT NULL, version int NOT NULL, trained jsonb NOT NULL, active boolean NOT NULL DEFAULT false,
    PRIMARY KEY (org_id, version));
"""
SCHEMA = Schema(DDL, ("routing_experts", "routing_gates"))

PUT_EXPERT = """
INSERT INTO routing_experts_g{g} (org_id, expert, spec) VALUES (%s, %s, %s)
ON CONFLICT (org_id, expert) DO UPDATE SET spec = excluded.spec
"""
REMOVE_EXPERT = "DELETE FROM routing_experts_g{g} WHERE org_id = %s AND expert = %s"
PUT_GATE = "INSERT INTO routing_gates_g{g} (org_id, version, trained) VALUES (%s, %s, %s)"
ACTIVATE = "UPDATE routing_gates_g{g} SET active = (version = %s) WHERE org_id = %s"
EXPERTS = "SELECT expert, spec FROM routing_experts WHERE org_id = %s ORDER BY expert"
GATES = "SELECT version, trained, active FROM routing_gates WHERE org_id = %s ORDER BY version DESC"
PUT_OBJECT = """
INSERT INTO routing_objects (org_id, content_hash, content) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
GET_OBJECT = "SELECT content FROM routing_objects WHERE org_id = %s AND content_hash = %s"
REMEMBER = """
INSERT INTO routing_decisions (org_id, id, question, decision) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
JUDGE = "UPDATE routing_decisions SET judged_at = now(), expert = %s WHERE org_id = %s AND id = %s RETURNING id"
JUDGED = """
SELECT question, expert FROM routing_decisions WHERE org_id = %s AND judged_at IS NOT NULL ORDER BY judged_at
"""
# what nobody judged is forgotten; what somebody did stays until it is erased
PURGE = "DELETE FROM routing_decisions WHERE judged_at IS NULL AND decided_at < now() - interval '30 days'"
TOLD = "routing\x1f"
REMEMBERED = 10_000
# decisions that wait to be written; what comes beyond cannot be judged
MAX_WAITING = 10_000


class PostgresRoutingRows:
    """The `RoutingRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, *parameters: object) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def put_expert(self, org_id: OrgId, expert: str, spec: ExpertSpec) -> None:
        """Write an expert."""
        await self._run(PUT_EXPERT, org_id, expert, _stored(spec))

    async def remove_expert(self, org_id: OrgId, expert: str) -> None:
        """Delete an expert."""
        await self._run(REMOVE_EXPERT, org_id, expert)

    async def put_gate(self, org_id: OrgId, trained: GateVersion) -> None:
        """Write a version."""
        await self._run(PUT_GATE, org_id, trained.version, _stored(trained))

    async def activate_gate(self, org_id: OrgId, version: int) -> None:
        """Have one version decide."""
        await self._run(ACTIVATE, version, org_id)

    async def changed(self, org_id: OrgId) -> None:
        """Tell every process, when the transaction commits."""
        payload = f"{TOLD}{org_id}\x1f\x1f"
        await run(self._connection, "SELECT pg_notify(%s, %s)", (Channel.EVICTIONS.value, payload))


class PostgresRoutings:
    """The `Routings` port; hears notifications through `told` and `connection`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # with the round of notifications in which it was read
        self._known: LRUCache[str, tuple[int, tuple[Expert, ...], GatesView]] = LRUCache(REMEMBERED)
        self._round = 0
        self._connected = False

    async def experts(self, org_id: OrgId) -> Sequence[Expert]:
        """By name."""
        return (await self._of(org_id))[0]

    async def gates(self, org_id: OrgId) -> GatesView:
        """Newest first."""
        return (await self._of(org_id))[1]

    async def _of(self, org_id: OrgId) -> tuple[tuple[Expert, ...], GatesView]:
        known = self._known.get(org_id)
        if known is not None and known[0] == self._round and self._connected:
            return known[1], known[2]
        began = self._round
        try:
            experts, gates = await self._read(org_id)
        except Unavailable:
            if known is None:
                raise
            return known[1], known[2]
        self._known[org_id] = began, experts, gates
        return experts, gates

    async def _read(self, org_id: OrgId) -> tuple[tuple[Expert, ...], GatesView]:
        rows = await self._pool.fetch(EXPERTS, (org_id,))
        experts = tuple(Expert(row["expert"], from_json(ExpertSpec, row["spec"])) for row in rows)
        gates = await self._pool.fetch(GATES, (org_id,))
        active = next((int(row["version"]) for row in gates if row["active"]), None)
        return experts, GatesView(active, tuple(from_json(GateVersion, row["trained"]) for row in gates))

    def told(self, payload: str) -> None:
        """Take a notification: `routing US org US US`; others are not for us."""
        if payload.startswith(TOLD):
            self._round += 1

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), or may get lost (False)."""
        self._connected = connected
        self._round += 1


class PostgresRoutingObjects:
    """The `RoutingObjects` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, org_id: OrgId, content: bytes) -> str:
        """Store bytes; their SHA-256."""
        content_hash = hashlib.sha256(content).hexdigest()
        await self._pool.execute(PUT_OBJECT, (org_id, content_hash, content))
        return content_hash

    async def get(self, org_id: OrgId, content_hash: str) -> bytes | None:
        """The bytes."""
        row = await self._pool.fetch_one(GET_OBJECT, (org_id, content_hash))
        return bytes(row["content"]) if row else None


class PostgresDecisions:
    """The `Decisions` and `Judgements` ports."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: list[tuple[Any, ...]] = []
        self._writing = asyncio.Lock()

    def remember(self, org_id: OrgId, text: str, decision: RoutingDecision) -> None:
        """Have a decision written soon."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append((org_id, decision.id, text, _stored(decision)))

    async def write(self) -> None:
        """Write what waits, and return when it is there; what could not be written is tried again."""
        async with self._writing:
            waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            try:
                async with self._pool.transaction() as connection:
                    for parameters in waiting:
                        await run(connection, REMEMBER, parameters)
            except BaseException:
                self._waiting = [*waiting, *self._waiting][:MAX_WAITING]
                raise

    async def judge(self, org_id: OrgId, decision: str, expert: str | None) -> bool:
        """Note which expert a question was for."""
        await self.write()
        return await self._pool.fetch_one(JUDGE, (expert, org_id, decision)) is not None

    async def judged(self, org_id: OrgId) -> Sequence[Example]:
        """Questions with what people said of them, the newest last."""
        return [Example(row["question"], row["expert"]) for row in await self._pool.fetch(JUDGED, (org_id,))]

    async def purge(self) -> None:
        """Forget what nobody judged for thirty days."""
        await self._pool.execute(PURGE)


def _stored(value: ExpertSpec | GateVersion | RoutingDecision) -> str:
    return json.dumps(to_json(value), ensure_ascii=False)
