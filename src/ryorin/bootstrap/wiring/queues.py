"""Wires what wakes workers: Procrastinate on the database, or Celery on a broker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.procrastinate.queue import ProcrastinateQueue
from ryorin.bootstrap.settings import Settings, WorkerSettings
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.ports import WorkQueue


class Workers(WorkQueue, Protocol):
    """A work queue, and the workers that it wakes."""

    async def open(self) -> None: ...

    async def work(self, run_next: Callable[[str], Awaitable[bool]], concurrency: Mapping[str, int]) -> None:
        """Have commands run until cancelled, in each queue so many at a time."""
        ...


def work_queue(settings: Settings, pool: Pool) -> Workers:
    """The queue that the settings name; raises InvalidInput when it cannot be used."""
    if settings.broker.url is None:
        return ProcrastinateQueue(pool.inner)
    try:
        from ryorin.adapters.celery.queue import CeleryQueue  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise InvalidInput("RYORIN_BROKER__URL needs more packages: pip install 'ryorin[scale]'") from error
    return CeleryQueue(settings.broker.url.get_secret_value(), tuple(WorkerSettings.model_fields))
