"""No event skipped, doubled or out of its stream's order, whatever writers do (bar 3 of the spine)."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

import pytest

from ryorin.adapters.postgres.event_store import PostgresEventStore
from ryorin.adapters.postgres.migrate import migrate
from ryorin.adapters.postgres.notifications import Wakeup
from ryorin.adapters.postgres.pool import Connection, Pool, run
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.codec import event_registry
from ryorin.kernel.errors import ConcurrencyConflict
from ryorin.kernel.events import BEGINNING, Event, EventMetadata, Stream
from ryorin.kernel.messages import OrgId

WRITERS, ROUNDS, STREAMS = 8, 15, 3
METADATA = EventMetadata("test", "test", "test")


@dataclass(frozen=True)
class Counted(Event):
    type: ClassVar[str] = "test.counted"

    value: int


class Counter(Aggregate):
    stream_type: ClassVar[str] = "counter"

    def __init__(self, name: str) -> None:
        super().__init__(Stream(OrgId("a"), self.stream_type, name))
        self.value = 0

    def apply(self, event: Event) -> None:
        assert isinstance(event, Counted)
        self.value = event.value


async def add_one(store: PostgresEventStore, connection: Connection, name: str) -> None:
    counter = Counter(name)
    for recorded in await store.read_stream_on(connection, counter.stream):
        counter.replay(recorded.event)
    counter.record(Counted(counter.value + 1))
    await store.append(connection, [counter], METADATA)


async def write(pool: Pool, store: PostgresEventStore, seed: int) -> int:
    """Count up on random streams; some transactions take their id early and end late."""
    dice, done = random.Random(seed), 0
    while done < ROUNDS:
        slow = dice.random() < 0.3
        try:
            async with pool.transaction() as connection:
                if slow:
                    await run(connection, "SELECT pg_current_xact_id()")
                    await run(connection, "SELECT pg_sleep(%s)", (dice.random() * 0.03,))
                for name in dice.sample([f"s{number}" for number in range(STREAMS)], k=dice.choice([1, 2])):
                    await add_one(store, connection, name)
                if slow:
                    await run(connection, "SELECT pg_sleep(%s)", (dice.random() * 0.03,))
        except ConcurrencyConflict:
            continue
        except Exception as error:
            if "deadlock" not in str(error):
                raise
            continue
        done += 1
    return done


async def follow(store: PostgresEventStore, total: asyncio.Event, seen: list[tuple[str, int]]) -> None:
    """Read like a projection does, in small batches, until nothing is left after the writers ended."""
    checkpoint = BEGINNING
    while True:
        ended = total.is_set()
        batch = await store.read_all(checkpoint, limit=7)
        for recorded in batch:
            seen.append((recorded.stream.id, recorded.version))
            checkpoint = recorded.position
        if not batch and ended and await store.head() == checkpoint:
            return
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", [1, 2])
async def test_readers_meet_every_event_once_and_in_order(database_url: str, seed: int) -> None:
    await asyncio.to_thread(migrate, database_url)
    registry = event_registry()
    registry.register(Counted)
    pool = Pool(database_url, max_size=16)
    await pool.open()
    store = PostgresEventStore(pool, registry, Wakeup())
    ended, logs = asyncio.Event(), [[] for _ in range(2)]  # type: ignore[var-annotated]  # two readers' lists
    try:
        readers = [asyncio.create_task(follow(store, ended, log)) for log in logs]
        await asyncio.gather(*(write(pool, store, seed * 100 + number) for number in range(WRITERS)))
        ended.set()
        await asyncio.gather(*readers)
        stored = await pool.fetch("SELECT stream_id, max(version) AS last, count(*) AS n FROM events GROUP BY 1")
        final = [await store.read_stream(Counter(f"s{number}").stream) for number in range(STREAMS)]
    finally:
        await pool.close()

    for log in logs:
        by_stream = defaultdict(list)
        for stream, version in log:
            by_stream[stream].append(version)
        # each version once, in order: nothing skipped, doubled or swapped
        assert all(versions == list(range(1, len(versions) + 1)) for versions in by_stream.values())
        assert len(log) == sum(row["n"] for row in stored)
    # no lost update: the counters counted every append
    assert all(events[-1].event.value == len(events) for events in final if events)  # type: ignore[attr-defined]
