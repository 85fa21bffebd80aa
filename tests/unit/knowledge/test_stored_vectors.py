"""A collection on a store of its own is searched whole, whatever the store does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from ryorin.adapters.memory.clock import StandingClock
from ryorin.adapters.memory.vector_store import MemoryVectorStore
from ryorin.contexts.knowledge.queries import Candidate, SearchFilter
from ryorin.contexts.knowledge.read.ports import CollectionKey, IndexState, ServingIndex
from ryorin.contexts.knowledge.read.stored_vectors import Shelf, StoredVectors
from ryorin.contexts.knowledge.vector_store import Neighbour, VectorPlace
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.messages import OrgId

KEY, EVERYTHING = CollectionKey(OrgId("a"), "docs"), SearchFilter()
PLACE = VectorPlace("p", 4)
SERVING = ServingIndex("p", "qdrant", "default", "m", PLACE)
Matrix = NDArray[np.float32]


@dataclass
class Chunks:
    """The `StoredChunks` port: vectors of all current chunks, those that are pending, and old ones to be left out."""

    vectors: dict[int, Matrix]
    waiting: set[int] = field(default_factory=set)
    unmade: bool = False
    compared: int = 0

    async def current(
        self, key: CollectionKey, which: SearchFilter, found: Sequence[Sequence[Neighbour]]
    ) -> tuple[tuple[Candidate, ...], ...]:
        return tuple(
            tuple(Candidate(near.chunk_id, "d", near.score) for near in entries if near.chunk_id in self.vectors)
            for entries in found
        )

    async def pending(
        self, key: CollectionKey, which: SearchFilter, serving: ServingIndex, vectors: Matrix, limit: int
    ) -> tuple[tuple[tuple[Candidate, ...], ...], bool]:
        return tuple(self._best(vector, self.waiting, limit) for vector in vectors), self.unmade

    async def exact(
        self, key: CollectionKey, which: SearchFilter, serving: ServingIndex, vector: Matrix, limit: int
    ) -> tuple[tuple[Candidate, ...], bool]:
        self.compared += 1
        return self._best(vector, set(self.vectors), limit), self.unmade

    def _best(self, vector: Matrix, among: set[int], limit: int) -> tuple[Candidate, ...]:
        scored = [Candidate(key, "d", float(self.vectors[key] @ vector)) for key in among]
        return tuple(sorted(scored, key=lambda entry: -entry.score)[:limit])


def unit(count: int, seed: int = 3) -> Matrix:
    vectors = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


class Library:
    """A store with all chunks but the pending ones, and what looks things up in it."""

    def __init__(self, chunks: int = 60, pending: int = 0) -> None:
        vectors = dict(enumerate(unit(chunks)))
        self.clock = StandingClock()
        self.store, self.chunks = MemoryVectorStore(), Chunks(vectors, set(range(chunks - pending, chunks)))
        self.store.places["p"] = {key: vector for key, vector in vectors.items() if key not in self.chunks.waiting}
        self.breaker = CircuitBreaker(self.clock, failures=2, pause_seconds=30)
        self.finder = StoredVectors(self.chunks, {"qdrant": Shelf(self.store, self.breaker, timeout_seconds=5)})

    async def find(self, matching: int, live: int = 100_000, needed: int = 5) -> tuple[list[int], tuple[str, ...], str]:
        state = IndexState(True, matching, live, live, 0, serving=SERVING)
        found = await self.finder.find(KEY, EVERYTHING, unit(1, seed=9), state, 10, needed)
        return [entry.chunk_id for entry in found.lists[0]], found.degraded, found.plan

    def best(self) -> list[int]:
        question = unit(1, seed=9)[0]
        return sorted(self.chunks.vectors, key=lambda key: -float(self.chunks.vectors[key] @ question))[:10]


@pytest.mark.parametrize("pending", [0, 7, 60])
async def test_what_the_store_does_not_have_yet_is_found_all_the_same(pending: int) -> None:
    library = Library(pending=pending)

    assert await library.find(50_000) == (library.best(), (), "qdrant:hnsw")


async def test_what_the_store_still_has_of_gone_chunks_is_left_out() -> None:
    library = Library()
    gone = library.best()[0]
    del library.chunks.vectors[gone]

    found, _, _ = await library.find(50_000)

    assert gone not in found
    assert found == library.best()


async def test_a_chunk_in_the_store_and_among_the_pending_is_found_once() -> None:
    library = Library(pending=7)
    library.store.places["p"].update({key: library.chunks.vectors[key] for key in library.chunks.waiting})

    assert (await library.find(50_000))[0] == library.best()


async def test_few_chunks_are_compared_without_asking_the_store() -> None:
    library = Library()
    library.store.down = True

    assert await library.find(2_000) == (library.best(), (), "exact")


async def test_a_store_that_is_down_is_replaced_by_comparing_while_that_is_affordable() -> None:
    library = Library()
    library.store.down = True

    assert await library.find(20_000) == (library.best(), ("store:qdrant",), "exact")
    assert await library.find(50_000) == ([], ("store:qdrant",), "none")


async def test_the_breaker_opens_after_failures_and_closes_again() -> None:
    library = Library()
    library.store.down = True
    for _ in range(2):
        await library.find(10_000)
    assert library.breaker.state == "open"

    library.store.down = False
    assert (await library.find(10_000))[1] == ("store:qdrant",)
    library.clock.time += timedelta(seconds=31)
    assert (await library.find(10_000))[1:] == ((), "qdrant:hnsw")
    assert library.breaker.state == "closed"


async def test_vectors_that_are_not_made_yet_are_told_of() -> None:
    library = Library()
    library.chunks.unmade = True

    assert (await library.find(50_000))[1] == ("index:behind",)
    assert (await library.find(1_000))[1] == ("index:behind",)


async def test_when_too_few_pass_everything_is_compared() -> None:
    library = Library(chunks=20)
    for key in list(library.store.places["p"])[:18]:
        # most of what is near belongs to others
        del library.chunks.vectors[key]

    found, degraded, plan = await library.find(15_000)

    assert (sorted(found), degraded, plan) == ([18, 19], (), "exact")
