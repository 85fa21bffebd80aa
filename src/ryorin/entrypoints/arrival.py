"""Notes when requests come, and tells how long they waited before a handler ran (`Server-Timing`, W3C)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ryorin.kernel.waiting import arrived


class NotedArrivals:
    """An ASGI application around another; the outermost one, or it would not see all of the wait."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        arrival = arrived(client[0] if client else "")

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and (arrival.waited is not None or arrival.remarks):
                more = [(name.encode(), text.encode("latin-1", "replace")) for name, text in arrival.remarks.items()]
                if arrival.waited is not None:
                    more.append((b"server-timing", b"wait;dur=%.3f" % (arrival.waited * 1000)))
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self._app(scope, receive, told)
