"""The base of aggregates: pure decisions that record events, and state that follows from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from ryorin.kernel.events import Event, Stream


class Aggregate(ABC):
    """State rebuilt from one stream; methods decide and call `record`, `apply` only follows."""

    stream_type: ClassVar[str]

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.version = 0
        self._pending: list[Event] = []

    @property
    def pending(self) -> Sequence[Event]:
        """Events decided since loading, in order."""
        return tuple(self._pending)

    @property
    def stored_version(self) -> int:
        """The version that the log held when this aggregate was loaded."""
        return self.version - len(self._pending)

    def record(self, event: Event) -> None:
        """Decide: apply the event and keep it for saving."""
        self.replay(event)
        self._pending.append(event)

    def replay(self, event: Event) -> None:
        """Follow an event that happened."""
        self.apply(event)
        self.version += 1

    def mark_saved(self) -> None:
        """Forget pending events once the log holds them."""
        self._pending.clear()

    @abstractmethod
    def apply(self, event: Event) -> None:
        """Change state as `event` says; never decides, never fails on a recorded event."""
