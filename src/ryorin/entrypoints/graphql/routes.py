"""/graphql over HTTP (POST) and WebSocket (graphql-transport-ws)."""

from __future__ import annotations

import json
import logging

from graphql import GraphQLError
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from ryorin.entrypoints.graphql.context import Context
from ryorin.entrypoints.graphql.schema import build_schema
from ryorin.entrypoints.problems import problem, status_of
from ryorin.entrypoints.services import Services
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import InvalidInput, RyorinError
from ryorin.kernel.events import LogPosition

MAX_BODY_BYTES = 1024 * 1024
WAIT_SECONDS = 10.0

# what an operation may have, each or nothing
FIELDS = {"query": str | None, "operationName": str | None, "variables": dict | None, "extensions": dict | None}

logger = logging.getLogger(__name__)


class Endpoint(GraphQL[Context, None]):
    """The ASGI application; who asks is found out before the operation is read."""

    def __init__(self, services: Services) -> None:
        super().__init__(
            build_schema(),
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
        )
        self._services = services

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """A new one for each operation over HTTP, one for all of a WebSocket."""
        credential = _credential(request)
        if not isinstance(request, Request):
            return Context(self._services, credential, EVENTUAL)
        token = request.headers.get("x-ryorin-consistency")
        demand = Consistency(LogPosition.parse(token) if token else None, WAIT_SECONDS)
        return Context(self._services, credential, demand, await self._services.authenticate(credential))

    def decode_json(self, data: str | bytes) -> object:
        """A body or a message as JSON; raises JSONDecodeError also for what is no operation: the library would fail."""
        try:
            said = super().decode_json(data)
        except (UnicodeDecodeError, RecursionError) as error:
            raise json.JSONDecodeError(f"it cannot be read ({type(error).__name__})", "", 0) from error
        if not isinstance(said, dict) or any(not isinstance(said.get(name), kind) for name, kind in FIELDS.items()):
            raise json.JSONDecodeError("it is no operation", "", 0)
        return said

    async def on_ws_connect(self, context: Context) -> None:
        """Called when a WebSocket has said who it is: browsers say it in the payload, for want of headers."""
        try:
            await context.actor()
        except GraphQLError as error:
            raise ConnectionRejectionError from error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        try:
            await super().__call__(scope, _bounded(receive), send)
        except RyorinError as error:
            status = status_of(error)
            headers = {"www-authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004
            body = problem(status, error.code, error.detail)
            response = JSONResponse(body, status, headers, media_type="application/problem+json")
            await response(scope, receive, send)


def routes(services: Services) -> list[BaseRoute]:
    """The routes of GraphQL."""
    endpoint = Endpoint(services)
    return [Route("/graphql", endpoint, methods=["POST"]), WebSocketRoute("/graphql", endpoint)]


def _credential(connection: HTTPConnection) -> str | None:
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    return given.strip() or None if scheme.lower() == "bearer" else None


def _bounded(receive: Receive) -> Receive:
    """What is received, up to the limit of a body; raises InvalidInput."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise InvalidInput(f"the body is larger than {MAX_BODY_BYTES // 1024 // 1024} MB")
        return message

    return bounded
