"""Buckets of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from ryorin.contexts.identity.limits import Allowance, Bucket, taken

# those that are full again are forgotten when there are so many
MAX_BUCKETS = 10_000


class LocalRateLimiter:
    """The `RateLimiter` port in memory."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._full_at: dict[str, float] = {}

    async def take(self, buckets: Sequence[tuple[str, Bucket]]) -> tuple[bool, Sequence[Allowance]]:
        """Take a token of each bucket or of none."""
        now = self._now()
        after, left = taken(buckets, self._full_at, now)
        if after is None:
            return False, left
        self._full_at.update(after)
        if len(self._full_at) > MAX_BUCKETS:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
        return True, left
