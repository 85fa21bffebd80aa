"""Wires what server processes share in Redis, if one is configured."""

from __future__ import annotations

from contextlib import AsyncExitStack

from ryorin.adapters.local.rate_limits import LocalRateLimiter
from ryorin.bootstrap.settings import Settings
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.answers.module import SharedAnswers
from ryorin.contexts.identity.module import RateLimiter
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput
from ryorin.processes.model_directory import Breakers

# how long Redis is left alone after it failed
SHARED_PAUSE_SECONDS = 2.0


def shared_answers(settings: Settings, base: Foundation, stack: AsyncExitStack) -> SharedAnswers | None:
    """The store that server processes share answers in."""
    if settings.redis.url is None:
        return None
    _installed()
    from ryorin.adapters.redis.answers import RedisSharedAnswers  # noqa: PLC0415 - an optional dependency

    breaker = CircuitBreaker(base.clock, pause_seconds=SHARED_PAUSE_SECONDS)
    url, redis = settings.redis.url.get_secret_value(), settings.redis
    try:
        shared = RedisSharedAnswers(url, redis.timeout, redis.ttl_seconds, breaker, base.telemetry)
    except ValueError as error:
        raise InvalidInput(f"RYORIN_REDIS__URL: {error}") from error
    stack.push_async_callback(shared.close)
    return shared


def shared_breakers(settings: Settings, base: Foundation, stack: AsyncExitStack) -> Breakers | None:
    """Circuit breakers that open and close in all server processes together."""
    if settings.redis.url is None:
        return None
    _installed()
    from ryorin.adapters.redis.breakers import RedisBreakers  # noqa: PLC0415 - an optional dependency

    url, owner = settings.redis.url.get_secret_value(), base.ids.new().hex
    try:
        shared = RedisBreakers(url, settings.redis.timeout, base.clock, owner, base.telemetry)
    except ValueError as error:
        raise InvalidInput(f"RYORIN_REDIS__URL: {error}") from error
    stack.push_async_callback(shared.close)
    return shared.breaker


def rate_limiter(settings: Settings, base: Foundation, stack: AsyncExitStack) -> RateLimiter:
    """Who counts requests: all server processes together, where Redis is."""
    if settings.redis.url is None:
        return LocalRateLimiter()
    _installed()
    from ryorin.adapters.redis.rate_limits import RedisRateLimiter  # noqa: PLC0415 - an optional dependency

    breaker = CircuitBreaker(base.clock, pause_seconds=SHARED_PAUSE_SECONDS)
    url = settings.redis.url.get_secret_value()
    try:
        shared = RedisRateLimiter(url, settings.redis.timeout, breaker, LocalRateLimiter(), base.telemetry)
    except ValueError as error:
        raise InvalidInput(f"RYORIN_REDIS__URL: {error}") from error
    stack.push_async_callback(shared.close)
    return shared


def _installed() -> None:
    try:
        import redis  # noqa: F401, PLC0415 - an optional dependency
    except ImportError as error:
        raise InvalidInput("RYORIN_REDIS__URL needs `pip install 'ryorin[scale]'`") from error
