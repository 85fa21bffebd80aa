"""Does filtered search keep its recall, whatever share of the index passes the filter, and at what cost?

Rows are shares of documents that carry a tag; `far` is a tag of documents that lie far from every question, the case
in which overfetching finds nothing. Every strategy answers the same questions: what the planner chose, plain
post-filtering (pgvector's HNSW, then the filter), iterative scans, an index over nothing but what passes (as a partial
index would be, if filters were known beforehand), and comparing everything.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.index import (
    CHUNKS_PER_DOCUMENT,
    CLUSTERS,
    DIMENSIONS,
    KEY,
    Vectors,
    filled_index,
    make_centres,
    make_vectors,
)
from benchmarks.measure import Machine, percentile, report, say
from ryorin.adapters.postgres.pool import Pool, rows_of, run
from ryorin.adapters.postgres.search_index import NEAREST_FILTERED, PostgresChunkIndex
from ryorin.adapters.postgres.stored_chunks import PostgresStoredChunks
from ryorin.adapters.postgres.vector_store import PgVectorStore
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.knowledge.queries import SearchFilter
from ryorin.contexts.knowledge.read.dense_plan import OVERFETCH, DensePlanner
from ryorin.contexts.knowledge.read.search_chunks import LIST_LIMIT
from ryorin.contexts.knowledge.vector_store import VectorPlace

OLD_SHARE = 0.2
TOP_K = 10
BATCH = 1000
SHARES = {"100": 1.0, "50": 0.5, "10": 0.1, "1": 0.01, "0_1": 0.001}
FAR = "far"
# clusters whose documents are far from all questions
FAR_CLUSTERS = CLUSTERS // 20

Search = Callable[[SearchFilter, Vectors], Awaitable[Sequence[int]]]


@dataclass(slots=True)
class Tally:
    """What one strategy did in one row."""

    milliseconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    underfilled: int = 0
    plans: set[str] = field(default_factory=set)

    def figures(self) -> dict[str, float]:
        """Latency, recall and how many results were too short."""
        return {
            "p50_ms": percentile(self.milliseconds, 50),
            "p95_ms": percentile(self.milliseconds, 95),
            "recall": round(float(np.mean(self.recalls)), 4),
            "underfilled": self.underfilled,
        }


class Strategies:
    """Every way to search, on one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._index = PostgresChunkIndex(pool)
        self._planner = DensePlanner(self._index)
        self._store, self._chunks = PgVectorStore(pool), PostgresStoredChunks(pool)
        self._place: VectorPlace | None = None
        self.plan = ""

    async def planner(self, which: SearchFilter, vector: Vectors) -> Sequence[int]:
        """What Ryorin does."""
        state = await self._index.state(KEY, which)
        found = await self._planner.find(KEY, which, vector, state, LIST_LIMIT, TOP_K)
        self.plan = found.plan
        return [entry.chunk_id for entry in found.lists[0][:TOP_K]]

    async def overfetch(self, which: SearchFilter, vector: Vectors) -> Sequence[int]:
        """Plain post-filtering: HNSW as if there was no filter, and what is left of it."""
        lists = await self._index.nearest(KEY, which, vector, LIST_LIMIT * OVERFETCH, LIST_LIMIT)
        return [entry.chunk_id for entry in (lists[0] or ())[:TOP_K]]

    async def exact(self, which: SearchFilter, vector: Vectors) -> Sequence[int]:
        """Everything that passes, compared."""
        found = await self._index.nearest_filtered(KEY, which, vector[0], LIST_LIMIT, exact=True)
        return [entry.chunk_id for entry in found[:TOP_K]]

    async def strict(self, which: SearchFilter, vector: Vectors) -> Sequence[int]:
        """pgvector's iterative scan in strict order."""
        return await self._iterative(which, vector, "strict_order")

    async def relaxed(self, which: SearchFilter, vector: Vectors) -> Sequence[int]:
        """pgvector's iterative scan in relaxed order."""
        return await self._iterative(which, vector, "relaxed_order")

    async def index_only(self, tag: str, passing: NDArray[np.int64], vectors: Vectors) -> None:
        """Make the index of a filter, for `partial`."""
        self._place = VectorPlace(f"only_{tag}", DIMENSIONS)
        await self._store.create(self._place)
        for start in range(0, len(passing), BATCH):
            batch = passing[start : start + BATCH]
            await self._store.put(self._place, (batch + 1).tolist(), vectors[batch])
        await self._store.optimise(self._place)

    async def partial(self, which: SearchFilter, vector: Vectors) -> Sequence[int]:
        """HNSW over nothing but what passes; the second stage still looks at versions and tags."""
        assert self._place is not None
        found = await self._store.nearest(self._place, vector, LIST_LIMIT * OVERFETCH)
        lists = await self._chunks.current(KEY, which, found)
        return [entry.chunk_id for entry in lists[0][:TOP_K]]

    async def drop_index(self) -> None:
        """Drop the index of the filter."""
        assert self._place is not None
        await self._store.drop(self._place)

    async def _iterative(self, which: SearchFilter, vector: Vectors, order: str) -> Sequence[int]:
        parameters = {
            "vector": vector_literals(vector)[0],
            "limit": LIST_LIMIT,
            "org_id": KEY.org_id,
            "collection": KEY.collection,
            "tags": list(which.tags) or None,
            "metadata": None,
            "readers": None,
            "documents": None,
        }
        async with self._pool.transaction() as connection:
            await run(connection, "SET LOCAL hnsw.ef_search = 150")
            await run(connection, f"SET LOCAL hnsw.iterative_scan = {order}")
            # what is to be measured is the index, not the planner's choice against it
            await run(connection, "SET LOCAL enable_sort = off")
            rows = await rows_of(connection, NEAREST_FILTERED, parameters, anew=True)
        best = sorted(rows, key=lambda row: -row["score"])[:TOP_K]
        return [row["chunk_id"] for row in best]


