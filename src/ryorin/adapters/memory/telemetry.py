"""Telemetry in memory: what was counted, observed and traced, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class MemoryTelemetry:
    """The `Telemetry` port; counters and observations as (name, labels)."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, Mapping[str, str]]] = []
        self.observed: list[tuple[str, Mapping[str, str]]] = []
        self.spans: list[str] = []

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str | int | float], parent: str | None = None) -> Iterator[None]:
        """Note the name."""
        self.spans.append(name)
        yield

    def traceparent(self) -> str | None:
        """There is no trace."""
        return None

    def count(self, name: str, **labels: str) -> None:
        """Note one more."""
        self.counted.append((name, labels))

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Note the observation."""
        self.observed.append((name, labels))
