"""How fast and how complete is two-stage search, against bare HNSW on the same vectors in the same run?"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.measure import Machine, percentile, report, say
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.adapters.postgres.migrate import migrate
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.projections import PostgresProjectionStore
from ryorin.adapters.postgres.search_index import PostgresChunkIndex
from ryorin.adapters.postgres.search_rows import search_schema
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.knowledge.queries import SEARCH_MODEL, SearchFilter
from ryorin.contexts.knowledge.read.dense_plan import OVERFETCH, DensePlanner
from ryorin.contexts.knowledge.read.ports import CollectionKey
from ryorin.contexts.knowledge.read.search_chunks import LIST_LIMIT
from ryorin.kernel.messages import OrgId

DIMENSIONS = 384
CHUNKS_PER_DOCUMENT = 10
OLD_SHARE = 0.2
TOP_K = 10
CLUSTERS = 400
KEY = CollectionKey(OrgId("bench"), "docs")
FETCH = LIST_LIMIT * OVERFETCH
Vectors = NDArray[np.float32]


def make_vectors(count: int, dice: np.random.Generator, centres: Vectors) -> Vectors:
    """Unit vectors around shared centres: as clustered as real embeddings, unlike uniform noise."""
    spread = dice.normal(size=(count, DIMENSIONS)).astype(np.float32) * 0.055
    vectors = centres[dice.integers(len(centres), size=count)] + spread
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def fill(url: str, vectors: Vectors, old: NDArray[np.bool_]) -> None:
    """Documents of ten chunks each; chunks of old versions stand beside the current ones."""
    documents = len(vectors) // CHUNKS_PER_DOCUMENT
    with psycopg.connect(url) as connection:
        connection.execute("DROP INDEX search_chunks_g1_vector_idx")
        connection.execute("DROP INDEX search_chunks_g1_terms_idx")
        rows = "".join(f"{KEY.org_id}\t{KEY.collection}\td{n}\t2\t8\tD{n}\t{{}}\t{{}}\n" for n in range(documents))
        columns = "org_id, collection, document, version, chunks, title, tags, metadata"
        with connection.cursor().copy(f"COPY search_documents_g1 ({columns}) FROM STDIN".encode()) as copy:
            copy.write(rows)
        columns = (
            "document_no, org_id, collection, version, ordinal, heading_path, text, start_byte, end_byte,"
            " vector, terms, weights"
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
        buffer.write("\t".join(map(str, fields)) + "\t{}/1000000000\n")
    return buffer.getvalue()


async def raw_search(pool: Pool, literals: list[str]) -> None:
    """Bare pgvector: as many connections as vectors, the same list length, nothing else."""

    async def one(literal: str) -> None:
        # every connection of the pool has ef_search = 150 already: one bare statement, nothing around it
        statement = "SELECT chunk_id FROM search_chunks_g1 ORDER BY vector <#> %s::halfvec LIMIT %s"
        await pool.fetch(statement, (literal, FETCH))

    async with asyncio.TaskGroup() as group:
        for literal in literals:
            group.create_task(one(literal))


async def our_search(index: PostgresChunkIndex, queries: Vectors) -> list[list[int]]:
    """Both stages and the rows of the best ten: the first ten chunk ids of each list."""
    state = await index.state(KEY)
    found = await DensePlanner(index).find(KEY, SearchFilter(), queries, state, LIST_LIMIT, TOP_K)
    await index.rows(KEY, [entry.chunk_id for entry in found.lists[0][:TOP_K]])
    return [[entry.chunk_id for entry in entries[:TOP_K]] for entries in found.lists]


async def timed(action: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of one call."""
    started = time.perf_counter()
    await action()
    return (time.perf_counter() - started) * 1000


async def measure(pool: Pool, vectors: Vectors, old: NDArray[np.bool_], rounds: int, width: int) -> dict[str, float]:
    """Both sides in turn on the same questions, and recall against comparing everything."""
    index, dice = PostgresChunkIndex(pool), np.random.default_rng(7)
    ours: list[float] = []
    raw: list[float] = []
    recalls: list[float] = []
    live = np.flatnonzero(~old)
    for number in range(rounds + 3):
        picked = vectors[dice.integers(len(vectors), size=width)]
        queries = picked + dice.normal(size=picked.shape).astype(np.float32) * 0.02
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        literals = vector_literals(queries)
        sides = [
            (raw, lambda literals=literals: raw_search(pool, literals)),
            (ours, lambda q=queries: our_search(index, q)),
        ]
        for times, action in sides if number % 2 else reversed(sides):
            elapsed = await timed(action)
            if number >= 3:  # the first rounds warm connections and caches
                times.append(elapsed)
        if number < 20:
            found = await our_search(index, queries)
            exact = live[np.argsort(-(queries @ vectors[live].T), axis=1)[:, :TOP_K]] + 1
            recalls += [len(set(a) & set(b.tolist())) / TOP_K for a, b in zip(found, exact, strict=True)]
    return {
        "p50_ms": percentile(ours, 50),
        "p95_ms": percentile(ours, 95),
        "raw_p50_ms": percentile(raw, 50),
        "raw_p95_ms": percentile(raw, 95),
        "recall_at_10": round(float(np.mean(recalls)), 4),
        "p50_ratio_to_raw": round(percentile(ours, 50) / percentile(raw, 50), 3),
    }


async def run_size(size: int, widths: list[int], rounds: int) -> dict[int, dict[str, float]]:
    """One fresh database with `size` chunks."""
    dice = np.random.default_rng(1)
    centres = dice.normal(size=(CLUSTERS, DIMENSIONS)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = make_vectors(size, dice, centres)
    old = dice.random(size) < OLD_SHARE
    with tempfile.TemporaryDirectory(prefix="ryorin-") as folder:
        Path(folder).chmod(0o755)
        server = await asyncio.to_thread(EmbeddedPostgres.start, Path(folder))
        pool = Pool(server.url, max_size=16)
        try:
            await asyncio.to_thread(migrate, server.url)
            await pool.open()
            store = PostgresProjectionStore(pool, SEARCH_MODEL, search_schema(DIMENSIONS), lambda *_: None)
            await store.ensure()
            await asyncio.to_thread(fill, server.url, vectors, old)
            results = {width: await measure(pool, vectors, old, rounds, width) for width in widths}
        finally:
            await pool.close()
            server.release()
    say(f"  {size}: {results}")
    return results


async def main_async(quick: bool) -> int:
    """All sizes and widths."""
    machine = Machine()
    sizes = [10_000] if quick else [10_000, 100_000, 300_000]
    main_size = sizes[0] if quick else 100_000
    rounds = 10 if quick else 60
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    for size in sizes:
        widths = [1, 4, 9] if size == main_size else [9]
        for width, result in (await run_size(size, widths, rounds)).items():
            suffix = (
                "" if (size, width) == (main_size, 9) else f"_{width}v" if size == main_size else f"_{size // 1000}k"
            )
            for name, value in result.items():
                (baseline if name.startswith("raw_") else figures)[name + suffix] = value
    config = {"dimensions": DIMENSIONS, "old_share": OLD_SHARE, "ef_search": FETCH, "chunks": main_size}
    report("retrieval", figures, baseline, machine, config)
    return 0


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    sys.exit(asyncio.run(main_async(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
