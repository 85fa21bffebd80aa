"""Runs a server: settings, roles, and HTTP on uvicorn until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from ryorin.adapters.otel.logs import configure_logging
from ryorin.bootstrap.app import App, Role, open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.identity.module import check_exposure, is_loopback
from ryorin.entrypoints.arrival import NotedArrivals
from ryorin.entrypoints.browsers import BrowserGuard
from ryorin.entrypoints.graphql.routes import routes as graphql_routes
from ryorin.entrypoints.observed import ObservedRequests
from ryorin.entrypoints.openai.description import add_description
from ryorin.entrypoints.openai.routes import routes as openai_routes
from ryorin.entrypoints.rest.app import build_api
from ryorin.entrypoints.websocket.live_answers import LiveAnswers
from ryorin.entrypoints.websocket.routes import routes as websocket_routes
from ryorin.kernel.errors import InvalidInput

# of a WebSocket: as much as a chat completion's body may have
MAX_MESSAGE_BYTES = 8 * 1024 * 1024


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: ours stop the other roles too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def parse_roles(text: str) -> frozenset[Role]:
    """Roles joined by commas; raises InvalidInput for one that does not exist."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Role)]
    if unknown or not names:
        raise InvalidInput(f"roles {text!r}: there are {', '.join(Role)}")
    return frozenset(Role(name) for name in names)


def serve(settings: Settings, roles: frozenset[Role]) -> None:
    """Serve until SIGINT or SIGTERM; raises InvalidInput when the address may not or cannot be used."""
    configure_logging(settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, roles))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop  # noqa: PLC0415 - not there on every platform

    return uvloop.new_event_loop


async def _serve(settings: Settings, roles: frozenset[Role]) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    listener = _listen(settings) if Role.HTTP in roles else None
    async with open_app(settings, roles) as app:
        # what starting made lives as long as the process: looking through it again and again stops the loop for 100 ms
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        if listener is None:
            await stop.wait()
        else:
            await _serve_http(app, listener, stop)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise InvalidInput(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); choose another --port"
        ) from error
    return listener


async def _serve_http(app: App, listener: socket.socket, stop: asyncio.Event) -> None:
    check_exposure(app.settings.host, keys_exist=app.settings.oidc.issuer is not None or await app.keys.any_usable())
    live = LiveAnswers()
    extra = [*openai_routes(app.services), *websocket_routes(app.services, live), *graphql_routes(app.services)]
    api = build_api(app.services, extra, add_description)
    guarded = BrowserGuard(api, local=is_loopback(app.settings.host), origins=app.settings.cors_origins)
    config = uvicorn.Config(
        NotedArrivals(ObservedRequests(guarded, app.services.telemetry, extra)),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=10,
        # half the memory of the others, measured by make bench-sockets; compression would double it
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await live.close()
    await serving
