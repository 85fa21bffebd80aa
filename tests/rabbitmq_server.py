"""A real RabbitMQ for tests, where Debian's package is installed."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from kombu import Connection

from tests.redis_server import free_port


class RabbitServer:
    """rabbitmq-server as a node of its own, in a folder and on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder / "rabbit"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """For clients on this machine."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    async def start(self) -> None:
        """Start, and return when it answers."""
        self._folder.mkdir()
        environment = {
            "HOME": str(self._folder),
            "RABBITMQ_NODENAME": f"ryorin-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self._folder),
            "RABBITMQ_LOG_BASE": str(self._folder),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
        }
        # Debian's script changes to a user of its own; what it starts does not
        self._process = await asyncio.create_subprocess_exec(
            "/usr/lib/rabbitmq/bin/rabbitmq-server",
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(self._answers):
                await asyncio.sleep(0.2)

    def _answers(self) -> bool:
        with suppress(OSError), Connection(self.url, connect_timeout=1) as connection:
            connection.connect()
            return True
        return False

    async def kill(self) -> None:
        """End at once, with all it holds."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            self._process = None
