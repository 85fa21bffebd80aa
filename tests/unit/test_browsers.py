"""Which requests of browsers are refused, and what every response carries."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from ryorin.entrypoints.browsers import BrowserGuard

HOME, PAGE = "http://127.0.0.1:8600", "https://app.example.com"


async def answered(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-ryorin-cache", b"l1")]})
    await send({"type": "http.response.body", "body": b"done"})


async def asked(
    method: str = "POST",
    url: str = f"{HOME}/v1/models",
    origins: tuple[str, ...] = (),
    local: bool = True,
    **headers: str,
) -> httpx.Response:
    guard = BrowserGuard(answered, local=local, origins=origins)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard)) as client:
        return await client.request(method, url, headers=headers)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": HOME}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "http://evil.example", "authorization": "Bearer ryo_x"}, 200),
    ],
)
async def test_a_page_of_elsewhere_changes_nothing_without_a_key(headers: dict[str, str], status: int) -> None:
    assert (await asked(**headers)).status_code == status
    assert (await asked(local=False, **headers)).status_code == status
    assert (await asked("GET", **headers)).status_code == 200


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://localhost:8600/v1/models", 200),
        ("http://[::1]:8600/v1/models", 200),
        ("http://rebound.example:8600/v1/models", 403),
        ("http://rebound.example:8600/healthz", 200),
    ],
)
async def test_a_server_of_one_machine_answers_to_its_names_only(url: str, status: int) -> None:
    response = await asked("GET", url)
    assert response.status_code == status
    if status == 403:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "foreign_host"
        assert "rebound.example" in response.json()["detail"]
    assert (await asked("GET", url, local=False)).status_code == 200
    assert (await asked("GET", url, authorization="Bearer ryo_x")).status_code == 200


async def test_pages_that_are_named_may_call_and_read() -> None:
    plain = await asked(origins=(PAGE,), origin=PAGE)
    assert (plain.status_code, plain.headers["access-control-allow-origin"]) == (200, PAGE)
    assert "x-ryorin-position" in plain.headers["access-control-expose-headers"]
    asking = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization"}
    before = await asked("OPTIONS", origins=(PAGE,), origin=PAGE, **asking)
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, PAGE)
    other = await asked("OPTIONS", origins=(PAGE,), origin="https://other.example", **asking)
    assert other.status_code == 400
    assert "access-control-allow-origin" not in (await asked(origin=HOME)).headers


async def test_every_response_carries_the_headers() -> None:
    for response in (await asked(), await asked(origin="http://evil.example")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"


async def test_a_socket_of_a_page_of_elsewhere_is_closed() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers: list[Any] = [(b"host", b"127.0.0.1:8600"), (b"origin", b"http://evil.example")]
    scope: Scope = {"type": "websocket", "path": "/ws/stream", "headers": headers}
    await BrowserGuard(answered, local=True)(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "foreign_origin"}]
