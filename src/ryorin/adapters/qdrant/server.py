"""Vectors in a Qdrant server, by the official client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import numpy as np
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException

from ryorin.contexts.knowledge.vector_store import Neighbour, VectorPlace
from ryorin.kernel.errors import Unavailable

# one request of this many vectors stays far below the server's bound of 32 MB
BATCH = 500
OVERSAMPLING = 4.0


def connect(url: str, api_key: str | None, timeout_seconds: int) -> AsyncQdrantClient:
    """A client of a server; nothing is asked yet."""
    return AsyncQdrantClient(url=url, api_key=api_key, timeout=timeout_seconds, check_compatibility=False)


class QdrantStore:
    """The `VectorStore` port; a place is a collection of the server."""

    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client

    async def create(self, place: VectorPlace) -> None:
        """Make a collection with HNSW (m 16, ef_construct 100) on halves."""
        async with _translated():
            if await self._client.collection_exists(_name(place)):
                return
            await self._client.create_collection(
                _name(place),
                vectors_config=models.VectorParams(
                    size=place.dimensions, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16
                ),
                hnsw_config=models.HnswConfigDiff(m=16, ef_construct=100),
                quantization_config=_quantisation(place),
            )

    async def put(self, place: VectorPlace, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Upsert and wait until it is written."""
        async with _translated():
            for start in range(0, len(chunk_ids), BATCH):
                points = models.Batch(
                    ids=list(chunk_ids[start : start + BATCH]), vectors=vectors[start : start + BATCH].tolist()
                )
                await self._client.upsert(_name(place), points=points, wait=True)

    async def remove(self, place: VectorPlace, chunk_ids: Sequence[int]) -> None:
        """Delete points."""
        async with _translated():
            selector = models.PointIdsList(points=list(chunk_ids))
            await self._client.delete(_name(place), points_selector=selector, wait=True)

    async def optimise(self, place: VectorPlace) -> None:
        """Nothing: the server optimises by itself, and searches are whole meanwhile."""

    async def nearest(
        self, place: VectorPlace, vectors: NDArray[np.float32], fetch: int
    ) -> Sequence[Sequence[Neighbour]]:
        """All vectors in one request."""
        binary = place.storage == "binary"
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING) if binary else None
        parameters = models.SearchParams(hnsw_ef=max(fetch, 128), quantization=rescored)
        requests = [
            models.QueryRequest(query=vector, limit=fetch, params=parameters, with_payload=False)
            for vector in vectors.tolist()
        ]
        async with _translated():
            answers = await self._client.query_batch_points(_name(place), requests=requests)
        return [[Neighbour(int(point.id), point.score) for point in answer.points] for answer in answers]

    async def drop(self, place: VectorPlace) -> None:
        """Delete the collection."""
        async with _translated():
            await self._client.delete_collection(_name(place))

    async def size_bytes(self, place: VectorPlace) -> int | None:
        """The server does not tell."""
        return None

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (ApiException, ResponseHandlingException, httpx.HTTPError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Unavailable(f"Qdrant: {lines[0][:200]}") from error


def _name(place: VectorPlace) -> str:
    return f"ryorin_{place.name}"


def _quantisation(place: VectorPlace) -> models.BinaryQuantization | None:
    if place.storage != "binary":
        return None
    return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
