"""Use case: make what is at a URL the current content of a document."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ryorin.contexts.knowledge.commands import DocumentChanged, FetchDocument, PutDocument
from ryorin.contexts.knowledge.write.ports import BlobStore, Fetcher
from ryorin.contexts.knowledge.write.put_document import Prepared, PutDocumentHandler
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


@dataclass(frozen=True, slots=True)
class Put:
    """What was fetched, as if somebody had put it."""

    command: PutDocument
    prepared: Prepared


class FetchDocumentHandler(CommandHandler[FetchDocument, Put]):
    """Fetches, and goes on as for a content that was sent."""

    def __init__(self, fetcher: Fetcher, blobs: BlobStore, put: PutDocumentHandler, max_bytes: int) -> None:
        self._fetcher = fetcher
        self._blobs = blobs
        self._put = put
        self._max_bytes = max_bytes

    async def prepare(self, command: FetchDocument, run: Run) -> Put:
        """Store what is there now, once it could be read: nothing would name it, and erasure not find it, otherwise."""
        run.report("fetching", 0, 1)
        async with self._fetcher.fetch(command.url) as fetched:
            content = b"".join([piece async for piece in fetched.content])
        if not content:
            raise InvalidInput(f"{command.url}: it is empty (0 bytes)")
        put = PutDocument(
            collection=command.collection,
            document=command.document,
            content_hash=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            filename=fetched.filename,
            media_type=fetched.media_type,
            title=command.title,
            metadata={**(command.metadata or {}), "url": command.url},
            tags=command.tags,
            readers=command.readers,
        )
        prepared = await self._put.prepare(put, run, content)
        if prepared.content is not None:
            await self._blobs.put(run.actor.org_id, _once(content), self._max_bytes)
        return Put(put, prepared)

    async def decide(self, command: FetchDocument, prepared: Put, run: Run, work: UnitOfWork) -> DocumentChanged:
        """As for a content that was sent."""
        return await self._put.decide(prepared.command, prepared.prepared, run, work)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
