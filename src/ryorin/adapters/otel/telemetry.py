"""The telemetry port: OpenTelemetry spans, and figures handed to a metric sink."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


class MetricSink(Protocol):
    """Where figures go."""

    def count(self, name: str, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...


class OpenTelemetry:
    """The `Telemetry` port; spans go to whatever tracer provider the process has set up, else nowhere."""

    def __init__(self, metrics: MetricSink) -> None:
        self._tracer = trace.get_tracer("ryorin")
        self._metrics = metrics

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str | int | float], parent: str | None = None) -> Iterator[None]:
        """Time a piece of work; an exception marks the span and goes on."""
        context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
        with self._tracer.start_as_current_span(name, context=context, attributes=dict(attributes)):
            yield

    def traceparent(self) -> str | None:
        """The current span as a W3C trace context header."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent")

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter."""
        self._metrics.count(name, **labels)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one observation."""
        self._metrics.observe(name, value, **labels)
