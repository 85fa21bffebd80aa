"""One WebSocket: who is at its other end, and messages as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from ryorin.entrypoints.problems import problem, status_of
from ryorin.entrypoints.services import Services
from ryorin.kernel.errors import RyorinError, Unauthenticated
from ryorin.kernel.messages import Actor

# how long whoever brings no header may take to say who they are
AUTH_SECONDS = 10.0
# close codes: 4000 and more are for applications (RFC 6455 section 7.4.2); these are like HTTP's
UNAUTHENTICATED = 4401

_encoder = msgspec.json.Encoder()


class Gone(Exception):
    """Nobody is at the other end any more."""


def encode(message: Mapping[str, Any]) -> str:
    """A message as it is sent."""
    return _encoder.encode(message).decode()


def failure(error: RyorinError) -> dict[str, object]:
    """An error as REST tells it (RFC 9457)."""
    return problem(status_of(error), error.code, error.detail)


class Connection:
    """A WebSocket that was accepted, and its actor."""

    def __init__(self, socket: WebSocket, services: Services, token: str, actor: Actor) -> None:
        self._socket = socket
        self._services = services
        self._token = token
        self.actor = actor

    async def still(self) -> Actor:
        """Who is at the other end, as of now: keys are revoked and tokens expire while a connection is open.

        Raises Unauthenticated.
        """
        self.actor = await self._services.authenticate(self._token or None)
        return self.actor

    @classmethod
    async def open(cls, socket: WebSocket, services: Services) -> Connection | None:
        """Accept; None when it was closed because nobody known is there.

        A credential comes in the header, or in the first message: browsers can send no header. Pages of other origins
        never come so far (`entrypoints/browsers.py`).
        """
        await socket.accept()
        scheme, _, credential = socket.headers.get("authorization", "").partition(" ")
        token = credential.strip() if scheme.lower() == "bearer" else ""
        try:
            token, actor = await _actor(socket, services, token)
            return cls(socket, services, token, actor)
        except WebSocketDisconnect:
            return None
        except (RyorinError, TimeoutError) as error:
            refusal = error if isinstance(error, RyorinError) else Unauthenticated("no credential came in time")
            await socket.send_text(encode({"type": "error", "error": failure(refusal)}))
            await socket.close(UNAUTHENTICATED)
            return None

    async def messages(self) -> AsyncIterator[bytes]:
        """What comes, until the other end closes."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text, data = message.get("text"), message.get("bytes")
            yield text.encode() if text is not None else data or b""

    async def send(self, text: str) -> None:
        """Send one message; waits while the other end reads slowly. Raises Gone."""
        try:
            await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise Gone from error


async def _actor(socket: WebSocket, services: Services, token: str) -> tuple[str, Actor]:
    """The credential and whose it is."""
    try:
        return token, await services.authenticate(token or None)
    except Unauthenticated:
        if token:
            raise
    async with asyncio.timeout(AUTH_SECONDS):
        try:
            told = msgspec.json.decode(await socket.receive_text())
        except (msgspec.DecodeError, KeyError) as error:
            raise Unauthenticated('the first message must be {"type": "auth", "token": KEY}') from error
    given = told.get("token") if isinstance(told, dict) and told.get("type") == "auth" else None
    if not isinstance(given, str):
        raise Unauthenticated('the first message must be {"type": "auth", "token": KEY}')
    return given, await services.authenticate(given)
