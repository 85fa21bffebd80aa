"""Tells of every request by OpenTelemetry's conventions for HTTP: a span, how it ended, how long it took."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ryorin.entrypoints.problems import LEFT
from ryorin.kernel.ports import Telemetry

# asked every few seconds by those who watch over the server
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
# any client may invent others, and each would be a series of its own
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SERVER_ERRORS = 500


class ObservedRequests:
    """An ASGI application around another; `routes` are those that do not note themselves in the scope."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, routes: Iterable[BaseRoute] = ()) -> None:
        self._app = app
        self._telemetry = telemetry
        self._templates: dict[object, str] = {
            route.endpoint: route.path for route in routes if isinstance(route, Route)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        status, started = LEFT, perf_counter()
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        attributes = {"http.request.method": method, "url.path": scope["path"], "url.scheme": scope["scheme"]}
        with self._telemetry.span(method, attributes, _parents(scope), "server") as span:
            try:
                await self._app(scope, receive, noted)
            finally:
                route = self._route(scope)
                span.name(f"{method} {route}")
                span.set({"http.route": route, "http.response.status_code": status})
                if status >= SERVER_ERRORS:
                    span.failed(str(status))
                self._telemetry.count("ryorin_http_requests_total", method=method, route=route, status=str(status))
                elapsed = perf_counter() - started
                self._telemetry.observe("ryorin_http_request_duration_seconds", elapsed, method=method, route=route)

    def _route(self, scope: Scope) -> str:
        """The template of the path; what no route has is one series however many paths are tried."""
        path = getattr(scope.get("route"), "path", None)
        return path or self._templates.get(scope.get("endpoint"), "unmatched")


def _parents(scope: Scope) -> tuple[str, ...]:
    return tuple(value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent")[:1]
