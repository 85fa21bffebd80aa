"""A server of models that answers with what a test tells it to."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Reply = Callable[[Request], Awaitable[Response]]


@dataclass
class Upstream:
    """An OpenAI-compatible server that answers with what a test puts in `replies`, the last one again and again."""

    base_url: str = ""
    replies: list[Reply] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    async def handle(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return await reply(request)


@contextmanager
def serving() -> Iterator[Upstream]:
    """Listens before it serves: a client that comes early waits, it is not refused."""
    told = Upstream()
    routes = [
        Route(f"/v1/{name}", told.handle, methods=["POST"]) for name in ("chat/completions", "embeddings", "rerank")
    ]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        told.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        config = uvicorn.Config(Starlette(routes=routes), log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield told
        server.should_exit = True
        thread.join()


def event(text: str = "", finish: str | None = None, usage: tuple[int, int] | None = None) -> str:
    chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}
    if usage is not None:
        chunk = {"choices": [], "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]}}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def says(*pieces: str) -> Reply:
    async def reply(request: Request) -> Response:
        return StreamingResponse(iter(pieces), media_type="text/event-stream")

    return reply


def fails(status: int, message: str = "no", **headers: str) -> Reply:
    async def reply(request: Request) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse({"error": {"message": message}}, status, headers=named)

    return reply


def never_ends(upstream: Upstream, *first: str) -> Reply:
    async def reply(request: Request) -> Response:
        async def body() -> AsyncIterator[str]:
            try:
                for piece in first:
                    yield piece
                await asyncio.Event().wait()
            finally:
                upstream.left.set()

        return StreamingResponse(body(), media_type="text/event-stream")

    return reply
