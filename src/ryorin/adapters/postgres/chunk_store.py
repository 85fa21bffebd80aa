"""Chunk sets and vectors as plain state: what indexes are filled and rebuilt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.pool import Connection, Pool, Row, rows_of
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet
from ryorin.contexts.knowledge.domain.chunking import Chunk
from ryorin.kernel.messages import OrgId

SAVE_SETS = """
INSERT INTO chunk_sets (org_id, id, text, title, media_type, language, chunks)
SELECT %s, id, text, title, media_type, language, chunks
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
    AS fresh(id, text, title, media_type, language, chunks)
-- what is about to be named by an event is not dropped as named by none (ADR-0026)
ON CONFLICT (org_id, id) DO UPDATE SET used_at = now()
"""
GET_SETS = "SELECT * FROM chunk_sets WHERE org_id = %s AND id = ANY(%s)"
KNOWN = "SELECT passage_hash FROM embeddings WHERE org_id = %s AND model_id = %s AND passage_hash = ANY(%s)"
SAVE_VECTORS = """
INSERT INTO embeddings (org_id, model_id, passage_hash, vector)
SELECT %s, %s, hash, vector::halfvec FROM unnest(%s::text[], %s::text[]) AS fresh(hash, vector)
ON CONFLICT (org_id, model_id, passage_hash) DO UPDATE SET computed = embeddings.computed + 1
"""


class PostgresChunkStore:
    """The `ChunkStore` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, org_id: OrgId, ids: Sequence[str]) -> Mapping[str, ChunkSet]:
        """Those of the sets that are stored, by id."""
        async with self._pool.connection() as connection:
            return await chunk_sets(connection, org_id, ids)

    async def save(self, org_id: OrgId, chunk_sets: Sequence[ChunkSet]) -> None:
        """Keep sets; saving one twice changes nothing."""
        # in order of the key, so that two writers of the same sets cannot deadlock
        rows = sorted((_row(one) for one in chunk_sets), key=lambda row: row[0])
        if rows:
            await self._pool.execute(SAVE_SETS, (org_id, *map(list, zip(*rows, strict=True))))


async def chunk_sets(connection: Connection, org_id: OrgId, ids: Sequence[str]) -> dict[str, ChunkSet]:
    """Chunk sets by id, on a given connection."""
    rows = await rows_of(connection, GET_SETS, (org_id, list(ids)))
    return {row["id"]: _chunk_set(row) for row in rows}


def _row(chunk_set: ChunkSet) -> tuple[str, str, str, str, str | None, Jsonb]:
    spans = [[list(chunk.heading_path), chunk.start_byte, chunk.end_byte] for chunk in chunk_set.chunks]
    # PostgreSQL's text cannot hold NUL, and no reader would miss it; the length stays the same
    text = chunk_set.text.replace("\x00", " ")
    return chunk_set.id, text, chunk_set.title, chunk_set.media_type, chunk_set.language, Jsonb(spans)


def _chunk_set(row: Row) -> ChunkSet:
    source = row["text"].encode()
    chunks = (
        Chunk(
            ordinal=ordinal,
            text=source[start:end].decode(),
            heading_path=tuple(heading_path),
            start_byte=start,
            end_byte=end,
        )
        for ordinal, (heading_path, start, end) in enumerate(row["chunks"])
    )
    return ChunkSet(
        id=row["id"],
        text=row["text"],
        title=row["title"],
        media_type=row["media_type"],
        language=row["language"],
        chunks=tuple(chunks),
    )


class PostgresEmbeddingStore:
    """The `EmbeddingStore` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def known(self, org_id: OrgId, model_id: str, hashes: Sequence[str]) -> set[str]:
        """Which of the hashes have a vector."""
        rows = await self._pool.fetch(KNOWN, (org_id, model_id, list(hashes)))
        return {row["passage_hash"] for row in rows}

    async def save(self, org_id: OrgId, model_id: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep vectors (n, dimensions); one that was there already is counted as computed again."""
        # in order of the key, so that two writers of the same passages cannot deadlock
        order = sorted(range(len(hashes)), key=lambda index: hashes[index])
        literals = vector_literals(vectors[order])
        parameters = (org_id, model_id, [hashes[index] for index in order], literals)
        await self._pool.execute(SAVE_VECTORS, parameters)
