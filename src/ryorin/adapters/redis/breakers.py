"""Circuit breakers that server processes share: what one of them learns of a dependency, all know (ADR-0018).

A breaker is each process's own, and works alone while Redis does not answer. Redis passes on that one has opened or
closed, and lends the one call that decides about a half-open one to one process at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.ports import Clock, Telemetry
from ryorin.kernel.together import ended

logger = logging.getLogger(__name__)

CHANNEL = "ryorin:breakers:1"
# how long the deciding call is one process's, unless it is still under way then (seconds)
LEASE_SECONDS = 5.0
RECONNECT_SECONDS = 1.0


class RedisBreakers:
    """Makes breakers; those of one name in all processes open and close together."""

    def __init__(self, url: str, timeout_seconds: float, clock: Clock, owner: str, telemetry: Telemetry) -> None:
        # once more, for a connection may have died unnoticed
        connected: dict[str, Any] = {"socket_connect_timeout": timeout_seconds, "retry": Retry(NoBackoff(), 1)}
        self._redis = Redis.from_url(url, socket_timeout=timeout_seconds, **connected)
        # who listens waits as long as nothing is told
        self._heard = Redis.from_url(url, **connected)
        self._clock = clock
        self._owner = owner
        self._telemetry = telemetry
        self._breakers: WeakValueDictionary[str, CircuitBreaker] = WeakValueDictionary()
        self._pauses: dict[str, float] = {}
        # by name: until when the deciding call is ours, in seconds of the loop's clock
        self._ours: dict[str, float] = {}
        self._connected = False
        self._working: set[asyncio.Task[None]] = set()
        self._claims: dict[str, asyncio.Task[None]] = {}
        self._listener = asyncio.create_task(self._listen())

    def breaker(self, name: str, failures: int, pause_seconds: float) -> CircuitBreaker:
        """A closed breaker; `name` may be anything, and is only told as a digest."""
        place = hashlib.sha256(name.encode()).hexdigest()
        made = CircuitBreaker(
            self._clock, failures, pause_seconds, partial(self._tell, place), partial(self._may_try, place)
        )
        self._breakers[place] = made
        self._pauses[place] = pause_seconds
        self._work(self._learn(place))
        return made

    async def _learn(self, place: str) -> None:
        """Open a new breaker if that of another process has opened just before."""
        with suppress(RedisError, OSError):
            # without an answer it begins closed, as any breaker
            if await self._redis.exists(_open(place)):
                self._follow(place, opened=True)

    def _may_try(self, place: str) -> bool:
        return not self._connected or self._ours.get(place, 0.0) > asyncio.get_running_loop().time()

    def _tell(self, place: str, opened: bool) -> None:
        if opened:
            self._claim(place)
        else:
            self._ours.pop(place, None)
        self._work(self._publish(place, opened))

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _publish(self, place: str, opened: bool) -> None:
        message = json.dumps({"breaker": place, "opened": opened, "from": self._owner})
        try:
            async with self._redis.pipeline(transaction=True) as together:
                if opened:
                    together.set(_open(place), self._owner, px=int(self._pauses[place] * 1000))
                else:
                    together.delete(_open(place))
                together.publish(CHANNEL, message)
                await together.execute()
        except (RedisError, OSError):
            self._telemetry.count("ryorin_breakers_unshared_total")

    def _claim(self, place: str) -> None:
        before = self._claims.pop(place, None)
        if before is not None:
            before.cancel()
        self._ours.pop(place, None)
        task = asyncio.create_task(self._claimed(place))
        self._claims[place] = task
        task.add_done_callback(self._working.discard)
        self._working.add(task)

    async def _claimed(self, place: str) -> None:
        """After the pause, ask for the deciding call again and again until somebody's has decided."""
        await asyncio.sleep(self._pauses[place])
        lease = f"{CHANNEL}:try:{place}"
        while True:
            breaker = self._breakers.get(place)
            if breaker is None or breaker.state == "closed":
                return
            under_way = breaker.trying
            del breaker
            until = asyncio.get_running_loop().time() + LEASE_SECONDS
            try:
                if under_way and place in self._ours:
                    taken = await self._redis.set(lease, self._owner, px=int(LEASE_SECONDS * 1000))
                else:
                    taken = await self._redis.set(lease, self._owner, px=int(LEASE_SECONDS * 1000), nx=True)
            except (RedisError, OSError):
                # nobody can say whose call it is: everybody decides alone
                taken = True
            if taken:
                self._ours[place] = until
            await asyncio.sleep(LEASE_SECONDS / 2)

    async def _listen(self) -> None:
        said = False
        while True:
            try:
                async with self._heard.pubsub() as told:
                    await told.subscribe(CHANNEL)
                    async for message in told.listen():
                        self._connected, said = True, False
                        if message["type"] == "message":
                            self._hear(message["data"])
            except (RedisError, OSError) as error:
                if not said:
                    logger.warning("circuit breakers are not shared until Redis answers: %s", error)
                said = True
            finally:
                self._connected = False
            await asyncio.sleep(RECONNECT_SECONDS)

    def _hear(self, data: bytes) -> None:
        try:
            told = json.loads(data)
            place, opened, owner = str(told["breaker"]), bool(told["opened"]), str(told["from"])
        except (ValueError, KeyError, TypeError):
            # not as we wrote it
            self._telemetry.count("ryorin_breakers_unshared_total")
            return
        if owner != self._owner:
            self._follow(place, opened=opened)

    def _follow(self, place: str, *, opened: bool) -> None:
        breaker = self._breakers.get(place)
        if breaker is None:
            return
        breaker.hear(opened=opened)
        if opened:
            self._claim(place)
        else:
            self._ours.pop(place, None)

    async def close(self) -> None:
        """Stop listening, and disconnect."""
        await ended(self._listener, *self._working)
        await self._heard.aclose()
        await self._redis.aclose()


def _open(place: str) -> str:
    return f"{CHANNEL}:open:{place}"
