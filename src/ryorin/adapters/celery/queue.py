"""Wakes workers through Celery, on Redis or RabbitMQ; the command log stays the truth (ADR-0022).

Celery's worker lives in a thread, since it has no `async def` tasks: a task has the event loop run commands of its
queue until none is left. Messages beyond what may run at a time are dropped, those who run do their work too.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import TypeVar

from celery import Celery, Task
from celery.app.trace import setup_worker_optimizations
from celery.worker import WorkController, state
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerError

from ryorin.kernel.errors import InvalidInput, Unavailable
from ryorin.kernel.messages import CommandId
from ryorin.kernel.together import ended

logger = logging.getLogger(__name__)

TASK = "ryorin.run_command"
BROKERS = ("redis://", "rediss://", "amqp://", "amqps://")
# queues of other applications on the same broker are none of ours
PREFIX = "ryorin."
# how long a broker may take, and how long one that did not answer is left alone: the sweeper tells the workers then
ANSWER_SECONDS = 2.0
LEFT_ALONE_SECONDS = 5.0
# running commands get a moment to end
END_SECONDS = 10.0
FAILURES = (BrokerError, KombuError, OSError)

T = TypeVar("T")
RunNext = Callable[[str], Awaitable[bool]]


class CeleryQueue:
    """The `WorkQueue` port, and the workers that it wakes. Raises InvalidInput for a broker it does not know."""

    # a broker knows nothing of the database's transactions
    transactional = False

    def __init__(self, broker_url: str, queues: tuple[str, ...]) -> None:
        if not broker_url.startswith(BROKERS):
            raise InvalidInput(f"RYORIN_BROKER__URL begins with one of {', '.join(BROKERS)}")
        self._url = broker_url
        self._queues = queues
        self._app = _application(broker_url)
        self._silent_until = 0.0

    async def open(self) -> None:
        """Nothing to do: connections are made when they are needed, so that a start does not wait for the broker."""

    async def enqueue(
        self, command_id: CommandId, queue: str, not_before: datetime | None, within: object | None = None
    ) -> None:
        """Send a message; one that is not due yet is left to the sweeper. Raises Unavailable."""
        if not_before is None:
            await self._asked(lambda: self._send(command_id, queue))

    def _send(self, command_id: CommandId, queue: str) -> None:
        self._app.send_task(TASK, args=[str(command_id)], queue=PREFIX + queue, retry=False)

    async def depth(self) -> Mapping[str, int]:
        """How many messages wait in each queue; Celery gives back those of workers that died. Raises Unavailable."""
        return await self._asked(self._counted)

    def _counted(self) -> Mapping[str, int]:
        with self._app.connection_for_write() as connection:
            try:
                bound = {queue: self._app.amqp.queues[PREFIX + queue].bind(connection) for queue in self._queues}
                return {queue: one.queue_declare(passive=False).message_count for queue, one in bound.items()}
            except (*connection.connection_errors, *connection.channel_errors) as error:
                # those of Redis' and RabbitMQ's clients
                raise BrokerError(str(error)) from error

    async def _asked(self, ask: Callable[[], T]) -> T:
        if monotonic() < self._silent_until:
            raise Unavailable("the broker did not answer a moment ago; it is left alone for a while")
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                return await asyncio.to_thread(ask)
        except (*FAILURES, TimeoutError) as error:
            self._silent_until = monotonic() + LEFT_ALONE_SECONDS
            raise Unavailable(f"the broker does not answer: {type(error).__name__}: {error}") from error

    async def work(self, run_next: RunNext, concurrency: Mapping[str, int]) -> None:
        """Have commands run until cancelled, in each queue so many at a time; running ones get a moment to end.

        Raises Unavailable when Celery's worker ends by itself.
        """
        slots = _Slots(run_next, concurrency)
        thread = asyncio.create_task(asyncio.to_thread(self._consume, slots, asyncio.get_running_loop()))
        try:
            await asyncio.shield(thread)
            raise Unavailable("Celery's worker ended by itself")
        finally:
            state.should_stop = os.EX_OK
            await slots.close()
            await asyncio.shield(thread)

    def _consume(self, slots: _Slots, loop: asyncio.AbstractEventLoop) -> None:
        def deliver(task: Task, command_id: str) -> None:
            queue = task.request.delivery_info["routing_key"].removeprefix(PREFIX)
            asyncio.run_coroutine_threadsafe(slots.drain(queue), loop).result()

        app = _application(self._url)
        app.task(name=TASK, bind=True, shared=False, lazy=False)(deliver)
        hostname = f"ryorin-{os.getpid()}@{os.uname().nodename}"
        # what a worker from Celery's command line does too; it makes this the process's only application
        setup_worker_optimizations(app, hostname)
        state.should_stop = None
        worker = WorkController(
            app=app,
            hostname=hostname,
            queues=[PREFIX + queue for queue in slots.concurrency],
            pool="threads",
            concurrency=sum(slots.concurrency.values()),
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        worker.start()


class _Slots:
    """How many commands of each queue run, and may."""

    def __init__(self, run_next: RunNext, concurrency: Mapping[str, int]) -> None:
        self.concurrency = concurrency
        self._run_next = run_next
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def drain(self, queue: str) -> None:
        """Run commands of a queue until none is left, unless as many as may run do so already."""
        if self._closing or self._busy[queue] >= self.concurrency.get(queue, 0):
            return
        task = asyncio.create_task(self._drain(queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._busy[queue] += 1
        try:
            await task
        finally:
            self._busy[queue] -= 1

    async def _drain(self, queue: str) -> None:
        try:
            while await self._run_next(queue):
                if self._closing:
                    return
        except Unavailable as error:
            # the sweeper sends another message for what is left
            logger.warning("a worker of the queue %s gave up: %s", queue, error.detail)

    async def close(self) -> None:
        """Begin nothing more, and give what runs a moment to end."""
        self._closing = True
        running = set(self._tasks)
        if running:
            await asyncio.wait(running, timeout=END_SECONDS)
        await ended(*running)


def _application(broker_url: str) -> Celery:
    app = Celery("ryorin", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        # a message is done with when it is taken: what a dead worker had is the command log's business
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_proc_alive_timeout=END_SECONDS,
        # only of tasks that are acknowledged late, of which there are none
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_timeout=ANSWER_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_options(broker_url),
    )
    return app


def _options(broker_url: str) -> dict[str, float]:
    if broker_url.startswith("redis"):
        return {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    return {}
