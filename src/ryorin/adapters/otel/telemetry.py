"""The telemetry port: OpenTelemetry spans, and figures handed to a metric sink."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import Link, SpanContext, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ryorin.kernel.errors import RyorinError
from ryorin.kernel.ports import Attributes, Span, SpanKind

_PROPAGATOR = TraceContextTextMapPropagator()
_KINDS = {kind.name.lower(): kind for kind in trace.SpanKind}


class MetricSink(Protocol):
    """Where figures go."""

    def count(self, name: str, **labels: str) -> None: ...

    def add(self, name: str, amount: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...


class OpenTelemetry:
    """The `Telemetry` port; without a tracer, spans go nowhere and cost nearly nothing.

    Spans tell what went wrong by the error's code or type: messages may quote what somebody wrote.
    """

    def __init__(self, metrics: MetricSink, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._metrics = metrics

    def span(
        self, name: str, attributes: Attributes, parents: Sequence[str] = (), kind: SpanKind = "internal"
    ) -> AbstractContextManager[Span]:
        """Time a piece of work; an exception marks the span and goes on."""
        if self._tracer is None:
            return NOWHERE
        return self._timed(self._tracer, name, attributes, [_extracted(one) for one in parents if one], kind)

    @contextmanager
    def _timed(
        self, tracer: Tracer, name: str, attributes: Attributes, parents: Sequence[Context], kind: SpanKind
    ) -> Iterator[Span]:
        began = time.time_ns()
        only = parents[0] if len(parents) == 1 else None
        links = [Link(_of(parent)) for parent in parents] if only is None else []
        span = OpenTelemetrySpan(tracer.start_span(name, only, _KINDS[kind], dict(attributes), links))
        try:
            with span.current():
                yield span
        except BaseException as error:
            span.failed(error.code if isinstance(error, RyorinError) else type(error).__name__)
            raise
        finally:
            span.end()
            if links:
                self._told_in_each(tracer, name, attributes, parents, kind, span, began)

    def _told_in_each(
        self,
        tracer: Tracer,
        name: str,
        attributes: Attributes,
        parents: Sequence[Context],
        kind: SpanKind,
        whole: OpenTelemetrySpan,
        began: int,
    ) -> None:
        """The work that was done for several, in the trace of each of them."""
        ended = time.time_ns()
        link = [Link(whole.place)]
        for parent in parents:
            part = OpenTelemetrySpan(
                tracer.start_span(name, parent, _KINDS[kind], dict(attributes), link, start_time=began)
            )
            if whole.code is not None:
                part.failed(whole.code)
            part.end(ended)

    def begin(self, name: str, attributes: Attributes, kind: SpanKind = "internal") -> Span:
        """Begin a span that its owner ends."""
        if self._tracer is None:
            return NOWHERE
        return OpenTelemetrySpan(self._tracer.start_span(name, None, _KINDS[kind], dict(attributes)))

    def traceparent(self) -> str | None:
        """The current span as a W3C trace context header."""
        if self._tracer is None:
            return None
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent")

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter."""
        self._metrics.count(name, **labels)

    def add(self, name: str, amount: float, **labels: str) -> None:
        """Add an amount to a counter."""
        self._metrics.add(name, amount, **labels)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one observation."""
        self._metrics.observe(name, value, **labels)


class OpenTelemetrySpan:
    """The `Span` port."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.code: str | None = None

    @property
    def place(self) -> SpanContext:
        """Where it is in which trace."""
        return self._span.get_span_context()

    def set(self, attributes: Attributes) -> None:
        """Say more of it."""
        self._span.set_attributes(attributes)

    def name(self, name: str) -> None:
        """What it is called, now that this is known."""
        self._span.update_name(name)

    def event(self, name: str, attributes: Attributes) -> None:
        """Something happened within it."""
        self._span.add_event(name, attributes)

    def failed(self, code: str) -> None:
        """It did not do what it was for; the first reason counts."""
        if self.code is None:
            self.code = code
            self._span.set_attribute(ERROR_TYPE, code)
            self._span.set_status(StatusCode.ERROR)

    def current(self) -> AbstractContextManager[None]:
        """What is begun in this context belongs below it."""
        return _Current(self._span)

    def end(self, at: int | None = None) -> None:
        """It is over, now or at a time (nanoseconds since 1970)."""
        if self._span.is_recording():
            self._span.end(at)


class _Current:
    def __init__(self, span: trace.Span) -> None:
        self._context = trace.use_span(span, record_exception=False, set_status_on_exception=False)

    def __enter__(self) -> None:
        self._context.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, traceback)


class _Nowhere:
    """A span that nobody sees; its own context manager, for it stands on every path."""

    def __enter__(self) -> _Nowhere:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def set(self, attributes: Attributes) -> None:
        """Nobody sees it."""

    def name(self, name: str) -> None:
        """Nobody sees it."""

    def event(self, name: str, attributes: Attributes) -> None:
        """Nobody sees it."""

    def failed(self, code: str) -> None:
        """Nobody sees it."""

    def current(self) -> AbstractContextManager[None]:
        """Nothing belongs below it."""
        return _NOTHING

    def end(self) -> None:
        """It never began."""


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


NOWHERE, _NOTHING = _Nowhere(), _Nothing()


def _extracted(traceparent: str) -> Context:
    return _PROPAGATOR.extract({"traceparent": traceparent})


def _of(context: Context) -> SpanContext:
    return trace.get_current_span(context).get_span_context()
