"""Answers that processes share in Redis, in front of L2 (ADR-0016)."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable
from time import time
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.read.ports import KeptAnswer
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import Telemetry

T = TypeVar("T")

# of what is written here; a process reads no other version's
FORMAT = "1"
# answers on their way to Redis at a time: what comes beyond is not shared
MAX_WRITES = 64
# answers compress to about a third from here on (bytes)
COMPRESSED = 1024
PLAIN, DEFLATED = b"p", b"z"


class RedisSharedAnswers:
    """The `SharedAnswers` port: within `timeout_seconds`, or not at all."""

    def __init__(
        self, url: str, timeout_seconds: float, ttl_seconds: float, breaker: CircuitBreaker, telemetry: Telemetry
    ) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self._timeout_seconds = timeout_seconds
        self._ttl_seconds = ttl_seconds
        self._breaker = breaker
        self._telemetry = telemetry
        self._writes: set[asyncio.Task[None]] = set()

    async def get(self, org_id: OrgId, key: str) -> KeptAnswer | None:
        """An answer, if it is there and comes in time."""
        found = await self._tried("read shared", self._redis.get(_place(org_id, key)))
        try:
            return _decoded(found) if isinstance(found, bytes) else None
        except (zlib.error, ValueError, KeyError, TypeError):
            # not as we wrote it
            self._telemetry.count("ryorin_cache_failures_total", operation="read shared")
            return None

    def put(self, org_id: OrgId, key: str, kept: KeptAnswer) -> None:
        """Store an answer behind the caller's back; one that was made just now waits for L2 first."""
        if kept.seen is None or len(self._writes) >= MAX_WRITES or self._breaker.state == "open":
            return
        task = asyncio.create_task(self._write(org_id, key, kept))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write(self, org_id: OrgId, key: str, kept: KeptAnswer) -> None:
        milliseconds = int(1000 * min(self._ttl_seconds, kept.ttl_seconds))
        if milliseconds > 0:
            await self._tried("write shared", self._redis.set(_place(org_id, key), _encoded(kept), px=milliseconds))

    async def _tried(self, operation: str, work: Awaitable[T]) -> T | None:
        if not self._breaker.allows():
            if asyncio.iscoroutine(work):
                work.close()
            return None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                done = await work
        except ResponseError:
            # it answers, but does not want to: it is full, or another's
            self._breaker.succeeded()
            self._telemetry.count("ryorin_cache_failures_total", operation=operation)
            return None
        except (RedisError, OSError, TimeoutError):
            self._breaker.failed()
            self._telemetry.count("ryorin_cache_failures_total", operation=operation)
            return None
        except asyncio.CancelledError:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return done

    async def close(self) -> None:
        """Let what is being written end, and disconnect."""
        await asyncio.gather(*self._writes)
        await self._redis.aclose()


def _place(org_id: OrgId, key: str) -> str:
    return f"ryorin:answer:{FORMAT}:{org_id}:{key}"


def _encoded(kept: KeptAnswer) -> bytes:
    entry = {
        "answer": to_json(kept.answer),
        "collection": kept.collection,
        "lexicon_epoch": kept.lexicon_epoch,
        "valid_at": str(kept.valid_at),
        "seen": kept.seen,
        # when the answer was made and when it ends, by the clocks of the machines
        "made_at": time() - kept.answer.age_seconds,
        "ends_at": time() + kept.ttl_seconds,
    }
    body = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()
    return DEFLATED + zlib.compress(body, level=1) if len(body) > COMPRESSED else PLAIN + body


def _decoded(stored: bytes) -> KeptAnswer:
    body = zlib.decompress(stored[1:]) if stored[:1] == DEFLATED else stored[1:]
    entry = json.loads(body)
    now = time()
    answer: Answer = from_json(Answer, {**entry["answer"], "age_seconds": round(max(0.0, now - entry["made_at"]), 3)})
    return KeptAnswer(
        answer=answer,
        collection=entry["collection"],
        lexicon_epoch=entry["lexicon_epoch"],
        valid_at=LogPosition.parse(entry["valid_at"]),
        seen=entry["seen"],
        ttl_seconds=max(0.0, entry["ends_at"] - now),
    )
