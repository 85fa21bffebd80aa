"""Where spans go, and what they are below of."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from ryorin.adapters.otel.exporting import langfuse_exporter, tracer_provider
from ryorin.adapters.otel.langfuse_scores import LangfuseScores
from ryorin.adapters.otel.telemetry import OpenTelemetry
from ryorin.adapters.prometheus.metrics import PrometheusMetrics
from ryorin.contexts.evaluation.module import tell
from ryorin.contexts.evaluation.specs import Score
from ryorin.kernel.errors import Conflict
from tests.collector import collecting

FIRST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    yield InMemorySpanExporter()


@pytest.fixture
def telemetry(exported: InMemorySpanExporter) -> OpenTelemetry:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return OpenTelemetry(PrometheusMetrics(), provider.get_tracer("test"))


def place(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


def test_work_for_one_is_below_it(telemetry: OpenTelemetry, exported: InMemorySpanExporter) -> None:
    with telemetry.span("outer", {}, [FIRST]), telemetry.span("inner", {}):
        within = telemetry.traceparent()

    inner, outer = exported.get_finished_spans()
    assert outer.parent is not None and f"{outer.parent.span_id:016x}" == FIRST.split("-")[2]
    assert inner.parent is not None and inner.parent.span_id == place(outer).span_id
    assert within is not None and within.split("-")[1:3] == [FIRST.split("-")[1], f"{place(inner).span_id:016x}"]


def test_work_for_several_is_in_the_trace_of_each(telemetry: OpenTelemetry, exported: InMemorySpanExporter) -> None:
    with telemetry.span("batch", {"size": 2}, [FIRST, SECOND], "consumer"):
        pass

    whole, *parts = exported.get_finished_spans()
    assert {f"{link.context.trace_id:032x}" for link in whole.links} == {FIRST.split("-")[1], SECOND.split("-")[1]}
    assert [f"{place(part).trace_id:032x}" for part in parts] == [FIRST.split("-")[1], SECOND.split("-")[1]]
    assert all(part.start_time is not None and part.end_time is not None for part in parts)
    assert all(part.links[0].context.span_id == place(whole).span_id for part in parts)


def test_a_failure_is_told_by_its_code_alone(telemetry: OpenTelemetry, exported: InMemorySpanExporter) -> None:
    with pytest.raises(Conflict), telemetry.span("work", {}):
        raise Conflict("somebody's own words")

    (span,) = exported.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {}) == {"error.type": "conflict"}
    assert "words" not in span.to_json()


def test_a_parent_that_is_no_traceparent_is_none(telemetry: OpenTelemetry, exported: InMemorySpanExporter) -> None:
    with telemetry.span("work", {}, ["nonsense"]):
        pass

    (span,) = exported.get_finished_spans()
    assert span.parent is None


def test_nothing_is_traced_that_nobody_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    telemetry = OpenTelemetry(PrometheusMetrics(), None)

    assert tracer_provider() is None
    with telemetry.span("work", {}, [FIRST]) as span:
        span.set({"a": 1})
        assert telemetry.traceparent() is None


def test_langfuse_gets_spans_at_its_endpoint_with_its_keys() -> None:
    with collecting() as collector:
        provider = tracer_provider(langfuse_exporter(f"{collector.url}/", "pk-1", "sk-1"))
        assert provider is not None
        with OpenTelemetry(PrometheusMetrics(), provider.get_tracer("test")).span("work", {}):
            pass
        provider.shutdown()

    assert collector.paths == ["/api/public/otel/v1/traces"]
    assert collector.named("work")
    sent = {name.lower(): value for name, value in collector.heads[0].items()}
    assert base64.b64decode(sent["authorization"].removeprefix("Basic ")) == b"pk-1:sk-1"


class Langfuse(BaseHTTPRequestHandler):
    """Takes scores, as often as a test allows."""

    scores: ClassVar[list[dict[str, object]]] = []
    keys: ClassVar[set[str | None]] = set()
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.status == HTTPStatus.OK and self.path == "/api/public/scores":
            self.scores.append(json.loads(body))
        self.keys.add(self.headers["authorization"])
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""


def test_scores_are_langfuses_on_the_trace_of_what_they_are_of(
    telemetry: OpenTelemetry, exported: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    with telemetry.span("objective.score", {}, [FIRST]) as span:
        tell(span, "style", Score("scored", 0.75, "secret words"))
        tell(span, "judge", Score("abstained"))
        span.event("other", {"gen_ai.evaluation.score.value": 1.0})
    (done,) = exported.get_finished_spans()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Langfuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    exporter = LangfuseScores(f"http://127.0.0.1:{server.server_port}/", "pk-1", "sk-1")
    try:
        assert exporter.export([done]) is exporter.export([done]) is SpanExportResult.SUCCESS
        Langfuse.status = 503
        assert exporter.export([done]) is SpanExportResult.FAILURE
    finally:
        Langfuse.status = 200
        server.shutdown()
        server.server_close()
    assert exporter.export([done]) is SpanExportResult.FAILURE
    exporter.shutdown()
    first, again = Langfuse.scores
    assert first == again
    assert first == {
        "id": f"ryorin-{place(done).span_id:016x}-0",
        "traceId": FIRST.split("-")[1],
        "observationId": f"{place(done).span_id:016x}",
        "name": "style",
        "value": 0.75,
        "dataType": "NUMERIC",
    }
    assert Langfuse.keys == {f"Basic {base64.b64encode(b'pk-1:sk-1').decode()}"}
    assert "503" in caplog.text and "ConnectError" in caplog.text