def tags_of(documents: int, clusters: NDArray[np.int64]) -> Callable[[int], list[str]]:
    """Tags by chance for each share; `far` for documents of the far clusters."""
    dice = np.random.default_rng(3)
    drawn = {name: dice.random(documents) < share for name, share in SHARES.items()}

    def tags(document: int) -> list[str]:
        found = [f"s{name}" for name, chosen in drawn.items() if chosen[document]]
        return [*found, FAR] if clusters[document] < FAR_CLUSTERS else found

    return tags


async def measure_row(
    strategies: Strategies, tag: str, vectors: Vectors, passing: NDArray[np.int64], questions: Vectors
) -> dict[str, Tally]:
    """All strategies in turns on the same questions."""
    which = SearchFilter(tags=(tag,))
    names = ("planner", "overfetch", "strict", "relaxed", "partial", "exact")
    tallies = {name: Tally() for name in names}
    wanted = min(TOP_K, len(passing))
    for number, question in enumerate(questions):
        truth = set((passing[np.argsort(-(vectors[passing] @ question))[:TOP_K]] + 1).tolist())
        for name in names if number % 2 else names[::-1]:
            search: Search = getattr(strategies, name)
            started = perf_counter()
            found = await search(which, question[np.newaxis, :])
            elapsed = (perf_counter() - started) * 1000
            if number < 2:  # the first ones warm connections and caches
                continue
            tally = tallies[name]
            tally.milliseconds.append(elapsed)
            tally.recalls.append(len(truth & set(found)) / max(1, wanted))
            tally.underfilled += len(found) < wanted
            if name == "planner":
                tally.plans.add(strategies.plan)
    return tallies


async def run_all(chunks: int, questions: int) -> None:
    """One index, all rows."""
    machine, dice = Machine(), np.random.default_rng(1)
    documents = chunks // CHUNKS_PER_DOCUMENT
    centres = make_centres(dice)
    # documents of one cluster each, so that a tag can be far from a question
    clusters = dice.integers(CLUSTERS, size=documents)
    spread = dice.normal(size=(chunks, DIMENSIONS)).astype(np.float32) * 0.055
    vectors = np.repeat(centres[clusters], CHUNKS_PER_DOCUMENT, axis=0) + spread
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    old = dice.random(chunks) < OLD_SHARE
    asked = make_vectors(questions, dice, centres[FAR_CLUSTERS:])
    tags = tags_of(documents, clusters)
    figures: dict[str, float] = {}
    baseline: dict[str, float] = {}
    recalls, underfilled = [], 0
    async with filled_index(vectors, old, tags) as pool:
        strategies = Strategies(pool)
        for name in (*(f"s{share}" for share in SHARES), FAR):
            of_row = np.array([name in tags(document) for document in range(documents)])
            passing = np.flatnonzero(np.repeat(of_row, CHUNKS_PER_DOCUMENT) & ~old)
            await strategies.index_only(name, passing, vectors)
            tallies = await measure_row(strategies, name, vectors, passing, asked)
            await strategies.drop_index()
            for strategy, tally in tallies.items():
                target = figures if strategy == "planner" else baseline
                target |= {f"{name}_{strategy}_{key}": value for key, value in tally.figures().items()}
            ours = tallies["planner"]
            recalls.append(float(np.mean(ours.recalls)))
            underfilled += ours.underfilled
            say(f"{name}: {len(passing)} chunks, plan {sorted(ours.plans)}")
            for strategy, tally in tallies.items():
                say(f"  {strategy}: {tally.figures()}")
    figures = {"min_recall_at_10": round(min(recalls), 4), "underfilled": underfilled, **figures}
    report("filters", figures, baseline, machine, {"chunks": chunks, "questions": questions, "old_share": OLD_SHARE})


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small index, for correctness only")
    asyncio.run(run_all(4_000, 6) if parser.parse_args().quick else run_all(100_000, 60))


if __name__ == "__main__":
    main()
