"""What the write side of knowledge needs from outside: parser, blobs, chunk sets and vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument
from ryorin.kernel.messages import OrgId


class DocumentParser(Protocol):
    """Turns a file into text. Synchronous and slow: callers run it in a thread."""

    def parse(self, content: bytes, filename: str, media_type: str | None) -> ParsedDocument:
        """Read a file; raises UnreadableDocument naming file and reason."""
        ...


class BlobStore(Protocol):
    """Contents by their hash, per organisation. What `put` returned is on disk."""

    async def put(self, org_id: OrgId, content: AsyncIterator[bytes], max_bytes: int) -> StoredContent:
        """Store a stream; raises InvalidInput past `max_bytes`."""
        ...

    async def get(self, org_id: OrgId, content_hash: str) -> bytes:
        """The content; raises NotFound."""
        ...


class ChunkStore(Protocol):
    """Chunk sets by id: plain state beside the log, from which indexes are rebuilt."""

    async def get(self, org_id: OrgId, chunk_set: str) -> ChunkSet | None: ...

    async def save(self, org_id: OrgId, chunk_set: ChunkSet) -> None:
        """Keep a set; saving it twice changes nothing."""
        ...


class EmbeddingStore(Protocol):
    """Vectors by passage hash and model: a passage is embedded once in an organisation."""

    async def known(self, org_id: OrgId, model_id: str, hashes: Sequence[str]) -> set[str]:
        """Which of the hashes have a vector."""
        ...

    async def save(self, org_id: OrgId, model_id: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep vectors (n, dimensions); committed when this returns."""
        ...
