"""Buckets that processes share in Redis, and what becomes of them without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ryorin.adapters.local.rate_limits import LocalRateLimiter
from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.adapters.redis.rate_limits import RedisRateLimiter
from ryorin.contexts.identity.limits import Bucket
from ryorin.kernel.breaker import CircuitBreaker
from tests.redis_server import RedisServer
from tests.unit.identity.test_limits import Time

SLOW, WIDE = Bucket(per_minute=6, burst=3), Bucket(per_minute=60, burst=5)


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.kill()


def limiter(redis: RedisServer, telemetry: MemoryTelemetry | None = None) -> RedisRateLimiter:
    from ryorin.adapters.local.system import SystemClock

    url, breaker = f"redis://127.0.0.1:{redis.port}", CircuitBreaker(SystemClock(), failures=1)
    return RedisRateLimiter(url, 1.0, breaker, LocalRateLimiter(), telemetry or MemoryTelemetry())


async def test_processes_count_together(redis: RedisServer) -> None:
    first, second = limiter(redis), limiter(redis)

    told = [await one.take([("a", SLOW)]) for one in (first, second, first, second)]

    assert [allowed for allowed, _ in told] == [True, True, True, False]
    assert [left.left for _, (left,) in told] == [2, 1, 0, 0]
    assert told[-1][1][0].next_in == pytest.approx(10.0, abs=1.0)
    await first.close()
    await second.close()


async def test_redis_counts_as_memory_does(redis: RedisServer) -> None:
    shared, alone = limiter(redis), LocalRateLimiter(Time())
    wanted = [[("a", SLOW), ("all", WIDE)]] * 4 + [[("b", SLOW), ("all", WIDE)]] * 3

    for buckets in wanted:
        (here, left), (there, remote) = await alone.take(buckets), await shared.take(buckets)
        # the time between is too short for a token to flow in
        assert (there, [one.left for one in remote]) == (here, [one.left for one in left])
    # a full bucket takes no room
    assert all(redis.client().pttl(key) > 0 for key in redis.client().keys("ryorin:limits:*"))
    await shared.close()


async def test_without_redis_each_counts_alone_and_nobody_is_refused_for_it(redis: RedisServer) -> None:
    telemetry = MemoryTelemetry()
    one = limiter(redis, telemetry)
    await one.take([("a", SLOW)])
    await redis.kill()

    assert [(await one.take([("a", SLOW)]))[0] for _ in range(4)] == [True, True, True, False]
    assert telemetry.counted == [("ryorin_limits_unshared_total", {})]
    await one.close()
