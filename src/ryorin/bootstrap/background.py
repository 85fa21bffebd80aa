"""What a process does besides answering: listen, work, project, sweep and tidy; each until it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ryorin.adapters.postgres.annotations import PostgresAnnotations
from ryorin.adapters.postgres.answer_flights import PostgresAnswerFlights
from ryorin.adapters.postgres.answers import PostgresAnswerStore
from ryorin.adapters.postgres.cache_ledger import PostgresCacheLedger
from ryorin.adapters.postgres.compaction import Compaction
from ryorin.adapters.postgres.erasure import Remains
from ryorin.adapters.postgres.routing import PostgresDecisions
from ryorin.adapters.postgres.semantic import PostgresSemanticStore
from ryorin.adapters.postgres.spending import PostgresSpending
from ryorin.adapters.postgres.traffic import PostgresTrafficNotes
from ryorin.bootstrap.settings import Settings
from ryorin.bootstrap.wiring.answers import cold_answers
from ryorin.bootstrap.wiring.features import Features
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.bootstrap.wiring.projections import Projections
from ryorin.contexts.knowledge.module import VectorFeeder
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.execution import CommandExecutor
from ryorin.kernel.together import ended

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 3.0
ACCOUNT_SECONDS = 5.0
SPENT_SECONDS = 0.5
TRAFFIC_SECONDS = 2.0
WATCH_SECONDS = 15.0
COOL_SECONDS = 60.0
TIDY_SECONDS = 600.0
COMPACT_SECONDS = 60.0
RESTART_SECONDS = 1.0
# between looks at how late the event loop is
LAG_SECONDS = 0.25


Job = Callable[[], Coroutine[Any, Any, None]]


class Role(StrEnum):
    """What a process may be asked to do."""

    HTTP = "http"
    WORKER = "worker"
    PROJECTIONS = "projections"


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What is noted in memory and written every moment."""

    cache: PostgresCacheLedger
    spending: PostgresSpending
    decisions: PostgresDecisions
    traffic: PostgresTrafficNotes


@asynccontextmanager
async def background_work(
    base: Foundation,
    projections: Projections,
    executor: CommandExecutor,
    feeder: VectorFeeder,
    ledgers: Ledgers,
    features: Features,
    remains: Remains,
    settings: Settings,
    roles: frozenset[Role],
) -> AsyncIterator[None]:
    """Run the roles' tasks beside the caller; they are cancelled and awaited at the end."""
    jobs: dict[str, Job] = {"notifications": base.notifications.run, "lag": lambda: _lag(base)}
    jobs |= _accounting(ledgers)
    if Role.WORKER in roles:
        jobs |= _working(base, executor, features, settings)
    if Role.PROJECTIONS in roles:
        jobs |= {name: runner.run for name, runner in projections.runners.items()}
        jobs |= {"feeder": feeder.run, **_tidying(base, ledgers, remains, settings)}
    stopping = asyncio.Event()
    tasks = {asyncio.create_task(_supervise(name, job, stopping), name=name) for name, job in jobs.items()}
    try:
        yield
    finally:
        stopping.set()
        await ended(*tasks)


def _accounting(ledgers: Ledgers) -> dict[str, Job]:
    return {
        "accounting": lambda: _repeat(ledgers.cache.write, ACCOUNT_SECONDS),
        "traffic": lambda: _repeat(ledgers.traffic.write, TRAFFIC_SECONDS),
        "decisions": lambda: _repeat(ledgers.decisions.write, SPENT_SECONDS),
        "spending": lambda: _repeat(ledgers.spending.write, SPENT_SECONDS),
    }


def _working(base: Foundation, executor: CommandExecutor, features: Features, settings: Settings) -> dict[str, Job]:
    return {
        "worker": lambda: base.queue.work(executor.run_next, settings.worker.model_dump()),
        "sweeper": lambda: _repeat(base.log.sweep, SWEEP_SECONDS),
        "scoring": lambda: _later(features.observing.scorer.work, TRAFFIC_SECONDS),
        "objectives": lambda: _later(features.observing.watch.look, WATCH_SECONDS),
    }


def _tidying(base: Foundation, ledgers: Ledgers, remains: Remains, settings: Settings) -> dict[str, Job]:
    flights = PostgresAnswerFlights(base.pool, base.ids.new)
    jobs: dict[str, Job] = {
        "compaction": lambda: _repeat(Compaction(base.pool).compact, COMPACT_SECONDS),
        "erasing": lambda: _repeat(remains.drop, settings.erasure.idle_seconds),
        "tidying": lambda: _repeat(PostgresAnswerStore(base.pool).purge, TIDY_SECONDS),
        "tidying-decisions": lambda: _repeat(ledgers.decisions.purge, TIDY_SECONDS),
        "tidying-traffic": lambda: _repeat(ledgers.traffic.tidy, TIDY_SECONDS),
        "tidying-annotations": lambda: _repeat(PostgresAnnotations(base.pool).purge, TIDY_SECONDS),
        "reservations": lambda: _repeat(ledgers.spending.purge, TIDY_SECONDS),
        "tidying-semantic": lambda: _repeat(PostgresSemanticStore(base.pool).purge, TIDY_SECONDS),
        "tidying-flights": lambda: _repeat(flights.purge, TIDY_SECONDS),
    }
    cold = cold_answers(settings, base)
    if cold is not None:
        jobs["cooling"] = lambda: _repeat(cold.cool, COOL_SECONDS)
    return jobs


async def _supervise(name: str, job: Job, stopping: asyncio.Event) -> None:
    """Start a job again when it fails: a database that was away comes back."""
    while not stopping.is_set():
        try:
            await job()
        except Unavailable as error:
            logger.warning("background job %s waits: %s", name, error.detail)
        except Exception:  # no failure of one job may stop the others; it is logged and tried again
            logger.exception("background job %s failed; it starts again", name)
        await asyncio.sleep(RESTART_SECONDS)


async def _lag(base: Foundation) -> None:
    """Report how late the event loop does what is due: so long a request waits before it is even seen."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_SECONDS
        await asyncio.sleep(LAG_SECONDS)
        base.telemetry.observe("ryorin_event_loop_lag_seconds", max(0.0, loop.time() - due))


async def _later(action: Callable[[], Awaitable[object]], seconds: float) -> None:
    """As `_repeat`, but not at once: a command that is over in a moment begins nothing."""
    await asyncio.sleep(seconds)
    await _repeat(action, seconds)


async def _repeat(action: Callable[[], Awaitable[object]], seconds: float) -> None:
    while True:
        try:
            await action()
        except Unavailable as error:
            logger.warning("%s", error.detail)
        await asyncio.sleep(seconds)
