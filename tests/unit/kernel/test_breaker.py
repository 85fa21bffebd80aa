from __future__ import annotations

from datetime import timedelta

from ryorin.adapters.memory.clock import StandingClock
from ryorin.kernel.breaker import CircuitBreaker


def opened(clock: StandingClock) -> CircuitBreaker:
    breaker = CircuitBreaker(clock, failures=3, pause_seconds=30)
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_a_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = CircuitBreaker(StandingClock(), failures=3)

    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()

    assert breaker.state == "closed"
    breaker.failed()
    assert (breaker.state, breaker.allows()) == ("open", False)


def test_after_the_pause_one_call_tries_and_closes_it() -> None:
    clock = StandingClock()
    breaker = opened(clock)

    clock.time += timedelta(seconds=30)

    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert (breaker.state, breaker.allows()) == ("closed", True)


def test_a_try_that_fails_opens_it_for_another_pause() -> None:
    clock = StandingClock()
    breaker = opened(clock)

    clock.time += timedelta(seconds=30)
    assert breaker.allows()
    breaker.failed()

    assert breaker.state == "open"
    clock.time += timedelta(seconds=30)
    assert breaker.allows()
