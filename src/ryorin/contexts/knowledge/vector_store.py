"""What a vector store is: it keeps the vectors of one collection and model in a place, and finds the nearest of them.

A store knows neither documents nor versions, tenants or tags: whatever it finds is filtered afterwards by the one read
model that does (ADR-0009). So every store does the same, and can be behind without an answer being wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.pipeline import Storage

_NAME = re.compile(r"[a-z0-9_]{1,50}")


@dataclass(frozen=True, slots=True)
class VectorPlace:
    """Where a store keeps vectors of so many dimensions; its name is safe as an identifier or file name."""

    name: str
    dimensions: int
    storage: Storage = "halfvec"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot name a place of vectors")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk that is near; `score` is the inner product of unit vectors."""

    chunk_id: int
    score: float


class VectorStore(Protocol):
    """Keeps places of vectors. Everything raises Unavailable when the store does not answer."""

    async def create(self, place: VectorPlace) -> None:
        """Make a place; one that is there stays as it is."""
        ...

    async def put(self, place: VectorPlace, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Keep unit vectors (n, dimensions), in place of earlier ones of the same ids; durable when this returns."""
        ...

    async def remove(self, place: VectorPlace, chunk_ids: Sequence[int]) -> None:
        """Forget vectors; ids that are not there do not matter."""
        ...

    async def optimise(self, place: VectorPlace) -> None:
        """Index what was put so far, if the store does not do so by itself; searches go on meanwhile."""
        ...

    async def nearest(
        self, place: VectorPlace, vectors: NDArray[np.float32], fetch: int
    ) -> Sequence[Sequence[Neighbour]]:
        """The `fetch` nearest of each vector (n, dimensions), best first; exact or by HNSW."""
        ...

    async def drop(self, place: VectorPlace) -> None:
        """Forget a place with all that is in it."""
        ...

    async def size_bytes(self, place: VectorPlace) -> int | None:
        """What a place takes on disk; None where the store does not tell."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
