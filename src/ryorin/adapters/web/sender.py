"""Posts to public addresses: bounded in time, without redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import httpcore

from ryorin.adapters.web.guard import GuardedBackend
from ryorin.kernel.errors import Unavailable

CONNECT_SECONDS = 10.0
USER_AGENT = "Ryorin"


class WebSender:
    """The `Sender` port."""

    def __init__(self, allowed: Collection[str], timeout_seconds: float) -> None:
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

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status that was answered, a redirect's too; raises UrlRefused and Unavailable."""
        host = urlsplit(url).netloc
        told = {**headers, "User-Agent": USER_AGENT, "Host": host, "Content-Length": str(len(body))}
        sent: dict[bytes | str, bytes | str] = dict(told.items())
        limits = dict.fromkeys(("connect", "read", "write", "pool"), CONNECT_SECONDS)
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._pool.stream("POST", url, headers=sent, content=body, extensions={"timeout": limits}) as response,
            ):
                # what it says besides is nobody's business here
                return response.status
        except TimeoutError as error:
            raise Unavailable(f"{host}: it did not answer within {self._timeout_seconds:g} s") from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise Unavailable(f"{host}: {str(error) or type(error).__name__}") from error
