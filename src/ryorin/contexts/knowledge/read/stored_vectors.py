"""Finds the dense candidates of a collection whose vectors lie in a place of their own (ADR-0009).

The store's nearest, and the few chunks that it does not have yet, compared exactly: together they are all there are.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.queries import Candidate, SearchFilter
from ryorin.contexts.knowledge.read.dense_plan import (
    AFFORDABLE_CHUNKS,
    BELIEVED,
    EXACT_CHUNKS,
    MARGIN,
    OVERFETCH,
    DenseCandidates,
)
from ryorin.contexts.knowledge.read.ports import CollectionKey, IndexState, ServingIndex, StoredChunks
from ryorin.contexts.knowledge.vector_store import Neighbour, VectorStore
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.together import together

# the longest list asked of a store; beyond it, comparing what passes is cheaper
MAX_FETCH = 10_000


@dataclass(frozen=True, slots=True)
class Shelf:
    """A store with its circuit breaker, and how long it may take (seconds)."""

    store: VectorStore
    breaker: CircuitBreaker
    timeout_seconds: float


class StoredVectors:
    """Does for places of their own what `DensePlanner` does for the shared index."""

    def __init__(self, chunks: StoredChunks, shelves: Mapping[str, Shelf]) -> None:
        self._chunks = chunks
        self._shelves = shelves

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
        serving = state.serving
        assert serving is not None
        if state.matching_chunks <= EXACT_CHUNKS:
            return await self._exact(key, which, serving, vectors, limit)
        expected = math.ceil(MARGIN * needed * state.live_chunks / state.matching_chunks)
        fetch = min(MAX_FETCH, max(limit * OVERFETCH, expected))
        enough = min(BELIEVED * needed, limit, state.matching_chunks)
        affordable = state.matching_chunks <= AFFORDABLE_CHUNKS
        try:
            found = await self._near(key, which, serving, vectors, fetch, limit)
            if fetch < MAX_FETCH and not affordable and _short(found, enough):
                found = await self._near(key, which, serving, vectors, MAX_FETCH, limit)
        except Unavailable:
            return await self._without_store(key, which, serving, vectors, limit, affordable)
        if _short(found, enough):
            return await self._exact(key, which, serving, vectors, limit)
        return found

    async def exact(
        self, key: CollectionKey, which: SearchFilter, serving: ServingIndex, vector: NDArray[np.float32], limit: int
    ) -> tuple[Candidate, ...]:
        """The best of everything that passes."""
        return (await self._chunks.exact(key, which, serving, vector, limit))[0]

    async def _near(
        self,
        key: CollectionKey,
        which: SearchFilter,
        serving: ServingIndex,
        vectors: NDArray[np.float32],
        fetch: int,
        limit: int,
    ) -> DenseCandidates:
        async with together() as group:
            waiting = group.create_task(self._chunks.pending(key, which, serving, vectors, limit))
            asked = group.create_task(self._ask(serving, vectors, fetch))
        fresh, unmade = waiting.result()
        current = await self._chunks.current(key, which, asked.result())
        lists = tuple(_merged(near, new, limit) for near, new in zip(current, fresh, strict=True))
        return DenseCandidates(lists, f"{serving.store}:hnsw", degraded=("index:behind",) if unmade else ())

    async def _ask(
        self, serving: ServingIndex, vectors: NDArray[np.float32], fetch: int
    ) -> Sequence[Sequence[Neighbour]]:
        shelf = self._shelves.get(serving.store)
        if shelf is None or not shelf.breaker.allows():
            raise Unavailable(f"the store {serving.store!r} is left alone for a while")
        try:
            async with asyncio.timeout(shelf.timeout_seconds):
                found = await shelf.store.nearest(serving.place, vectors, fetch)
        except TimeoutError as error:
            shelf.breaker.failed()
            raise Unavailable(f"the store {serving.store!r} took longer than {shelf.timeout_seconds:g} s") from error
        except Unavailable:
            shelf.breaker.failed()
            raise
        except BaseException:
            shelf.breaker.abandoned()
            raise
        shelf.breaker.succeeded()
        return found

    async def _without_store(
        self,
        key: CollectionKey,
        which: SearchFilter,
        serving: ServingIndex,
        vectors: NDArray[np.float32],
        limit: int,
        affordable: bool,
    ) -> DenseCandidates:
        degraded = (f"store:{serving.store}",)
        if affordable:
            found = await self._exact(key, which, serving, vectors, limit)
            return DenseCandidates(found.lists, found.plan, degraded=degraded)
        # words alone answer, and the response says so
        return DenseCandidates(tuple(() for _ in vectors), "none", degraded=degraded)

    async def _exact(
        self,
        key: CollectionKey,
        which: SearchFilter,
        serving: ServingIndex,
        vectors: NDArray[np.float32],
        limit: int,
    ) -> DenseCandidates:
        async with together() as group:
            searches = [group.create_task(self._chunks.exact(key, which, serving, vector, limit)) for vector in vectors]
        unmade = any(search.result()[1] for search in searches)
        lists = tuple(search.result()[0] for search in searches)
        return DenseCandidates(lists, "exact", degraded=("index:behind",) if unmade else ())


def _short(found: DenseCandidates, enough: int) -> bool:
    return any(len(entries) < enough for entries in found.lists)


def _merged(near: Sequence[Candidate], fresh: Sequence[Candidate], limit: int) -> tuple[Candidate, ...]:
    best = {entry.chunk_id: entry for entry in (*near, *fresh)}
    return tuple(sorted(best.values(), key=lambda entry: (-entry.score, entry.chunk_id))[:limit])
