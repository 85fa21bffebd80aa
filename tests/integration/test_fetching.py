"""Documents from the web: what is fetched, and what never is."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.web.fetcher import MAX_REDIRECTS, WebFetcher
from ryorin.adapters.web.guard import is_public
from ryorin.bootstrap.app import Role, open_app
from ryorin.bootstrap.settings import FetchSettings, Settings
from ryorin.contexts.knowledge.commands import FetchDocument
from ryorin.contexts.knowledge.errors import UrlRefused
from ryorin.contexts.knowledge.queries import GetDocument, SearchChunks
from ryorin.contexts.operations.queries import GetCommand
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import InvalidInput, Unavailable
from ryorin.kernel.events import LogPosition
from tests.redis_server import free_port
from tests.steps import ADMIN

PAGE = b"<html><head><title>Harbour</title></head><body><h1>Harbour</h1><p>The ferry leaves at nine.</p></body></html>"
LIMIT = 10_000


async def page(request: Request) -> Response:
    return Response(PAGE, media_type="text/html; charset=utf-8", headers={"seen-host": request.headers["host"]})


async def broken(request: Request) -> Response:
    return Response(b"%PDF-1.7 and no more", media_type="application/pdf")


async def redirect(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"])


async def loop(request: Request) -> Response:
    return RedirectResponse(f"/loop?{int(request.url.query or 0) + 1}")


async def large(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 1000 + 2):
            yield b"x" * 1000

    return StreamingResponse(pieces()) if "told" not in request.query_params else Response(b"x" * (LIMIT + 1))


async def slow(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        while not await request.is_disconnected():
            yield b"."
            await asyncio.sleep(0.05)

    return StreamingResponse(pieces())


async def fails(request: Request) -> Response:
    return Response(status_code=int(request.path_params["status"]))


async def packed(request: Request) -> Response:
    return Response(gzip.compress(b"0" * 1_000_000), headers={"content-encoding": "gzip"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A web server on this machine."""
    found = free_port()
    routes = [
        Route("/page", page),
        Route("/broken", broken),
        Route("/redirect", redirect),
        Route("/loop", loop),
        Route("/large", large),
        Route("/slow", slow),
        Route("/fails/{status}", fails),
        Route("/packed", packed),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=found, log_level="critical"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    yield found
    server.should_exit = True
    server.force_exit = True
    with suppress(asyncio.CancelledError):
        await serving


async def fetched(url: str, *allowed: str, seconds: float = 5) -> bytes:
    fetcher = WebFetcher(allowed, LIMIT, seconds)
    try:
        async with fetcher.fetch(url) as found:
            return b"".join([piece async for piece in found.content])
    finally:
        await fetcher.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"]
)
async def test_a_server_on_a_private_address_is_not_asked(port: int, host: str) -> None:
    with pytest.raises((UrlRefused, Unavailable), match=r"public internet|not known"):
        await fetched(f"http://{host}:{port}/page")


async def test_who_is_allowed_may_be_private_and_may_not_lead_elsewhere(port: int) -> None:
    assert await fetched(f"http://localhost:{port}/page", "localhost") == PAGE
    assert await fetched(f"http://localhost:{port}/redirect?to=/page", "localhost") == PAGE
    with pytest.raises(UrlRefused, match="public internet"):
        await fetched(f"http://localhost:{port}/redirect?to=http://127.0.0.1:{port}/page", "localhost")
    for elsewhere in ("file:///etc/passwd", "gopher://localhost/", "http://me:secret@localhost/"):
        with pytest.raises(InvalidInput):
            await fetched(f"http://localhost:{port}/redirect?to={elsewhere}", "localhost")


@pytest.mark.parametrize(
    ("path", "kind", "told"),
    [
        ("loop", UrlRefused, f"more than {MAX_REDIRECTS} times"),
        ("large", InvalidInput, "larger"),
        ("large?told", InvalidInput, "larger"),
        ("slow", Unavailable, "within"),
        ("fails/404", UrlRefused, "404"),
        ("fails/429", Unavailable, "429"),
        ("fails/503", Unavailable, "503"),
        ("packed", UrlRefused, "compressed"),
    ],
)
async def test_bounds(port: int, path: str, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        await fetched(f"http://localhost:{port}/{path}", "localhost", seconds=1 if path == "slow" else 5)


async def test_nobody_there_is_tried_again(port: int) -> None:
    for url in (f"http://localhost:{free_port()}/", "http://no-such-host.invalid/"):
        with pytest.raises(Unavailable):
            await fetched(url, "localhost", "no-such-host.invalid")


async def test_a_page_becomes_a_document(port: int, database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> None:
    settings = Settings(
        database_url=database_url, data_dir=tmp_path, fetch=FetchSettings(allowed_hosts=("localhost",), timeout=10)
    )
    async with open_app(settings, frozenset(Role), {"default": engine}) as app:
        ask, send = app.services.queries.ask, app.services.commands.send
        url = f"http://localhost:{port}/page"
        for command, state, code in (
            (FetchDocument(collection="docs", document="harbour", url=url, tags=("web",)), "succeeded", ""),
            (_fetch(f"http://127.0.0.1:{port}/page"), "failed", "url_refused"),
            (_fetch(f"http://localhost:{port}/broken"), "failed", "unreadable_document"),
        ):
            record = (await send(command, ADMIN)).record
            view = await ask(GetCommand(id=record.envelope.id, wait_seconds=20), ADMIN)
            assert view.state == state, view
            if state == "failed":
                assert view.error is not None and view.error["code"] == code
            else:
                token = Consistency(LogPosition.parse(view.position or ""))
        found = await ask(SearchChunks(collection="docs", text="When does the ferry leave?"), ADMIN, token)
        assert "leaves at nine" in found.hits[0].text
        document = await ask(GetDocument(collection="docs", document="harbour"), ADMIN, token)
        assert (document.title, document.tags, document.metadata) == ("Harbour", ("web",), {"url": url})
        # of what could not be read nothing is kept: no event names it, so that no erasure would find it
        blobs = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in blobs] == [PAGE]


def _fetch(url: str) -> FetchDocument:
    return FetchDocument(collection="docs", document="harbour", url=url)
