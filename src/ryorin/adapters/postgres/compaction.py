"""Takes chunks out of the search index that no search can need any more: those of old versions, and vectors that moved.

A version before stays while a search that began with it may still be between its stages. Autovacuum then takes what was
deleted out of the graph; it begins at a twentieth of the table.
"""

from __future__ import annotations

from ryorin.adapters.postgres.pool import Pool

GRACE_SECONDS = 60
# short transactions: the projection writes the same table
BATCH = 1000

GENERATION = "SELECT generation FROM projection_generations WHERE name = 'knowledge.search' AND state = 'active'"
DROP_OLD_VERSIONS = """
WITH gone AS (
    DELETE FROM search_chunks_g{g} WHERE chunk_id IN (
        SELECT c.chunk_id FROM search_documents_g{g} d JOIN search_chunks_g{g} c USING (document_no)
        WHERE d.version > 1 AND c.version < d.version AND d.updated_at < now() - make_interval(secs => %(grace)s)
        LIMIT %(batch)s)
    RETURNING chunk_id),
told AS (UPDATE search_points_g{g} p SET state = 'gone' FROM gone WHERE p.chunk_id = gone.chunk_id)
SELECT chunk_id FROM gone
"""
CLEAR_MOVED = """
UPDATE search_chunks_g{g} SET vector = NULL WHERE chunk_id IN (
    SELECT c.chunk_id FROM search_collections_g{g} k
    JOIN search_vector_indexes_g{g} i ON i.index_id = k.index_id
    JOIN search_documents_g{g} d ON d.org_id = k.org_id AND d.collection = k.collection
    JOIN search_chunks_g{g} c ON c.document_no = d.document_no
    WHERE NOT k.shared AND c.vector IS NOT NULL AND i.changed_at < now() - make_interval(secs => %(grace)s)
    LIMIT %(batch)s)
"""


class Compaction:
    """Does a batch at a time until nothing is left to do."""

    def __init__(self, pool: Pool, grace_seconds: float = GRACE_SECONDS) -> None:
        self._pool = pool
        self._grace = grace_seconds

    async def compact(self) -> int:
        """Drop what is old; how many rows that were."""
        row = await self._pool.fetch_one(GENERATION)
        if row is None:
            return 0
        total = 0
        for statement in (DROP_OLD_VERSIONS, CLEAR_MOVED):
            total += await self._drain(statement.replace("{g}", str(row["generation"])))
        return total

    async def _drain(self, statement: str) -> int:
        total = 0
        while done := await self._pool.execute(statement, {"grace": self._grace, "batch": BATCH}):
            total += done
        return total
