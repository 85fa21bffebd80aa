"""Vectors in libSQL, compared one by one: its approximate index takes fifty times the room and loses recall.

A query holds Python's interpreter lock for as long as it takes, so every connection lives in a process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.vector_store import Neighbour, VectorPlace
from ryorin.kernel.errors import InvalidInput, Unavailable

T = TypeVar("T")

# searches at a time; more than cores only makes each slower
READERS = 2
# vectors in one statement, well below SQLite's bound on parameters and sqld's on a request
BATCH = 200

_connect: Callable[[], Any]


class LibSqlStore:
    """The `VectorStore` port on `database`: a file's path, or the URL of sqld or Turso with its token."""

    def __init__(self, database: str, auth_token: str | None = None) -> None:
        self._database = database
        self._token = auth_token
        self._local = "://" not in database
        if self._local:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
        self._readers = self._pool(READERS)
        self._writer = self._pool(1)

    async def create(self, place: VectorPlace) -> None:
        """Make the table; raises InvalidInput for binary storage, which it does not have."""
        if place.storage != "halfvec":
            raise InvalidInput(f"libsql keeps whole vectors only, not {place.storage!r}")
        await self._write(_execute, _create(place), ())

    async def put(self, place: VectorPlace, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Keep vectors in single precision."""
        rows = [(int(key), vector.astype(np.float32).tobytes()) for key, vector in zip(chunk_ids, vectors, strict=True)]
        await self._write(_put, place.name, rows)

    async def remove(self, place: VectorPlace, chunk_ids: Sequence[int]) -> None:
        """Forget vectors."""
        for start in range(0, len(chunk_ids), BATCH):
            batch = tuple(int(key) for key in chunk_ids[start : start + BATCH])
            marks = ",".join("?" * len(batch))
            await self._write(_execute, f"DELETE FROM vectors_{place.name} WHERE chunk_id IN ({marks})", batch)

    async def optimise(self, place: VectorPlace) -> None:
        """Nothing: every search is exact."""

    async def nearest(
        self, place: VectorPlace, vectors: NDArray[np.float32], fetch: int
    ) -> Sequence[Sequence[Neighbour]]:
        """Each vector by itself, so many at a time as there are readers."""
        calls = [self._read(_nearest, place.name, vector.astype(np.float32).tobytes(), fetch) for vector in vectors]
        return [[Neighbour(key, score) for key, score in found] for found in await asyncio.gather(*calls)]

    async def drop(self, place: VectorPlace) -> None:
        """Drop the table."""
        await self._write(_execute, f"DROP TABLE IF EXISTS vectors_{place.name}", ())

    async def size_bytes(self, place: VectorPlace) -> int | None:
        """What the file takes with all its places; a server does not tell."""
        if not self._local:
            return None
        folder, name = Path(self._database).parent, Path(self._database).name
        return sum(path.stat().st_size for path in folder.glob(f"{name}*"))

    async def close(self) -> None:
        """End the processes."""
        for pool in (self._readers, self._writer):
            pool.shutdown(wait=False, cancel_futures=True)

    def _pool(self, processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_remember,
            initargs=(self._database, self._token, self._local),
        )

    async def _read(self, call: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, call, *arguments)
        except BrokenProcessPool as error:
            self._readers = self._pool(READERS)
            raise Unavailable("libSQL: a process ended; try again") from error
        except (ValueError, RuntimeError, OSError) as error:
            raise Unavailable(f"libSQL: {str(error)[:200]}") from error

    async def _write(self, call: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, call, *arguments)
        except BrokenProcessPool as error:
            self._writer = self._pool(1)
            raise Unavailable("libSQL: a process ended; try again") from error
        except (ValueError, RuntimeError, OSError) as error:
            raise Unavailable(f"libSQL: {str(error)[:200]}") from error


def _create(place: VectorPlace) -> str:
    columns = f"chunk_id INTEGER PRIMARY KEY, vector F32_BLOB({place.dimensions}) NOT NULL"
    return f"CREATE TABLE IF NOT EXISTS vectors_{place.name} ({columns})"


def _remember(database: str, auth_token: str | None, local: bool) -> None:
    """Runs first in each process."""
    global _connect
    _connect = cache(partial(_connected, database, auth_token, local))


def _connected(database: str, auth_token: str | None, local: bool) -> Any:
    import libsql  # noqa: PLC0415 - an extra, and only the children need it

    options = {"auth_token": auth_token} if auth_token else {}
    connection = libsql.connect(database, isolation_level=None, **options)
    if local:
        # readers go on while the writer writes
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA busy_timeout=5000").fetchall()
    return connection


def _execute(statement: str, parameters: Sequence[Any]) -> None:
    _connect().execute(statement, tuple(parameters))


def _put(name: str, rows: Sequence[tuple[int, bytes]]) -> None:
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        marks = ",".join(["(?, ?)"] * len(batch))
        values = tuple(value for row in batch for value in row)
        _connect().execute(f"INSERT OR REPLACE INTO vectors_{name} (chunk_id, vector) VALUES {marks}", values)


def _nearest(name: str, vector: bytes, fetch: int) -> list[tuple[int, float]]:
    statement = (
        f"SELECT chunk_id, vector_distance_cos(vector, ?) AS distance FROM vectors_{name} ORDER BY distance LIMIT ?"
    )
    return [(row[0], 1.0 - row[1]) for row in _connect().execute(statement, (vector, fetch)).fetchall()]
