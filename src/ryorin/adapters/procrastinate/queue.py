"""Carries command ids to workers through Procrastinate; the command log stays the truth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import procrastinate
from procrastinate.jobs import Status
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ryorin.kernel.messages import CommandId

TASK = "ryorin.run_command"
# how long a worker's heartbeat may be missing before its jobs count as lost (seconds)
STALLED_SECONDS = 30.0
WAITING = "SELECT args->>'command_id' AS id FROM procrastinate_jobs WHERE status = 'todo' AND task_name = %(task)s"


class ProcrastinateQueue:
    """The `WorkQueue` port, and the worker that feeds what it carries to `run_command`."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector())
        self._run_command: Callable[[CommandId], Awaitable[None]] | None = None
        self._task = self._app.task(name=TASK, pass_context=False)(self._deliver)

    async def open(self) -> None:
        """Use the given pool; it must be open."""
        await self._app.open_async(cast(Any, self._pool))

    async def enqueue(
        self, command_id: CommandId, queue: str, not_before: datetime | None, within: object | None = None
    ) -> None:
        """Defer a job, inside the caller's transaction when it gives its connection."""
        connection = cast("AsyncConnection[Any] | None", within)
        deferrer = self._task.configure(queue=queue, schedule_at=not_before, connection=connection)
        await deferrer.defer_async(command_id=str(command_id))

    async def waiting(self, ids: Sequence[CommandId]) -> Set[CommandId]:
        """Which of the ids are in the queue; jobs whose worker died are dropped first."""
        if not ids:
            return set()
        await self._drop_stalled()
        rows = await self._app.connector.execute_query_all_async(WAITING, task=TASK)
        return {CommandId(UUID(row["id"])) for row in rows} & set(ids)

    async def _drop_stalled(self) -> None:
        manager = self._app.job_manager
        await manager.prune_stalled_workers(STALLED_SECONDS)
        for job in await manager.get_stalled_jobs(task_name=TASK):
            await manager.finish_job(job, status=Status.FAILED, delete_job=True)

    async def work(
        self,
        run_command: Callable[[CommandId], Awaitable[None]],
        queues: Sequence[str],
        concurrency: int,
    ) -> None:
        """Deliver jobs of the queues until cancelled; running ones get a moment to end."""
        self._run_command = run_command
        await self._app.run_worker_async(
            queues=list(queues),
            concurrency=concurrency,
            install_signal_handlers=False,
            listen_notify=True,
            fetch_job_polling_interval=1.0,
            delete_jobs="always",
            shutdown_graceful_timeout=10.0,
        )

    async def _deliver(self, command_id: str) -> None:
        assert self._run_command is not None  # `work` sets it before the first job
        await self._run_command(CommandId(UUID(command_id)))
