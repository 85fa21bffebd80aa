"""Two-stage search on pgvector: pure HNSW lists in parallel, then one enrichment query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.pool import EF_SEARCH, Connection, Pool, Row, rows_of, run
from ryorin.adapters.postgres.readers import reader_array
from ryorin.adapters.postgres.vectors import sparse_literal, vector_literals
from ryorin.contexts.knowledge.domain.lexical import LexicalVector, TermStatistics
from ryorin.contexts.knowledge.pipeline import Pipeline
from ryorin.contexts.knowledge.queries import Candidate, SearchFilter
from ryorin.contexts.knowledge.read.ports import ChunkRow, CollectionKey, IndexState, ServingIndex
from ryorin.contexts.knowledge.vector_store import VectorPlace
from ryorin.contexts.knowledge.views import SimilarDocument
from ryorin.kernel.codec import from_json
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.together import together

# pgvector's bound on hnsw.ef_search
MAX_EF_SEARCH = 1000

STATE = """
SELECT live_chunks, lexicon_epoch, k.pipeline,
       i.index_id, i.place, i.store, i.embedding, i.model_id, i.dimensions, i.storage,
       k.index_id IS NULL AND EXISTS (
            SELECT 1 FROM search_points p JOIN search_chunks c USING (chunk_id)
            WHERE p.index_id = 'shared' AND p.state = 'pending'
              AND c.org_id = %(org_id)s AND c.collection = %(collection)s) AS behind,
       (SELECT GREATEST(reltuples, 0)::bigint FROM pg_class
        WHERE oid = to_regclass('search_chunks_g' || (
            SELECT generation FROM projection_generations WHERE name = 'knowledge.search' AND state = 'active'))
       ) AS total_chunks,
       CASE WHEN %(filtered)s OR (%(readers)s::text[] IS NOT NULL AND EXISTS (
            SELECT 1 FROM search_documents d
            WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND NOT d.readers @> '{*}')) THEN (
            SELECT COALESCE(sum(d.chunks), 0) FROM search_documents d
            WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s
              AND (%(tags)s::text[] IS NULL OR d.tags @> %(tags)s)
              AND (%(metadata)s::jsonb IS NULL OR d.metadata @> %(metadata)s)
              AND (%(documents)s::text[] IS NULL OR d.document = ANY(%(documents)s))
              AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s))
       ELSE live_chunks END AS matching_chunks
