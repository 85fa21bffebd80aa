"""How long requests waited, as the buses report it and a response tells it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.types import Message, Receive, Scope, Send

from ryorin.adapters.memory.projections import MemoryReadPositions
from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.entrypoints.arrival import NotedArrivals
from ryorin.kernel import messages
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.messages import Actor, OrgId, Query
from ryorin.kernel.waiting import begun

ACTOR = Actor(OrgId("a"), "someone", frozenset({messages.Scope.ANSWERS_READ}))
WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Query[str]):
    name: ClassVar[str] = "test.inner"
    scope: ClassVar[messages.Scope] = messages.Scope.ANSWERS_READ


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Query[str]):
    name: ClassVar[str] = "test.outer"
    scope: ClassVar[messages.Scope] = messages.Scope.ANSWERS_READ


async def test_the_wait_until_the_first_handler_is_reported_once_and_told() -> None:
    telemetry = MemoryTelemetry()
    buses: list[QueryBus] = []

    async def inner(query: Inner, actor: Actor) -> str:
        return "done"

    async def outer(query: Outer, actor: Actor) -> str:
        # as experts are asked: side by side, each in a task of its own
        return (await asyncio.gather(*(buses[0].ask(Inner(), actor) for _ in range(3))))[0]

    buses.append(QueryBus({Inner: inner, Outer: outer}, MemoryReadPositions([]), telemetry))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(WAIT_SECONDS)
        said = await buses[0].ask(Outer(), ACTOR)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said.encode()})

    sent = await requested(NotedArrivals(application))

    waits = [labels for name, labels in telemetry.observed if name == "ryorin_request_wait_seconds"]
    assert waits == [{"message": "test.outer"}]
    ((name, value),) = sent[0]["headers"]
    assert name == b"server-timing"
    assert float(value.removeprefix(b"wait;dur=")) >= WAIT_SECONDS * 1000


async def test_what_no_handler_saw_tells_no_wait() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert (await requested(NotedArrivals(application)))[0]["headers"] == []


async def requested(app: Any) -> list[Message]:
    """What an application sends for one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    # a context of its own, as a server's request has
    await asyncio.create_task(app({"type": "http"}, receive, send))
    return sent


def test_where_nothing_came_nothing_waited() -> None:
    assert begun(1.0) is None
