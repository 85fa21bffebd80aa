"""Telemetry in memory: counters and observations to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class MemoryTelemetry:
    """The `Telemetry` port; labels are kept sorted, as (name, value) pairs."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
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
        """Add one to a counter."""
        self.counts[name, tuple(sorted(labels.items()))] += 1

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Count the observation."""
        self.counts[name, tuple(sorted(labels.items()))] += 1
