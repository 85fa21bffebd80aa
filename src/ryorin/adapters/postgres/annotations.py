"""Annotation on PostgreSQL: queues as the projection writes them, answers and judgements as plain state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from ryorin.adapters.postgres.pool import Connection, Pool, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.adapters.postgres.readers import reader_array
from ryorin.contexts.annotation.events import AnnotationQueuePut
from ryorin.contexts.annotation.queries import QueueView
from ryorin.contexts.annotation.specs import Annotation, AnnotationItem, QueueSpec
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.messages import Actor, OrgId

DDL = """
CREATE TABLE annotation_queues_g{g} (
    org_id text NOT NULL, queue text NOT NULL, spec jsonb NOT NULL, author text NOT NULL, PRIMARY KEY (org_id, queue));
"""
SCHEMA = Schema(DDL, ("annotation_queues",))
PUT = """
INSERT INTO annotation_queues_g{g} (org_id, queue, spec, author) VALUES (%s, %s, %s, %s)
ON CONFLICT (org_id, queue) DO UPDATE SET spec = excluded.spec, author = excluded.author
"""
REMOVE = "DELETE FROM annotation_queues_g{g} WHERE org_id = %s AND queue = %s"
QUEUES = "SELECT queue, spec, author FROM annotation_queues WHERE org_id = %s ORDER BY queue"
DROP_ITEMS = "DELETE FROM annotation_items WHERE org_id = %s AND queue = %s AND stored_at < %s"
DROP_ANNOTATIONS = "DELETE FROM annotations WHERE org_id = %s AND queue = %s AND given_at < %s"
STORE = """
INSERT INTO annotation_items (org_id, queue, item, batch, evaluation, content, documents, readers)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (org_id, queue, item) DO UPDATE
SET batch = excluded.batch, evaluation = excluded.evaluation, content = excluded.content,
    documents = excluded.documents, readers = excluded.readers
WHERE NOT annotation_items.queued
"""
QUEUE = """
UPDATE annotation_items SET queued = true WHERE org_id = %s AND queue = %s AND batch = %s AND NOT queued RETURNING item
"""
# in an order of each one's own; what others have begun comes first, so that it is finished
NEXT = """
SELECT i.content FROM annotation_items i
LEFT JOIN LATERAL (
    SELECT count(*) AS found, bool_or(a.principal = %(principal)s) AS mine FROM annotations a
    WHERE a.org_id = i.org_id AND a.queue = i.queue AND a.item = i.item AND a.passed IS NOT NULL) AS said ON true
WHERE i.org_id = %(org_id)s AND i.queue = %(queue)s AND i.queued AND said.found < %(per_item)s
  AND said.mine IS NOT TRUE AND (%(readers)s::text[] IS NULL OR i.readers <@ %(readers)s::text[])
ORDER BY said.found DESC, md5(i.item || %(principal)s) LIMIT 1
"""
COMMENT = """
INSERT INTO annotations (org_id, queue, item, principal, comment)
SELECT %s, %s, %s, %s, %s WHERE EXISTS (SELECT 1 FROM annotation_items WHERE org_id = %s AND queue = %s AND item = %s)
ON CONFLICT (org_id, queue, item, principal) DO UPDATE SET comment = excluded.comment
"""
ANNOTATE = """
INSERT INTO annotations (org_id, queue, item, principal, passed)
SELECT %s, %s, %s, %s, %s
WHERE EXISTS (SELECT 1 FROM annotation_items WHERE org_id = %s AND queue = %s AND item = %s AND queued)
ON CONFLICT (org_id, queue, item, principal) DO UPDATE SET passed = excluded.passed, given_at = now()
"""
PURGE = (
    "DELETE FROM annotation_items WHERE NOT queued AND stored_at < now() - interval '1 day'",
    "DELETE FROM annotations WHERE passed IS NULL AND given_at < now() - interval '1 day'",
)
PAGE = """
SELECT item, passed, principal, comment FROM annotations
WHERE org_id = %s AND queue = %s AND passed IS NOT NULL ORDER BY item, principal OFFSET %s LIMIT %s
"""
ITEMS = "SELECT count(*) AS items FROM annotation_items WHERE org_id = %s AND queue = %s AND queued"
VERDICTS = """
SELECT a.item, array_agg(a.passed ORDER BY a.principal) AS verdicts
FROM annotations a JOIN annotation_items i USING (org_id, queue, item)
WHERE a.org_id = %(org_id)s AND a.queue = %(queue)s AND a.passed IS NOT NULL
  AND (%(evaluation)s::text IS NULL OR i.evaluation = %(evaluation)s)
