"""What ingesting keeps, in memory: contents, chunk sets and vectors."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet
from ryorin.kernel.errors import InvalidInput, NotFound
from ryorin.kernel.messages import OrgId


class MemoryBlobStore:
    """The `BlobStore` port."""

    def __init__(self) -> None:
        self._contents: dict[tuple[OrgId, str], bytes] = {}

    async def put(self, org_id: OrgId, content: AsyncIterator[bytes], max_bytes: int) -> StoredContent:
        """Keep a stream; raises InvalidInput past `max_bytes`."""
        whole = b""
        async for piece in content:
            whole += piece
            if len(whole) > max_bytes:
                raise InvalidInput(f"the content is larger than {max_bytes} bytes")
        digest = hashlib.sha256(whole).hexdigest()
        self._contents[org_id, digest] = whole
        return StoredContent(digest, len(whole))

    async def get(self, org_id: OrgId, content_hash: str) -> bytes:
        """The content; raises NotFound."""
        if (org_id, content_hash) not in self._contents:
            raise NotFound(f"there is no content {content_hash}")
        return self._contents[org_id, content_hash]

    async def delete(self, org_id: OrgId, content_hash: str, idle_seconds: float) -> bool:
        """Drop a content; nothing is remembered of when it was stored."""
        self._contents.pop((org_id, content_hash), None)
        return True


class MemoryChunkStore:
    """The `ChunkStore` port."""

    def __init__(self) -> None:
        self._sets: dict[tuple[OrgId, str], ChunkSet] = {}

    async def get(self, org_id: OrgId, ids: Sequence[str]) -> Mapping[str, ChunkSet]:
        """Those of the sets that are stored, by id."""
        return {one: self._sets[org_id, one] for one in ids if (org_id, one) in self._sets}

    async def save(self, org_id: OrgId, chunk_sets: Sequence[ChunkSet]) -> None:
        """Keep sets."""
        for chunk_set in chunk_sets:
            self._sets[org_id, chunk_set.id] = chunk_set


class MemoryEmbeddingStore:
    """The `EmbeddingStore` port."""

    def __init__(self) -> None:
        self.vectors: dict[tuple[OrgId, str, str], NDArray[np.float32]] = {}

    async def known(self, org_id: OrgId, model_id: str, hashes: Sequence[str]) -> set[str]:
        """Which of the hashes have a vector."""
        return {one for one in hashes if (org_id, model_id, one) in self.vectors}

    async def save(self, org_id: OrgId, model_id: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep vectors (n, dimensions)."""
        for one, vector in zip(hashes, vectors, strict=True):
            self.vectors[org_id, model_id, one] = vector
