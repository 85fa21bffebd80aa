"""The WebSocket routes and what is said on them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from ryorin.contexts.operations.queries import ListCommands
from ryorin.entrypoints.openai import wire
from ryorin.entrypoints.services import Services
from ryorin.entrypoints.websocket.command_events import CommandEvents, Following
from ryorin.entrypoints.websocket.connection import Connection, Gone, encode, failure
from ryorin.entrypoints.websocket.live_answers import LiveAnswer, LiveAnswers
from ryorin.kernel.bus import authorised
from ryorin.kernel.errors import Conflict, InvalidInput, RyorinError
from ryorin.kernel.together import ended
from ryorin.kernel.waiting import arrived

# answers that one connection may have under way
MAX_ASKED = 32
MAX_ID_CHARACTERS = 100


class Ask(msgspec.Struct, tag_field="type", tag="ask", forbid_unknown_fields=True):
    """A question, as the body of a chat completion; `id` names it in what is said of it."""

    id: str
    request: msgspec.Raw


class Cancel(msgspec.Struct, tag_field="type", tag="cancel", forbid_unknown_fields=True):
    """Stop the answer to a question."""

    id: str


class Resume(msgspec.Struct, tag_field="type", tag="resume", forbid_unknown_fields=True):
    """Go on with a stream behind a message that was heard, after a connection was lost."""

    id: str
    stream: str
    after: int = 0


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """Is anybody there?"""


_said = msgspec.json.Decoder(Ask | Cancel | Resume | Ping)


class StreamEndpoint:
    """/ws/stream"""

    def __init__(self, services: Services, live: LiveAnswers) -> None:
        self._services = services
        self._live = live

    async def __call__(self, socket: WebSocket) -> None:
        connection = await Connection.open(socket, self._services)
        if connection is None:
            return
        asked: dict[str, LiveAnswer] = {}
        try:
            async for message in connection.messages():
                try:
                    await self._heard(message, connection, asked)
                except RyorinError as error:
                    await connection.send(encode({"type": "error", "id": _id_of(message), "error": failure(error)}))
        except Gone:
            return
        finally:
            for answer in asked.values():
                self._live.leave(answer, connection.send)

    async def _heard(self, message: bytes, connection: Connection, asked: dict[str, LiveAnswer]) -> None:
        try:
            said = _said.decode(message)
        except msgspec.DecodeError as error:
            raise InvalidInput(f"a message must be of type ask, cancel, resume or ping: {error}") from error
        match said:
            case Ask():
                arrived()
                self._admit(said.id, asked)
                body = wire.decode_chat(bytes(said.request))
                question, demand = wire.to_asked(body, self._services.default_model)
                actor = await connection.still()
                parts = self._services.queries.stream(question, actor, demand)
                asked[said.id] = self._live.begin(said.id, actor, parts, connection.send)
            case Cancel():
                answer = asked.pop(said.id, None)
                if answer is None:
                    raise InvalidInput(f"nothing was asked as {said.id[:60]!r}")
                if answer.task is not None:
                    answer.task.cancel()
                await connection.send(encode({"type": "cancelled", "id": said.id, "stream": answer.id}))
            case Resume():
                self._admit(said.id, asked)
                answer = self._live.find(said.stream, await connection.still())
                asked[said.id] = answer
                await answer.hear(connection.send, said.after, said.id)
            case Ping():
                await connection.send('{"type":"pong"}')

    def _admit(self, name: str, asked: dict[str, LiveAnswer]) -> None:
        if not 1 <= len(name) <= MAX_ID_CHARACTERS:
            raise InvalidInput(f"id must have 1-{MAX_ID_CHARACTERS} characters")
        for done in [one for one, answer in asked.items() if answer.ended]:
            del asked[done]
        if name in asked:
            raise Conflict(f"{name!r} is being answered; use another id")
        if len(asked) >= MAX_ASKED:
            raise Conflict(f"{MAX_ASKED} answers are under way on this connection; wait for one or cancel it")


class EventsEndpoint:
    """/ws/events"""

    def __init__(self, services: Services, events: CommandEvents) -> None:
        self._services = services
        self._events = events

    async def __call__(self, socket: WebSocket) -> None:
        connection = await Connection.open(socket, self._services)
        if connection is None:
            return
        telling: asyncio.Task[None] | None = None
        try:
            following = await self._events.follow(connection.actor)
            telling = asyncio.create_task(self._tell(following, connection, socket))
            async for _ in connection.messages():
                # whatever is said: somebody is there
                await connection.send('{"type":"pong"}')
        except RyorinError as error:
            await _refuse(error, connection, socket)
        except Gone:
            return
        finally:
            if telling is not None:
                await ended(telling)
                self._events.leave(following)

    async def _tell(self, following: Following, connection: Connection, socket: WebSocket) -> None:
        async def send(text: str) -> None:
            # keys are revoked and roles taken while a connection is open
            authorised(await connection.still(), ListCommands())
            await connection.send(text)

        try:
            await following.tell(send)
        except RyorinError as error:
            await _refuse(error, connection, socket)


async def _refuse(error: RyorinError, connection: Connection, socket: WebSocket) -> None:
    with suppress(Gone, RuntimeError):
        await connection.send(encode({"type": "error", "error": failure(error)}))
        await socket.close(1008)


def routes(services: Services, live: LiveAnswers) -> list[WebSocketRoute]:
    """The WebSocket routes; `live` outlives connections."""
    return [
        WebSocketRoute("/ws/stream", StreamEndpoint(services, live).__call__),
        WebSocketRoute("/ws/events", EventsEndpoint(services, CommandEvents(services.queries)).__call__),
    ]


def _id_of(message: bytes) -> str | None:
    try:
        told: Any = msgspec.json.decode(message)
    except msgspec.DecodeError:
        return None
    named = told.get("id") if isinstance(told, dict) else None
    return named if isinstance(named, str) else None
