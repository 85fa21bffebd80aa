"""Telemetry in memory: what was counted, observed and traced, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from ryorin.kernel.ports import Attributes, Span, SpanKind


@dataclass(slots=True)
class MemorySpan:
    """The `Span` port: what was said of it."""

    called: str
    attributes: dict[str, object]
    code: str | None = None
    ended: bool = False

    def set(self, attributes: Attributes) -> None:
        """Note more of it."""
        self.attributes.update(attributes)

    def name(self, name: str) -> None:
        """Note its name."""
        self.called = name

    def event(self, name: str, attributes: Attributes) -> None:
        """Note it as an attribute."""
        self.attributes[name] = dict(attributes)

    def failed(self, code: str) -> None:
        """Note why."""
        self.code = code

    def current(self) -> AbstractContextManager[None]:
        """There is no trace."""
        return nullcontext()

    def end(self) -> None:
        """Note that it ended."""
        self.ended = True


class MemoryTelemetry:
    """The `Telemetry` port; counters and observations as (name, labels)."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, Mapping[str, str]]] = []
        self.observed: list[tuple[str, Mapping[str, str]]] = []
        self.added: list[tuple[str, float, Mapping[str, str]]] = []
        self.spans: list[MemorySpan] = []

    def span(
        self, name: str, attributes: Attributes, parents: Sequence[str] = (), kind: SpanKind = "internal"
    ) -> AbstractContextManager[Span]:
        """Note the name."""
        return nullcontext(self.begin(name, attributes, kind))

    def begin(self, name: str, attributes: Attributes, kind: SpanKind = "internal") -> Span:
        """Note the name."""
        span = MemorySpan(name, dict(attributes))
        self.spans.append(span)
        return span

    def traceparent(self) -> str | None:
        """There is no trace."""
        return None

    def count(self, name: str, **labels: str) -> None:
        """Note one more."""
        self.counted.append((name, labels))

    def add(self, name: str, amount: float, **labels: str) -> None:
        """Note the amount."""
        self.added.append((name, amount, labels))

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Note the observation."""
        self.observed.append((name, labels))
