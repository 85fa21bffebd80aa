"""What the write side of knowledge needs from outside: parser, blobs, chunk sets and vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument
from ryorin.contexts.knowledge.pipeline import IndexSpec
from ryorin.contexts.knowledge.vector_store import VectorPlace
from ryorin.kernel.messages import OrgId


class DocumentParser(Protocol):
    """Turns a file into text. Synchronous and slow: callers run it in a thread."""

    def parse(self, content: bytes, filename: str, media_type: str | None) -> ParsedDocument:
        """Read a file; raises UnreadableDocument naming file and reason."""
        ...

    def text(self, text: str, media_type: str) -> ParsedDocument:
        """What a text is that is no file: its title, if it gives itself one, and its language."""
        ...


class BlobStore(Protocol):
    """Contents by their hash, per organisation. What `put` returned is on disk."""

    async def put(self, org_id: OrgId, content: AsyncIterator[bytes], max_bytes: int) -> StoredContent:
        """Store a stream; raises InvalidInput past `max_bytes`."""
        ...

    async def get(self, org_id: OrgId, content_hash: str) -> bytes:
        """The content; raises NotFound."""
        ...

    async def delete(self, org_id: OrgId, content_hash: str, idle_seconds: float) -> bool:
        """Drop a content unless it was stored, or stored again, so lately; whether it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is at a URL: its pieces, what it calls itself, and what its server says it is."""

    content: AsyncIterator[bytes]
    filename: str
    media_type: str | None


class Fetcher(Protocol):
    """The web."""

    def fetch(self, url: str) -> AbstractAsyncContextManager[Fetched]:
        """What is at a URL now; raises UrlRefused, and Unavailable for what may be otherwise later."""
        ...


class ChunkStore(Protocol):
    """Chunk sets by id: plain state beside the log, from which indexes are rebuilt."""

    async def get(self, org_id: OrgId, ids: Sequence[str]) -> Mapping[str, ChunkSet]:
        """Those of the sets that are stored, by id."""
        ...

    async def save(self, org_id: OrgId, chunk_sets: Sequence[ChunkSet]) -> None:
        """Keep sets for those who are about to name them in an event; saving one twice changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class NewIndex:
    """An index that is being filled; `index_id` is None for the one that all collections share."""

    org_id: OrgId
    collection: str
    index_id: str | None
    spec: IndexSpec
    model_id: str
    dimensions: int


class VectorIndexes(Protocol):
    """Indexes on their way: plain state, which the search projection takes over when a collection moves."""

    async def begin(self, index: NewIndex) -> None:
        """Make it known: from here on new chunks are carried to it too. Again changes nothing."""
        ...

    async def lacking(self, index: NewIndex, limit: int) -> Sequence[str]:
        """Some chunk sets of the collection's current documents with a passage that the model has no vector of."""
        ...

    async def enrol(self, index: NewIndex) -> int:
        """Mark chunks that the index should have and does not as pending; how many are pending now."""
        ...

    async def ready(self, index: NewIndex) -> bool:
        """Whether the store has indexed what it was given."""
        ...

    async def abandon(self, index: NewIndex) -> None:
        """Forget it; what the store has of it is dropped."""
        ...

    async def building(self, org_id: OrgId, collection: str) -> frozenset[str]:
        """The embeddings of the collection's indexes that are being filled."""
        ...


@dataclass(frozen=True, slots=True)
class Fed:
    """An index that a store is fed for; `place` is None for the shared one, which holds its vectors itself.

    `waiting` tells that there is something to carry or to take away.

    States: building, ready (indexed, not serving yet), active, retired, over (retired for so long that no search can
    still be using it).
    """

    index_id: str
    generation: int
    org_id: OrgId | None
    place: VectorPlace | None
    spec: IndexSpec
    model_id: str
    state: str
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """Chunks with their vectors (n, dimensions), and the chunk sets of those that have none yet."""

    chunk_ids: Sequence[int]
    vectors: NDArray[np.float32]
    lacking: Sequence[tuple[OrgId, str]]


class VectorBacklog(Protocol):
    """What stores have to be given and to forget."""

    def turn(self) -> AbstractAsyncContextManager[Sequence[Fed]]:
        """Every index while no other process feeds; none while one does."""
        ...

    async def pending(self, index: Fed, limit: int) -> Pending: ...

    async def stored(self, index: Fed, chunk_ids: Sequence[int]) -> None: ...

    async def fill_shared(self, index: Fed, chunk_ids: Sequence[int]) -> None: ...

    async def gone(self, index: Fed, limit: int) -> Sequence[int]: ...

    async def forget(self, index: Fed, chunk_ids: Sequence[int]) -> None: ...

    async def set_ready(self, index: Fed) -> None: ...

    async def drop(self, index: Fed) -> None: ...


class EmbeddingStore(Protocol):
    """Vectors by passage hash and model: a passage is embedded once in an organisation."""

    async def known(self, org_id: OrgId, model_id: str, hashes: Sequence[str]) -> set[str]:
        """Which of the hashes have a vector."""
        ...

    async def save(self, org_id: OrgId, model_id: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep vectors (n, dimensions); committed when this returns."""
        ...
