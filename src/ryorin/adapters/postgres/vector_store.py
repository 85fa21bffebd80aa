"""Vectors of single collections in tables of their own: of other embeddings, or with binary quantisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL, Composed, Identifier, Literal

from ryorin.adapters.postgres.pool import Pool, rows_of, run
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.knowledge.vector_store import Neighbour, VectorPlace
from ryorin.kernel.together import together

# pgvector's bound on hnsw.ef_search
MAX_EF_SEARCH = 1000
# below this, comparing everything is as fast as an index
INDEX_FROM = 1000
# candidates by signs for each one wanted, before they are compared in full (`make bench-stores`)
OVERSAMPLING = 4

CREATE = "CREATE TABLE IF NOT EXISTS {table} (chunk_id bigint PRIMARY KEY, vector halfvec({dimensions}) NOT NULL)"
PUT = """
INSERT INTO {table} (chunk_id, vector)
SELECT id, vector::halfvec FROM unnest(%s::bigint[], %s::text[]) AS fresh(id, vector)
ON CONFLICT (chunk_id) DO UPDATE SET vector = excluded.vector
"""
HNSW = {
    "halfvec": "CREATE INDEX IF NOT EXISTS {index} ON {table} USING hnsw (vector halfvec_ip_ops)"
    " WITH (m = 16, ef_construction = 64)",
    "binary": "CREATE INDEX IF NOT EXISTS {index} ON {table}"
    " USING hnsw ((binary_quantize(vector)::bit({dimensions})) bit_hamming_ops) WITH (m = 16, ef_construction = 64)",
}
NEAREST = {
    "halfvec": """
SELECT chunk_id, -(vector <#> %(vector)s::halfvec) AS score FROM {table}
ORDER BY vector <#> %(vector)s::halfvec LIMIT %(fetch)s
""",
    "binary": """
SELECT chunk_id, -(vector <#> %(vector)s::halfvec) AS score FROM (
    SELECT chunk_id, vector FROM {table}
    ORDER BY binary_quantize(vector)::bit({dimensions})
         <~> binary_quantize(%(vector)s::halfvec({dimensions}))::bit({dimensions})
    LIMIT %(list)s) AS near
ORDER BY score DESC LIMIT %(fetch)s
""",
}


class PgVectorStore:
    """The `VectorStore` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, place: VectorPlace) -> None:
        """Make the table; its index comes with `optimise`, since filling one row by row takes far longer."""
        await self._execute(CREATE, place)

    async def put(self, place: VectorPlace, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Keep vectors."""
        async with self._pool.connection() as connection:
            await connection.execute(_sql(PUT, place), (list(chunk_ids), vector_literals(vectors)))

    async def remove(self, place: VectorPlace, chunk_ids: Sequence[int]) -> None:
        """Forget vectors."""
        async with self._pool.connection() as connection:
            await connection.execute(_sql("DELETE FROM {table} WHERE chunk_id = ANY(%s)", place), (list(chunk_ids),))

    async def optimise(self, place: VectorPlace) -> None:
        """Make the HNSW index when there is none yet and enough to index."""
        async with self._pool.connection() as connection:
            statement = _sql("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT %s) AS head", place)
            cursor = await connection.execute(statement, (INDEX_FROM,))
            row = await cursor.fetchone()
            if row is not None and row["count"] >= INDEX_FROM:
                await connection.execute(_sql(HNSW[place.storage], place))
                await connection.execute(_sql("ANALYZE {table}", place))

    async def nearest(
        self, place: VectorPlace, vectors: NDArray[np.float32], fetch: int
    ) -> Sequence[Sequence[Neighbour]]:
        """Each vector on a connection of its own."""
        async with together() as group:
            searches = [
                group.create_task(self._nearest_one(place, literal, fetch)) for literal in vector_literals(vectors)
            ]
        return [search.result() for search in searches]

    async def _nearest_one(self, place: VectorPlace, literal: str, fetch: int) -> Sequence[Neighbour]:
        candidates = fetch * OVERSAMPLING if place.storage == "binary" else fetch
        parameters = {"vector": literal, "fetch": fetch, "list": candidates}

        async def once() -> Sequence[Neighbour]:
            async with self._pool.transaction() as connection:
                ef_search = str(min(candidates, MAX_EF_SEARCH))
                await run(connection, "SELECT set_config('hnsw.ef_search', %s, true)", (ef_search,))
                if candidates > MAX_EF_SEARCH:
                    await run(connection, "SET LOCAL hnsw.iterative_scan = strict_order")
                rows = await rows_of(connection, _sql(NEAREST[place.storage], place), parameters, anew=True)
                return [Neighbour(row["chunk_id"], row["score"]) for row in rows]

        return await self._pool.again(once)

    async def drop(self, place: VectorPlace) -> None:
        """Drop the table."""
        await self._execute("DROP TABLE IF EXISTS {table}", place)

    async def size_bytes(self, place: VectorPlace) -> int | None:
        """Table and index."""
        async with self._pool.connection() as connection:
            rows = await rows_of(
                connection, "SELECT pg_total_relation_size(to_regclass(%s)) AS size", (f"vectors_{place.name}",)
            )
        size: int | None = rows[0]["size"]
        return size

    async def close(self) -> None:
        """Nothing: the pool is another's."""

    async def _execute(self, statement: str, place: VectorPlace) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(_sql(statement, place))


def _sql(statement: str, place: VectorPlace) -> Composed:
    table = f"vectors_{place.name}"
    return SQL(statement).format(
        table=Identifier(table), index=Identifier(f"{table}_hnsw"), dimensions=Literal(place.dimensions)
    )
