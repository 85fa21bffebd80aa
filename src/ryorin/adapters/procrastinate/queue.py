"""Wakes workers through Procrastinate; the command log stays the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import CommandId
from ryorin.kernel.together import ended

TASK = "ryorin.run_command"
# how long a worker's heartbeat may be missing before its jobs count as lost (seconds)
STALLED_SECONDS = 30.0
DEPTH = """
SELECT queue_name AS queue, count(*) AS depth FROM procrastinate_jobs
WHERE status = 'todo' AND task_name = %(task)s AND (scheduled_at IS NULL OR scheduled_at <= now())
GROUP BY queue_name
"""


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Procrastinate wraps what its connection raises, and says no more than that it did."""
    try:
        yield
    except ConnectorException as error:
        reason = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise Unavailable(f"PostgreSQL: {reason[0]}") from error


class ProcrastinateQueue:
    """The `WorkQueue` port, and the workers that it wakes."""

    transactional = True

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector())
        self._run_next: Callable[[str], Awaitable[bool]] | None = None
        self._task = self._app.task(name=TASK, pass_context=True)(self._deliver)

    async def open(self) -> None:
        """Use the given pool; it must be open."""
        await self._app.open_async(cast(Any, self._pool))

    async def enqueue(
        self, command_id: CommandId, queue: str, not_before: datetime | None, within: object | None = None
    ) -> None:
        """Defer a job, inside the caller's transaction when it gives its connection."""
        connection = cast("AsyncConnection[Any] | None", within)
        deferrer = self._task.configure(queue=queue, schedule_at=not_before, connection=connection)
        with _in_our_words():
            await deferrer.defer_async(command_id=str(command_id))

    async def depth(self) -> Mapping[str, int]:
        """How many due jobs wait in each queue; those whose worker died are dropped first."""
        with _in_our_words():
            await self._drop_stalled()
            rows = await self._app.connector.execute_query_all_async(DEPTH, task=TASK)
        return {row["queue"]: row["depth"] for row in rows}

    async def _drop_stalled(self) -> None:
        manager = self._app.job_manager
        await manager.prune_stalled_workers(STALLED_SECONDS)
        for job in await manager.get_stalled_jobs(task_name=TASK):
            await manager.finish_job(job, status=Status.FAILED, delete_job=True)

    async def work(self, run_next: Callable[[str], Awaitable[bool]], concurrency: Mapping[str, int]) -> None:
        """Have commands run until cancelled, in each queue so many at a time; running ones get a moment to end."""
        self._run_next = run_next
        workers = [asyncio.create_task(self._worker(queue, many)) for queue, many in concurrency.items()]
        try:
            with _in_our_words():
                await asyncio.gather(*workers)
        finally:
            await ended(*workers)

    async def _worker(self, queue: str, concurrency: int) -> None:
        await self._app.run_worker_async(
            name=queue,
            queues=[queue],
            concurrency=concurrency,
            install_signal_handlers=False,
            listen_notify=True,
            fetch_job_polling_interval=1.0,
            delete_jobs="always",
            shutdown_graceful_timeout=10.0,
        )

    async def _deliver(self, context: procrastinate.JobContext, command_id: str) -> None:
        assert self._run_next is not None  # `work` sets it before the first job
        await self._run_next(context.job.queue)
