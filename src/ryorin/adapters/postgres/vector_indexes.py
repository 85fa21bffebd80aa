"""Indexes on their way, and what their stores have to be given: the ports of `MoveIndex` and of the feeder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import numpy as np
from psycopg.errors import UndefinedTable

from ryorin.adapters.postgres.pool import Pool, Row, rows_of
from ryorin.adapters.postgres.vectors import parse_vector
from ryorin.contexts.knowledge.pipeline import IndexSpec
from ryorin.contexts.knowledge.vector_store import VectorPlace
from ryorin.contexts.knowledge.write.ports import Fed, NewIndex, Pending
from ryorin.kernel.messages import OrgId

SHARED = "shared"
# a search that began before a move has ended long before this
GRACE_SECONDS = 60

BEGIN = """
INSERT INTO search_vector_indexes (index_id, org_id, collection, store, embedding, model_id, dimensions, storage, state)
VALUES (%(index_id)s, %(org_id)s, %(collection)s, %(store)s, %(embedding)s, %(model_id)s, %(dimensions)s, %(storage)s,
        'building')
ON CONFLICT (index_id) DO NOTHING
"""
BEGIN_SHARED = "UPDATE search_collections SET shared = true WHERE org_id = %(org_id)s AND collection = %(collection)s"
LACKING = """
SELECT DISTINCT d.chunk_set FROM search_documents d
JOIN search_chunks c ON c.document_no = d.document_no AND c.version = d.version
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND NOT EXISTS (
    SELECT 1 FROM embeddings e
    WHERE e.org_id = %(org_id)s AND e.model_id = %(model_id)s AND e.passage_hash = c.passage_hash)
LIMIT %(limit)s
"""
ENROL = """
INSERT INTO search_points (index_id, chunk_id)
SELECT %(index_id)s, c.chunk_id FROM search_documents d
JOIN search_chunks c ON c.document_no = d.document_no AND c.version = d.version
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND (%(index_id)s <> 'shared' OR c.vector IS NULL)
ON CONFLICT DO NOTHING
"""
COUNT_PENDING = """
SELECT count(*) AS pending FROM search_points p JOIN search_chunks c USING (chunk_id)
WHERE p.index_id = %(index_id)s AND p.state = 'pending' AND c.org_id = %(org_id)s AND c.collection = %(collection)s
"""
READY = "SELECT state <> 'building' AS ready FROM search_vector_indexes WHERE index_id = %s"
ABANDON = """
UPDATE search_vector_indexes SET state = 'retired', changed_at = now()
WHERE index_id = %s AND state IN ('building', 'ready')
"""
ABANDON_SHARED = """
UPDATE search_collections SET shared = index_id IS NULL WHERE org_id = %(org_id)s AND collection = %(collection)s
"""
BUILDING = """
SELECT embedding FROM search_vector_indexes
WHERE org_id = %(org_id)s AND collection = %(collection)s AND state IN ('building', 'ready')
UNION ALL
SELECT 'default' FROM search_collections
WHERE org_id = %(org_id)s AND collection = %(collection)s AND shared AND index_id IS NOT NULL
"""
GENERATIONS = """
SELECT generation, state = 'retired' AS retired,
       state = 'retired' AND updated_at < now() - make_interval(secs => %s) AS over
FROM projection_generations WHERE name = 'knowledge.search'
"""
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('vector feeder', 7)) AS locked"
INDEXES = """
SELECT index_id, org_id, collection, place, store, embedding, model_id, dimensions, storage, state,
       state = 'retired' AND changed_at < now() - make_interval(secs => %s) AS over,
       EXISTS (SELECT 1 FROM search_points_g{g} p WHERE p.index_id = i.index_id AND p.state <> 'stored') AS waiting
