"""Circuit breakers of two processes on a real Redis: opened and closed together, one call decides, alone without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ryorin.adapters.local.system import SystemClock
from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.adapters.redis import breakers
from ryorin.adapters.redis.breakers import CHANNEL, RedisBreakers
from ryorin.kernel.breaker import CircuitBreaker
from tests.redis_server import RedisServer

PAUSE_SECONDS = 0.3


@dataclass
class Pair:
    """Breakers of one name in two processes."""

    server: RedisServer
    here: CircuitBreaker
    there: CircuitBreaker
    other: CircuitBreaker
    telemetry: MemoryTelemetry


@pytest.fixture
async def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setattr(breakers, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(breakers, "RECONNECT_SECONDS", 0.1)
    server, telemetry = RedisServer(tmp_path), MemoryTelemetry()
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.kill)
        url, clock = f"redis://127.0.0.1:{server.port}/0", SystemClock()
        both = [RedisBreakers(url, 0.5, clock, owner, telemetry) for owner in ("a", "b")]
        for one in both:
            stack.push_async_callback(one.close)
        here, there = (one.breaker("model", 2, PAUSE_SECONDS) for one in both)
        client = server.client()
        await until(lambda: client.pubsub_numsub(CHANNEL)[0][1] == 2)
        yield Pair(server, here, there, both[0].breaker("another", 2, PAUSE_SECONDS), telemetry)
        client.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def fail(breaker: CircuitBreaker) -> None:
    for _ in range(2):
        breaker.failed()


async def test_what_opens_in_one_process_opens_in_all(pair: Pair) -> None:
    fail(pair.here)

    await until(lambda: pair.there.state != "closed")
    assert pair.other.state == "closed"


async def test_a_process_that_comes_later_is_told(pair: Pair, tmp_path: Path) -> None:
    fail(pair.here)
    await until(lambda: pair.there.state != "closed")
    url = f"redis://127.0.0.1:{pair.server.port}/0"

    late = RedisBreakers(url, 0.5, SystemClock(), "c", pair.telemetry)
    breaker = late.breaker("model", 2, 30)
    await until(lambda: breaker.state == "open")
    await late.close()


async def test_one_call_of_all_processes_decides(pair: Pair) -> None:
    fail(pair.here)
    await until(lambda: pair.there.state != "closed")
    await until(lambda: pair.here.state == pair.there.state == "half_open")

    allowed: list[CircuitBreaker] = []
    # longer than the deciding call is lent for
    for _ in range(150):
        allowed += [one for one in (pair.here, pair.there) if one.allows()]
        await asyncio.sleep(0.01)
    assert len(allowed) == 1

    allowed[0].succeeded()
    await until(lambda: pair.here.state == pair.there.state == "closed")


async def test_a_call_that_fails_leaves_it_open_everywhere(pair: Pair) -> None:
    fail(pair.here)
    await until(lambda: pair.there.state == "half_open" == pair.here.state)
    await until(lambda: pair.here.allows() or pair.there.allows())
    tried, waiting = (pair.here, pair.there) if pair.here.trying else (pair.there, pair.here)

    tried.failed()

    assert tried.state == "open"
    await until(lambda: waiting.state == "open")
    await until(lambda: pair.here.allows() or pair.there.allows())


async def test_without_redis_each_process_decides_alone(pair: Pair) -> None:
    await pair.server.kill()
    fail(pair.here)
    assert (pair.here.state, pair.there.state) == ("open", "closed")

    await until(pair.here.allows)
    pair.here.succeeded()
    assert pair.here.state == "closed"
    await until(lambda: len(pair.telemetry.counted) >= 2)

    await pair.server.start()
    await until(lambda: pair.server.client().pubsub_numsub(CHANNEL)[0][1] == 2)
    fail(pair.there)
    await until(lambda: pair.here.state != "closed")


async def test_what_others_wrote_is_passed_over(pair: Pair) -> None:
    client = pair.server.client()
    for odd in ("", "{}", "[]", '{"breaker": "unknown", "opened": true, "from": "x"}'):
        client.publish(CHANNEL, odd)
    client.close()

    fail(pair.here)
    await until(lambda: pair.there.state != "closed")
