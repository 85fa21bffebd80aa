"""A vector store in memory: exact, and gone with the process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.vector_store import Neighbour, VectorPlace
from ryorin.kernel.errors import Unavailable


class MemoryVectorStore:
    """The `VectorStore` port; set `down` to let it fail."""

    def __init__(self) -> None:
        self.places: dict[str, dict[int, NDArray[np.float32]]] = {}
        self.down = False

    async def create(self, place: VectorPlace) -> None:
        """Make a place."""
        self._there().setdefault(place.name, {})

    async def put(self, place: VectorPlace, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Keep vectors."""
        self._there()[place.name].update(zip(chunk_ids, vectors, strict=True))

    async def remove(self, place: VectorPlace, chunk_ids: Sequence[int]) -> None:
        """Forget vectors."""
        for identifier in chunk_ids:
            self._there()[place.name].pop(identifier, None)

    async def optimise(self, place: VectorPlace) -> None:
        """Nothing: every search is exact."""

    async def nearest(
        self, place: VectorPlace, vectors: NDArray[np.float32], fetch: int
    ) -> Sequence[Sequence[Neighbour]]:
        """Compare with everything."""
        kept = self._there()[place.name]
        return [
            sorted((Neighbour(key, float(one @ vector)) for key, one in kept.items()), key=lambda near: -near.score)[
                :fetch
            ]
            for vector in vectors
        ]

    async def drop(self, place: VectorPlace) -> None:
        """Forget a place."""
        self._there().pop(place.name, None)

    async def size_bytes(self, place: VectorPlace) -> int | None:
        """What the vectors take."""
        return sum(vector.nbytes for vector in self._there()[place.name].values())

    async def close(self) -> None:
        """Nothing."""

    def _there(self) -> dict[str, dict[int, NDArray[np.float32]]]:
        if self.down:
            raise Unavailable("the vector store does not answer")
        return self.places
