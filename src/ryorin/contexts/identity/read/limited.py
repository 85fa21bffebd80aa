"""Counts requests where they say who sends them."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from ryorin.contexts.identity.limits import Allowance, Bucket, RateLimited
from ryorin.kernel.messages import PUBLIC, Actor, OrgId, Scope
from ryorin.kernel.waiting import remark


class RateLimiter(Protocol):
    """Keeps buckets by name."""

    async def take(self, buckets: Sequence[tuple[str, Bucket]]) -> tuple[bool, Sequence[Allowance]]:
        """Take a token of each bucket or of none: whether all had one, and what is left. Never fails."""
        ...


class Visitors:
    """People without a credential: they read what is public, `per_minute` times from each address."""

    def __init__(self, limiter: RateLimiter, per_minute: float) -> None:
        self._limiter = limiter
        self._bucket = Bucket(per_minute, max(1, round(per_minute)))

    async def __call__(self, organisation: str, address: str) -> Actor:
        """A reader of what is public in an organisation; raises RateLimited."""
        allowed, (left,) = await self._limiter.take([(f"public\x1f{address}", self._bucket)])
        if not allowed:
            raise RateLimited(f"too many requests; send the next one in {left.next_in:.1f} s", left.next_in)
        scopes = frozenset({Scope.ANSWERS_READ, Scope.KNOWLEDGE_READ})
        return Actor(OrgId(organisation), "visitor", scopes, (PUBLIC,))


class LimitedAuthenticator:
    """An authenticator that lets everyone through as often as he may; `buckets` are `key` and `organisation`."""

    def __init__(
        self,
        inner: Callable[[str | None], Awaitable[Actor]],
        limiter: RateLimiter,
        buckets: Mapping[str, Bucket],
    ) -> None:
        self._inner = inner
        self._limiter = limiter
        self._buckets = buckets
        # the names are those of the fields' standard: what is left is told for each policy
        self._policy = ", ".join(
            f'"{kind}";q={bucket.burst};w={math.ceil(bucket.fill_seconds)}' for kind, bucket in buckets.items()
        )

    async def __call__(self, credential: str | None) -> Actor:
        """The actor behind a credential; raises Unauthenticated, and RateLimited for one who sends too much."""
        actor = await self._inner(credential)
        names = {"key": f"{actor.org_id}\x1f{actor.principal_id}", "organisation": actor.org_id}
        wanted = [(f"{kind}\x1f{names[kind]}", bucket) for kind, bucket in self._buckets.items()]
        allowed, left = await self._limiter.take(wanted)
        told = zip(self._buckets, left, strict=True)
        remark("ratelimit-policy", self._policy)
        remark("ratelimit", ", ".join(f'"{kind}";r={one.left};t={math.ceil(one.full_in)}' for kind, one in told))
        if not allowed:
            pause = max(one.next_in for one in left)
            raise RateLimited(f"too many requests; send the next one in {pause:.1f} s", pause)
        return actor
