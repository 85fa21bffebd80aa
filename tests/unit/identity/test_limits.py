"""Token buckets, in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.adapters.local.rate_limits import LocalRateLimiter
from ryorin.contexts.identity.limits import Bucket, RateLimited
from ryorin.contexts.identity.read.limited import LimitedAuthenticator
from ryorin.kernel.messages import Actor, OrgId
from ryorin.kernel.waiting import arrived

SLOW, WIDE = Bucket(per_minute=60, burst=3), Bucket(per_minute=600, burst=5)


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_bucket_lets_through_what_fits_and_then_what_flows_in() -> None:
    time = Time()
    limiter = LocalRateLimiter(time)

    assert [(await limiter.take([("a", SLOW)]))[0] for _ in range(5)] == [True, True, True, False, False]
    allowed, (left,) = await limiter.take([("a", SLOW)])
    assert (allowed, left.left) == (False, 0)
    assert left.next_in == pytest.approx(1.0)
    assert left.full_in == pytest.approx(3.0)
    time.now += 1.0
    assert [(await limiter.take([("a", SLOW)]))[0] for _ in range(2)] == [True, False]
    # others have buckets of their own
    assert (await limiter.take([("b", SLOW)]))[0]


async def test_a_request_takes_of_all_its_buckets_or_of_none() -> None:
    time = Time()
    limiter = LocalRateLimiter(time)
    for _ in range(3):
        await limiter.take([("key", SLOW), ("all", WIDE)])

    assert not (await limiter.take([("key", SLOW), ("all", WIDE)]))[0]
    # what was refused by one bucket was not taken from the other
    told = [(await limiter.take([("all", WIDE)]))[1][0].left for _ in range(2)]
    assert told == [1, 0]


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(1, 600))
async def test_never_more_than_burst_and_flow(pauses: list[float], burst: int, per_minute: float) -> None:
    time, bucket = Time(), Bucket(per_minute, burst)
    limiter, passed = LocalRateLimiter(time), list[float]()
    for pause in pauses:
        time.now += pause
        if (await limiter.take([("a", bucket)]))[0]:
            passed.append(time.now)

    for first in range(len(passed)):
        for last in range(first, len(passed)):
            flowed = (passed[last] - passed[first]) / bucket.interval
            assert last - first + 1 <= burst + flowed + 1e-3


async def test_responses_tell_what_is_left_and_when_to_come_again() -> None:
    async def known(credential: str | None) -> Actor:
        return Actor(OrgId("acme"), credential or "", frozenset())

    limited = LimitedAuthenticator(known, LocalRateLimiter(Time()), {"key": SLOW, "organisation": WIDE})
    arrival = arrived()

    await limited("a")

    assert arrival.remarks["ratelimit-policy"] == '"key";q=3;w=3, "organisation";q=5;w=1'
    assert arrival.remarks["ratelimit"] == '"key";r=2;t=1, "organisation";r=4;t=1'
    for _ in range(2):
        await limited("a")
    with pytest.raises(RateLimited) as refused:
        await limited("a")
    assert refused.value.retry_after == pytest.approx(1.0)
    assert (await limited("b")).principal_id == "b"
