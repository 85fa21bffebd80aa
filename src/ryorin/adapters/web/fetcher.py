"""Fetches a page or file: bounded in size, time and redirects, and only from public addresses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from ryorin.adapters.web.guard import GuardedBackend
from ryorin.contexts.knowledge.errors import UrlRefused
from ryorin.contexts.knowledge.limits import check_url
from ryorin.contexts.knowledge.write.ports import Fetched
from ryorin.kernel.errors import InvalidInput, Unavailable

MAX_REDIRECTS = 5
CONNECT_SECONDS = 10.0
USER_AGENT = "Ryorin"
REDIRECTS = (301, 302, 303, 307, 308)
# who answers so may answer otherwise later
LATER = (408, 425, 429)


class WebFetcher:
    """The `Fetcher` port."""

    def __init__(self, allowed: Collection[str], max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=20,
            max_keepalive_connections=0,
            network_backend=GuardedBackend(allowed),
        )

    async def close(self) -> None:
        """End all connections."""
        await self._pool.aclose()

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[Fetched]:
        """What is at a URL, as it comes; raises UrlRefused, and Unavailable for what may be otherwise later."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    check_url(url)
                    async with self._asked(url) as response:
                        if response.status not in REDIRECTS:
                            self._check(url, response)
                            yield Fetched(
                                self._pieces(url, response), _filename(url), _header(response, b"content-type")
                            )
                            return
                        url = urljoin(url, _header(response, b"location") or "")
                raise UrlRefused(f"{url}: it is redirected more than {MAX_REDIRECTS} times")
        except TimeoutError as error:
            raise Unavailable(f"{url}: it did not come within {self._timeout_seconds:g} s") from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise Unavailable(f"{url}: {str(error) or type(error).__name__}") from error

    @asynccontextmanager
    async def _asked(self, url: str) -> AsyncIterator[httpcore.Response]:
        headers: dict[bytes | str, bytes | str] = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Host": urlsplit(url).netloc,
        }
        limits = dict.fromkeys(("connect", "read", "write", "pool"), CONNECT_SECONDS)
        async with self._pool.stream("GET", url, headers=headers, extensions={"timeout": limits}) as response:
            yield response

    def _check(self, url: str, response: httpcore.Response) -> None:
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in LATER:
            raise Unavailable(f"{url}: its server answered {response.status}")
        if response.status != HTTPStatus.OK:
            raise UrlRefused(f"{url}: its server answered {response.status}")
        if (_header(response, b"content-encoding") or "identity") != "identity":
            raise UrlRefused(f"{url}: it comes compressed, which was not asked for")
        length = _header(response, b"content-length") or ""
        if length.isdecimal() and int(length) > self._max_bytes:
            raise InvalidInput(f"{url}: it is larger than the limit of {self._max_bytes >> 20} MB")

    async def _pieces(self, url: str, response: httpcore.Response) -> AsyncIterator[bytes]:
        size = 0
        async for piece in response.aiter_stream():
            size += len(piece)
            if size > self._max_bytes:
                raise InvalidInput(f"{url}: it is larger than the limit of {self._max_bytes >> 20} MB")
            yield piece


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _filename(url: str) -> str:
    parts = urlsplit(url)
    return unquote(PurePosixPath(parts.path).name) or parts.netloc
