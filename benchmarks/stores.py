"""What do the vector stores cost and find: build, latency, recall, bytes on the same vectors, beside exact search?"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.index import DIMENSIONS, Vectors, make_centres, make_vectors
from benchmarks.measure import Machine, report, say
from ryorin.adapters.libsql.store import LibSqlStore
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.vector_store import PgVectorStore
from ryorin.adapters.qdrant.edge import QdrantEdgeStore
from ryorin.contexts.knowledge.pipeline import Storage
from ryorin.contexts.knowledge.vector_store import VectorPlace, VectorStore

CHUNKS = 100_000
QUESTIONS = 40
BATCH = 1000
# the list that a search asks for
FETCH = 150
DEPTH = 10
ROUNDS = 3


@asynccontextmanager
async def stores(folder: Path) -> AsyncIterator[dict[str, tuple[VectorStore, Storage]]]:
    """Every store that runs without a server of its own, with each storage that it has."""
    server = await asyncio.to_thread(EmbeddedPostgres.start, folder)
    pool = Pool(server.url, max_size=16)
    await pool.open()
    async with pool.connection() as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    pgvector, qdrant, libsql = (
        PgVectorStore(pool),
        QdrantEdgeStore(folder / "qdrant"),
        LibSqlStore(str(folder / "l.db")),
    )
    try:
        yield {
            "pgvector": (pgvector, "halfvec"),
            "pgvector_binary": (pgvector, "binary"),
            "qdrant": (qdrant, "halfvec"),
            "qdrant_binary": (qdrant, "binary"),
            "libsql": (libsql, "halfvec"),
        }
    finally:
        await qdrant.close()
        await libsql.close()
        await pool.close()
        server.release()


async def build(store: VectorStore, place: VectorPlace, vectors: Vectors) -> float:
    """Fill and index a place; seconds."""
    started = time.perf_counter()
    await store.create(place)
    for start in range(0, len(vectors), BATCH):
        await store.put(place, range(start, min(start + BATCH, len(vectors))), vectors[start : start + BATCH])
    await store.optimise(place)
    return time.perf_counter() - started


async def ask(store: VectorStore, place: VectorPlace, questions: Vectors) -> tuple[list[float], list[list[int]]]:
    """One question after the other: milliseconds, and the chunks found."""
    times: list[float] = []
    found: list[list[int]] = []
    for question in questions:
        started = time.perf_counter()
        answer = await store.nearest(place, question[np.newaxis, :], FETCH)
        times.append((time.perf_counter() - started) * 1000)
        found.append([near.chunk_id for near in answer[0][:DEPTH]])
    return times, found


def recall(found: Sequence[Sequence[int]], exact: NDArray[np.int64]) -> float:
    """The share of the exact first ten that was found."""
    return float(
        np.mean([len(set(one) & set(right.tolist())) / DEPTH for one, right in zip(found, exact, strict=True)])
    )


async def run(chunks: int) -> None:
    """Build each store, then ask them in turns."""
    machine, dice = Machine(), np.random.default_rng(20261121)
    centres = make_centres(dice)
    vectors, questions = make_vectors(chunks, dice, centres), make_vectors(QUESTIONS, dice, centres)
    exact = np.argsort(-(questions @ vectors.T), axis=1)[:, :DEPTH]
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="ryorin-stores-") as temporary:
        Path(temporary).chmod(0o755)
        async with stores(Path(temporary)) as made:
            places = {name: VectorPlace(name, DIMENSIONS, storage) for name, (_, storage) in made.items()}
            for name, (store, _) in made.items():
                figures[f"{name}_build_s"] = round(await build(store, places[name], vectors), 1)
                size = await store.size_bytes(places[name])
                assert size is not None
                figures[f"{name}_bytes_per_chunk"] = round(size / chunks)
                say(f"{name}: built in {figures[f'{name}_build_s']} s")
            times: dict[str, list[float]] = {name: [] for name in made}
            for _ in range(ROUNDS):
                for name, (store, _) in made.items():
                    taken, found = await ask(store, places[name], questions)
                    times[name] += taken
                    figures[f"{name}_recall_at_10"] = round(recall(found, exact), 4)
            for name, taken in times.items():
                figures[f"{name}_p50_ms"] = round(float(np.percentile(taken, 50)), 2)
                figures[f"{name}_p95_ms"] = round(float(np.percentile(taken, 95)), 2)
                say(f"{name}: {figures[f'{name}_p50_ms']} ms, recall {figures[f'{name}_recall_at_10']}")
    started = time.perf_counter()
    for question in questions:
        np.argpartition(-(vectors @ question), FETCH)
    baseline = {"numpy_exact_ms": round((time.perf_counter() - started) * 1000 / len(questions), 2)}
    config = {"chunks": chunks, "dimensions": DIMENSIONS, "fetch": FETCH, "storage": list(get_args(Storage))}
    report("stores", figures, baseline, machine, config)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 chunks, for correctness only")
    parser.add_argument("--chunks", type=int, default=CHUNKS, help="how many vectors")
    arguments = parser.parse_args()
    asyncio.run(run(2000 if arguments.quick else arguments.chunks))


if __name__ == "__main__":
    main()
