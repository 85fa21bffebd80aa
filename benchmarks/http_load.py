"""A load generator cheap enough not to be what is measured: raw HTTP/1.1 over kept-alive sockets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


def post(url: str, body: bytes) -> bytes:
    """A POST of JSON as it goes over the wire."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(url: str) -> bytes:
    """A GET as it goes over the wire."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()


class Connection(asyncio.Protocol):
    """One socket: sends a request at a time, and resolves with head and body of what came back."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        # uvloop's transports are none of asyncio's classes
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Called by the event loop; a response ends where its content-length says."""
        self._buffer += data
        end = self._buffer.find(HEAD_END)
        if end < 0 or self._waiting is None:
            return
        head = self._buffer[:end].lower()
        at = head.index(LENGTH) + len(LENGTH)
        stop = head.find(b"\r\n", at)
        whole = end + len(HEAD_END) + int(head[at : stop if stop > 0 else None])
        if len(self._buffer) >= whole:
            body, self._buffer = self._buffer[end + len(HEAD_END) : whole], self._buffer[whole:]
            waiting, self._waiting = self._waiting, None
            waiting.set_result((head, body))

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request; raises RuntimeError when it is answered with anything but 200."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        head, body = await self._waiting
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {body[:300].decode(errors='replace')}")
        return head, body

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[Connection]]:
    """Open connections, closed in the end: a server hangs up on those that idle."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Connection, parts.hostname or "", parts.port or 80) for _ in range(count)]
    try:
        yield [protocol for _, protocol in made]
    finally:
        for _, protocol in made:
            protocol.close()


async def saturate(
    connections: Sequence[Connection], requests: Sequence[bytes], seconds: float, expected: bytes
) -> tuple[float, list[float]]:
    """Requests per second and latencies (ms) with every connection always busy.

    Raises RuntimeError when the head of a response lacks `expected`: another path was measured then.
    """
    latencies: list[float] = []
    end = perf_counter() + seconds

    async def busy(connection: Connection, turn: int) -> None:
        while (started := perf_counter()) < end:
            head, _ = await connection.ask(requests[turn % len(requests)])
            latencies.append((perf_counter() - started) * 1000)
            turn += 1
            if expected not in head:
                raise RuntimeError(f"a response without {expected!r}: {head!r}")

    started = perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number, connection in enumerate(connections):
            tasks.create_task(busy(connection, number))
    return len(latencies) / (perf_counter() - started), latencies


async def paced(
    connections: Sequence[Connection], requests: Sequence[bytes], per_second: float, seconds: float
) -> list[float]:
    """Latencies (ms) at a fixed rate, each counted from when its request was due, not from when it was sent."""
    latencies: list[float] = []
    free = deque(connections)
    due: deque[tuple[float, bytes]] = deque()
    total = int(per_second * seconds)

    async def answer(connection: Connection) -> None:
        while due:
            when, request = due.popleft()
            await connection.ask(request)
            latencies.append((perf_counter() - when) * 1000)
        free.append(connection)

    started = perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(total):
            when = started + number / per_second
            if (wait := when - perf_counter()) > 0:
                await asyncio.sleep(wait)
            due.append((when, requests[number % len(requests)]))
            if free:
                tasks.create_task(answer(free.popleft()))
    return latencies
