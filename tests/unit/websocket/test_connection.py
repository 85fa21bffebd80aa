"""Who is at the other end of a WebSocket."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from ryorin.entrypoints.websocket import connection
from ryorin.entrypoints.websocket.connection import UNAUTHENTICATED, Connection
from ryorin.kernel.errors import Unauthenticated
from ryorin.kernel.messages import Actor, OrgId


def client() -> TestClient:
    """A server that knows one key, and tells whom it sees."""

    async def authenticate(credential: str | None) -> Actor:
        if credential != "ryo_right":
            raise Unauthenticated("this key is not known")
        return Actor(OrgId("a"), "key:right", frozenset())

    async def endpoint(socket: WebSocket) -> None:
        services: Any = SimpleNamespace(authenticate=authenticate)
        opened = await Connection.open(socket, services)
        if opened is not None:
            await opened.send(opened.actor.principal_id)
            await socket.close()

    return TestClient(Starlette(routes=[WebSocketRoute("/", endpoint)]))


def test_a_credential_comes_in_the_header_or_in_the_first_message() -> None:
    with client().websocket_connect("/", headers={"authorization": "Bearer ryo_right"}) as socket:
        assert socket.receive_text() == "key:right"
    with client().websocket_connect("/") as socket:
        socket.send_text('{"type": "auth", "token": "ryo_right"}')
        assert socket.receive_text() == "key:right"


@pytest.mark.parametrize(
    ("header", "said", "words"),
    [
        ("Bearer ryo_wrong", None, "is not known"),
        (None, '{"type": "auth", "token": "ryo_wrong"}', "is not known"),
        (None, '{"type": "ask"}', "first message must be"),
        (None, "[]", "first message must be"),
        (None, "no json", "first message must be"),
    ],
)
def test_whoever_is_not_known_is_told_so_and_closed(header: str | None, said: str | None, words: str) -> None:
    with client().websocket_connect("/", headers={"authorization": header} if header else {}) as socket:
        if said is not None:
            socket.send_text(said)
        told = socket.receive_json()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()

    assert words in told["error"]["detail"]
    assert closed.value.code == UNAUTHENTICATED


def test_whoever_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "AUTH_SECONDS", 0.05)
    with client().websocket_connect("/") as socket:
        assert "in time" in socket.receive_json()["error"]["detail"]
