"""Finds the dense candidates of a search: HNSW first, wider when the filter left too few, exact at last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.queries import Candidate, SearchFilter
from ryorin.contexts.knowledge.read.ports import ChunkIndex, CollectionKey, IndexState, Scored

# 3x the list length: enough for the head of the list when a fifth of all chunks are old (ADR-0003)
OVERFETCH = 3
# pgvector's bound on hnsw.ef_search, and so on one pure HNSW list
MAX_LIST = 1000
# below this many chunks comparing all of them is as fast as HNSW, and exact
EXACT_CHUNKS = 2_000


@dataclass(frozen=True, slots=True)
class DenseCandidates:
    """One list per vector, filtered and cut, and the name of the plan that found them."""

    lists: tuple[tuple[Candidate, ...], ...]
    plan: str


class DensePlanner:
    """Chooses how to search; every step down is taken only when the one before found too few."""

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
        if state.live_chunks <= EXACT_CHUNKS:
            return await self._filtered(key, which, vectors, limit, exact=True)
        needed = min(needed, state.live_chunks)
        first = limit * OVERFETCH
        found = DenseCandidates(await self._pure(key, which, vectors, first, limit), "hnsw")
        if _enough(found, needed):
            return found
        wider = min(MAX_LIST, math.ceil(first * state.total_chunks / state.live_chunks))
        if wider > first:
            found = DenseCandidates(await self._pure(key, which, vectors, wider, limit), "hnsw+widened")
            if _enough(found, needed):
                return found
        found = await self._filtered(key, which, vectors, limit, exact=False)
        if _enough(found, needed):
            return found
        return await self._filtered(key, which, vectors, limit, exact=True)

    async def _pure(
        self, key: CollectionKey, which: SearchFilter, vectors: NDArray[np.float32], fetch: int, limit: int
    ) -> tuple[tuple[Candidate, ...], ...]:
        lists = await self._index.nearest(key, which, vectors, min(fetch, MAX_LIST), limit)
        return tuple(_candidates(entries) for entries in lists)

    async def _filtered(
        self,
        key: CollectionKey,
        which: SearchFilter,
        vectors: NDArray[np.float32],
        limit: int,
        *,
        exact: bool,
    ) -> DenseCandidates:
        lists = [await self._index.nearest_filtered(key, which, vector, limit, exact=exact) for vector in vectors]
        found = tuple(_candidates(entries) for entries in lists)
        return DenseCandidates(found, "exact" if exact else "iterative")


def _enough(found: DenseCandidates, needed: int) -> bool:
    return all(len(entries) >= needed for entries in found.lists)


def _candidates(entries: Sequence[Scored]) -> tuple[Candidate, ...]:
    return tuple(Candidate(entry.chunk_id, entry.document, entry.score) for entry in entries)