FROM search_vector_indexes_g{g} i
"""
SHARED_WAITS = "SELECT 1 FROM search_points_g{g} WHERE index_id = 'shared' AND state <> 'stored' LIMIT 1"
# an index at a time, oldest chunks first; a chunk without a vector names the set that its passage is in
PENDING = """
SELECT p.chunk_id, e.vector::text AS vector, d.org_id, d.chunk_set FROM search_points_g{g} p
JOIN search_chunks_g{g} c USING (chunk_id) JOIN search_documents_g{g} d USING (document_no)
LEFT JOIN embeddings e ON e.org_id = c.org_id AND e.model_id = %(model_id)s AND e.passage_hash = c.passage_hash
WHERE p.index_id = %(index_id)s AND p.state = 'pending'
ORDER BY p.chunk_id LIMIT %(limit)s
"""
STORED = """
UPDATE search_points_g{g} SET state = 'stored' WHERE index_id = %s AND state = 'pending' AND chunk_id = ANY(%s)
"""
FILL_SHARED = """
WITH filled AS (
    UPDATE search_chunks_g{g} c SET vector = e.vector FROM embeddings e
    WHERE c.chunk_id = ANY(%(ids)s) AND e.org_id = c.org_id AND e.model_id = %(model_id)s
      AND e.passage_hash = c.passage_hash
    RETURNING c.chunk_id)
