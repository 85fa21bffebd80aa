"""How fast and how complete is two-stage search, against bare HNSW on the same vectors in the same run?"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.index import DIMENSIONS, KEY, Vectors, filled_index, make_centres, make_vectors
from benchmarks.measure import Machine, percentile, report, say
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.search_index import NEAREST, PostgresChunkIndex
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.knowledge.queries import SearchFilter
from ryorin.contexts.knowledge.read.dense_plan import OVERFETCH, DensePlanner
from ryorin.contexts.knowledge.read.ports import IndexState
from ryorin.contexts.knowledge.read.search_chunks import LIST_LIMIT

OLD_SHARE = 0.2
TOP_K = 10
FETCH = LIST_LIMIT * OVERFETCH


async def raw_search(pool: Pool, literals: list[str]) -> None:
    """Bare pgvector: as many connections as vectors, the same list length, nothing else."""

    async def one(literal: str) -> None:
        # every connection of the pool has ef_search = 150 already: one bare statement, nothing around it
        statement = "SELECT chunk_id FROM search_chunks_g1 ORDER BY vector <#> %s::halfvec LIMIT %s"
        await pool.fetch(statement, (literal, FETCH), anew=True)

    async with asyncio.TaskGroup() as group:
        for literal in literals:
            group.create_task(one(literal))


# both stages of many vectors in one statement, to compare with a statement and a connection for each
LATERAL = f"""
SELECT question.number, near.chunk_id, near.document, near.score
FROM unnest(%(vectors)s::text[]) WITH ORDINALITY AS question(vector, number)
CROSS JOIN LATERAL ({NEAREST.replace("%(vector)s", "question.vector")}) AS near
"""
HYBRID_CONNECTIONS = 2


async def lateral_search(pool: Pool, literals: list[str], connections: int = 1) -> None:
    """Both stages on one connection, or shared out among some."""
    parameters = {
        **{"fetch": FETCH, "limit": LIST_LIMIT, "tags": None, "metadata": None, "documents": None, "readers": None},
        **{"org_id": KEY.org_id, "collection": KEY.collection},
    }
    async with asyncio.TaskGroup() as group:
        for first in range(connections):
            share = literals[first::connections]
            if share:
                group.create_task(pool.fetch(LATERAL, {**parameters, "vectors": share}, anew=True))


async def our_search(index: PostgresChunkIndex, queries: Vectors, state: IndexState) -> list[list[int]]:
    """Both stages and the rows of the best ten: the first ten chunk ids of each list.

    `state` is asked for beside the embedding of the question, which takes longer: nobody waits for it.
    """
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
    lateral: list[float] = []
    hybrid: list[float] = []
    recalls: list[float] = []
    live = np.flatnonzero(~old)
    state = await index.state(KEY, SearchFilter())
    for number in range(rounds + 3):
        picked = vectors[dice.integers(len(vectors), size=width)]
        queries = picked + dice.normal(size=picked.shape).astype(np.float32) * 0.02
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        literals = vector_literals(queries)
        sides: list[tuple[list[float], Callable[[], Awaitable[object]]]] = [
            (raw, partial(raw_search, pool, literals)),
            (ours, partial(our_search, index, queries, state)),
        ]
        if width > 1:
            sides.append((lateral, partial(lateral_search, pool, literals)))
            sides.append((hybrid, partial(lateral_search, pool, literals, HYBRID_CONNECTIONS)))
        for times, action in sides if number % 2 else reversed(sides):
            elapsed = await timed(action)
            if number >= 3:  # the first rounds warm connections and caches
                times.append(elapsed)
        if number < 20:
            found = await our_search(index, queries, state)
            exact = live[np.argsort(-(queries @ vectors[live].T), axis=1)[:, :TOP_K]] + 1
            recalls += [len(set(a) & set(b.tolist())) / TOP_K for a, b in zip(found, exact, strict=True)]
    return {
        "p50_ms": percentile(ours, 50),
        "p95_ms": percentile(ours, 95),
        "raw_p50_ms": percentile(raw, 50),
        "raw_p95_ms": percentile(raw, 95),
        "recall_at_10": round(float(np.mean(recalls)), 4),
        "p50_ratio_to_raw": round(percentile(ours, 50) / percentile(raw, 50), 3),
        # what one statement for all vectors would take, on one connection and on two
        **({"lateral_p50_ms": percentile(lateral, 50), "hybrid_p50_ms": percentile(hybrid, 50)} if lateral else {}),
    }


async def run_size(size: int, widths: list[int], rounds: int) -> dict[int, dict[str, float]]:
    """One fresh database with `size` chunks."""
    dice = np.random.default_rng(1)
    vectors = make_vectors(size, dice, make_centres(dice))
    old = dice.random(size) < OLD_SHARE
    async with filled_index(vectors, old) as pool:
        results = {width: await measure(pool, vectors, old, rounds, width) for width in widths}
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
                (baseline if name.startswith(("raw_", "lateral_", "hybrid_")) else figures)[name + suffix] = value
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
