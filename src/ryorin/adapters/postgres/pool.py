"""Connection pools, and PostgreSQL's errors in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from psycopg import AsyncConnection, InternalError, OperationalError
from psycopg.rows import DictRow, args_row, dict_row
from psycopg.sql import Composed
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ryorin.kernel.errors import Unavailable

Connection = AsyncConnection[DictRow]
Row = dict[str, Any]
T = TypeVar("T")
Parameters = Sequence[Any] | Mapping[str, Any] | None
Statement = str | Composed
ACQUIRE_SECONDS = 30.0
# after a connection broke: who can do without the database should not wait long for it to come back
SUSPECT_SECONDS = 1.0
# set once for a connection, so that the usual search is one statement: 3 x 50 candidates (ADR-0003)
EF_SEARCH = 150


class ConnectionLost(Unavailable):
    """The connection broke while it was used."""


class Pool:
    """Connections to one database; every loan is one transaction unless it asks otherwise."""

    def __init__(self, url: str, max_size: int) -> None:
        self.url = url
        self._suspect = False
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=2,
            max_size=max_size,
            timeout=ACQUIRE_SECONDS,
            open=False,
            # not among the arguments: Procrastinate opens a listening connection with those and its own autocommit
            configure=_prepare,
            kwargs={"row_factory": dict_row, "application_name": "ryorin"},
        )

    async def open(self) -> None:
        """Connect; raises Unavailable when the server does not answer."""
        try:
            await self._pool.open(wait=True, timeout=ACQUIRE_SECONDS)
        except PoolTimeout as error:
            raise Unavailable(f"PostgreSQL does not answer within {ACQUIRE_SECONDS:g} s") from error

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close()

    @property
    def inner(self) -> AsyncConnectionPool[Connection]:
        """The psycopg pool, for libraries that want one."""
        return self._pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit mode; raises Unavailable when there is none."""
        connection: Connection | None = None
        try:
            async with self._pool.connection(SUSPECT_SECONDS if self._suspect else ACQUIRE_SECONDS) as connection:
                yield connection
                self._suspect = False
        except (PoolTimeout, PoolClosed) as error:
            raise Unavailable("no database connection is free; try again") from error
        # a disk that is full or fails is told as the one or the other
        except (OperationalError, InternalError) as error:
            reason = f"PostgreSQL: {str(error).strip().splitlines()[0]}"
            lost = connection is not None and connection.closed
            self._suspect = self._suspect or lost
            raise (ConnectionLost if lost else Unavailable)(reason) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction; leaving commits, an exception rolls back."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def fetch(self, query: str, parameters: Parameters = None, *, anew: bool = False) -> list[Row]:
        """All rows of one statement that changes nothing: it is tried again when its connection was dead.

        `anew`: planned for these very parameters, as `rows_of`.
        """

        async def once() -> list[Row]:
            async with self.connection() as connection:
                return await rows_of(connection, query, parameters, anew=anew)

        return await self.again(once)

    async def fetch_as(
        self, kind: Callable[..., T], query: str, parameters: Parameters = None, *, anew: bool = False
    ) -> list[T]:
        """As `fetch`, each row as `kind` of its columns in order; cheaper than rows by name."""

        async def once() -> list[T]:
            async with (
                self.connection() as connection,
                connection.cursor(binary=True, row_factory=args_row(kind)) as cursor,
            ):
                await cursor.execute(query, parameters, prepare=False if anew else None)
                return await cursor.fetchall()

        return await self.again(once)

    async def fetch_one(self, query: str, parameters: Parameters = None, *, anew: bool = False) -> Row | None:
        """The first row, as `fetch`."""
        rows = await self.fetch(query, parameters, anew=anew)
        return rows[0] if rows else None

    async def again(self, once: Callable[[], Awaitable[T]]) -> T:
        """Do something that changes nothing; once more when its connection was dead."""
        try:
            return await once()
        except ConnectionLost:
            # the server went away or was restarted: idle connections are likely dead too
            await self._pool.check()
            return await once()

    async def execute(self, query: str, parameters: Parameters = None) -> int:
        """Run one statement; the number of rows it touched."""
        async with self.connection() as connection:
            return await run(connection, query, parameters)


async def _prepare(connection: Connection) -> None:
    await connection.set_autocommit(True)
    await connection.execute(f"SET hnsw.ef_search = {EF_SEARCH}")


async def run(connection: Connection, query: str, parameters: Parameters = None) -> int:
    """Run one statement on a connection; the number of rows it touched."""
    cursor = await connection.execute(query, parameters)
    return cursor.rowcount


async def rows_of(
    connection: Connection, query: Statement, parameters: Parameters = None, *, anew: bool = False
) -> list[Row]:
    """All rows of one statement on a connection.

    A statement that is used often is prepared, and gets one plan for any parameters if that looks as good as others:
    that spares a look-up by key two thirds of its time. For filters and terms it is wrong (lexical search took 85 ms
    instead of 17 with 13,000 Japanese chunks): those are planned `anew` each time.
    """
    cursor = await connection.execute(query, parameters, prepare=False if anew else None)
    return await cursor.fetchall()