DELETE FROM search_points_g{g} p USING filled WHERE p.index_id = 'shared' AND p.chunk_id = filled.chunk_id
"""
GONE = "SELECT chunk_id FROM search_points_g{g} WHERE index_id = %s AND state = 'gone' LIMIT %s"
FORGET = "DELETE FROM search_points_g{g} WHERE index_id = %s AND chunk_id = ANY(%s)"
SET_READY = "UPDATE search_vector_indexes_g{g} SET state = 'ready' WHERE index_id = %s AND state = 'building'"
DROP_POINTS = "DELETE FROM search_points_g{g} WHERE index_id = %s"
DROP_INDEX = "DELETE FROM search_vector_indexes_g{g} WHERE index_id = %s"


class PostgresVectorIndexes:
    """The ports `VectorIndexes` and `VectorBacklog`; `model_id` is that of the shared index."""

    def __init__(self, pool: Pool, model_id: str) -> None:
        self._pool = pool
        self._model_id = model_id

    async def begin(self, index: NewIndex) -> None:
        """Make an index known."""
        await self._pool.execute(BEGIN_SHARED if index.index_id is None else BEGIN, _parameters(index))

    async def lacking(self, index: NewIndex, limit: int) -> Sequence[str]:
        """Chunk sets that are not embedded yet."""
        return [row["chunk_set"] for row in await self._pool.fetch(LACKING, {**_parameters(index), "limit": limit})]

    async def enrol(self, index: NewIndex) -> int:
        """Mark what is missing, count what is pending."""
        parameters = _parameters(index)
        async with self._pool.transaction() as connection:
            await connection.execute(ENROL, parameters)
            return int((await rows_of(connection, COUNT_PENDING, parameters))[0]["pending"])

    async def ready(self, index: NewIndex) -> bool:
        """The shared index takes every vector as it comes."""
        if index.index_id is None:
            return True
        row = await self._pool.fetch_one(READY, (index.index_id,))
        return bool(row and row["ready"])

    async def abandon(self, index: NewIndex) -> None:
        """Retire an index that never served."""
        if index.index_id is None:
            await self._pool.execute(ABANDON_SHARED, _parameters(index))
        else:
            await self._pool.execute(ABANDON, (index.index_id,))

    async def building(self, org_id: OrgId, collection: str) -> frozenset[str]:
        """Embeddings of what is being filled."""
        rows = await self._pool.fetch(BUILDING, {"org_id": org_id, "collection": collection})
        return frozenset(row["embedding"] for row in rows)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Sequence[Fed]]:
        """Every index of every generation while no other process feeds them; nothing when one does."""
        async with self._pool.transaction() as connection:
            locked = await rows_of(connection, TRY_LOCK)
            yield await self._indexes() if locked[0]["locked"] else []

    async def _indexes(self) -> Sequence[Fed]:
        found: list[Fed] = []
        for generation in await self._pool.fetch(GENERATIONS, (GRACE_SECONDS,)):
            number = generation["generation"]
            try:
                rows = await self._pool.fetch(INDEXES.replace("{g}", str(number)), (GRACE_SECONDS,))
                shared = await self._pool.fetch(SHARED_WAITS.replace("{g}", str(number)))
            except UndefinedTable:
                continue  # an unfinished rebuild was given up meanwhile, or another version made it
            found += [_fed(row, number, generation) for row in rows]
            if shared and not generation["retired"]:
                found.append(Fed(SHARED, number, None, None, IndexSpec(), self._model_id, "active", waiting=True))
        return found

    async def pending(self, index: Fed, limit: int) -> Pending:
        """The oldest pending chunks."""
        parameters = {"index_id": index.index_id, "model_id": index.model_id, "limit": limit}
        rows = await self._pool.fetch(_of(PENDING, index), parameters)
        made = [row for row in rows if row["vector"] is not None]
        vectors = np.array([parse_vector(row["vector"]) for row in made], dtype=np.float32)
        lacking = {(OrgId(row["org_id"]), row["chunk_set"]) for row in rows if row["vector"] is None}
        return Pending([row["chunk_id"] for row in made], vectors, sorted(lacking))

    async def stored(self, index: Fed, chunk_ids: Sequence[int]) -> None:
        """The store has them."""
        await self._pool.execute(_of(STORED, index), (index.index_id, list(chunk_ids)))

    async def fill_shared(self, index: Fed, chunk_ids: Sequence[int]) -> None:
        """Copy vectors into the shared index, inside the database."""
        await self._pool.execute(_of(FILL_SHARED, index), {"ids": list(chunk_ids), "model_id": index.model_id})

    async def gone(self, index: Fed, limit: int) -> Sequence[int]:
        """Chunks that are no more."""
        return [row["chunk_id"] for row in await self._pool.fetch(_of(GONE, index), (index.index_id, limit))]

    async def forget(self, index: Fed, chunk_ids: Sequence[int]) -> None:
        """The store has forgotten them."""
        await self._pool.execute(_of(FORGET, index), (index.index_id, list(chunk_ids)))

    async def set_ready(self, index: Fed) -> None:
        """The store has indexed what it was given."""
        await self._pool.execute(_of(SET_READY, index), (index.index_id,))

    async def drop(self, index: Fed) -> None:
        """Nothing is left of the index."""
        async with self._pool.transaction() as connection:
            await connection.execute(_of(DROP_POINTS, index).encode(), (index.index_id,))
            await connection.execute(_of(DROP_INDEX, index).encode(), (index.index_id,))


def _of(statement: str, index: Fed) -> str:
    return statement.replace("{g}", str(index.generation))


def _fed(row: Row, number: int, generation: Row) -> Fed:
    state = "retired" if generation["retired"] else row["state"]
    return Fed(
        index_id=row["index_id"],
        generation=number,
        org_id=OrgId(row["org_id"]),
        place=VectorPlace(row["place"], row["dimensions"], row["storage"]),
        spec=IndexSpec(row["store"], row["embedding"], row["storage"]),
        model_id=row["model_id"],
        # what served an old generation goes with it
        state="over" if row["over"] or generation["over"] else state,
        waiting=row["waiting"],
    )


def _parameters(index: NewIndex) -> Mapping[str, object]:
    return {
        "index_id": index.index_id or SHARED,
        "org_id": index.org_id,
        "collection": index.collection,
        "store": index.spec.store,
        "embedding": index.spec.embedding,
        "storage": index.spec.storage,
        "model_id": index.model_id,
        "dimensions": index.dimensions,
    }
