"""Token buckets: how many requests somebody may send (ADR-0025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ryorin.kernel.errors import RyorinError

MINUTE = 60.0


class RateLimited(RyorinError):
    """Somebody sent more than he may; `retry_after` is in seconds."""

    code = "rate_limited"
    retryable = True

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many tokens flow in a minute, so many fit."""

    per_minute: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds from one token to the next."""
        return MINUTE / self.per_minute

    @property
    def fill_seconds(self) -> float:
        """How long an empty one takes to be full."""
        return self.interval * self.burst

    def after(self, full_at: float, now: float) -> float:
        """When it is full again after another token was taken; later than it may be when there is none."""
        return max(full_at, now) + self.interval

    def told(self, full_at: float, now: float) -> Allowance:
        """What is left, when it is full again at a time."""
        missing = max(0.0, full_at - now)
        left = int((self.fill_seconds - missing) / self.interval + 1e-6)
        return Allowance(self, max(0, left), missing, max(0.0, missing + self.interval - self.fill_seconds))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a bucket, in how many seconds it is full, and in how many the next token is there."""

    bucket: Bucket
    left: int
    full_in: float
    next_in: float


def taken(
    buckets: Sequence[tuple[str, Bucket]], full_at: Mapping[str, float], now: float
) -> tuple[Mapping[str, float] | None, Sequence[Allowance]]:
    """Take a token of each named bucket, or of none: when each is full again (None: refused), and what is left."""
    after = {name: bucket.after(full_at.get(name, now), now) for name, bucket in buckets}
    if any(after[name] - now > bucket.fill_seconds + 1e-6 for name, bucket in buckets):
        return None, [bucket.told(full_at.get(name, now), now) for name, bucket in buckets]
    return after, [bucket.told(after[name], now) for name, bucket in buckets]