FROM search_collections k LEFT JOIN search_vector_indexes i ON i.index_id = k.index_id
WHERE k.org_id = %(org_id)s AND k.collection = %(collection)s
"""
CURRENT = """
search_documents d JOIN search_chunks c ON c.document_no = d.document_no AND c.version = d.version
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s
  AND c.org_id = %(org_id)s AND c.collection = %(collection)s
  AND (%(tags)s::text[] IS NULL OR d.tags @> %(tags)s)
  AND (%(metadata)s::jsonb IS NULL OR d.metadata @> %(metadata)s)
  AND (%(documents)s::text[] IS NULL OR d.document = ANY(%(documents)s))
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
"""
# stage 1 is pure HNSW: its limit stands before the join, so that no filter keeps the index from being used
NEAREST = """
WITH nearest AS MATERIALIZED (
    SELECT chunk_id, document_no, version, vector <#> %(vector)s::halfvec AS distance FROM search_chunks
    ORDER BY vector <#> %(vector)s::halfvec LIMIT %(fetch)s)
SELECT c.chunk_id, d.document, -c.distance AS score
FROM nearest c JOIN search_documents d ON d.document_no = c.document_no AND d.version = c.version
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s
  AND (%(tags)s::text[] IS NULL OR d.tags @> %(tags)s)
  AND (%(metadata)s::jsonb IS NULL OR d.metadata @> %(metadata)s)
  AND (%(documents)s::text[] IS NULL OR d.document = ANY(%(documents)s))
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
ORDER BY c.distance LIMIT %(limit)s
"""
NEAREST_FILTERED = f"""
SELECT c.chunk_id, d.document, -(c.vector <#> %(vector)s::halfvec) AS score FROM {CURRENT}
  AND c.vector IS NOT NULL
ORDER BY c.vector <#> %(vector)s::halfvec LIMIT %(limit)s
"""
# "+ 0" keeps the planner from answering with the approximate index
EXACT_FILTERED = NEAREST_FILTERED.replace(
    "ORDER BY c.vector <#> %(vector)s::halfvec", "ORDER BY (c.vector <#> %(vector)s::halfvec) + 0"
)
LEXICAL = f"""
SELECT c.chunk_id, d.document, -(c.weights <#> %(weights)s::sparsevec) AS score FROM {CURRENT}
  AND c.terms && %(terms)s::integer[]
ORDER BY score DESC, c.chunk_id LIMIT %(limit)s
"""
ROWS = """
SELECT c.chunk_id, d.document, c.version, d.title, c.heading_path, c.ordinal, c.text,
       c.start_byte, c.end_byte, d.tags, d.metadata, d.updated_at
FROM search_documents d JOIN search_chunks c USING (document_no)
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND c.chunk_id = ANY(%(chunks)s::bigint[])
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
"""
FREQUENCIES = """
SELECT term, frequency FROM search_lexicon WHERE org_id = %s AND collection = %s AND term = ANY(%s::integer[])
"""
COUNTED = "SELECT lexicon_chunks FROM search_collections WHERE org_id = %s AND collection = %s"
# Rocchio's feedback with the usual half for what is not wanted
WANTED = """
SELECT l2_normalize(avg(mean) FILTER (WHERE document = ANY(%(like)s)))::vector AS near,
       l2_normalize(avg(mean) FILTER (WHERE document = ANY(%(unlike)s)))::vector AS far
FROM search_documents WHERE org_id = %(org_id)s AND collection = %(collection)s
"""
SIMILAR = f"""
WITH wanted AS MATERIALIZED ({WANTED}),
question AS MATERIALIZED (
    SELECT l2_normalize(near - COALESCE(
        far * array_fill(.5::real, ARRAY[vector_dims(near)])::vector, near - near)) AS vector FROM wanted)
SELECT d.document, d.title, -(d.mean::vector <#> q.vector) AS score
FROM search_documents d CROSS JOIN question q
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND d.mean IS NOT NULL
  AND d.document <> ALL(%(like)s) AND d.document <> ALL(%(unlike)s)
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
ORDER BY score DESC, d.document LIMIT %(limit)s
"""
MISSING = """
SELECT name FROM unnest(%(names)s::text[]) WITH ORDINALITY AS asked(name, place) WHERE NOT EXISTS (
    SELECT 1 FROM search_documents d WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND document = name
      AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s))
ORDER BY place
"""


class PostgresChunkIndex:
    """The `ChunkIndex` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def state(self, key: CollectionKey, which: SearchFilter) -> IndexState:
        """What a search meets; the size of the whole index is as PostgreSQL last counted it."""
        parameters = {**filters(key, which), "filtered": not which.empty}
        # without a filter one plan is as good as any, and to plan it takes longer than to carry it out
        filtered = not which.empty or parameters["readers"] is not None
        row = await self._pool.fetch_one(STATE, parameters, anew=filtered)
        if row is None:
            return IndexState(exists=False, matching_chunks=0, live_chunks=0, total_chunks=0, lexicon_epoch=0)
        total = max(row["total_chunks"] or 0, row["live_chunks"])
        return IndexState(
            exists=True,
            matching_chunks=int(row["matching_chunks"]),
            live_chunks=row["live_chunks"],
            total_chunks=total,
            lexicon_epoch=row["lexicon_epoch"],
            pipeline=from_json(Pipeline, row["pipeline"]),
            serving=_serving(row),
            behind=row["behind"],
        )

    async def nearest(
        self, key: CollectionKey, which: SearchFilter, vectors: NDArray[np.float32], fetch: int, limit: int
    ) -> tuple[tuple[Candidate, ...] | None, ...]:
        """Both stages for each vector, each on a connection of its own; None for a variant that failed."""
        parameters = {"fetch": fetch, "limit": limit, **filters(key, which)}
        question, *variants = vector_literals(vectors)
        async with together() as group:
            first = group.create_task(self._nearest_one({"vector": question, **parameters}, fetch))
            others = [
                group.create_task(self._unless_down({"vector": literal, **parameters}, fetch)) for literal in variants
            ]
        return first.result(), *(other.result() for other in others)

    async def _unless_down(self, parameters: Mapping[str, object], fetch: int) -> tuple[Candidate, ...] | None:
        try:
            return await self._nearest_one(parameters, fetch)
        except Unavailable:
            return None  # a failed variant costs only itself: the caller names it

    async def _nearest_one(self, parameters: Mapping[str, object], fetch: int) -> tuple[Candidate, ...]:
        if fetch <= EF_SEARCH:
            return tuple(await self._pool.fetch_as(Candidate, NEAREST, parameters, anew=True))

        async def once() -> tuple[Candidate, ...]:
            async with self._pool.transaction() as connection:
                await _set_ef_search(connection, fetch)
                return candidates_of(await rows_of(connection, NEAREST, parameters, anew=True))

        return await self._pool.again(once)

    async def nearest_filtered(
        self, key: CollectionKey, which: SearchFilter, vector: NDArray[np.float32], limit: int, exact: bool
    ) -> tuple[Candidate, ...]:
        """Filtered search of one vector: iterative HNSW scan, or exact when asked."""
        parameters = {
            "vector": vector_literals(vector[np.newaxis, :])[0],
            "limit": limit,
            **filters(key, which),
        }
        if exact:
            return candidates_of(await self._pool.fetch(EXACT_FILTERED, parameters, anew=True))

        async def once() -> tuple[Candidate, ...]:
            async with self._pool.transaction() as connection:
                await _set_ef_search(connection, limit)
                await run(connection, "SET LOCAL hnsw.iterative_scan = strict_order")
                return candidates_of(await rows_of(connection, NEAREST_FILTERED, parameters, anew=True))

        return await self._pool.again(once)

    async def lexical(
        self,
        key: CollectionKey,
        which: SearchFilter,
        query: LexicalVector,
        candidates: Sequence[int],
        limit: int,
    ) -> tuple[Candidate, ...]:
        """BM25 over current chunks that hold any of the candidate terms."""
        parameters = {
            "weights": sparse_literal(query.ids, query.weights),
            "terms": list(candidates),
            "limit": limit,
            **filters(key, which),
        }
        return candidates_of(await self._pool.fetch(LEXICAL, parameters, anew=True))

    async def rows(self, key: CollectionKey, chunk_ids: Sequence[int]) -> Mapping[int, ChunkRow]:
        """What is shown of chunks."""
        rows = await self._pool.fetch(ROWS, {**_place(key), "chunks": list(chunk_ids)}, anew=True)
        return {row["chunk_id"]: _chunk_row(row) for row in rows}

    async def term_statistics(self, key: CollectionKey, term_ids: Sequence[int]) -> TermStatistics:
        """Document frequencies of the terms in the collection's present lexicon epoch."""
        parameters = (key.org_id, key.collection)

        async def once() -> tuple[list[Row], list[Row]]:
            async with self._pool.connection() as connection:
                frequencies = await rows_of(connection, FREQUENCIES, (*parameters, list(term_ids)))
                return frequencies, await rows_of(connection, COUNTED, parameters)

        frequencies, counted = await self._pool.again(once)
        return TermStatistics(
            document_count=counted[0]["lexicon_chunks"] if counted else 0,
            frequencies={row["term"]: row["frequency"] for row in frequencies},
        )

    async def missing_documents(self, key: CollectionKey, documents: Sequence[str]) -> Sequence[str]:
        """Which of these documents are not there."""
        rows = await self._pool.fetch(MISSING, {**_place(key), "names": list(documents)}, anew=True)
        return [row["name"] for row in rows]

    async def similar_documents(
        self, key: CollectionKey, like: Sequence[str], unlike: Sequence[str], limit: int
    ) -> tuple[SimilarDocument, ...]:
        """Documents by cosine of mean chunk vectors."""
        parameters = {**_place(key), "like": list(like), "unlike": list(unlike), "limit": limit}
        rows = await self._pool.fetch(SIMILAR, parameters, anew=True)
        return tuple(SimilarDocument(row["document"], row["title"], row["score"]) for row in rows)


async def _set_ef_search(connection: Connection, limit: int) -> None:
    await run(connection, "SELECT set_config('hnsw.ef_search', %s, true)", (str(min(limit, MAX_EF_SEARCH)),))


def filters(key: CollectionKey, which: SearchFilter) -> dict[str, object]:
    """The parameters of CURRENT."""
    return {
        **_place(key),
        "tags": list(which.tags) or None,
        "metadata": Jsonb(dict(which.metadata)) if which.metadata else None,
        "documents": list(which.documents) or None,
    }


def _place(key: CollectionKey) -> dict[str, object]:
    return {"org_id": key.org_id, "collection": key.collection, "readers": reader_array(key.readers)}


def _serving(row: Row) -> ServingIndex | None:
    if row["index_id"] is None:
        return None
    place = VectorPlace(row["place"], row["dimensions"], row["storage"])
    return ServingIndex(row["index_id"], row["store"], row["embedding"], row["model_id"], place)


def candidates_of(rows: Sequence[Row]) -> tuple[Candidate, ...]:
    """Rows of chunk_id, document and score."""
    return tuple(Candidate(row["chunk_id"], row["document"], row["score"]) for row in rows)


def _chunk_row(row: Row) -> ChunkRow:
    return ChunkRow(**{**row, "heading_path": tuple(row["heading_path"]), "tags": tuple(row["tags"])})
