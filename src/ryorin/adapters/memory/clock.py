"""A clock that stands until it is set."""

from __future__ import annotations

from datetime import UTC, datetime


class StandingClock:
    """The `Clock` port; set `time` to let time pass."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The time that was set."""
        return self.time
