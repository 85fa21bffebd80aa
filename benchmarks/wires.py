"""A wire between a server and what it needs: it can be slow, stand still, or be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

Mode = Literal["open", "slow", "still"]
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
SLOW_SECONDS = 0.1
PIECE_BYTES = 262_144


class Wire:
    """Listens on a port of its own and passes everything on to what `connect` opens."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._moving = asyncio.Event()
        self._moving.set()
        self._delay = 0.0
        self.port = 0

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End all connections, and listen no more."""
        if self._server is not None:
            self._server.close()
        self.mode("open")
        self.cut()

    def mode(self, mode: Mode) -> None:
        """Let everything through at once, late, or nothing until the mode is another one."""
        self._delay = SLOW_SECONDS if mode == "slow" else 0.0
        if mode == "still":
            self._moving.clear()
        else:
            self._moving.set()

    def cut(self) -> None:
        """Break every connection; new ones are taken."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except asyncio.CancelledError:
            pass  # everything ends
        finally:
            self._writers -= {writer, back}

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        # uvloop's transports raise RuntimeError once they are closed
        with suppress(OSError, RuntimeError):
            while data := await source.read(PIECE_BYTES):
                if self._delay:
                    await asyncio.sleep(self._delay)
                if not self._moving.is_set():
                    await self._moving.wait()
                sink.write(data)
                await sink.drain()
        sink.transport.abort()