GROUP BY a.item ORDER BY a.item
"""


class PostgresQueueRows:
    """The `QueueRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, *parameters: object) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def put(self, org_id: OrgId, put: AnnotationQueuePut) -> None:
        """Write a queue."""
        await self._run(PUT, org_id, put.queue, json.dumps(to_json(put.spec), ensure_ascii=False), put.author)

    async def remove(self, org_id: OrgId, queue: str, at: datetime) -> None:
        """Delete a queue; what was stored under its name after that is another's."""
        await self._run(REMOVE, org_id, queue)
        await self._run(DROP_ITEMS, org_id, queue, at)
        await self._run(DROP_ANNOTATIONS, org_id, queue, at)


class PostgresAnnotations:
    """The `Annotations` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def queues(self, org_id: OrgId) -> Sequence[QueueView]:
        """By name."""
        rows = await self._pool.fetch(QUEUES, (org_id,))
        return [QueueView(row["queue"], from_json(QueueSpec, row["spec"]), row["author"]) for row in rows]

    async def store(self, org_id: OrgId, queue: str, items: Sequence[AnnotationItem]) -> str:
        """Store items that are not there yet; the name of their batch."""
        batch = uuid4().hex
        async with self._pool.transaction() as connection:
            for item in sorted(items, key=lambda one: one.id):
                content = json.dumps(to_json(item), ensure_ascii=False)
                documents, readers = list(item.documents), reader_array(item.readers)
                key = (org_id, queue, item.id, batch, item.evaluation)
                await run(connection, STORE, (*key, content, documents, readers))
        return batch

    async def queue(self, org_id: OrgId, queue: str, batch: str) -> int:
        """Have a batch judged; how many items that are."""
        return len(await self._pool.fetch(QUEUE, (org_id, queue, batch)))

    async def purge(self) -> None:
        """Forget what was stored and never queued or judged."""
        for statement in PURGE:
            await self._pool.execute(statement)

    async def next(self, actor: Actor, queue: str, per_item: int) -> AnnotationItem | None:
        """What the actor has not judged and may read."""
        asked = {"org_id": actor.org_id, "queue": queue, "principal": actor.principal_id, "per_item": per_item}
        row = await self._pool.fetch_one(NEXT, {**asked, "readers": reader_array(actor.readers)})
        return from_json(AnnotationItem, row["content"]) if row else None

    async def comment(self, org_id: OrgId, queue: str, item: str, principal: str, text: str) -> None:
        """Store a comment before the item is judged."""
        await self._pool.execute(COMMENT, (org_id, queue, item, principal, text, org_id, queue, item))

    async def annotate(self, org_id: OrgId, queue: str, item: str, principal: str, passed: bool) -> bool:
        """Note a judgement; whether there is such an item."""
        async with self._pool.transaction() as connection:
            key = (org_id, queue, item)
            return bool(await run(connection, ANNOTATE, (*key, principal, passed, *key)))

    async def page(self, org_id: OrgId, queue: str, offset: int, limit: int) -> Sequence[Annotation]:
        """By item."""
        rows = await self._pool.fetch(PAGE, (org_id, queue, offset, limit))
        return [Annotation(row["item"], row["passed"], row["principal"], row["comment"]) for row in rows]

    async def items(self, org_id: OrgId, queue: str) -> int:
        """How many are in it."""
        row = await self._pool.fetch_one(ITEMS, (org_id, queue))
        return int(row["items"]) if row else 0

    async def verdicts(self, org_id: OrgId, queue: str, evaluation: str | None = None) -> Mapping[str, Sequence[bool]]:
        """Judgements by item."""
        asked = {"org_id": org_id, "queue": queue, "evaluation": evaluation}
        return {row["item"]: row["verdicts"] for row in await self._pool.fetch(VERDICTS, asked)}
