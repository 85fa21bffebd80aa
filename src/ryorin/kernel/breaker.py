"""A circuit breaker: after some failures in a row a dependency is left alone for a while (Nygard, "Release It!")."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from ryorin.kernel.ports import Clock

BreakerState = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Closed: calls go through. Open: none do. Half open, after the pause: one does, and decides.

    Several processes may know of one dependency (ADR-0018): `tell` is called when this breaker opens (True) or closes
    (False), `hear` takes what others told, and `may_try` says whether the one call is this process's to make.
    """

    def __init__(
        self,
        clock: Clock,
        failures: int = 3,
        pause_seconds: float = 30.0,
        tell: Callable[[bool], None] = lambda opened: None,
        may_try: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self._allowed_failures = failures
        self._pause = timedelta(seconds=pause_seconds)
        self._tell = tell
        self._may_try = may_try
        self._failures = 0
        self._opened_at: datetime | None = None
        self._trying = False

    @property
    def state(self) -> BreakerState:
        """What would happen to a call now."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._clock.now() - self._opened_at >= self._pause else "open"

    @property
    def trying(self) -> bool:
        """Whether the one call that decides is under way here."""
        return self._trying

    def allows(self) -> bool:
        """Whether a call may go through; in the half-open state only one until it ends."""
        state = self.state
        if state == "half_open" and not self._trying and self._may_try():
            self._trying = True
            return True
        return state == "closed"

    def succeeded(self) -> None:
        """A call came back: close."""
        was_open = self._opened_at is not None
        self.hear(opened=False)
        if was_open:
            self._tell(False)

    def failed(self) -> None:
        """A call failed: count it, and open when there were too many in a row."""
        self._failures += 1
        if self._trying or self._failures >= self._allowed_failures:
            self.hear(opened=True)
            self._tell(True)

    def hear(self, *, opened: bool) -> None:
        """Open, or close, as another process did."""
        self._trying = False
        if opened:
            self._opened_at = self._clock.now()
        else:
            self._failures, self._opened_at = 0, None

    def abandoned(self) -> None:
        """A call was given up by its caller and says nothing: the next one may try."""
        self._trying = False
