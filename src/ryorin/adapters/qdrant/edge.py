"""Vectors in Qdrant's engine inside this process: HNSW without a server.

A folder is open in one process only. `optimize` of the engine would stop every thread of this process until it is done,
so a child process works on a copy, and the copy takes the place of the folder.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from ryorin.contexts.knowledge.vector_store import Neighbour, VectorPlace
from ryorin.kernel.errors import Unavailable

T = TypeVar("T")

OVERSAMPLING = 4.0
OPTIMISER = "import qdrant_edge, sys; shard = qdrant_edge.EdgeShard.load(sys.argv[1]); shard.optimize(); shard.close()"
# what is not in the graph yet is compared one by one: this many cost about 2 ms
UNINDEXED = 10_000


class QdrantEdgeStore:
    """The `VectorStore` port on folders below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._shards: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="qdrant-edge")
        # one writer at a time; searches go on beside it
        self._writing = asyncio.Lock()

    async def create(self, place: VectorPlace) -> None:
        """Open the folder, or make it."""
        async with self._writing:
            await self._run(self._shard, place)

    async def put(self, place: VectorPlace, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Upsert, and flush to disk."""

        def write() -> None:
            shard = self._shard(place)
            points = [
                edge.Point(key, vector) for key, vector in zip(map(int, chunk_ids), vectors.tolist(), strict=True)
            ]
            shard.update(edge.UpdateOperation.upsert_points(points))
            shard.flush()

        async with self._writing:
            await self._run(write)

    async def remove(self, place: VectorPlace, chunk_ids: Sequence[int]) -> None:
        """Delete points."""

        def write() -> None:
            shard = self._shard(place)
            shard.update(edge.UpdateOperation.delete_points([int(key) for key in chunk_ids]))
            shard.flush()

        async with self._writing:
            await self._run(write)

    async def optimise(self, place: VectorPlace) -> None:
        """Index a copy in a child process and put it in place when much is not indexed; searches go on meanwhile."""
        async with self._writing:
            shard = await self._run(self._shard, place)
            info = await self._run(shard.info)
            if info.points_count - info.indexed_vectors_count < UNINDEXED:
                return
            folder, copy = self._root / place.name, self._root / f"{place.name}.next"
            await asyncio.to_thread(shutil.rmtree, copy, ignore_errors=True)
            await asyncio.to_thread(shutil.copytree, folder, copy)
            done = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", OPTIMISER, str(copy)], check=False, capture_output=True
            )
            if done.returncode:
                raise Unavailable(f"Qdrant could not index {place.name}: {done.stderr.decode()[-200:]}")
            await self._run(self._replace, place, copy)

    def _replace(self, place: VectorPlace, copy: Path) -> None:
        folder, old = self._root / place.name, self._root / f"{place.name}.old"
        shutil.rmtree(old, ignore_errors=True)
        before = self._shards.pop(place.name)
        before.close()
        folder.rename(old)
        copy.rename(folder)
        self._shards[place.name] = edge.EdgeShard.load(str(folder))
        shutil.rmtree(old, ignore_errors=True)

    async def nearest(
        self, place: VectorPlace, vectors: NDArray[np.float32], fetch: int
    ) -> Sequence[Sequence[Neighbour]]:
        """All vectors as one batch."""
        binary = place.storage == "binary"
        rescored = edge.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING) if binary else None
        parameters = edge.SearchParams(hnsw_ef=max(fetch, 128), quantization=rescored)
        requests = [
            edge.QueryRequest(limit=fetch, query=edge.Query.Nearest(vector), params=parameters, with_payload=False)
            for vector in vectors.tolist()
        ]
        answers = await self._run(
            lambda: self._shard(place).query_batch(edge.QueryBatchRequest(requests)) if requests else []
        )
        return [[Neighbour(point.id, point.score) for point in answer] for answer in answers]

    async def drop(self, place: VectorPlace) -> None:
        """Delete the folder."""
        async with self._writing:
            shard = self._shards.pop(place.name, None)
            if shard is not None:
                await self._run(shard.close)
            await asyncio.to_thread(shutil.rmtree, self._root / place.name, ignore_errors=True)

    async def size_bytes(self, place: VectorPlace) -> int | None:
        """What the folder takes."""
        files = [path for path in (self._root / place.name).rglob("*") if path.is_file()]
        # the log of updates and pages are sparse files: blocks, not lengths
        return sum(path.stat().st_blocks * 512 for path in files)

    async def close(self) -> None:
        """Close every folder."""
        while self._shards:
            await self._run(self._shards.popitem()[1].close)
        self._threads.shutdown(wait=False)

    def _shard(self, place: VectorPlace) -> Any:
        if place.name not in self._shards:
            folder = self._root / place.name
            old = self._root / f"{place.name}.old"
            if not folder.exists() and old.exists():
                # the process ended between the two renames of `_replace`
                old.rename(folder)
            if folder.exists() and any(folder.iterdir()):
                self._shards[place.name] = edge.EdgeShard.load(str(folder))
            else:
                folder.mkdir(parents=True, exist_ok=True)
                self._shards[place.name] = edge.EdgeShard.create(str(folder), _config(place))
        return self._shards[place.name]

    async def _run(self, call: Callable[..., T], *arguments: object) -> T:
        async with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:  # the engine raises bare exceptions
        hint = "; another process has the folder open" if "WouldBlock" in str(error) else ""
        raise Unavailable(f"Qdrant: {str(error)[:200]}{hint}") from error


def _config(place: VectorPlace) -> Any:
    quantised = edge.BinaryQuantizationConfig() if place.storage == "binary" else None
    return edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(
            size=place.dimensions,
            distance=edge.Distance.Dot,
            datatype=edge.VectorStorageDatatype.Float16,
            quantization_config=quantised,
        ),
        hnsw_config=edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=1000),
        optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1000),
    )
