"""Finds the dense candidates of a search: chooses by how much passes the filter, and steps down when too few come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.queries import Candidate, SearchFilter
from ryorin.contexts.knowledge.read.ports import ChunkIndex, CollectionKey, IndexState
from ryorin.kernel.together import together

# 3x the list length: enough for the head of the list when a fifth of all chunks are old (ADR-0003)
OVERFETCH = 3
# a graph this large is searched well with lists of that length; in larger ones they grow by the square root
# (300,000 chunks: recall .933 with 150, .967 with 225 and no more beyond; `make bench-retrieval`)
LARGE_INDEX = 100_000
# how many times what is needed should pass the filter on average: with three times a tenth of documents had a recall
# of .94, since HNSW finds fewer of the true neighbours further out (ADR-0006)
MARGIN = 6
# a list is believed when this many times what is needed passed: fewer mean that what passes lies far from the question
BELIEVED = 2
# pgvector's bound on hnsw.ef_search, and so on one pure HNSW list
MAX_LIST = 1000
# up to here comparing all that passes is as fast as HNSW, and exact (ADR-0006, `make bench-filters`)
EXACT_CHUNKS = 3_000
# up to here comparing all that passes beats scanning on and on through an index of others
AFFORDABLE_CHUNKS = 20_000

StepName = Literal["hnsw", "hnsw+widened", "iterative", "exact"]


@dataclass(frozen=True, slots=True)
class Step:
    """A way to search; `fetch` is the length of a pure HNSW list."""

    name: StepName
    fetch: int = 0


@dataclass(frozen=True, slots=True)
class DenseCandidates:
    """One list per vector, filtered and cut; the plan that found them; the vectors and the parts that failed."""

    lists: tuple[tuple[Candidate, ...], ...]
    plan: str
    failed: tuple[int, ...] = ()
    degraded: tuple[str, ...] = ()


def plan(state: IndexState, limit: int, needed: int) -> list[Step]:
    """The steps to take in turn until `needed` chunks are found; the last one finds all there are."""
    if state.matching_chunks <= EXACT_CHUNKS:
        return [Step("exact")]
    affordable = state.matching_chunks <= AFFORDABLE_CHUNKS
    expected = math.ceil(MARGIN * needed * state.total_chunks / state.matching_chunks)
    # a list that long costs as much as comparing what passes
    if affordable and expected > MAX_LIST // 2:
        return [Step("exact")]
    steps = []
    grown = math.sqrt(max(1.0, state.total_chunks / LARGE_INDEX))
    first = max(math.ceil(limit * OVERFETCH * grown), expected)
    if first <= MAX_LIST:
        steps.append(Step("hnsw", first))
    if affordable:
        return [*steps, Step("exact")]
    if first < MAX_LIST:
        steps.append(Step("hnsw+widened", min(MAX_LIST, 4 * first)))
    return [*steps, Step("iterative"), Step("exact")]


class DensePlanner:
    """Carries out the plan; every step down is taken only when the one before found too few."""

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index

    async def find(
        self,
        key: CollectionKey,
        which: SearchFilter,
        vectors: NDArray[np.float32],
        state: IndexState,
        limit: int,
        needed: int,
    ) -> DenseCandidates:
        """The best `limit` live chunks for each vector, at least `needed` of them while there are so many."""
        steps = plan(state, limit, needed)
        enough = min(BELIEVED * needed, limit, state.matching_chunks)
        found = DenseCandidates(tuple(() for _ in vectors), "exact")
        for step in steps:
            lists = await self._lists(step, key, which, vectors, limit)
            found = DenseCandidates(
                lists=tuple(tuple(entries or ()) for entries in lists),
                plan=step.name,
                failed=tuple(number for number, entries in enumerate(lists) if entries is None),
            )
            if all(len(entries) >= enough for entries in lists if entries is not None):
                break
        return found

    async def _lists(
        self, step: Step, key: CollectionKey, which: SearchFilter, vectors: NDArray[np.float32], limit: int
    ) -> Sequence[Sequence[Candidate] | None]:
        if step.fetch:
            return await self._index.nearest(key, which, vectors, step.fetch, limit)
        exact = step.name == "exact"
        async with together() as group:
            searches = [
                group.create_task(self._index.nearest_filtered(key, which, vector, limit, exact=exact))
                for vector in vectors
            ]
        return [search.result() for search in searches]
