"""A collector of traces: takes what OTLP exporters send, and keeps the spans."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import MAX_WBITS, decompress

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE_SECONDS = 30.0
GZIP = 16 + MAX_WBITS


@dataclass(frozen=True)
class Collected:
    """A span as it came."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    attributes: dict[str, Any]
    failed: bool
    links: tuple[str, ...]
    events: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass
class Collector:
    """Listens at `url` until its context is left; `heads` are the headers that came with spans."""

    url: str = ""
    spans: list[Collected] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def named(self, name: str) -> Sequence[Collected]:
        """The spans of a name."""
        return [one for one in self.spans if one.name == name]

    def wait(self, enough: Callable[[], Any]) -> Any:
        """What `enough` found, once it finds something; else fails with what came."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            found = enough()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"these spans came: {sorted({one.name for one in self.spans})}")


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = decompress(body, GZIP)
            collector.paths.append(self.path)
            collector.heads.append(dict(self.headers))
            collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request: ExportTraceServiceRequest) -> list[Collected]:
    return [
        Collected(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.name,
            span.kind,
            {one.key: _value(one.value) for one in span.attributes},
            span.status.code == span.status.STATUS_CODE_ERROR,
            tuple(link.trace_id.hex() for link in span.links),
            tuple((one.name, {said.key: _value(said.value) for said in one.attributes}) for one in span.events),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)
