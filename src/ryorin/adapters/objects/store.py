"""Objects in a local folder or in S3, R2, MinIO and other services with S3's interface, by obstore."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput, Unavailable

T = TypeVar("T")

# of one operation, retries among it
TIMEOUT_SECONDS = 5.0
RETRIES = 2


def open_store(url: str, endpoint: str | None = None) -> ObjectStore:
    """The store at `file:///folder` or `s3://bucket/prefix`; raises InvalidInput for anything else.

    `endpoint` is the address of another service with S3's interface; credentials and region come from the environment
    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION).
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        folder = Path(parts.path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"the object store {url} cannot be made: {error.strerror}") from error
        return LocalStore(folder)
    if parts.scheme != "s3" or not parts.netloc:
        raise InvalidInput(f"the object store {url!r} must be file:///folder or s3://bucket/prefix")
    limit = timedelta(seconds=TIMEOUT_SECONDS)
    try:
        return from_url(
            url,
            config={"endpoint": endpoint} if endpoint else None,
            client_options={
                "timeout": limit,
                "connect_timeout": limit / 2,
                "allow_http": (endpoint or "").startswith("http://"),
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": limit},
        )
    except (BaseError, ValueError) as error:
        raise InvalidInput(f"the object store {url}: {error}") from error


class Objects:
    """The `ObjectStore` port; gives up early while the store does not answer."""

    def __init__(self, store: ObjectStore, breaker: CircuitBreaker) -> None:
        self._store = store
        self._breaker = breaker

    async def put(self, name: str, content: bytes) -> None:
        """Store or replace an object."""
        await self._attempted(lambda: obstore.put_async(self._store, name, content))

    async def get(self, name: str) -> bytes | None:
        """An object's content; None when there is none of that name."""
        try:
            found = await self._attempted(lambda: obstore.get_async(self._store, name))
            return bytes(await self._attempted(found.bytes_async))
        except FileNotFoundError:
            return None

    async def delete(self, name: str) -> None:
        """Drop an object, if it is there."""
        try:
            await self._attempted(lambda: obstore.delete_async(self._store, name))
        except FileNotFoundError:
            return

    async def _attempted(self, work: Callable[[], Awaitable[T]]) -> T:
        return await attempted(self._breaker, TIMEOUT_SECONDS, work)


async def attempted(breaker: CircuitBreaker, seconds: float, work: Callable[[], Awaitable[T]]) -> T:
    """What an operation gave; raises FileNotFoundError, and Unavailable for all else that went wrong."""
    # obstore's calls go out as soon as they are made, not when somebody waits for them
    if not breaker.allows():
        raise Unavailable("the object store failed lately; it is tried again soon")
    try:
        async with asyncio.timeout(seconds):
            done = await work()
    except FileNotFoundError:
        breaker.succeeded()
        raise
    except (BaseError, OSError, TimeoutError) as error:
        breaker.failed()
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise Unavailable(f"the object store: {reason[0][:300]}") from error
    except asyncio.CancelledError:
        breaker.abandoned()
        raise
    breaker.succeeded()
    return done
