"""What a server owes to browsers: who may call it from which page, and headers that keep its answers harmless.

A browser sends requests of any page it shows, also to a server on its own machine, and that one takes whoever can reach
it for its administrator as long as no key exists. So requests without a credential are refused when they come from a
page of elsewhere (cross-site request forgery), or under a name that is not this machine's (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ryorin.contexts.identity.module import is_loopback
from ryorin.entrypoints.problems import problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# asked by load balancers and Prometheus, under any name
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
# what pages of allowed origins may read
EXPOSED = (
    "x-ryorin-position",
    "x-ryorin-cache",
    "age",
    "location",
    "server-timing",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
)
# OWASP's "REST Security Cheat Sheet", 2023; a proxy that ends TLS says strict-transport-security
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
FORBIDDEN = 403
POLICY_VIOLATION = 1008


class BrowserGuard:
    """An ASGI application around another. `local`: only this machine should reach it; `origins` (scheme://host:port)
    are whose pages may call it."""

    def __init__(self, app: ASGIApp, *, local: bool, origins: Collection[str] = ()) -> None:
        self._app = app
        self._local = local
        self._origins = frozenset(origins)
        if origins:
            self._app = CORSMiddleware(
                app,
                allow_origins=sorted(origins),
                allow_methods=("*",),
                allow_headers=("*",),
                expose_headers=EXPOSED,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, safe)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal[0]})
        else:
            body = problem(FORBIDDEN, *refusal)
            response = JSONResponse(body, status_code=FORBIDDEN, media_type="application/problem+json")
            await response(scope, receive, safe)

    def _refusal(self, scope: Scope) -> tuple[str, str] | None:
        """Code and detail of why a request is refused."""
        origin, host = "", ""
        for name, value in scope["headers"]:
            if name == b"authorization":
                # no page of elsewhere can know it
                return None
            if name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"host":
                host = value.decode("latin-1")
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if origin and changes and origin not in self._origins and urlsplit(origin).netloc != host:
            return "foreign_origin", (
                f"pages of {origin[:200]} may not call this server without a key; "
                "name it in RYORIN_CORS_ORIGINS if they should"
            )
        if self._local and scope["path"] not in OPEN_PATHS and not _of_this_machine(host):
            return "foreign_host", (
                f"without a key this server answers to localhost and 127.0.0.1 only, not to {host[:200]}; "
                "create a key with `ryorin keys create --label NAME` and send it"
            )
        return None


def _of_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is None or is_loopback(name)
