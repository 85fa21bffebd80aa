"""Time and ids of the real world."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from ryorin.kernel.messages import uuid7


class SystemClock:
    """The `Clock` port."""

    def now(self) -> datetime:
        """The present time in UTC."""
        return datetime.now(UTC)


class TimeOrderedIds:
    """The `Ids` port."""

    def new(self) -> UUID:
        """A new UUID version 7."""
        return uuid7()
