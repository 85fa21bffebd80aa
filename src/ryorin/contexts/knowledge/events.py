"""What happened to knowledge. Document text is never in an event, only the hash of its blob."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline
from ryorin.kernel.events import Event
from ryorin.kernel.messages import EVERYONE


@dataclass(frozen=True, slots=True)
class CollectionCreated(Event):
    """A collection exists from here on; `incarnation` counts how often the name was created."""

    type: ClassVar[str] = "knowledge.collection_created"

    collection: str
    incarnation: int
    description: str


@dataclass(frozen=True, slots=True)
class CollectionDeleted(Event):
    """A collection and all its documents are gone."""

    type: ClassVar[str] = "knowledge.collection_deleted"

    collection: str


@dataclass(frozen=True, slots=True)
class CollectionDescribed(Event):
    """A collection is described otherwise; no search and no answer is another one for that."""

    type: ClassVar[str] = "knowledge.collection_described"

    collection: str
    description: str


@dataclass(frozen=True, slots=True)
class CollectionConfigured(Event):
    """Searches in the collection have these stages from here on."""

    type: ClassVar[str] = "knowledge.collection_configured"

    collection: str
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class IndexMoved(Event):
    """The collection's vectors are those of this index from here on.

    `index_id` is None for the index that all collections share; `model_id` names the vectors exactly.
    """

    type: ClassVar[str] = "knowledge.index_moved"

    collection: str
    index_id: str | None
    spec: IndexSpec
    model_id: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class DocumentVersionIndexed(Event):
    """A version's chunks and vectors are complete; it is the current version from here on.

    `chunk_set` names the stored chunks (see `ChunkStore`); `restored_from` is set when an older
    version was made current again.
    """

    type: ClassVar[str] = "knowledge.document_version_indexed"

    collection: str
    incarnation: int
    document: str
    version: int
    content_hash: str
    size_bytes: int
    filename: str
    media_type: str
    language: str | None
    title: str
    metadata: Mapping[str, str]
    tags: tuple[str, ...]
    chunk_set: str
    chunk_count: int
    accepted_sequence: int
    restored_from: int | None = None
    readers: tuple[str, ...] = (EVERYONE,)

    @property
    def redacted(self) -> bool:
        """Whether the document was erased since: there is nothing to be shown of it."""
        return not self.chunk_set


@dataclass(frozen=True, slots=True)
class DocumentVersionFailed(Event):
    """A content could not be indexed; the version before it goes on serving."""

    type: ClassVar[str] = "knowledge.document_version_failed"

    collection: str
    document: str
    content_hash: str
    filename: str
    code: str
    reason: str
    readers: tuple[str, ...] = (EVERYONE,)


@dataclass(frozen=True, slots=True)
class DocumentDescribed(Event):
    """Title, metadata or file name changed while the content stayed the same."""

    type: ClassVar[str] = "knowledge.document_described"

    collection: str
    document: str
    title: str
    metadata: Mapping[str, str]
    filename: str


@dataclass(frozen=True, slots=True)
class DocumentTagged(Event):
    """The document has exactly these tags now."""

    type: ClassVar[str] = "knowledge.document_tagged"

    collection: str
    document: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentShared(Event):
    """Exactly these may read the document now; its chunks are the same.

    The rest says what they come with, for whoever could not read them before.
    """

    type: ClassVar[str] = "knowledge.document_shared"

    collection: str
    document: str
    readers: tuple[str, ...]
    chunk_set: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DocumentDeleted(Event):
    """The document is out of index and answers."""

    type: ClassVar[str] = "knowledge.document_deleted"

    collection: str
    document: str
    accepted_sequence: int


@dataclass(frozen=True, slots=True)
class DocumentErased(Event):
    """Nothing that was in the document until now is to be found any more (ADR-0026); events before it are redacted."""

    type: ClassVar[str] = "knowledge.document_erased"

    collection: str
    document: str
    accepted_sequence: int


EVENTS: tuple[type[Event], ...] = (
    CollectionCreated,
    CollectionDeleted,
    CollectionDescribed,
    CollectionConfigured,
    IndexMoved,
    DocumentVersionIndexed,
    DocumentVersionFailed,
    DocumentDescribed,
    DocumentTagged,
    DocumentShared,
    DocumentDeleted,
    DocumentErased,
)
