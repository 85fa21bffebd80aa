"""What PostgreSQL adds to a search whose vectors lie in a place of their own (ADR-0009)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.adapters.postgres.pool import Pool, Row
from ryorin.adapters.postgres.search_index import CURRENT, candidates_of, filters
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.knowledge.queries import Candidate, SearchFilter
from ryorin.contexts.knowledge.read.ports import CollectionKey, ServingIndex
from ryorin.contexts.knowledge.vector_store import Neighbour

EMBEDDED = """LEFT JOIN embeddings e
    ON e.org_id = c.org_id AND e.model_id = %(model_id)s AND e.passage_hash = c.passage_hash"""


def _current(more: str) -> str:
    """CURRENT with further joins before its filters."""
    return CURRENT.replace("WHERE", f"{more} WHERE", 1)


# the filters of CURRENT, on chunks that a store found
FOUND_CURRENT = f"""
SELECT found.list, c.chunk_id, d.document, found.score
FROM {_current("JOIN FOUND ON found.chunk_id = c.chunk_id")}
ORDER BY found.list, found.score DESC
""".replace(
    "FOUND", "unnest(%(lists)s::int[], %(ids)s::bigint[], %(scores)s::float8[]) AS found(list, chunk_id, score)"
)
WAITING = f"""JOIN search_points p ON p.chunk_id = c.chunk_id AND p.index_id = %(index_id)s AND p.state = 'pending'
{EMBEDDED} CROSS JOIN unnest(%(vectors)s::text[]) WITH ORDINALITY AS question(vector, list)"""
PENDING = f"""
SELECT question.list, c.chunk_id, d.document, -(e.vector <#> question.vector::halfvec) AS score
FROM {_current(WAITING)}
ORDER BY question.list, score DESC NULLS LAST
"""
# every vector is kept by passage and model: all that passes can be compared without the store
EXACT = f"""
SELECT c.chunk_id, d.document, -(e.vector <#> %(vector)s::halfvec) AS score, bool_or(e.vector IS NULL) OVER () AS unmade
FROM {_current(EMBEDDED)}
ORDER BY score DESC NULLS LAST LIMIT %(limit)s
"""


class PostgresStoredChunks:
    """The `StoredChunks` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def current(
        self, key: CollectionKey, which: SearchFilter, found: Sequence[Sequence[Neighbour]]
    ) -> tuple[tuple[Candidate, ...], ...]:
        """All lists in one statement."""
        flat = [(number, near) for number, entries in enumerate(found) for near in entries]
        parameters = {
            **filters(key, which),
            "lists": [number for number, _ in flat],
            "ids": [near.chunk_id for _, near in flat],
            "scores": [near.score for _, near in flat],
        }
        rows = await self._pool.fetch(FOUND_CURRENT, parameters, anew=True) if flat else []
        return _by_list(rows, len(found), first=0)

    async def pending(
        self, key: CollectionKey, which: SearchFilter, serving: ServingIndex, vectors: NDArray[np.float32], limit: int
    ) -> tuple[tuple[tuple[Candidate, ...], ...], bool]:
        """All vectors in one statement; usually there is nothing."""
        parameters = {
            **filters(key, which),
            "index_id": serving.index_id,
            "model_id": serving.model_id,
            "vectors": vector_literals(vectors),
        }
        rows = await self._pool.fetch(PENDING, parameters, anew=True)
        made = [row for row in rows if row["score"] is not None]
        lists = _by_list(made, len(vectors), first=1)
        return tuple(entries[:limit] for entries in lists), len(made) < len(rows)

    async def exact(
        self, key: CollectionKey, which: SearchFilter, serving: ServingIndex, vector: NDArray[np.float32], limit: int
    ) -> tuple[tuple[Candidate, ...], bool]:
        """Over the embeddings themselves."""
        literal = vector_literals(vector[np.newaxis, :])[0]
        parameters = {**filters(key, which), "model_id": serving.model_id, "vector": literal, "limit": limit}
        rows = await self._pool.fetch(EXACT, parameters, anew=True)
        return candidates_of([row for row in rows if row["score"] is not None]), any(row["unmade"] for row in rows)


def _by_list(rows: Sequence[Row], count: int, first: int) -> tuple[tuple[Candidate, ...], ...]:
    lists: list[list[Row]] = [[] for _ in range(count)]
    for row in rows:
        lists[row["list"] - first].append(row)
    return tuple(candidates_of(entries) for entries in lists)
