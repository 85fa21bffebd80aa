"""Contents in object storage, named by their SHA-256, per organisation."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import obstore
from obstore.store import ObjectStore

from ryorin.adapters.objects.store import attempted
from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput, NotFound, Unavailable
from ryorin.kernel.messages import OrgId

MEGABYTE = 1024 * 1024
# until its hash is known, a content that is larger waits on disk
SPOOLED = 4 * MEGABYTE
# of one operation with a content, however large
TIMEOUT_SECONDS = 60.0


class ObjectBlobStore:
    """The `BlobStore` port on S3 and its like, for servers on several hosts."""

    def __init__(self, store: ObjectStore, breaker: CircuitBreaker) -> None:
        self._store = store
        self._breaker = breaker

    async def put(self, org_id: OrgId, content: AsyncIterator[bytes], max_bytes: int) -> StoredContent:
        """Store a stream; what this returned is stored. Raises InvalidInput past `max_bytes`, Unavailable."""
        try:
            return await self._put(org_id, content, max_bytes)
        except OSError as error:
            raise Unavailable(f"the content could not be stored: {error.strerror}") from error

    async def _put(self, org_id: OrgId, content: AsyncIterator[bytes], max_bytes: int) -> StoredContent:
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(max_size=SPOOLED) as waiting:
            async for piece in content:
                size += len(piece)
                if size > max_bytes:
                    raise InvalidInput(f"the content is larger than the limit of {max_bytes // MEGABYTE} MB")
                digest.update(piece)
                waiting.write(piece)
            waiting.seek(0, os.SEEK_SET)
            name = _name(org_id, digest.hexdigest())
            await attempted(self._breaker, TIMEOUT_SECONDS, lambda: obstore.put_async(self._store, name, waiting))
        return StoredContent(digest.hexdigest(), size)

    async def get(self, org_id: OrgId, content_hash: str) -> bytes:
        """The content; raises NotFound, Unavailable."""
        name = _name(org_id, content_hash)
        try:
            found = await attempted(self._breaker, TIMEOUT_SECONDS, lambda: obstore.get_async(self._store, name))
            return bytes(await attempted(self._breaker, TIMEOUT_SECONDS, found.bytes_async))
        except FileNotFoundError as error:
            raise NotFound(f"content {content_hash} is not stored; upload it again") from error

    async def delete(self, org_id: OrgId, content_hash: str, idle_seconds: float) -> bool:
        """Drop a content unless it was stored so lately; whether it is gone."""
        name = _name(org_id, content_hash)
        try:
            told = await attempted(self._breaker, TIMEOUT_SECONDS, lambda: obstore.head_async(self._store, name))
            if datetime.now(UTC) - told["last_modified"] < timedelta(seconds=idle_seconds):
                return False
            await attempted(self._breaker, TIMEOUT_SECONDS, lambda: obstore.delete_async(self._store, name))
        except FileNotFoundError:
            pass  # gone it is
        return True


def _name(org_id: OrgId, content_hash: str) -> str:
    """A name that no organisation's id can turn into another's folder."""
    return f"blobs/{hashlib.sha256(org_id.encode()).hexdigest()[:32]}/{content_hash}"
