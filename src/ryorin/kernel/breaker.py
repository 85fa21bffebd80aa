"""A circuit breaker: after some failures in a row a dependency is left alone for a while (Nygard, "Release It!")."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from ryorin.kernel.ports import Clock

BreakerState = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Closed: calls go through. Open: none do. Half open, after the pause: one does, and decides."""

    def __init__(self, clock: Clock, failures: int = 3, pause_seconds: float = 30.0) -> None:
        self._clock = clock
        self._allowed_failures = failures
        self._pause = timedelta(seconds=pause_seconds)
        self._failures = 0
        self._opened_at: datetime | None = None
        self._trying = False

    @property
    def state(self) -> BreakerState:
        """What would happen to a call now."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._clock.now() - self._opened_at >= self._pause else "open"

    def allows(self) -> bool:
        """Whether a call may go through; in the half-open state only one until it ends."""
        state = self.state
        if state == "half_open" and not self._trying:
            self._trying = True
            return True
        return state == "closed"

    def succeeded(self) -> None:
        """A call came back: close."""
        self._failures, self._opened_at, self._trying = 0, None, False

    def failed(self) -> None:
        """A call failed: count it, and open when there were too many in a row."""
        self._failures += 1
        if self._trying or self._failures >= self._allowed_failures:
            self._opened_at, self._trying = self._clock.now(), False

    def abandoned(self) -> None:
        """A call was given up by its caller and says nothing: the next one may try."""
        self._trying = False
