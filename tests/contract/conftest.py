"""The spine behind its ports, once in memory and once in PostgreSQL: the same tests for both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ryorin.adapters.local.system import SystemClock, TimeOrderedIds
from ryorin.adapters.memory.command_log import MemoryCommandLog
from ryorin.adapters.memory.event_store import MemoryEventStore
from ryorin.adapters.memory.transactions import MemoryTransactions
from ryorin.adapters.memory.work_queue import MemoryWorkQueue
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.bootstrap.app import open_app
from ryorin.bootstrap.settings import Settings
from ryorin.kernel.ports import CommandLog, EventStore, Transactions, WorkQueue


@dataclass(frozen=True)
class Spine:
    """The ports of the write side."""

    events: EventStore
    log: CommandLog
    transactions: Transactions
    queue: WorkQueue


def in_memory() -> Spine:
    clock, queue = SystemClock(), MemoryWorkQueue()
    events = MemoryEventStore(clock)
    log = MemoryCommandLog(clock, TimeOrderedIds(), queue)
    return Spine(events, log, MemoryTransactions(events, log, queue), queue)


@pytest.fixture(params=["memory", "postgres"])
async def spine(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, engine: OnnxE5Engine
) -> AsyncIterator[Spine]:
    if request.param == "memory":
        yield in_memory()
        return
    settings = Settings(database_url=database_url, data_dir=tmp_path)
    async with open_app(settings, frozenset(), {"default": engine}) as app:
        yield Spine(app.base.events, app.base.log, app.base.transactions, app.base.queue)
