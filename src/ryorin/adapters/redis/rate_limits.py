"""Buckets that server processes share (ADR-0025)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ryorin.contexts.identity.limits import Allowance, Bucket
from ryorin.contexts.identity.read.limited import RateLimiter
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.ports import Telemetry

PREFIX = "ryorin:limits:1:"
# as `taken` in contexts/identity/limits.py; ARGV: interval and fill time of each bucket, in seconds
TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local before, after, allowed = {}, {}, 1
for i = 1, #KEYS do
    before[i] = math.max(tonumber(redis.call('GET', KEYS[i]) or now), now)
    after[i] = before[i] + tonumber(ARGV[2 * i - 1])
    if after[i] - now > tonumber(ARGV[2 * i]) + 1e-6 then allowed = 0 end
end
local told = {allowed}
for i = 1, #KEYS do
    local full = allowed == 1 and after[i] or before[i]
    if allowed == 1 then
        redis.call('SET', KEYS[i], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000) + 1)
    end
    told[i + 1] = string.format('%.6f', full - now)
end
return told
"""


class RedisRateLimiter:
    """The `RateLimiter` port; while Redis does not answer in time, each process counts alone."""

    def __init__(
        self, url: str, timeout_seconds: float, breaker: CircuitBreaker, alone: RateLimiter, telemetry: Telemetry
    ) -> None:
        connected: dict[str, Any] = {"socket_connect_timeout": timeout_seconds, "retry": Retry(NoBackoff(), 1)}
        self._redis = Redis.from_url(url, socket_timeout=timeout_seconds, **connected)
        self._script = self._redis.register_script(TAKE)
        self._breaker = breaker
        self._alone = alone
        self._telemetry = telemetry

    async def take(self, buckets: Sequence[tuple[str, Bucket]]) -> tuple[bool, Sequence[Allowance]]:
        """Take a token of each bucket or of none."""
        if not self._breaker.allows():
            return await self._alone.take(buckets)
        names = [PREFIX + hashlib.sha256(name.encode()).hexdigest() for name, _ in buckets]
        numbers = [number for _, bucket in buckets for number in (bucket.interval, bucket.fill_seconds)]
        try:
            allowed, *missing = await self._script(keys=names, args=numbers)
        except (RedisError, OSError):
            self._breaker.failed()
            self._telemetry.count("ryorin_limits_unshared_total")
            return await self._alone.take(buckets)
        self._breaker.succeeded()
        left = [bucket.told(float(seconds), 0.0) for (_, bucket), seconds in zip(buckets, missing, strict=True)]
        return bool(allowed), left

    async def close(self) -> None:
        """Hang up."""
        await self._redis.aclose()
