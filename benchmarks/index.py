"""A search index filled with made-up vectors, as the projection would fill it: for benchmarks of search alone."""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.measure import say
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.adapters.postgres.migrate import migrate
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.projections import PostgresProjectionStore
from ryorin.adapters.postgres.search_tables import search_schema
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.knowledge.queries import SEARCH_MODEL
from ryorin.contexts.knowledge.read.ports import CollectionKey
from ryorin.kernel.messages import OrgId

DIMENSIONS = 384
CHUNKS_PER_DOCUMENT = 10
CLUSTERS = 400
KEY = CollectionKey(OrgId("bench"), "docs")
Vectors = NDArray[np.float32]
Tags = Callable[[int], list[str]]


def make_centres(dice: np.random.Generator) -> Vectors:
    """The centres that all vectors of a run lie around."""
    centres = dice.normal(size=(CLUSTERS, DIMENSIONS)).astype(np.float32)
    unit: Vectors = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    return unit


def make_vectors(count: int, dice: np.random.Generator, centres: Vectors) -> Vectors:
    """Unit vectors around shared centres: as clustered as real embeddings, unlike uniform noise."""
    spread = dice.normal(size=(count, DIMENSIONS)).astype(np.float32) * 0.055
    vectors = centres[dice.integers(len(centres), size=count)] + spread
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def fill(url: str, vectors: Vectors, old: NDArray[np.bool_], tags: Tags = lambda document: []) -> None:
    """Documents of ten chunks each; chunks of old versions stand beside the current ones."""
    documents = len(vectors) // CHUNKS_PER_DOCUMENT
    with psycopg.connect(url) as connection:
        connection.execute("DROP INDEX search_chunks_g1_vector_idx")
        connection.execute("DROP INDEX search_chunks_g1_terms_idx")
        live = (~old).reshape(documents, CHUNKS_PER_DOCUMENT).sum(axis=1)
        rows = "".join(
            f"{KEY.org_id}\t{KEY.collection}\td{n}\t2\t{live[n]}\tD{n}\t{{{','.join(tags(n))}}}\t{{}}\tset\t{{*}}\n"
            for n in range(documents)
        )
        columns = "org_id, collection, document, version, chunks, title, tags, metadata, chunk_set, readers"
        with connection.cursor().copy(f"COPY search_documents_g1 ({columns}) FROM STDIN".encode()) as copy:
            copy.write(rows)
        columns = (
            "document_no, org_id, collection, version, ordinal, heading_path, text, start_byte, end_byte,"
            " vector, terms, weights, passage_hash"
        )
        with connection.cursor().copy(f"COPY search_chunks_g1 ({columns}) FROM STDIN".encode()) as copy:
            for start in range(0, len(vectors), 5000):
                copy.write(_lines(vectors[start : start + 5000], old, start))
        connection.execute(
            "INSERT INTO search_collections (org_id, collection, incarnation, live_chunks) VALUES (%s, %s, 1, %s)",
            (KEY.org_id, KEY.collection, int((~old).sum())),
        )
        started = time.perf_counter()
        connection.execute(
            "CREATE INDEX ON search_chunks_g1 USING hnsw (vector halfvec_ip_ops) WITH (m = 16, ef_construction = 64)"
        )
        say(f"  HNSW over {len(vectors)} vectors: {time.perf_counter() - started:.1f} s")
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE search_chunks_g1")
        connection.execute("VACUUM ANALYZE search_documents_g1")


def _lines(vectors: Vectors, old: NDArray[np.bool_], start: int) -> str:
    buffer = io.StringIO()
    text = "A passage of some length, as it stands in documents that people write. " * 5
    for offset, literal in enumerate(vector_literals(vectors)):
        number = start + offset
        document, ordinal = number // CHUNKS_PER_DOCUMENT + 1, number % CHUNKS_PER_DOCUMENT
        version = 1 if old[number] else 2
        fields = (document, KEY.org_id, KEY.collection, version, ordinal, "{}", text, 0, 9, literal, "{}")
        buffer.write("\t".join(map(str, fields)) + f"\t{{}}/1000000000\thash{number}\n")
    return buffer.getvalue()


@asynccontextmanager
async def filled_index(
    vectors: Vectors, old: NDArray[np.bool_], tags: Tags = lambda document: []
) -> AsyncIterator[Pool]:
    """A database of its own with the vectors in the search index."""
    with tempfile.TemporaryDirectory(prefix="ryorin-") as folder:
        Path(folder).chmod(0o755)
        server = await asyncio.to_thread(EmbeddedPostgres.start, Path(folder))
        pool = Pool(server.url, max_size=16)
        try:
            await asyncio.to_thread(migrate, server.url)
            await pool.open()
            store = PostgresProjectionStore(pool, SEARCH_MODEL, search_schema(DIMENSIONS), lambda *_: None)
            await store.ensure()
            await asyncio.to_thread(fill, server.url, vectors, old, tags)
            yield pool
        finally:
            await pool.close()
            server.release()
